#include "tests/unit/test.h"

#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/watch.h"
#include "proctor/collector.h"

/* A directory that stands for /proc. */
struct place {
	char path[64];
	struct snapshot *snapshot;
};

static int place_make(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	strcpy(place->path, "/tmp/proctor-test-process-XXXXXX");
	*state = place;
	return mkdtemp(place->path) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *facts, int type, struct FTW *where)
{
	(void)facts;
	(void)type;
	(void)where;
	return remove(path);
}

static int place_remove(void **state)
{
	struct place *place = *state;

	nftw(place->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	snapshot_free(place->snapshot);
	free(place);
	return 0;
}

/* Writes a file of the place, with the directories above it. */
static void put(struct place *place, const char *file, const char *text, size_t length)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", place->path, file);
	for (char *slash = strchr(path + strlen(place->path) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, length), (ssize_t)length);
	close(fd);
}

static void put_link(struct place *place, const char *file, const char *target)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", place->path, file);
	assert_int_equal(symlink(target, path), 0);
}

static const char status_text[] =
	"Name:\t%s\nState:\t%c\nPPid:\t1\nUid:\t%u\t%u\t%u\t%u\nGid:\t0\t0\t0\t0\nGroups:\t \n"
	"VmSize:\t1 kB\nThreads:\t%u\nCapInh:\t0\nCapPrm:\t%llx\nCapEff:\t%llx\n"
	"CapBnd:\t0\nCapAmb:\t0\nNoNewPrivs:\t0\nSeccomp:\t0\n";

static void put_status(struct place *place, const char *file, const char *comm, char state, unsigned uid,
		       unsigned threads, unsigned long long set)
{
	char text[1024];
	int length =
		snprintf(text, sizeof(text), status_text, comm, state, uid, uid, uid, uid, threads, set, set);

	put(place, file, text, (size_t)length);
}

static const struct coverage *collect_these(struct place *place, uint32_t facts, const pid_t *pids,
					    size_t count)
{
	static const struct collector *const only[] = {&collector_process, NULL};
	struct request request = {
		.proc = place->path, .facts = facts, .pids = pids, .pid_count = count, .workers = 1};

	place->snapshot = snapshot_collect(only, &request, NULL);
	assert_non_null(place->snapshot);
	return &place->snapshot->coverage[0];
}

static const struct coverage *collect(struct place *place, uint32_t facts)
{
	return collect_these(place, facts, NULL, 0);
}

static bool has_reason(const struct coverage *coverage, const char *part)
{
	for (const struct coverage_reason *reason = coverage->reasons; reason; reason = reason->next)
		if (strstr(reason->reason, part))
			return true;
	return false;
}

static void test_one_process(void **state)
{
	struct place *place = *state;
	static const char stat[] = "7 (web) S 1 7 7 0 -1 256 1 2 3 4 5 6 7 8 20 0 1 0 4242 9 9\n";
	static const char map[] = "0 100000 65536\n";

	put_status(place, "7/status", "web", 'S', 100000, 1, 0x400);
	put(place, "7/stat", stat, strlen(stat));
	put(place, "7/cgroup", "0::/web\n", 8);
	put(place, "7/cmdline", "web\0-x\0", 7);
	put(place, "7/uid_map", map, strlen(map));
	put(place, "7/gid_map", map, strlen(map));
	put(place, "7/ns/none", "", 0);
	for (unsigned kind = 0; kind < NAMESPACE_COUNT; kind++) {
		char file[32], target[32];
		snprintf(file, sizeof(file), "7/ns/%s", namespace_names[kind]);
		snprintf(target, sizeof(target), "%s:[%u]", namespace_names[kind], 1000 + kind);
		put_link(place, file, target);
	}
	put_link(place, "7/exe", "/usr/bin/web");
	put_link(place, "7/root", "/");
	put(place, "7/attr/current", "docker-default (enforce)\n", 25);
	const struct coverage *coverage = collect(place, UINT32_MAX);
	assert_int_equal(coverage->seen, 1);
	assert_int_equal(coverage->missed, 0);
	assert_null(coverage->reasons);
	assert_int_equal(place->snapshot->process_count, 1);
	const struct process *process = &place->snapshot->processes[0];
	assert_string_equal(process->comm, "web");
	assert_int_equal(process->start_time, 4242);
	assert_true(process->privilege_used);
	assert_string_equal(process->cgroup, "/web");
	assert_int_equal(process->command_line.length, 7);
	assert_memory_equal(process->command_line.data, "web\0-x\0", 7);
	assert_int_equal(process->namespaces[NAMESPACE_UTS], 1007);
	assert_int_equal(process->user_namespace->uids[0].outside, 100000);
	assert_false(process->user_namespace->initial);
	assert_string_equal(process->executable, "/usr/bin/web");
	assert_false(process->executable_deleted);
	assert_false(process->root_changed);
	assert_string_equal(process->lsm, "docker-default (enforce)");
}

