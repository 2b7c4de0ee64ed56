/* Lines of /proc/PID/maps, those that no kernel writes too. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "collectors/maps_text.h"

static struct mapping mapping;

static bool parse(const char *line)
{
	return mapping_parse(line, strlen(line), &mapping);
}

static void assert_path(const char *expected)
{
	char path[128];

	assert_true(mapping.length < sizeof(path));
	mapping_path(path, mapping.path, mapping.length);
	assert_string_equal(path, expected);
}

static void test_a_mapping(void **state)
{
	(void)state;
	assert_true(
		parse("55dc7a4f5000-55dc7a4fa000 r-xp 00002000 fe:1f 10987185                   /bin/sleep"));
	assert_true(mapping.executable);
	assert_int_equal(mapping.from, 0x55dc7a4f5000);
	assert_int_equal(mapping.to, 0x55dc7a4fa000);
	assert_int_equal(mapping.major, 0xfe);
	assert_int_equal(mapping.minor, 0x1f);
	assert_int_equal(mapping.inode, 10987185);
	assert_path("/bin/sleep");
	assert_true(parse("1-2 rw-p 0 00:27 18446744073709551609 /a  b "));
	assert_false(mapping.executable);
	assert_path("/a  b ");
	assert_true(parse("ffffffffffffffff-ffffffffffffffff ---s 0 0:0 1 /"));
	assert_path("/");
}

static void test_no_file(void **state)
{
	(void)state;
	assert_false(parse("7ffe0000-7ffe1000 r-xp 00000000 00:00 0                          [vdso]"));
	assert_false(parse("7ffe0000-7ffe1000 rwxp 00000000 00:00 0 "));
	assert_false(parse("7ffe0000-7ffe1000 rwxp 00000000 00:00 0"));
	assert_false(parse("1-2 r-xp 0 0:1 5 anon_inode:[perf_event]"));
	assert_false(parse("1-2 r-xp 0 0:1 0 /no/inode"));
}

static void test_malformed(void **state)
{
	static const char *const lines[] = {
		"",
		" ",
		"-",
		"1",
		"1-",
		"1-2",
		"1-2 ",
		"1-2 r-xp",
		"1-2 r-xp ",
		"1-2 r-xp 0",
		"1-2 r-xp 0 0",
		"1-2 r-xp 0 0:1",
		"1-2 r-xp 0 0:1 ",
		"1-2 r-xp 0 0:1 9",
		"1-2 r-x",
		"1-2 r-xpp 0 0:1 9 /a",
		"1-2  r-xp 0 0:1 9 /a",
		"g-2 r-xp 0 0:1 9 /a",
		"1-2 r-xp 0 0:1 a /a",
		"1-2 r-xp 0 0:1 99999999999999999999999 /a",
		"11111111111111111-2 r-xp 0 0:1 9 /a",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (parse(lines[i]))
			fail_msg("taken for a mapping: %s", lines[i]);
	assert_false(mapping_parse("1-2 r-xp 0 0:\0 9 /a", 19, &mapping));
}

/* No byte behind the line is read: the sanitizers watch the block's end. */
static void test_cut_anywhere(void **state)
{
	static const char line[] = "55dc7a4f5000-55dc7a4fa000 r-xp 00002000 fe:00 10987185   /bin/sleep";

	(void)state;
	for (size_t length = 0; length < sizeof(line) - 1; length++) {
		char *copy = malloc(length ? length : 1);
		assert_non_null(copy);
		memcpy(copy, line, length);
		assert_int_equal(mapping_parse(copy, length, &mapping), length > strcspn(line, "/"));
		free(copy);
	}
}

static void test_paths(void **state)
{
	(void)state;
	assert_true(parse("1-2 r-xp 0 0:1 9 /a\\012b\\012"));
	assert_path("/a\nb\n");
	assert_true(parse("1-2 r-xp 0 0:1 9 /a\\01"));
	assert_path("/a\\01");
	assert_true(parse("1-2 r-xp 0 0:1 9 /\\\\012\\0"));
	assert_path("/\\\n\\0");
}

static void test_deleted(void **state)
{
	(void)state;
	assert_int_equal(mapping_deleted("/a (deleted)"), 2);
	assert_int_equal(mapping_deleted("/a (deleted) (deleted)"), 12);
	assert_int_equal(mapping_deleted(" (deleted)"), 0);
	assert_int_equal(mapping_deleted("/a(deleted)"), 0);
	assert_int_equal(mapping_deleted("/a (deleted) "), 0);
	assert_int_equal(mapping_deleted(""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_mapping), cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_malformed), cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_paths),     cmocka_unit_test(test_deleted),
	};

	return cmocka_run_group_tests_name("maps_text", tests, NULL, NULL);
}
