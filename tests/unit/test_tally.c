#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "agent/learn/tally.h"
#include "proctor/capability.h"

static struct usage_check check_of(unsigned capability, const char *executable)
{
	return (struct usage_check){.mount_id = 7,
				    .mount_namespace = 70,
				    .user_namespace = 80,
				    .executable = executable,
				    .capability = capability,
				    .asking = ASKING_NEED,
				    .count = 2,
				    .first = 100,
				    .last = 200};
}

static void add(struct tally *tally, struct usage_check *checks, size_t count, uint64_t lost)
{
	const struct usage usage = {
		.checks = checks, .count = count, .lost = lost, .nameless = true, .evidence = "fexit"};

	assert_int_equal(tally_add(tally, &usage), 0);
}

static void test_what_is_alike_adds_up(void **state)
{
	struct tally *tally = tally_new();
	char executable[] = "/bin/a";
	struct usage_check early = check_of(CAP_CHOWN, executable), late = check_of(CAP_CHOWN, "/bin/a");
	const struct usage *usage;

	(void)state;
	late.first = 300;
	late.last = 400;
	late.count = 5;
	add(tally, &late, 1, 1);
	add(tally, &early, 1, 3);
	strcpy(executable, "gone"); /* nothing of what was taken is kept */
	add(tally, NULL, 0, 4);
	usage = tally_usage(tally);
	assert_int_equal(usage->count, 1);
	assert_int_equal(usage->checks[0].count, 7);
	assert_int_equal(usage->checks[0].first, 100);
	assert_int_equal(usage->checks[0].last, 400);
	assert_string_equal(usage->checks[0].executable, "/bin/a");
	assert_int_equal(usage->lost, 4);
	assert_true(usage->nameless);
	assert_string_equal(usage->evidence, "fexit");
	tally_free(tally);
}

/* Each differs from the first in one thing. */
static void test_what_differs_stays_apart(void **state)
{
	struct tally *tally = tally_new();
	struct usage_check checks[10];
	size_t count = sizeof(checks) / sizeof(checks[0]);

	(void)state;
	for (size_t i = 0; i < count; i++)
		checks[i] = check_of(CAP_CHOWN, "/bin/a");
	checks[1].mount_id = 8;
	checks[2].mount_namespace = 71;
	checks[3].user_namespace = 81;
	checks[4].cgroup = 1;
	checks[5].capability = CAP_KILL;
	checks[6].asking = ASKING_OPTIONAL;
	checks[7].denied = true;
	checks[8].executable = NULL;
	checks[9].reason = "it does";
	add(tally, checks, count, 0);
	add(tally, checks, count, 0);
	assert_int_equal(tally_usage(tally)->count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(tally_usage(tally)->checks[i].count, 4);
	tally_free(tally);
}

static void test_what_tells_no_need_is_left_out(void **state)
{
	struct tally *tally = tally_new();
	struct usage_check checks[] = {check_of(CAP_SYS_ADMIN, "/a"), check_of(CAP_SYS_ADMIN, "/a"),
				       check_of(CAP_SYS_ADMIN, "/a"), check_of(200, "/a")};

	(void)state;
	checks[0].asking = ASKING_ADVISORY;
	checks[1].asking = ASKING_KERNEL;
	checks[2].asking = ASKING_RUNTIME;
	add(tally, checks, 4, 0);
	assert_int_equal(tally_usage(tally)->count, 0);
	tally_free(tally);
}

static void test_many(void **state)
{
	struct tally *tally = tally_new();
	char executable[32];

	(void)state;
	for (int turn = 0; turn < 2; turn++)
		for (int i = 0; i < 20000; i++) {
			struct usage_check check = check_of(CAP_CHOWN, executable);
			check.mount_id = (uint64_t)i;
			snprintf(executable, sizeof(executable), "/bin/%d", i);
			add(tally, &check, 1, 0);
		}
	assert_int_equal(tally_usage(tally)->count, 20000);
	tally_free(tally);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_alike_adds_up),
		cmocka_unit_test(test_what_differs_stays_apart),
		cmocka_unit_test(test_what_tells_no_need_is_left_out),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
