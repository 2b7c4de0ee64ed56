#include "tests/unit/test.h"

#include <ctype.h>
#include <string.h>

#include "proctor/capability.h"
#include "proctor/text.h"

/* Full stops that end a sentence: not those of versions and of sysctls. */
static size_t count_sentences(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += *text == '.' && (!text[1] || text[1] == ' ');
	return count;
}

static void assert_prose(unsigned number, const char *text)
{
	size_t length = strlen(text);
	char escaped[1024];

	if (length < 16 || length > 400)
		fail_msg("capability %u: a text of %zu bytes: '%s'", number, length, text);
	if (!isupper((unsigned char)text[0]) || text[length - 1] != '.')
		fail_msg("capability %u: not from a capital to a full stop: '%s'", number, text);
	if (strstr(text, "  ") || strstr(text, " ."))
		fail_msg("capability %u: a blank too many: '%s'", number, text);
	assert_int_equal(text_escape(escaped, sizeof(escaped), text, length), length);
}

static void test_every_capability_has_text(void **state)
{
	(void)state;
	for (unsigned number = 0; number <= CAP_LAST_CAP; number++) {
		const struct capability_text *text = capability_describe(number);
		if (!text || !text->allows) {
			fail_msg("capability %u has no text", number);
			return;
		}
		assert_int_equal(text->number, number);
		assert_prose(number, text->allows);
		if (count_sentences(text->allows) != 1)
			fail_msg("capability %u: not one sentence: '%s'", number, text->allows);
		if (text->attack)
			assert_prose(number, text->attack);
		if (text->instead)
			assert_prose(number, text->instead);
	}
}

static void test_no_two_are_described_alike(void **state)
{
	(void)state;
	for (unsigned one = 0; one <= CAP_LAST_CAP; one++)
		for (unsigned other = 0; other < one; other++)
			assert_string_not_equal(capability_describe(one)->allows,
						capability_describe(other)->allows);
}

static void test_dangerous_ones_tell_the_attack_and_the_way_around(void **state)
{
	static const unsigned dangerous[] = {
		CAP_DAC_READ_SEARCH, CAP_NET_ADMIN, CAP_NET_RAW,  CAP_SYS_MODULE, CAP_SYS_RAWIO,
		CAP_SYS_PTRACE,      CAP_SYS_ADMIN, CAP_SYS_BOOT, CAP_BPF,        CAP_PERFMON,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(dangerous) / sizeof(dangerous[0]); i++) {
		const struct capability_text *text = capability_describe(dangerous[i]);
		if (!text || !text->attack || !text->instead)
			fail_msg("capability %u tells too little", dangerous[i]);
	}
}

static void test_there_is_none_of_a_newer_kernel(void **state)
{
	(void)state;
	for (unsigned number = CAP_LAST_CAP + 1; number < 64; number++)
		assert_null(capability_describe(number));
	assert_null(capability_describe(64));
	assert_null(capability_describe(~0u));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_capability_has_text),
		cmocka_unit_test(test_no_two_are_described_alike),
		cmocka_unit_test(test_dangerous_ones_tell_the_attack_and_the_way_around),
		cmocka_unit_test(test_there_is_none_of_a_newer_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
