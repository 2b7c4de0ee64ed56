#include "tests/unit/test.h"

#include <string.h>

#include "proctor/learned.h"

enum { MOUNTS = 100, USER = 200, OTHER = 300 };

static struct mounts_span spans[] = {{.inode = MOUNTS, .until = INT64_MAX},
				     {.inode = MOUNTS + 1, .until = INT64_MAX}};
static struct mounts_span others_span[] = {{.inode = OTHER, .until = INT64_MAX}};
static const struct mounts_seen others = {.list = others_span, .count = 1};
static const struct watched web = {.id = "web",
				   .user_namespace = USER,
				   .mounts = {.list = spans, .count = 2},
				   .granted = CAPABILITY_DOCKER_DEFAULT,
				   .since = 5000,
				   .saw_start = true};

static struct usage_check check_of(unsigned capability, enum asking asking)
{
	return (struct usage_check){.mount_namespace = MOUNTS,
				    .user_namespace = USER,
				    .executable = "/bin/a",
				    .capability = capability,
				    .asking = asking,
				    .count = 2,
				    .first = 6000,
				    .last = 7000};
}

static struct learned *learn(struct usage_check *checks, size_t count)
{
	const struct usage usage = {.checks = checks, .count = count, .evidence = "tracepoint"};
	struct learned *learned = learned_make(&usage, &web, 1, &others, 65999);

	assert_non_null(learned);
	assert_int_equal(learned->count, 1);
	return learned;
}

static void test_required(void **state)
{
	struct usage_check checks[] = {check_of(CAP_CHOWN, ASKING_NEED), check_of(CAP_CHOWN, ASKING_NEED),
				       check_of(CAP_CHOWN, ASKING_NEED)};
	struct learned *learned;
	const struct learned_container *container;

	(void)state;
	checks[1].executable = "/bin/b";
	checks[1].first = 5500;
	checks[1].last = 9000;
	checks[1].mount_namespace = MOUNTS + 1;
	checks[2].executable = NULL;
	learned = learn(checks, 3);
	container = learned->containers;
	assert_int_equal(container->use_count, 1);
	assert_int_equal(container->uses[0].count, 6);
	assert_int_equal(container->uses[0].first, 5500);
	assert_int_equal(container->uses[0].last, 9000);
	assert_string_equal(container->uses[0].executables[0], "/bin/a");
	assert_string_equal(container->uses[0].executables[1], "/bin/b");
	assert_null(container->uses[0].executables[2]);
	assert_true(container->uses[0].required);
	assert_null(container->uses[0].reason);
	assert_int_equal(container->recommended, CAPABILITY_MASK(CAP_CHOWN));
	assert_true(container->complete);
	assert_int_equal(container->observed_seconds, 60);
	learned_free(learned);
}

static void test_optional_until_it_is_required(void **state)
{
	struct usage_check checks[] = {check_of(CAP_FSETID, ASKING_OPTIONAL),
				       check_of(CAP_FSETID, ASKING_NEED)};
	struct learned *learned;

	(void)state;
	checks[0].reason = "it does";
	learned = learn(checks, 1);
	assert_false(learned->containers[0].uses[0].required);
	assert_string_equal(learned->containers[0].uses[0].reason, "it does");
	assert_int_equal(learned->containers[0].recommended, 0);
	learned_free(learned);
	for (int turn = 0; turn < 2; turn++) {
		struct usage_check first = checks[0];
		learned = learn(checks, 2);
		assert_true(learned->containers[0].uses[0].required);
		assert_null(learned->containers[0].uses[0].reason);
		learned_free(learned);
		checks[0] = checks[1];
		checks[1] = first;
	}
}

/* What could not be told is kept, and said to be less certain. */
static void test_unknown(void **state)
{
	struct usage_check checks[] = {check_of(CAP_CHOWN, ASKING_UNKNOWN),
				       check_of(CAP_CHOWN, ASKING_OPTIONAL)};
	struct learned *learned = learn(checks, 2);

	(void)state;
	assert_true(learned->containers[0].uses[0].required);
	assert_non_null(learned->containers[0].uses[0].reason);
	assert_int_equal(learned->containers[0].recommended, CAPABILITY_MASK(CAP_CHOWN));
	learned_free(learned);
	checks[1].asking = ASKING_NEED;
	learned = learn(checks, 2);
	assert_null(learned->containers[0].uses[0].reason);
	learned_free(learned);
}

