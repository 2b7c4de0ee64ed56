#include "tests/unit/test.h"

#include <string.h>

#include "agent/remedy/diff.h"
#include "proctor/cleanup.h"

static void assert_diff(const char *before, const char *after, const char *expected)
{
	_cleanup_free_ char *text = diff_unified("a", before, "b", after);

	assert_non_null(text);
	assert_string_equal(text, expected);
}

static void test_nothing_differs(void **state)
{
	(void)state;
	assert_diff("", "", "");
	assert_diff("1\n2\n", "1\n2\n", "");
}

static void test_lines_are_added_and_removed(void **state)
{
	(void)state;
	assert_diff("", "1\n", "--- a\n+++ b\n@@ -0,0 +1 @@\n+1\n");
	assert_diff("1\n", "", "--- a\n+++ b\n@@ -1 +0,0 @@\n-1\n");
	assert_diff("1\n2\n3\n4\n5\n", "1\n2\n3\nx\n4\n5\n",
		    "--- a\n+++ b\n@@ -1,5 +1,6 @@\n 1\n 2\n 3\n+x\n 4\n 5\n");
	assert_diff("1\n", "2\n", "--- a\n+++ b\n@@ -1 +1 @@\n-1\n+2\n");
}

/* Three lines around each; changes that share them are one hunk. */
static void test_hunks(void **state)
{
	(void)state;
	assert_diff("a\n1\n2\n3\n4\n5\n6\nb\n", "A\n1\n2\n3\n4\n5\n6\nB\n",
		    "--- a\n+++ b\n@@ -1,8 +1,8 @@\n-a\n+A\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+B\n");
	assert_diff(
		"a\n1\n2\n3\n4\n5\n6\n7\nb\n", "A\n1\n2\n3\n4\n5\n6\n7\nB\n",
		"--- a\n+++ b\n@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n");
}

/* The script is a shortest one: of the paper's example five lines. */
static void test_shortest(void **state)
{
	_cleanup_free_ char *text = diff_unified("a", "a\nb\nc\na\nb\nb\na\n", "b", "c\nb\na\nb\na\nc\n");
	size_t changes = 0;

	(void)state;
	assert_non_null(text);
	for (const char *line = strstr(text, "@@ -"); line; line = strchr(line + 1, '\n'))
		changes += line[1] == '-' || line[1] == '+';
	assert_int_equal(changes, 5);
}

static char *lines_of(char letter, size_t count)
{
	char *text = malloc(2 * count + 1);

	assert_non_null(text);
	for (size_t i = 0; i < count; i++)
		memcpy(text + 2 * i, (const char[]){letter, '\n'}, 2);
	text[2 * count] = '\0';
	return text;
}

/* More differences than it looks for: the one is taken away, the other added, in bounded time. */
static void test_all_differs(void **state)
{
	_cleanup_free_ char *before = lines_of('a', 5000), *after = lines_of('b', 5000);
	_cleanup_free_ char *text = diff_unified("a", before, "b", after);

	(void)state;
	assert_non_null(text);
	assert_non_null(strstr(text, "@@ -1,5000 +1,5000 @@\n-a\n"));
	assert_int_equal(strlen(text), strlen("--- a\n+++ b\n@@ -1,5000 +1,5000 @@\n") + 2 * 5000 * 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_differs), cmocka_unit_test(test_lines_are_added_and_removed),
		cmocka_unit_test(test_hunks),           cmocka_unit_test(test_shortest),
		cmocka_unit_test(test_all_differs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