static void test_deleted_executable(void **state)
{
	struct place *place = *state;

	put_status(place, "7/status", "x", 'S', 0, 1, 0);
	put_link(place, "7/exe", "/memfd:payload (deleted)");
	put_status(place, "8/status", "x", 'S', 0, 1, 0);
	put(place, "really (deleted)", "", 0);
	char target[128];
	snprintf(target, sizeof(target), "%s/really (deleted)", place->path);
	put_link(place, "8/exe", target);
	collect(place, REQUEST_EXECUTABLE);
	assert_string_equal(place->snapshot->processes[0].executable, "/memfd:payload");
	assert_true(place->snapshot->processes[0].executable_deleted);
	assert_true(place->snapshot->processes[0].executable_memfd);
	assert_string_equal(place->snapshot->processes[1].executable, target);
	assert_false(place->snapshot->processes[1].executable_deleted);
}

static void test_threads_that_differ(void **state)
{
	struct place *place = *state;

	put_status(place, "7/status", "x", 'S', 0, 3, 0);
	put_status(place, "7/task/7/status", "x", 'S', 0, 3, 0);
	put_status(place, "7/task/8/status", "x", 'S', 0, 3, 0);
	put_status(place, "7/task/9/status", "x", 'S', 0, 3, 0x1fffeffffff);
	collect(place, REQUEST_THREADS);
	const struct process *process = &place->snapshot->processes[0];
	assert_true(process->known & PROCESS_KNOWS_THREADS);
	assert_int_equal(process->thread_count, 3);
	assert_int_equal(process->differing_count, 1);
	assert_int_equal(process->threads[0].tid, 9);
	assert_true(process->threads[0].credentials.effective == 0x1fffeffffff);
}

/* The leader has exited: what it shared with its threads is read of one of them. */
static void test_leader_that_exited(void **state)
{
	struct place *place = *state;

	put_status(place, "7/status", "x", 'Z', 0, 2, 0);
	put_status(place, "7/task/9/status", "x", 'S', 0, 2, 0x400);
	put(place, "7/task/9/cgroup", "0::/hidden\n", 11);
	collect(place, REQUEST_THREADS | REQUEST_CGROUP);
	assert_int_equal(place->snapshot->process_count, 1);
	assert_true(place->snapshot->processes[0].zombie);
	assert_string_equal(place->snapshot->processes[0].cgroup, "/hidden");
	assert_int_equal(place->snapshot->processes[0].differing_count, 1);
}

static void test_vanished_is_counted(void **state)
{
	struct place *place = *state;

	put_status(place, "7/status", "x", 'S', 0, 1, 0);
	put(place, "7/cgroup", "0::/a\n", 6);
	put(place, "8/other", "", 0);                     /* gone before status */
	put_status(place, "9/status", "x", 'S', 0, 1, 0); /* gone before cgroup */
	const struct coverage *coverage = collect(place, REQUEST_CGROUP);
	assert_int_equal(place->snapshot->process_count, 1);
	assert_int_equal(place->snapshot->processes[0].pid, 7);
	assert_int_equal(coverage->missed, 0);
	assert_non_null(coverage->reasons);
	assert_string_equal(coverage->reasons->reason, "process ended while it was read");
	assert_int_equal(coverage->reasons->count, 2);
}

