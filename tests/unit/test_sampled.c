#include "tests/unit/test.h"

#include "agent/learn/sampled.h"

static struct container web = {.id = "web"}, other = {.id = "other"};

static struct process processes[3];

/* A first process of the web container, with the flag that its runtime left, and one that it forked. */
static void begin(void)
{
	for (int i = 0; i < 3; i++)
		processes[i] = (struct process){.pid = i + 1,
						.ppid = i,
						.thread_count = 1,
						.known = PROCESS_KNOWS_STATUS | PROCESS_KNOWS_STAT,
						.container = i ? &web : NULL};
	processes[1].privilege_used = true;
	processes[1].credentials.effective = CAPABILITY_MASK(CAP_CHOWN);
}

/* What is told after each of the looks, of which the second finds nothing, if there are two. */
static struct sampled sampled_in(int looks)
{
	const struct snapshot snapshot = {.processes = processes, .process_count = 3}, nothing = {0};
	const struct watched watched = {.id = "web"};
	struct learned_container container = {.watched = &watched, .complete = true};
	struct learned learned = {.containers = &container, .count = 1};
	struct samples *samples = samples_new();
	struct sampled told;

	assert_non_null(samples);
	for (int i = 0; i < looks; i++)
		assert_int_equal(samples_take(samples, i ? &nothing : &snapshot), 0);
	samples_join(samples, &learned);
	assert_false(container.complete);
	assert_non_null(container.sampled);
	told = *container.sampled;
	samples_free(samples);
	return told;
}

static void test_no_look(void **state)
{
	(void)state;
	assert_int_equal(sampled_in(0).use, SAMPLED_NOBODY);
	assert_int_equal(sampled_in(0).held, 0);
}

static void test_flags(void **state)
{
	(void)state;
	begin();
	assert_int_equal(sampled_in(2).use, SAMPLED_UNUSED);
	assert_int_equal(sampled_in(2).held, CAPABILITY_MASK(CAP_CHOWN));
	processes[2].privilege_used = true;
	assert_int_equal(sampled_in(2).use, SAMPLED_USED);
}

static void test_what_a_runtime_put_in(void **state)
{
	(void)state;
	begin();
	processes[2].privilege_used = true;
	processes[2].ppid = 1;
	assert_int_equal(sampled_in(1).use, SAMPLED_NOBODY);
	processes[2].ppid = 100; /* which is gone */
	assert_int_equal(sampled_in(1).use, SAMPLED_NOBODY);
	processes[0].container = &other;
	processes[2].ppid = 1;
	assert_int_equal(sampled_in(1).use, SAMPLED_NOBODY);
	processes[2].privilege_used = false;
	assert_int_equal(sampled_in(1).use, SAMPLED_UNUSED);
}

static void test_what_cannot_be_told(void **state)
{
	(void)state;
	begin();
	processes[2].thread_count = 2;
	assert_int_equal(sampled_in(1).use, SAMPLED_UNKNOWN);
	begin();
	processes[2].known = PROCESS_KNOWS_STATUS;
	assert_int_equal(sampled_in(1).use, SAMPLED_UNKNOWN);
	processes[2].known = PROCESS_KNOWS_STAT;
	processes[2].credentials.effective = CAPABILITY_MASK(CAP_KILL);
	assert_int_equal(sampled_in(1).use, SAMPLED_UNKNOWN);
	assert_int_equal(sampled_in(1).held, CAPABILITY_MASK(CAP_CHOWN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_look),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_what_a_runtime_put_in),
		cmocka_unit_test(test_what_cannot_be_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
