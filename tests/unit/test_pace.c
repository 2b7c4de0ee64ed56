#include "tests/unit/test.h"

#include "agent/daemon/pace.h"

enum { START = 1000000, INTERVAL = 300000, SWEEP = 10000 };

static void test_starts_with_everything(void **state)
{
	struct pace pace;

	(void)state;
	pace_start(&pace, INTERVAL, 0, START);
	assert_int_equal(pace_due(&pace, START), LOOK_FULL);
	assert_int_equal(pace_wait(&pace, START), 0);
}

static void test_the_interval_is_jittered_by_a_tenth(void **state)
{
	uint64_t least = UINT64_MAX, most = 0;
	struct pace pace;

	(void)state;
	for (uint32_t chance = 0; chance < 200000; chance += 7) {
		pace_start(&pace, INTERVAL, 0, START);
		pace_done(&pace, LOOK_FULL, START, 100, chance);
		assert_int_equal(pace_due(&pace, START), LOOK_NONE);
		least = pace_wait(&pace, START) < least ? pace_wait(&pace, START) : least;
		most = pace_wait(&pace, START) > most ? pace_wait(&pace, START) : most;
	}
	assert_in_range(least, INTERVAL - INTERVAL / 10, INTERVAL - INTERVAL / 10 + 10);
	assert_in_range(most, INTERVAL + INTERVAL / 10 - 10, INTERVAL + INTERVAL / 10);
}

/* A pace that has nothing to do until its interval is over. */
static struct pace rested(uint64_t sweep)
{
	struct pace pace;

	pace_start(&pace, INTERVAL, sweep, START - 10000);
	pace_done(&pace, LOOK_FULL, START - 10000, 100, 0);
	return pace;
}

static void test_events_are_gathered(void **state)
{
	struct pace pace = rested(0);

	(void)state;
	pace_events(&pace, START);
	pace_events(&pace, START + 100);
	assert_int_equal(pace_due(&pace, START + 100), LOOK_NONE);
	assert_int_equal(pace_due(&pace, START + 250), LOOK_EVENTS);
	pace_done(&pace, LOOK_EVENTS, START + 250, 1, 0);
	assert_int_equal(pace_due(&pace, START + 250), LOOK_NONE);
}

static void test_what_is_new_is_judged_at_once_but_passes_leave_time(void **state)
{
	struct pace pace = rested(0);

	(void)state;
	pace_changed(&pace, START);
	assert_int_equal(pace_due(&pace, START), LOOK_QUICK);
	pace_done(&pace, LOOK_QUICK, START + 300, 300, 0);
	pace_changed(&pace, START + 301);
	assert_int_equal(pace_due(&pace, START + 301), LOOK_NONE);
	assert_int_equal(pace_due(&pace, START + 300 + 4 * 300), LOOK_QUICK);
}

static void test_what_ended_waits(void **state)
{
	struct pace pace = rested(0);

	(void)state;
	pace_gone(&pace, START);
	assert_int_equal(pace_due(&pace, START + 9999), LOOK_NONE);
	assert_int_equal(pace_due(&pace, START + 10000), LOOK_QUICK);
	pace_changed(&pace, START + 1); /* is not put off by it */
	assert_int_equal(pace_due(&pace, START + 1), LOOK_QUICK);
}

static void test_lost_events_bring_the_full_pass_forward(void **state)
{
	struct pace pace = rested(0);

	(void)state;
	pace_lost(&pace, START);
	assert_int_equal(pace_due(&pace, START + 250), LOOK_FULL);
	pace_done(&pace, LOOK_FULL, START + 250, 2000, 0);
	pace_lost(&pace, START + 251);
	assert_int_equal(pace_due(&pace, START + 8000), LOOK_NONE);
	assert_int_equal(pace_due(&pace, START + 8250), LOOK_FULL);
}

static void test_sweeps_only_where_asked_for(void **state)
{
	struct pace pace = rested(SWEEP);

	(void)state;
	assert_int_equal(pace_due(&pace, START - 1), LOOK_NONE);
	assert_int_equal(pace_due(&pace, START), LOOK_SWEEP);
	pace_done(&pace, LOOK_SWEEP, START, 1, 0);
	assert_int_equal(pace_due(&pace, START + SWEEP - 1), LOOK_NONE);
	assert_int_equal(pace_due(&pace, START + SWEEP), LOOK_SWEEP);
	pace = rested(0);
	assert_int_equal(pace_due(&pace, START + SWEEP), LOOK_NONE);
}

static void test_a_pass_does_what_events_asked_for(void **state)
{
	struct pace pace = rested(0);

	(void)state;
	pace_events(&pace, START);
	pace_changed(&pace, START);
	pace_done(&pace, LOOK_QUICK, START + 10, 10, 0);
	assert_int_equal(pace_due(&pace, START + 5000), LOOK_NONE);
}

static void test_a_pass_that_failed_is_made_again_soon_and_reads_everything(void **state)
{
	struct pace pace = rested(0);

	(void)state;
	pace_changed(&pace, START);
	pace_done(&pace, LOOK_QUICK, START + 10, 10, 0);
	pace_failed(&pace, START + 10);
	assert_int_equal(pace_due(&pace, START + 10009), LOOK_NONE);
	assert_int_equal(pace_due(&pace, START + 10010), LOOK_FULL);
	pace_done(&pace, LOOK_FULL, START + 20000, 9000, 0);
	pace_failed(&pace, START + 20000); /* one that takes long leaves time even so */
	assert_int_equal(pace_wait(&pace, START + 20000), 4 * 9000);
}

static void test_sweeps_begin_when_a_source_ends(void **state)
{
	struct pace pace = rested(0);

	(void)state;
	pace_sweep(&pace, 0, START);
	assert_int_equal(pace_due(&pace, START + SWEEP), LOOK_NONE);
	pace_sweep(&pace, SWEEP, START);
	pace_sweep(&pace, SWEEP, START + SWEEP - 1);
	assert_int_equal(pace_due(&pace, START + SWEEP), LOOK_SWEEP);
	pace_sweep(&pace, 0, START);
	assert_int_equal(pace_due(&pace, START + SWEEP), LOOK_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_starts_with_everything),
		cmocka_unit_test(test_the_interval_is_jittered_by_a_tenth),
		cmocka_unit_test(test_events_are_gathered),
		cmocka_unit_test(test_what_is_new_is_judged_at_once_but_passes_leave_time),
		cmocka_unit_test(test_what_ended_waits),
		cmocka_unit_test(test_lost_events_bring_the_full_pass_forward),
		cmocka_unit_test(test_sweeps_only_where_asked_for),
		cmocka_unit_test(test_a_pass_does_what_events_asked_for),
		cmocka_unit_test(test_a_pass_that_failed_is_made_again_soon_and_reads_everything),
		cmocka_unit_test(test_sweeps_begin_when_a_source_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
