#include "tests/unit/test.h"

#include <stdlib.h>

#include "agent/since.h"

#define NOW 1800000000 /* 2027-01-15 08:00:00 UTC */

static int64_t seconds(const char *text)
{
	int64_t since = -1;

	assert_int_equal(since_parse(text, NOW, &since, NULL), 0);
	assert_int_equal(since % 1000, 0);
	return since / 1000;
}

static void test_ages(void **state)
{
	(void)state;
	assert_int_equal(seconds("0s"), NOW);
	assert_int_equal(seconds("90s"), NOW - 90);
	assert_int_equal(seconds("30m"), NOW - 1800);
	assert_int_equal(seconds("12h"), NOW - 43200);
	assert_int_equal(seconds("7d"), NOW - 604800);
	assert_int_equal(seconds("2w"), NOW - 1209600);
}

static void test_times(void **state)
{
	(void)state;
	assert_int_equal(seconds("2027-01-15T08:00:00Z"), NOW);
	assert_int_equal(seconds("2027-01-15T08:00Z"), NOW);
	assert_int_equal(seconds("2027-01-15Z"), NOW - 8 * 3600);
	assert_int_equal(seconds("2027-01-15T10:00"), NOW); /* two hours east */
	assert_int_equal(seconds("2027-01-15 10:00:05"), NOW + 5);
	assert_int_equal(seconds("2027-01-15"), NOW - 10 * 3600);
}

static void test_what_is_neither(void **state)
{
	static const char *const texts[] = {"",
					    "d",
					    "7",
					    "7y",
					    "7d ",
					    " 7d",
					    "-1d",
					    "1.5h",
					    "7dd",
					    "now",
					    "99999999999999999999d",
					    "9999999999999d",
					    "2027-13-01",
					    "2027-01-15T08:00:00+01",
					    "1900-01-01Z"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int64_t since;
		struct error *error = NULL;
		if (!since_parse(texts[i], NOW, &since, &error))
			fail_msg("`%s` was taken for %lld", texts[i], (long long)since);
		assert_true(error_has_remedy(error));
		error_free(error);
	}
}

static void test_ages_as_they_are_shown(void **state)
{
	char text[AGE_SIZE];

	(void)state;
	assert_string_equal(since_age(-5, text), "0s");
	assert_string_equal(since_age(119999, text), "119s");
	assert_string_equal(since_age(120000, text), "2m");
	assert_string_equal(since_age(7199999, text), "119m");
	assert_string_equal(since_age(7200000, text), "2h");
	assert_string_equal(since_age(INT64_C(172800000), text), "2d");
	assert_string_equal(since_age(INT64_MAX, text), "106751991167d");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ages),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_what_is_neither),
		cmocka_unit_test(test_ages_as_they_are_shown),
	};

	setenv("TZ", "EET-2", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