/* One that never was has not ended, and one that is asked for twice is there once. */
static void test_processes_asked_for(void **state)
{
	static const pid_t pids[] = {8, 7, 9, 7};
	struct place *place = *state;

	put_status(place, "7/status", "x", 'S', 0, 1, 0);
	put_status(place, "9/status", "x", 'S', 0, 1, 0);
	put_status(place, "10/status", "x", 'S', 0, 1, 0);
	const struct coverage *coverage = collect_these(place, 0, pids, 4);
	assert_int_equal(place->snapshot->process_count, 2);
	assert_int_equal(place->snapshot->processes[0].pid, 7);
	assert_int_equal(place->snapshot->processes[1].pid, 9);
	assert_int_equal(coverage->seen, 2);
	assert_int_equal(coverage->missed, 0);
	assert_null(coverage->reasons);
}

static void test_malformed_is_told(void **state)
{
	struct place *place = *state;

	put(place, "7/status", "Name:\tx\n", 8);
	put_status(place, "8/status", "x", 'S', 0, 1, 0);
	put(place, "8/stat", "nonsense", 8);
	const struct coverage *coverage = collect(place, REQUEST_STAT);
	assert_int_equal(coverage->missed, 2);
	assert_true(has_reason(coverage, "status of a process is not"));
	assert_true(has_reason(coverage, "stat of a process is not"));
	assert_int_equal(place->snapshot->process_count, 1);
	assert_false(place->snapshot->processes[0].known & PROCESS_KNOWS_STAT);
}

static void test_long_command_line_is_cut_and_told(void **state)
{
	struct place *place = *state;
	size_t length = (size_t)2 * 1024 * 1024;
	char *text = malloc(length);

	memset(text, 'a', length);
	put_status(place, "7/status", "x", 'S', 0, 1, 0);
	put(place, "7/cmdline", text, length);
	free(text);
	const struct coverage *coverage = collect(place, REQUEST_COMMAND_LINE);
	assert_int_equal(place->snapshot->processes[0].command_line.length, 128 * 1024);
	assert_true(has_reason(coverage, "command line is longer"));
}

static void test_order_and_other_entries(void **state)
{
	struct place *place = *state;

	put_status(place, "30/status", "x", 'S', 0, 1, 0);
	put_status(place, "4/status", "x", 'S', 0, 1, 0);
	put_status(place, "200/status", "x", 'S', 0, 1, 0);
	put_status(place, "5x/status", "x", 'S', 0, 1, 0);
	put_status(place, "99999999999/status", "x", 'S', 0, 1, 0);
	put(place, "meminfo", "", 0);
	collect(place, 0);
	assert_int_equal(place->snapshot->process_count, 3);
	assert_int_equal(place->snapshot->processes[0].pid, 4);
	assert_int_equal(place->snapshot->processes[1].pid, 30);
	assert_int_equal(place->snapshot->processes[2].pid, 200);
}

/* A pipe that no one writes to stands for a file that does not answer. */
static void put_silent(struct place *place, const char *file)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", place->path, file);
	assert_int_equal(mkfifo(path, 0600), 0);
}

/* Lets those go on who wait for it. */
static void answer(struct place *place, const char *file)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", place->path, file);
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(unlink(path), 0);
}

static size_t count_reason(const struct coverage *coverage, const char *part)
{
	for (const struct coverage_reason *reason = coverage->reasons; reason; reason = reason->next)
		if (strstr(reason->reason, part))
			return reason->count;
	return 0;
}

static const struct coverage *collect_again(struct place *place, struct silent *silent)
{
	static const struct collector *const only[] = {&collector_process, NULL};
	struct request request = {.proc = place->path,
				  .facts = REQUEST_CGROUP | REQUEST_COMMAND_LINE | REQUEST_LSM,
				  .silent = silent};

	snapshot_free(place->snapshot);
	place->snapshot = snapshot_collect(only, &request, NULL);
	assert_non_null(place->snapshot);
	return &place->snapshot->coverage[0];
}

