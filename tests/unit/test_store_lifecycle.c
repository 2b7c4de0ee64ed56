#include "tests/unit/store.h"

static struct store *store;

static int setup(void **state)
{
	struct store_options options = test_options(NULL);

	(void)state;
	store = test_store(&options);
	return 0;
}

/* A finding has to be unseen for a minute; three openings in an hour are flapping. */
static int setup_patient(void **state)
{
	struct store_options options = test_options(NULL);

	(void)state;
	options.resolve_after = 60;
	options.flap_window = 3600;
	store = test_store(&options);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	store_close(store);
	return 0;
}

static const char *pass(const struct look *look)
{
	assert_int_equal(look_at(store, look), 0);
	return told(store);
}

#define PASS(...) pass(&(struct look){__VA_ARGS__})

static const char *member(const char *name)
{
	const char *value = json_string_value(json_object_get(told_last(), name));

	return value ? value : "absent";
}

/* ---- opened, changed, resolved, suppressed ------------------------------------------------------- */

static void test_a_finding_opens_once(void **state)
{
	(void)state;
	assert_string_equal(PASS(.findings = {{.letter = 'a'}, {.letter = 'b'}}), "opened a, opened b");
	assert_string_equal(member("time"), "2027-01-15T08:00:00.000Z");
	assert_string_equal(member("first_seen"), "2027-01-15T08:00:00.000Z");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(told_last(), "host"), "hostname")),
		"machine");
	assert_null(json_object_get(json_object_get(told_last(), "host"), "kernel"));
	assert_string_equal(PASS(.findings = {{.letter = 'b'}, {.letter = 'a'}}), "");
	assert_string_equal(PASS(.findings = {{.letter = 'a'}, {.letter = 'c'}, {.letter = 'b'}}),
			    "opened c");
}

static void test_it_changes_with_its_digest_or_severity(void **state)
{
	(void)state;
	PASS(.findings = {{.letter = 'a'}});
	assert_string_equal(PASS(.time = LOOK_TIME + 10, .findings = {{.letter = 'a', .digest = 1}}),
			    "changed a");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(told_last(), "finding"), "title")),
		"digest 1");
	assert_string_equal(member("first_seen"), "2027-01-15T08:00:00.000Z");
	assert_string_equal(member("last_seen"), "2027-01-15T08:00:10.000Z");
	assert_string_equal(PASS(.findings = {{.letter = 'a', .digest = 1}}), "");
	assert_string_equal(PASS(.findings = {{.letter = 'a', .severity = SEVERITY_LOW, .digest = 1}}),
			    "changed a");
	assert_string_equal(
		PASS(.findings = {{.letter = 'a', .severity = SEVERITY_LOW, .digest = UINT64_MAX}}),
		"changed a");
	assert_string_equal(
		PASS(.findings = {{.letter = 'a', .severity = SEVERITY_LOW, .digest = UINT64_MAX}}), "");
}

static void test_it_is_resolved_when_it_is_gone(void **state)
{
	(void)state;
	PASS(.findings = {{.letter = 'a'}, {.letter = 'b'}, {.letter = 'c'}});
	PASS(.time = LOOK_TIME + 5,
	     .findings = {{.letter = 'a'}, {.letter = 'b', .digest = 3}, {.letter = 'c'}});
	assert_string_equal(PASS(.time = LOOK_TIME + 9, .findings = {{.letter = 'a'}, {.letter = 'c'}}),
			    "resolved b");
	assert_string_equal(member("last_seen"), "2027-01-15T08:00:05.000Z");
	assert_string_equal(member("time"), "2027-01-15T08:00:09.000Z");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(told_last(), "finding"), "title")),
		"digest 3");
	assert_string_equal(PASS(.blind = false), "resolved a, resolved c");
	assert_string_equal(PASS(.blind = false), "");
}

