/* The look at all processes by BPF, with each of its calls failing in turn: then /proc is read in its place,
 * and tells the same. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "collectors/task/tasks.h"
#include "proctor/cleanup.h"
#include "proctor/collector.h"
#include "tests/fault/inject.h"

static const enum call calls[] = {CALL_ALLOCATE, CALL_OPEN, CALL_READ, CALL_LOOK};

static int open_proc(void)
{
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_true(proc >= 0);
	return proc;
}

/* The next call to fail: the first ones each, then ever fewer of many that are alike. */
static unsigned long after(unsigned long nth)
{
	return nth + 1 + nth / 32;
}

/* Either it is not to be had, or all that it tells is true. */
static void test_look(void **state)
{
	_cleanup_close_ int proc = open_proc();
	unsigned long made = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		for (unsigned long nth = 1, all = nth; nth <= all; nth = after(nth)) {
			_cleanup_arena_ struct arena *arena = arena_new();
			struct tasks *tasks;

			assert_non_null(arena);
			inject_arm(calls[i], nth, EIO, false);
			tasks = tasks_look(proc, true, arena);
			all = inject_disarm();
			made += all;
			if (tasks)
				assert_non_null(task_records_find(&tasks->records, getpid()));
			tasks_free(tasks);
		}
	assert_true(made > 0);
}

static struct snapshot *collect(size_t bpf_from, struct error **error)
{
	static const struct collector *const enabled[] = {&collector_host, &collector_process, NULL};
	const struct request request = {.proc = "/proc",
					.bpf_from = bpf_from,
					.facts = REQUEST_AUDIT & ~(uint32_t)REQUEST_MACHINE,
					.workers = 1};

	return snapshot_collect(enabled, &request, error);
}

/* What is known of our own process. */
static void assert_equal(const struct process *one, const struct process *other)
{
	assert_int_equal(one->ppid, other->ppid);
	assert_int_equal(one->known, other->known);
	assert_int_equal(one->start_time, other->start_time);
	assert_string_equal(one->comm, other->comm);
	assert_string_equal(one->executable, other->executable);
	assert_string_equal(one->cgroup, other->cgroup);
	assert_int_equal(one->cgroups.length, other->cgroups.length);
	assert_memory_equal(one->cgroups.data, other->cgroups.data, one->cgroups.length);
	assert_memory_equal(&one->credentials, &other->credentials, sizeof(one->credentials));
	assert_int_equal(one->group_count, other->group_count);
	assert_memory_equal(one->namespaces, other->namespaces, sizeof(one->namespaces));
	assert_int_equal(one->user_namespace->inode, other->user_namespace->inode);
	assert_int_equal(one->user_namespace->uid_count, other->user_namespace->uid_count);
}

/* A fault while BPF is asked and believed leaves nothing out that is not told. */
static void test_collector(void **state)
{
	struct snapshot *plain = collect(0, NULL);
	unsigned long failed = 0;

	(void)state;
	assert_non_null(plain);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		for (unsigned long nth = 1, all = nth; nth <= all; nth = after(nth) + nth / 4) {
			_cleanup_error_ struct error *error = NULL;
			struct snapshot *snapshot;
			const struct process *own;

			inject_arm(calls[i], nth, calls[i] == CALL_ALLOCATE ? ENOMEM : EIO, false);
			snapshot = collect(1, &error);
			all = inject_disarm();
			failed++;
			assert_true(snapshot || (error && *error_message(error)));
			own = snapshot ? snapshot_process(snapshot, getpid()) : NULL;
			if (own && own->known == snapshot_process(plain, getpid())->known)
				assert_equal(own, snapshot_process(plain, getpid()));
			else if (snapshot)
				assert_non_null(snapshot_coverage(snapshot, "process")->reasons);
			snapshot_free(snapshot);
		}
	assert_true(failed > 0);
	snapshot_free(plain);
}

static bool is_to_be_had(void)
{
	_cleanup_close_ int proc = open_proc();
	_cleanup_arena_ struct arena *arena = arena_new();
	struct tasks *tasks = tasks_look(proc, false, arena);
	bool answer = tasks != NULL;

	tasks_free(tasks);
	return answer;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_look),
		cmocka_unit_test(test_collector),
	};

	if (!is_to_be_had()) {
		printf("1..0 # SKIP the kernel cannot be asked for all processes by BPF here\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
