#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "agent/pid_list.h"
#include "agent/ps_rows.h"

enum { PROCESSES_MAX = 20000 };

struct family {
	struct snapshot *snapshot;
	struct arena *arena;
};

static int family_make(void **state)
{
	struct family *family = calloc(1, sizeof(*family));

	family->snapshot = snapshot_new();
	family->arena = arena_new();
	family->snapshot->processes =
		arena_array(family->snapshot->arena, PROCESSES_MAX, sizeof(struct process));
	*state = family;
	return 0;
}

static int family_free(void **state)
{
	struct family *family = *state;

	snapshot_free(family->snapshot);
	arena_free(family->arena);
	free(family);
	return 0;
}

/* A process without any privilege. */
static struct process *add(struct family *family, pid_t pid, pid_t ppid)
{
	struct process *process = &family->snapshot->processes[family->snapshot->process_count++];

	process->pid = pid;
	process->ppid = ppid;
	for (unsigned kind = 0; kind < ID_COUNT; kind++)
		process->credentials.uid[kind] = 1000;
	return process;
}

static const struct ps_row *rows_of(struct family *family, struct ps_selection selection, size_t *count)
{
	const struct ps_row *rows = ps_rows_make(family->snapshot, &selection, family->arena, count);

	assert_non_null(rows);
	return rows;
}

static void test_privileged_ones(void **state)
{
	struct family *family = *state;
	struct thread strong = {.tid = 99, .credentials = {.uid = {1, 1, 1, 1}, .effective = 1}};
	size_t count;

	add(family, 1, 0);
	add(family, 2, 1)->credentials.permitted = 1;
	add(family, 3, 1)->credentials.uid[ID_SAVED] = 0;
	add(family, 4, 1)->credentials.ambient = 1;
	struct process *kernel = add(family, 5, 1);
	kernel->kernel_thread = true;
	kernel->credentials.effective = 1;
	struct process *threaded = add(family, 6, 1);
	threaded->threads = &strong;
	threaded->differing_count = 1;
	add(family, 7, 1)->credentials.bounding = 1;
	const struct ps_row *rows = rows_of(family, (struct ps_selection){0}, &count);
	assert_int_equal(count, 4);
	assert_int_equal(rows[0].process->pid, 2);
	assert_int_equal(rows[1].process->pid, 3);
	assert_int_equal(rows[2].process->pid, 4);
	assert_int_equal(rows[3].process->pid, 6);
	rows_of(family, (struct ps_selection){.all = true}, &count);
	assert_int_equal(count, 7);
	rows = rows_of(family, (struct ps_selection){.threads = true}, &count);
	assert_int_equal(count, 5);
	assert_int_equal(rows[4].thread->tid, 99);
}

static void test_tree(void **state)
{
	struct family *family = *state;
	static const pid_t order[] = {1, 10, 30, 40, 20, 2};
	size_t count;

	add(family, 1, 0);
	add(family, 2, 0);
	add(family, 10, 1);
	add(family, 20, 1);
	add(family, 30, 10);
	add(family, 40, 30);
	const struct ps_row *rows = rows_of(family, (struct ps_selection){.all = true, .tree = true}, &count);
	assert_int_equal(count, 6);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(rows[i].process->pid, order[i]);
	assert_string_equal(rows[0].branch, "");
	assert_true(strlen(rows[3].branch) > strlen(rows[2].branch));
}

static void test_tree_hangs_below_the_nearest_shown(void **state)
{
	struct family *family = *state;
	size_t count;

	add(family, 1, 0)->credentials.effective = 1;
	add(family, 2, 1);
	add(family, 3, 2)->credentials.effective = 1;
	const struct ps_row *rows = rows_of(family, (struct ps_selection){.tree = true}, &count);
	assert_int_equal(count, 2);
	assert_int_equal(rows[1].process->pid, 3);
	assert_string_not_equal(rows[1].branch, "");
}

/* Read at different times, parents can go in a circle: every process still has its line, once. */
static void test_tree_with_a_circle(void **state)
{
	struct family *family = *state;
	size_t count;

	add(family, 1, 3);
	add(family, 2, 1);
	add(family, 3, 2);
	add(family, 4, 4);
	rows_of(family, (struct ps_selection){.all = true, .tree = true}, &count);
	assert_int_equal(count, 4);
}

static void test_deep_tree(void **state)
{
	struct family *family = *state;
	size_t count;

	for (pid_t pid = 1; pid <= 2000; pid++)
		add(family, pid, pid - 1);
	rows_of(family, (struct ps_selection){.all = true, .tree = true}, &count);
	assert_int_equal(count, 2000);
}

static void test_pid_lists(void **state)
{
	static const char *const wrong[] = {"", ",", "x", "1,x", "0", "-1", "1;2", "99999999999", "1,0"};
	struct pid_list list = {0};

	(void)state;
	assert_int_equal(pid_list_add(&list, "1,42, 7", NULL), 0);
	assert_int_equal(pid_list_add(&list, "9,", NULL), 0);
	assert_int_equal(list.count, 4);
	assert_int_equal(list.pids[2], 7);
	assert_int_equal(list.pids[3], 9);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(pid_list_add(&list, wrong[i], NULL), -1);
	pid_list_free(&list);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, family_make, family_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_privileged_ones),
		TEST(test_tree),
		TEST(test_tree_hangs_below_the_nearest_shown),
		TEST(test_tree_with_a_circle),
		TEST(test_deep_tree),
		cmocka_unit_test(test_pid_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