static void test_it_opens_anew_after_it_was_resolved(void **state)
{
	(void)state;
	PASS(.findings = {{.letter = 'a'}});
	PASS(.blind = false);
	assert_string_equal(PASS(.time = LOOK_TIME + 60, .findings = {{.letter = 'a'}}), "opened a");
	assert_string_equal(member("first_seen"), "2027-01-15T08:01:00.000Z");
}

static void test_an_exception_suppresses_it_and_its_end_opens_it(void **state)
{
	(void)state;
	assert_string_equal(PASS(.findings = {{.letter = 'a', .excepted = true}, {.letter = 'b'}}),
			    "suppressed a, opened b");
	assert_string_equal(
		PASS(.findings = {{.letter = 'a', .excepted = true}, {.letter = 'b', .excepted = true}}),
		"suppressed b");
	/* Nobody has to hear that what is accepted looks different. */
	assert_string_equal(PASS(.findings = {{.letter = 'a', .excepted = true, .digest = 7},
					      {.letter = 'b', .excepted = true}}),
			    "");
	assert_string_equal(PASS(.time = LOOK_TIME + 1, .findings = {{.letter = 'a', .digest = 7},
								     {.letter = 'b', .excepted = true}}),
			    "opened a");
	assert_string_equal(member("first_seen"), "2027-01-15T08:00:00.000Z");
	assert_string_equal(PASS(.findings = {{.letter = 'a', .digest = 7}}), "resolved b");
}

/* ---- sight --------------------------------------------------------------------------------------- */

static void test_loss_of_sight_is_not_resolution(void **state)
{
	(void)state;
	PASS(.findings = {{.letter = 'a'}});
	assert_string_equal(PASS(.blind = true), "");
	assert_string_equal(PASS(.findings = {{.letter = 'a'}}), "");
	assert_string_equal(PASS(.blind = true), "");
	assert_string_equal(PASS(.truncated = true), "");
	assert_string_equal(PASS(.blind = false), "resolved a");
}

#define SEEN(id, what) .seen = {{id, what}}

static void test_each_container_has_to_be_seen(void **state)
{
	const uint32_t both = SIGHT_FILES | SIGHT_MOUNTS;

	(void)state;
	PASS(SEEN("web", both), .findings = {{.letter = 'a', .container = "web", .needs = both}});
	assert_string_equal(PASS(SEEN("web", SIGHT_FILES)), "");
	assert_string_equal(PASS(SEEN("other", both)), ""); /* not all containers were listed */
	assert_string_equal(PASS(.blind = false), "");
	assert_string_equal(PASS(SEEN("web", both | SIGHT_HOST)), "resolved a");
	PASS(SEEN("web", both), .findings = {{.letter = 'a', .container = "web", .needs = both}});
	assert_string_equal(PASS(.all_containers = true, SEEN("web", SIGHT_FILES)), "");
	assert_string_equal(PASS(.all_containers = true, SEEN("other", 0)), "resolved a");
}

static void test_a_sysctl_has_to_be_seen(void **state)
{
	const uint64_t last = SIGHT_SYSCTL(SYSCTLS_MAX - 1);

	(void)state;
	PASS(SEEN("web", last), .findings = {{.letter = 'a', .container = "web", .needs = last}});
	assert_string_equal(PASS(SEEN("web", ~last)), "");
	assert_string_equal(PASS(SEEN("web", last)), "resolved a");
}

static void test_what_it_needs_may_change(void **state)
{
	(void)state;
	PASS(SEEN("web", SIGHT_FILES),
	     .findings = {{.letter = 'a', .container = "web", .needs = SIGHT_PROCESSES}});
	assert_string_equal(PASS(SEEN("new", SIGHT_FILES),
				 .findings = {{.letter = 'a', .container = "new", .needs = SIGHT_FILES}}),
			    "");
	assert_string_equal(PASS(SEEN("web", SIGHT_FILES)), "");
	assert_string_equal(PASS(SEEN("new", SIGHT_FILES)), "resolved a");
}

/* ---- time ---------------------------------------------------------------------------------------- */

