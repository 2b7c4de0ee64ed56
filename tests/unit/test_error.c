#include "tests/unit/test.h"

#include <errno.h>

#include "proctor/cleanup.h"
#include "proctor/error.h"

static void test_message_with_and_without_number(void **state)
{
	_cleanup_error_ struct error *error = NULL;

	(void)state;
	assert_int_equal(error_set(&error, 0, "no such column: %s", "x"), -1);
	assert_string_equal(error_message(error), "no such column: x");
	assert_int_equal(error_number(error), 0);
	assert_int_equal(error_set(&error, EACCES, "opening %s", "/proc/7/root"), -1);
	assert_string_equal(error_message(error), "opening /proc/7/root: Permission denied");
	assert_int_equal(error_number(error), EACCES);
}

static void test_context_stands_before_and_remedy_behind(void **state)
{
	_cleanup_error_ struct error *error = NULL;

	(void)state;
	assert_false(error_has_remedy(error));
	error_set(&error, ENOENT, "opening /proc");
	assert_int_equal(error_context(&error, "collector %s", "process"), -1);
	assert_false(error_has_remedy(error));
	assert_int_equal(error_remedy(&error, "mount it with %s", "mount -t proc"), -1);
	assert_true(error_has_remedy(error));
	assert_string_equal(error_message(error),
			    "collector process: opening /proc: No such file or directory"
			    "; mount it with mount -t proc");
	assert_int_equal(error_number(error), ENOENT);
	error_set(&error, 0, "another");
	assert_false(error_has_remedy(error));
}

static void test_percent_in_what_came_before_is_not_a_format(void **state)
{
	_cleanup_error_ struct error *error = NULL;

	(void)state;
	error_set(&error, 0, "%s", "100%s%n");
	error_context(&error, "a");
	error_remedy(&error, "b");
	assert_string_equal(error_message(error), "a: 100%s%n; b");
}

static void test_nobody_listens(void **state)
{
	struct error *none = NULL;

	(void)state;
	assert_int_equal(error_set(NULL, EIO, "reading"), -1);
	assert_int_equal(error_context(NULL, "x"), -1);
	assert_int_equal(error_remedy(NULL, "x"), -1);
	assert_int_equal(error_context(&none, "x"), -1);
	assert_int_equal(error_remedy(&none, "x"), -1);
	assert_null(none);
	assert_string_equal(error_message(NULL), "unknown error");
	assert_int_equal(error_number(NULL), 0);
	error_free(NULL);
}

static void test_move(void **state)
{
	struct error *from = NULL, *error = NULL;

	(void)state;
	error_set(&error, 0, "an earlier one");
	error_set(&from, ENOENT, "opening");
	error_remedy(&from, "make it");
	assert_int_equal(error_move(&error, &from), -1);
	assert_null(from);
	assert_string_equal(error_message(error), "opening: No such file or directory; make it");
	assert_int_equal(error_number(error), ENOENT);
	assert_true(error_has_remedy(error));
	assert_int_equal(error_move(NULL, &error), -1);
	assert_null(error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message_with_and_without_number),
		cmocka_unit_test(test_context_stands_before_and_remedy_behind),
		cmocka_unit_test(test_percent_in_what_came_before_is_not_a_format),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