static void test_what_is_no_need_of_the_program(void **state)
{
	struct usage_check checks[] = {
		check_of(CAP_SYS_ADMIN, ASKING_ADVISORY), check_of(CAP_SYS_ADMIN, ASKING_KERNEL),
		check_of(CAP_SYS_ADMIN, ASKING_RUNTIME),  check_of(CAP_SYS_ADMIN, ASKING_NEED),
		check_of(CAP_SYS_ADMIN, ASKING_NEED),     check_of(200, ASKING_NEED),
	};
	struct learned *learned;

	(void)state;
	checks[3].user_namespace = OTHER; /* one that the program made */
	checks[4].mount_namespace = OTHER;
	learned = learn(checks, 6);
	assert_int_equal(learned->containers[0].use_count, 0);
	assert_int_equal(learned->containers[0].denial_count, 0);
	assert_int_equal(learned->containers[0].recommended, 0);
	learned_free(learned);
}

/* An id is given once, an inode number again and again: where both ids are known they alone tell. */
static void test_a_namespace_by_its_id(void **state)
{
	static const struct {
		uint64_t inode, span_id, check_id;
		int64_t first, last;
		enum mounts_match match;
	} cases[] = {
		{MOUNTS, 7, 7, 150, 160, MOUNTS_SAME},  {MOUNTS, 7, 7, 1, 2, MOUNTS_SAME},
		{MOUNTS, 7, 8, 150, 160, MOUNTS_OTHER}, {OTHER, 7, 7, 150, 160, MOUNTS_SAME},
		{MOUNTS, 7, 0, 150, 160, MOUNTS_MAYBE}, {MOUNTS, 0, 7, 150, 160, MOUNTS_MAYBE},
		{MOUNTS, 0, 0, 150, 160, MOUNTS_MAYBE}, {MOUNTS, 0, 0, 10, 99, MOUNTS_OTHER},
		{MOUNTS, 0, 0, 10, 100, MOUNTS_MAYBE},  {MOUNTS, 0, 0, 200, 300, MOUNTS_MAYBE},
		{MOUNTS, 0, 7, 201, 300, MOUNTS_OTHER}, {OTHER, 0, 0, 150, 160, MOUNTS_OTHER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct mounts_span span = {
			.inode = MOUNTS, .id = cases[i].span_id, .from = 100, .until = 200};
		struct usage_check check = check_of(CAP_CHOWN, ASKING_NEED);
		check.mount_namespace = cases[i].inode;
		check.mount_id = cases[i].check_id;
		check.first = cases[i].first;
		check.last = cases[i].last;
		assert_int_equal(mounts_match(&span, &check), cases[i].match);
	}
}

static void test_denied(void **state)
{
	struct usage_check checks[] = {
		check_of(CAP_NET_ADMIN, ASKING_NEED), check_of(CAP_NET_ADMIN, ASKING_NEED),
		check_of(CAP_FSETID, ASKING_OPTIONAL), check_of(CAP_BPF, ASKING_ADVISORY)};
	struct learned *learned;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		checks[i].denied = true;
	learned = learn(checks, 4);
	assert_int_equal(learned->containers[0].use_count, 0);
	assert_int_equal(learned->containers[0].denial_count, 1);
	assert_int_equal(learned->containers[0].denials[0].capability, CAP_NET_ADMIN);
	assert_int_equal(learned->containers[0].denials[0].count, 4);
	assert_int_equal(learned->containers[0].recommended, 0);
	learned_free(learned);
}

/* CAP_DAC_READ_SEARCH is asked for before CAP_DAC_OVERRIDE, which serves as well. */
static void test_asked_first(void **state)
{
	struct usage_check checks[] = {check_of(CAP_DAC_READ_SEARCH, ASKING_NEED),
				       check_of(CAP_DAC_OVERRIDE, ASKING_NEED)};
	struct learned *learned;

	(void)state;
	checks[0].denied = true;
	learned = learn(checks, 2);
	assert_int_equal(learned->containers[0].denial_count, 0);
	assert_int_equal(learned->containers[0].recommended, CAPABILITY_MASK(CAP_DAC_OVERRIDE));
	learned_free(learned);
	checks[1].executable = "/bin/b";
	learned = learn(checks, 2);
	assert_int_equal(learned->containers[0].denial_count, 1);
	learned_free(learned);
	checks[1] = checks[0];
	checks[1].capability = CAP_DAC_OVERRIDE; /* refused as well */
	learned = learn(checks, 2);
	assert_int_equal(learned->containers[0].denial_count, 2);
	learned_free(learned);
}

/* The kernel gives a namespace's number away again: whose it was at that time counts. */
static void test_a_number_that_was_given_away(void **state)
{
	struct mounts_span earlier = {.inode = MOUNTS, .until = 5999},
			   later = {.inode = MOUNTS, .from = 7001, .until = 9000},
			   then = {.inode = MOUNTS, .from = 6500, .until = 6600};
	struct usage_check checks[] = {check_of(CAP_CHOWN, ASKING_NEED)};
	struct usage usage = {.checks = checks, .count = 1};
	struct watched all[] = {web, web, web};
	struct learned *learned;

	(void)state;
	all[0].mounts = (struct mounts_seen){.list = &earlier, .count = 1};
	all[1].mounts = (struct mounts_seen){.list = &then, .count = 1};
	all[2].mounts = (struct mounts_seen){.list = &later, .count = 1};
	learned = learned_make(&usage, all, 3, &others, 65999);
	assert_non_null(learned);
	assert_int_equal(learned->containers[0].use_count, 0);
	assert_int_equal(learned->containers[1].use_count, 1);
	assert_int_equal(learned->containers[2].use_count, 0);
	assert_int_equal(learned->unseen, 0);
	learned_free(learned);
}

/* In a namespace that was never looked at: a container that came and went. */
static void test_unseen(void **state)
{
	struct usage_check checks[] = {check_of(CAP_CHOWN, ASKING_NEED), check_of(CAP_CHOWN, ASKING_NEED),
				       check_of(CAP_SYS_ADMIN, ASKING_ADVISORY)};
	struct learned *learned;

	(void)state;
	checks[0].mount_namespace = OTHER; /* not a container's */
	checks[1].mount_namespace = checks[2].mount_namespace = OTHER + 1;
	learned = learn(checks, 3);
	assert_int_equal(learned->unseen, 2);
	assert_int_equal(learned->containers[0].use_count, 0);
	learned_free(learned);
}

/* A refusal of which it is not known who asked is told as less certain, until it is. */
static void test_denied_by_whom_is_unknown(void **state)
{
	struct usage_check checks[] = {check_of(CAP_SYS_ADMIN, ASKING_UNKNOWN),
				       check_of(CAP_SYS_ADMIN, ASKING_NEED)};
	struct learned *learned;

	(void)state;
	checks[0].denied = checks[1].denied = true;
	learned = learn(checks, 1);
	assert_non_null(learned->containers[0].denials[0].reason);
	learned_free(learned);
	learned = learn(checks, 2);
	assert_null(learned->containers[0].denials[0].reason);
	assert_int_equal(learned->containers[0].denials[0].count, 4);
	learned_free(learned);
}

static void test_not_complete(void **state)
{
	struct usage_check checks[] = {check_of(CAP_CHOWN, ASKING_NEED)};
	struct usage usage = {.checks = checks, .count = 1};
	struct watched late = web;
	struct learned *learned;

	(void)state;
	late.saw_start = false;
	learned = learned_make(&usage, &late, 1, &others, 0);
	assert_false(learned->containers[0].complete);
	assert_int_equal(learned->containers[0].observed_seconds, 0);
	learned_free(learned);
	usage.lost = 1;
	learned = learned_make(&usage, &web, 1, &others, 6000);
	assert_false(learned->containers[0].complete);
	learned_free(learned);
	learned = learned_make(&usage, NULL, 0, &others, 6000);
	assert_int_equal(learned->count, 0);
	learned_free(learned);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_required),
		cmocka_unit_test(test_optional_until_it_is_required),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_what_is_no_need_of_the_program),
		cmocka_unit_test(test_a_namespace_by_its_id),
		cmocka_unit_test(test_denied),
		cmocka_unit_test(test_asked_first),
		cmocka_unit_test(test_a_number_that_was_given_away),
		cmocka_unit_test(test_unseen),
		cmocka_unit_test(test_denied_by_whom_is_unknown),
		cmocka_unit_test(test_not_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