static void test_it_is_resolved_after_a_while(void **state)
{
	(void)state;
	PASS(.findings = {{.letter = 'a'}});
	assert_string_equal(PASS(.time = 1), ""); /* the clock was set: it tells nothing */
	test_clock += 59999;
	assert_string_equal(PASS(.time = LOOK_TIME + 100000000), "");
	test_clock += 1;
	assert_string_equal(PASS(.time = 5), "resolved a");
}

static void test_one_that_comes_back_meanwhile_was_never_gone(void **state)
{
	(void)state;
	PASS(.findings = {{.letter = 'a'}});
	assert_string_equal(PASS(.blind = false), "");
	test_clock += 50000;
	assert_string_equal(PASS(.findings = {{.letter = 'a'}}), "");
	test_clock += 50000;
	assert_string_equal(PASS(.blind = false), "");
	test_clock += 59000;
	assert_string_equal(PASS(.blind = false), "");
	test_clock += 1000;
	assert_string_equal(PASS(.blind = false), "resolved a");
}

static const char *resolve(void)
{
	PASS(.blind = false);
	test_clock += 60000;
	return PASS(.blind = false);
}

static void test_three_openings_are_flapping(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_string_equal(PASS(.findings = {{.letter = 'a'}}), "opened a");
		assert_string_equal(resolve(), "resolved a");
	}
	assert_string_equal(PASS(.findings = {{.letter = 'a'}}), "opened a");
	assert_string_equal(resolve(), "");
	test_clock += 3000000;
	assert_string_equal(PASS(.findings = {{.letter = 'a'}}), ""); /* it flaps still */
	assert_string_equal(resolve(), "");
	test_clock += 3539000;
	assert_string_equal(PASS(.blind = false), "");
	test_clock += 1000;
	assert_string_equal(PASS(.blind = false), "resolved a");
}

static void test_openings_far_apart_are_not(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		assert_string_equal(PASS(.findings = {{.letter = 'a'}}), "opened a");
		assert_string_equal(resolve(), "resolved a");
		test_clock += 1800000;
	}
}

static void test_a_clock_that_was_set_back_shows_no_end_before_the_begin(void **state)
{
	(void)state;
	PASS(.findings = {{.letter = 'a'}});
	assert_string_equal(PASS(.time = 10, .findings = {{.letter = 'a', .digest = 1}}), "changed a");
	assert_string_equal(member("last_seen"), member("first_seen"));
	assert_string_equal(member("time"), "1970-01-01T00:00:10.000Z");
}

/* ---- texts --------------------------------------------------------------------------------------- */

static void test_a_text_that_was_sent_before_is_kept(void **state)
{
	(void)state;
	PASS(.findings = {{.letter = 'a', .digest = 5}});
	assert_string_equal(PASS(.findings = {{.letter = 'a', .digest = 5, .textless = true}}), "");
	assert_string_equal(
		PASS(.findings = {{.letter = 'a', .digest = 5, .textless = true, .excepted = true}}),
		"suppressed a");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(told_last(), "finding"), "title")),
		"digest 5");
	PASS(.blind = false);
	assert_string_equal(PASS(.findings = {{.letter = 'a', .digest = 5, .textless = true}}), "opened a");
}

static void test_one_that_is_not_known_is_asked_for(void **state)
{
	const struct look look = {.findings = {{.letter = 'a', .textless = true}, {.letter = 'b'}}};

	(void)state;
	assert_int_equal(look_at(store, &look), STORE_PASS_LACKS_TEXT);
	assert_string_equal(told(store), "opened b");
	assert_string_equal(PASS(.findings = {{.letter = 'a'}, {.letter = 'b'}}), "opened a");
	/* With a digest that its text has not it is still there, and as it was. */
	assert_int_equal(
		look_at(store, &(struct look){.findings = {{.letter = 'a', .digest = 9, .textless = true},
							   {.letter = 'b'}}}),
		STORE_PASS_LACKS_TEXT);
	assert_string_equal(told(store), "");
	assert_string_equal(PASS(.findings = {{.letter = 'a', .digest = 9}, {.letter = 'b'}}), "changed a");
}

