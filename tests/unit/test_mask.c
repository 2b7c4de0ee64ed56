#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "agent/mask.h"
#include "proctor/cleanup.h"

static void assert_mask(const char *text, capability_set expected)
{
	_cleanup_error_ struct error *error = NULL;
	capability_set set = 12345;

	if (mask_parse(text, &set, &error))
		fail_msg("'%s': %s", text, error_message(error));
	if (set != expected)
		fail_msg("'%s' is %llx, not %llx", text, (unsigned long long)set,
			 (unsigned long long)expected);
	assert_null(error);
}

/* It is refused, in a message of one line's length that has the words. */
static void assert_refused(const char *text, const char *words)
{
	_cleanup_error_ struct error *error = NULL;
	capability_set set;

	if (!mask_parse(text, &set, &error))
		fail_msg("'%.80s' is taken for %llx", text, (unsigned long long)set);
	assert_non_null(error);
	if (!strstr(error_message(error), words) || strlen(error_message(error)) > 200)
		fail_msg("'%.80s': %s", text, error_message(error));
}

static void test_hexadecimal(void **state)
{
	(void)state;
	assert_mask("00000000a80425fb", CAPABILITY_DOCKER_DEFAULT);
	assert_mask("0xA80425FB", CAPABILITY_DOCKER_DEFAULT);
	assert_mask("0Xa80425fb", CAPABILITY_DOCKER_DEFAULT);
	assert_mask("0", 0);
	assert_mask("0x0", 0);
	assert_mask("21", 0x21);
	assert_mask("ffffffffffffffff", UINT64_MAX);
	assert_mask("0xffffffffffffffff", UINT64_MAX);
	assert_mask("000000000000000000000000000000001ffffffffff", 0x1ffffffffff);
}

static void test_lists(void **state)
{
	(void)state;
	assert_mask("net_raw", CAPABILITY_MASK(CAP_NET_RAW));
	assert_mask("CAP_NET_RAW,sys_admin", CAPABILITY_MASK(CAP_NET_RAW) | CAPABILITY_MASK(CAP_SYS_ADMIN));
	assert_mask("13,21", CAPABILITY_MASK(13) | CAPABILITY_MASK(21));
	assert_mask("21,net_raw,21", CAPABILITY_MASK(13) | CAPABILITY_MASK(21));
	assert_mask("cap_21", CAPABILITY_MASK(21));
	assert_mask("cap_63,0", CAPABILITY_MASK(63) | 1);
}

static void test_every_name_leads_to_its_bit(void **state)
{
	char name[CAPABILITY_NAME_SIZE];

	(void)state;
	for (unsigned number = 0; number < 64; number++) {
		assert_mask(capability_name(number, name), CAPABILITY_MASK(number));
		assert_mask(capability_constant(number, name), CAPABILITY_MASK(number));
	}
}

static void test_what_is_no_mask(void **state)
{
	(void)state;
	assert_refused("10000000000000000", "64 bits");
	assert_refused("0x1ffffffffffffffff", "64 bits");
	assert_refused("0xzz", "hexadecimal");
	assert_refused("0x", "hexadecimal");
	assert_refused("0x0x0", "hexadecimal");
	assert_refused("0x1,0x2", "hexadecimal");
	assert_refused("", "hexadecimal");
	assert_refused(",", "hexadecimal");
	assert_refused("net_raw,", "hexadecimal");
	assert_refused(",net_raw", "hexadecimal");
	assert_refused("13,,21", "hexadecimal");
	assert_refused("net_raw sys_admin", "no capability");
	assert_refused(" a80425fb", "no capability");
	assert_refused("a80425fb\n", "no capability");
	assert_refused("-1", "no capability");
	assert_refused("+21", "no capability");
	assert_refused("64,65", "'64'");
	assert_refused("99999999999999999999,1", "no capability");
	assert_refused("%s%n%s%n", "'%s%n%s%n'");
	assert_refused("\033[31m", "no capability");
	assert_refused("\xff\xfe", "no capability");
}

static void test_the_nearest_name_is_told(void **state)
{
	(void)state;
	assert_refused("net_rwa", "'net_raw'");
	assert_refused("chown,sys-admin", "'sys_admin'");
	assert_refused("CAP_SYSADMIN", "'sys_admin'");
}

static void test_very_long_operands(void **state)
{
	enum { LENGTH = 1 << 20 };
	_cleanup_free_ char *text = malloc(LENGTH + 1);

	(void)state;
	assert_non_null(text);
	text[LENGTH] = '\0';
	for (const char *byte = "f0x_,\n%"; *byte; byte++) {
		memset(text, *byte, LENGTH);
		if (*byte == '0')
			assert_mask(text, 0);
		else
			assert_refused(text, "");
	}
	for (size_t i = 0; i + 2 <= LENGTH; i += 2)
		memcpy(text + i, "7,", 2);
	text[LENGTH - 1] = '\0';
	assert_mask(text, CAPABILITY_MASK(7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hexadecimal),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_every_name_leads_to_its_bit),
		cmocka_unit_test(test_what_is_no_mask),
		cmocka_unit_test(test_the_nearest_name_is_told),
		cmocka_unit_test(test_very_long_operands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