/* It is waited for once, read as far as it answers, and read again when it answers after all. */
static void test_silent(void **state)
{
	struct place *place = *state;
	struct silent silent = {.count = 0};
	const struct coverage *coverage;

	for (pid_t pid = 1; pid <= 40; pid++) {
		char file[32];
		snprintf(file, sizeof(file), "%d/status", (int)pid);
		put_status(place, file, "x", 'S', 7, 1, 0x400);
		snprintf(file, sizeof(file), "%d/cgroup", (int)pid);
		put(place, file, "0::/web\n", 8);
		snprintf(file, sizeof(file), "%d/attr/current", (int)pid);
		put(place, file, "label\n", 6);
		snprintf(file, sizeof(file), "%d/cmdline", (int)pid);
		if (pid != 20)
			put(place, file, "x", 2);
	}
	put_silent(place, "20/cmdline");
	for (int pass = 0; pass < 3; pass++) {
		coverage = collect_again(place, &silent);
		assert_int_equal(place->snapshot->process_count, 40);
		assert_int_equal(coverage->seen, 39);
		assert_int_equal(coverage->missed, 1);
		assert_int_equal(count_reason(coverage, "does not answer"), 1);
		assert_int_equal(silent.count, 1);
		assert_string_equal(silent.processes[0].file, "cmdline");
		const struct process *process = snapshot_process(place->snapshot, 20);
		assert_true(process->silent);
		assert_int_equal(process->credentials.effective, 0x400);
		assert_string_equal(process->cgroup, "/web");
		assert_string_equal(process->lsm, "label");
		assert_false(process->known & PROCESS_KNOWS_COMMAND_LINE);
		assert_false(snapshot_process(place->snapshot, 21)->silent);
	}
	answer(place, "20/cmdline");
	put(place, "20/cmdline", "x", 2);
	while (!watch_is_over(silent.processes[0].watch))
		sched_yield();
	coverage = collect_again(place, &silent);
	assert_int_equal(coverage->seen, 40);
	assert_int_equal(silent.count, 0);
	silent_free(&silent);
}

/* More than there may be threads for: the rest is read without what may wait. */
static void test_many_silent(void **state)
{
	struct place *place = *state;
	struct silent silent = {.count = 0};
	char file[32];

	for (pid_t pid = 1; pid <= 20; pid++) {
		snprintf(file, sizeof(file), "%d/status", (int)pid);
		put_status(place, file, "x", 'S', 7, 1, 0x400);
		snprintf(file, sizeof(file), "%d/cmdline", (int)pid);
		put_silent(place, file);
		snprintf(file, sizeof(file), "%d/cgroup", (int)pid);
		put(place, file, "0::/web\n", 8);
	}
	const struct coverage *coverage = collect_again(place, &silent);
	assert_int_equal(place->snapshot->process_count, 20);
	assert_int_equal(silent.count, SILENT_MAX);
	assert_int_equal(count_reason(coverage, "does not answer"), SILENT_MAX);
	assert_int_equal(count_reason(coverage, "8 processes do not answer"), 20 - SILENT_MAX);
	assert_int_equal(snapshot_process(place->snapshot, 20)->credentials.effective, 0x400);
	for (size_t i = 0; i < silent.count; i++) {
		snprintf(file, sizeof(file), "%d/cmdline", (int)silent.processes[i].pid);
		answer(place, file);
		while (!watch_is_over(silent.processes[i].watch))
			sched_yield();
	}
	silent_free(&silent);
}

static void test_no_proc(void **state)
{
	static const struct collector *const only[] = {&collector_process, NULL};
	struct request request = {.proc = "/nowhere/proc"};
	struct error *error = NULL;

	(void)state;
	assert_null(snapshot_collect(only, &request, &error));
	assert_non_null(strstr(error_message(error), "/nowhere/proc"));
	error_free(error);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, place_make, place_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_process),
		TEST(test_deleted_executable),
		TEST(test_threads_that_differ),
		TEST(test_leader_that_exited),
		TEST(test_vanished_is_counted),
		TEST(test_processes_asked_for),
		TEST(test_malformed_is_told),
		TEST(test_long_command_line_is_cut_and_told),
		TEST(test_order_and_other_entries),
		TEST(test_silent),
		TEST(test_many_silent),
		TEST(test_no_proc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