static void test_texts_are_no_sql_and_no_json(void **state)
{
	const char *hostile = "{\"id\":\"aaaaaaaa\",\"title\":\"'); DROP TABLE finding; --\\u0001\\n\",\"x\":"
			      "\"\\ud83d\\ude00\"}";
	const struct look broken[] = {
		{.findings = {{.letter = 'b', .json = "{\"id\":\"b\"},\"status\":\"resolved\"}"}}},
		{.findings = {{.letter = 'b', .json = "[]"}}},
		{.findings = {{.letter = 'b', .json = ""}}},
		{.findings = {{.letter = 'b', .json = "{\"a\":1,\"a\":2}"}}},
		{.findings = {{.letter = 'b', .json = "{\"title\":\"\xff\"}"}}},
	};

	(void)state;
	assert_string_equal(
		PASS(.findings = {{.letter = 'a', .json = hostile, .container = "x'); DROP TABLE sink; --"}}),
		"opened a");
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		assert_int_equal(look_at(store, &broken[i]), -1);
	assert_string_equal(told(store), "");
	assert_string_equal(PASS(.all_containers = true), "resolved a");
}

static void test_two_with_one_id_are_one(void **state)
{
	(void)state;
	assert_string_equal(
		PASS(.findings = {{.letter = 'a'}, {.letter = 'b'}, {.letter = 'a'}, {.letter = 'a'}}),
		"opened a, opened b");
	assert_string_equal(PASS(.findings = {{.letter = 'a'}, {.letter = 'a'}, {.letter = 'b'}}), "");
}

/* ---- counts -------------------------------------------------------------------------------------- */

static void test_the_state_counts_what_is_open(void **state)
{
	struct store_state *counts;

	(void)state;
	PASS(.findings = {{.letter = 'a', .severity = SEVERITY_LOW},
			  {.letter = 'b', .severity = SEVERITY_LOW},
			  {.letter = 'c', .excepted = true},
			  {.letter = 'd'}});
	PASS(.findings = {{.letter = 'a', .severity = SEVERITY_LOW},
			  {.letter = 'b', .severity = SEVERITY_LOW},
			  {.letter = 'c', .excepted = true}});
	counts = store_state(store, NULL);
	assert_non_null(counts);
	assert_int_equal(counts->open[SEVERITY_LOW], 2);
	assert_int_equal(counts->open[SEVERITY_HIGH], 0);
	assert_int_equal(counts->suppressed, 1);
	assert_int_equal(counts->resolved, 1);
	assert_int_equal(counts->rule_count, 1);
	assert_string_equal(counts->rules[0].rule, "process.root-user");
	assert_int_equal(counts->rules[0].count, 2);
	assert_false(counts->degraded);
	store_state_free(counts);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_PATIENT(name) cmocka_unit_test_setup_teardown(name, setup_patient, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_finding_opens_once),
		TEST(test_it_changes_with_its_digest_or_severity),
		TEST(test_it_is_resolved_when_it_is_gone),
		TEST(test_it_opens_anew_after_it_was_resolved),
		TEST(test_an_exception_suppresses_it_and_its_end_opens_it),
		TEST(test_loss_of_sight_is_not_resolution),
		TEST(test_each_container_has_to_be_seen),
		TEST(test_a_sysctl_has_to_be_seen),
		TEST(test_what_it_needs_may_change),
		TEST_PATIENT(test_it_is_resolved_after_a_while),
		TEST_PATIENT(test_one_that_comes_back_meanwhile_was_never_gone),
		TEST_PATIENT(test_three_openings_are_flapping),
		TEST_PATIENT(test_openings_far_apart_are_not),
		TEST(test_a_clock_that_was_set_back_shows_no_end_before_the_begin),
		TEST(test_a_text_that_was_sent_before_is_kept),
		TEST(test_one_that_is_not_known_is_asked_for),
		TEST(test_texts_are_no_sql_and_no_json),
		TEST(test_two_with_one_id_are_one),
		TEST(test_the_state_counts_what_is_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
