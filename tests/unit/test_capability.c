#include "tests/unit/test.h"

#include <string.h>

#include "proctor/capability.h"

static const capability_set all = 0x1ffffffffff; /* up to cap 40 */

static void assert_words(capability_set set, const char *expected)
{
	char out[2048];

	assert_int_equal(capability_words(out, sizeof(out), set, all), strlen(expected));
	assert_string_equal(out, expected);
}

static void test_every_number_has_a_name_that_leads_back(void **state)
{
	char name[CAPABILITY_NAME_SIZE];

	(void)state;
	for (unsigned number = 0; number < 64; number++) {
		assert_ptr_equal(capability_name(number, name), name);
		assert_int_equal(capability_number(name), number);
		assert_int_equal(capability_number(capability_constant(number, name)), number);
	}
}

static void test_names(void **state)
{
	char name[CAPABILITY_NAME_SIZE];

	(void)state;
	assert_string_equal(capability_name(13, name), "net_raw");
	assert_string_equal(capability_constant(13, name), "CAP_NET_RAW");
	assert_string_equal(capability_name(40, name), "checkpoint_restore");
	assert_string_equal(capability_name(63, name), "cap_63");
	assert_string_equal(capability_constant(63, name), "CAP_63");
	assert_int_equal(capability_number("CAP_SYS_ADMIN"), 21);
	assert_int_equal(capability_number("Sys_Admin"), 21);
	assert_int_equal(capability_number("21"), 21);
	assert_int_equal(capability_number("cap_63"), 63);
}

static void test_what_is_no_capability(void **state)
{
	static const char *const names[] = {
		"",
		"cap_",
		"CAP_",
		"cap_cap_net_raw",
		"net_raw ",
		" net_raw",
		"net_ra",
		"net_raw\n",
		"-1",
		"+21",
		"21x",
		"64",
		"999999999999999999999999999",
		"0x15",
		" 21",
		"21 ",
		"cap_64",
		"?",
		"full",
		"%s%s%n",
		"\xff",
		"none",
		"all",
		NULL,
	};

	(void)state;
	for (size_t i = 0; names[i]; i++)
		if (capability_number(names[i]) != -1)
			fail_msg("'%s' is taken for capability %d", names[i], capability_number(names[i]));
}

static void test_names_of_securebits(void **state)
{
	char name[CAPABILITY_NAME_SIZE];

	(void)state;
	assert_string_equal(securebit_name(0, name), "noroot");
	assert_string_equal(securebit_name(3, name), "no_setuid_fixup_locked");
	assert_string_equal(securebit_name(4, name), "keep_caps");
	assert_string_equal(securebit_name(7, name), "no_cap_ambient_raise_locked");
	assert_string_equal(securebit_name(11, name), "exec_deny_interactive_locked");
	assert_string_equal(securebit_name(12, name), "bit_12");
	assert_string_equal(securebit_name(31, name), "bit_31");
}

static void test_all(void **state)
{
	(void)state;
	assert_int_equal(capability_all(40), all);
	assert_int_equal(capability_all(0), 1);
	assert_true(capability_all(63) == UINT64_MAX);
	assert_true(capability_all(1000) == UINT64_MAX);
}

static void test_fewest_words(void **state)
{
	(void)state;
	assert_words(0, "none");
	assert_words(all, "full");
	assert_words(CAPABILITY_DOCKER_DEFAULT, "docker-default");
	assert_words(all & ~CAPABILITY_MASK(24), "full -sys_resource");
	assert_words((CAPABILITY_DOCKER_DEFAULT | CAPABILITY_MASK(19)) & ~CAPABILITY_MASK(13),
		     "docker-default +sys_ptrace -net_raw");
	assert_words(CAPABILITY_MASK(10), "net_bind_service");
	assert_words(CAPABILITY_MASK(21) | CAPABILITY_MASK(13), "net_raw sys_admin");
	assert_words(all | CAPABILITY_MASK(63), "full +cap_63");
	assert_words(CAPABILITY_MASK(63), "cap_63");
}

static void test_words_are_cut_like_snprintf(void **state)
{
	char out[8];

	(void)state;
	assert_int_equal(capability_words(out, sizeof(out), CAPABILITY_DOCKER_DEFAULT, all), 14);
	assert_string_equal(out, "docker-");
	assert_int_equal(capability_words(NULL, 0, CAPABILITY_DOCKER_DEFAULT, all), 14);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_number_has_a_name_that_leads_back),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_what_is_no_capability),
		cmocka_unit_test(test_names_of_securebits),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_fewest_words),
		cmocka_unit_test(test_words_are_cut_like_snprintf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
