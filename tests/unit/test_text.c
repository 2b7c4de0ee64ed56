#include "tests/unit/test.h"

#include <locale.h>
#include <string.h>

#include "proctor/text.h"

static void assert_escaped(const char *data, size_t length, const char *expected)
{
	char out[256];

	assert_int_equal(text_escape(out, sizeof(out), data, length), strlen(expected));
	assert_string_equal(out, expected);
}

#define ESCAPES(data, expected) assert_escaped(data, sizeof(data) - 1, expected)

static void test_valid_text_stays(void **state)
{
	(void)state;
	ESCAPES("", "");
	ESCAPES("nginx: worker process", "nginx: worker process");
	ESCAPES("ä€𝄞漢", "ä€𝄞漢");
}

static void test_controls_are_escaped(void **state)
{
	(void)state;
	ESCAPES("a\nb\tc\rd\\e", "a\\nb\\tc\\rd\\\\e");
	ESCAPES("\033[31m\a\177", "\\x1b[31m\\x07\\x7f");
	ESCAPES("a\0b", "a\\x00b");
	ESCAPES("\xc2\x9b", "\\xc2\\x9b");                   /* CSI, C1 */
	ESCAPES("\xe2\x80\xae", "\\xe2\\x80\\xae");          /* right-to-left override */
	ESCAPES("\xe2\x80\xa8", "\\xe2\\x80\\xa8");          /* line separator */
	ESCAPES("\xef\xbb\xbf", "\\xef\\xbb\\xbf");          /* byte order mark */
	ESCAPES("\xf3\xa0\x80\xa1", "\\xf3\\xa0\\x80\\xa1"); /* tag character */
}

static void test_invalid_utf8_is_escaped(void **state)
{
	(void)state;
	ESCAPES("\xff", "\\xff");
	ESCAPES("\x80", "\\x80");
	ESCAPES("\xc0\xaf", "\\xc0\\xaf");                   /* overlong slash */
	ESCAPES("\xe0\x80\xaf", "\\xe0\\x80\\xaf");          /* overlong slash */
	ESCAPES("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* surrogate */
	ESCAPES("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* above U+10FFFF */
	ESCAPES("\xe2\x82", "\\xe2\\x82");                   /* cut short */
	ESCAPES("\xe2(x", "\\xe2(x");
	ESCAPES("\xc3\xa4\xc3", "ä\\xc3");
}

static void test_escape_cuts_between_sequences(void **state)
{
	char out[6];

	(void)state;
	assert_int_equal(text_escape(out, sizeof(out), "abcd\n", 5), 6);
	assert_string_equal(out, "abcd");
	assert_int_equal(text_escape(out, sizeof(out), "abcdä!", 7), 7);
	assert_string_equal(out, "abcd");
	assert_int_equal(text_escape(out, 1, "x", 1), 1);
	assert_string_equal(out, "");
	assert_int_equal(text_escape(NULL, 0, "\n\n", 2), 4);
}

static bool reads(const char *text, unsigned base, uint64_t expected, size_t used)
{
	const char *cursor = text;
	uint64_t value = 0;

	return text_read_number(&cursor, text + strlen(text), base, &value) && value == expected &&
	       cursor == text + used;
}

static bool refuses(const char *text, unsigned base)
{
	const char *cursor = text;
	uint64_t value;

	return !text_read_number(&cursor, text + strlen(text), base, &value) && cursor == text;
}

static void test_numbers(void **state)
{
	(void)state;
	assert_true(reads("0", 10, 0, 1));
	assert_true(reads("12 34", 10, 12, 2));
	assert_true(reads("18446744073709551615", 10, UINT64_MAX, 20));
	assert_true(reads("000001fffeffffff\n", 16, 0x1fffeffffff, 16));
	assert_true(reads("FfG", 16, 0xff, 2));
	assert_true(reads("778", 8, 077, 2));
}

static void test_what_is_no_number(void **state)
{
	(void)state;
	assert_true(refuses("", 10));
	assert_true(refuses(" 1", 10));
	assert_true(refuses("-1", 10));
	assert_true(refuses("+1", 10));
	assert_true(refuses("x1", 16));
	assert_true(refuses("18446744073709551616", 10));
	assert_true(refuses("10000000000000000", 16));
	assert_true(refuses("99999999999999999999999999", 10));
}

static void test_number_stops_at_the_end(void **state)
{
	const char *text = "12345", *cursor = text;
	uint64_t value;

	(void)state;
	assert_true(text_read_number(&cursor, text + 3, 10, &value));
	assert_int_equal(value, 123);
	assert_false(text_read_number(&cursor, text + 3, 10, &value));
}

static void test_width(void **state)
{
	(void)state;
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		skip();
	assert_int_equal(text_width(""), 0);
	assert_int_equal(text_width("abc"), 3);
	assert_int_equal(text_width("漢字"), 4);
	assert_int_equal(text_width("e\xcc\x81"), 1); /* combining acute */
}

static void test_glob(void **state)
{
	(void)state;
	assert_true(text_glob("*", ""));
	assert_true(text_glob("/usr/*", "/usr/lib/a/b"));
	assert_true(text_glob("capability.*", "capability.ambient"));
	assert_true(text_glob("web-[0-9]", "web-7"));
	assert_false(text_glob("web-?", "web-77"));
	assert_false(text_glob("", "a"));
	assert_true(text_glob("/srv/\xff", "/srv/\xff"));
	assert_false(text_glob("/srv", "/srv/"));
	assert_true(text_glob("a\\*", "a*"));
	assert_true(text_glob("a]", "a]"));
	assert_true(text_glob("漢?", "漢字"));
}

static void test_safe_is_what_is_left_as_it_is(void **state)
{
	static const struct {
		const char *text;
		size_t length;
		bool safe;
	} cases[] = {
		{"", 0, true},      {"a\\b \xc3\xa9", 6, true}, {"a\nb", 3, false},
		{"\0", 1, false},   {"\xff", 1, false},         {"\xc3", 1, false},
		{"\x7f", 1, false}, {"\xe2\x80\xae", 3, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(text_is_safe(cases[i].text, cases[i].length), cases[i].safe);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid_text_stays),
		cmocka_unit_test(test_controls_are_escaped),
		cmocka_unit_test(test_invalid_utf8_is_escaped),
		cmocka_unit_test(test_escape_cuts_between_sequences),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_what_is_no_number),
		cmocka_unit_test(test_number_stops_at_the_end),
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_glob),
		cmocka_unit_test(test_safe_is_what_is_left_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
