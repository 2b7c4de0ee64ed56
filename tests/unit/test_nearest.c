#include "tests/unit/test.h"

#include <string.h>

#include "agent/nearest.h"

static const char *const names[] = {"capability.ambient",
				    "capability.beyond-default",
				    "mount.host-path",
				    "mount.writable-root",
				    "sys_admin",
				    "sys_boot",
				    "bpf",
				    "x",
				    NULL};

static struct nearest nearest;

static const char *nearest_name(const char *wanted)
{
	nearest_to(&nearest, wanted);
	for (size_t i = 0; names[i]; i++) {
		const char *dot = strchr(names[i], '.');
		nearest_offer(&nearest, names[i], names[i]);
		if (dot)
			nearest_offer(&nearest, names[i], dot + 1);
	}
	return nearest.name;
}

static void test_mistyped(void **state)
{
	(void)state;
	assert_string_equal(nearest_name("sys_amdin"), "sys_admin");
	assert_string_equal(nearest_name("SYS-ADMIN"), "sys_admin");
	assert_string_equal(nearest_name("sysadmin"), "sys_admin");
	assert_string_equal(nearest_name("sys_adm"), "sys_admin");
	assert_string_equal(nearest_name("mount.writeable-root"), "mount.writable-root");
	assert_string_equal(nearest_name("mount_hostpath"), "mount.host-path");
	assert_string_equal(nearest_name("fpb"), "");
	assert_string_equal(nearest_name("bfp"), "bpf");
}

static void test_without_its_family(void **state)
{
	(void)state;
	assert_string_equal(nearest_name("beyond-default"), "capability.beyond-default");
	assert_string_equal(nearest_name("ambiant"), "capability.ambient");
}

static void test_what_is_near_to_nothing(void **state)
{
	char longest[NEAREST_SIZE], longer[NEAREST_SIZE + 1];

	(void)state;
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_string_equal(nearest_name(""), "");
	assert_string_equal(nearest_name("zzzzzzzz"), "");
	assert_string_equal(nearest_name("no-such-rule-at-all"), "");
	assert_string_equal(nearest_name("\xff\x1b\n"), "");
	assert_string_equal(nearest_name(longest), "");
	assert_string_equal(nearest_name(longer), "");
}

static void test_the_nearest_of_all_and_the_first_of_those(void **state)
{
	(void)state;
	nearest_to(&nearest, "abcd");
	nearest_offer(&nearest, "abxx", "abxx");
	assert_string_equal(nearest.name, "");
	nearest_offer(&nearest, "abcx", "abcx");
	nearest_offer(&nearest, "abxd", "abxd");
	assert_string_equal(nearest.name, "abcx");
	nearest_offer(&nearest, "name", "abcd");
	assert_string_equal(nearest.name, "name");
}

static void test_names_of_any_length(void **state)
{
	char name[3 * NEAREST_SIZE];

	(void)state;
	for (size_t length = 0; length < sizeof(name); length++) {
		memset(name, 'a', length);
		name[length] = '\0';
		nearest_to(&nearest, name);
		nearest_offer(&nearest, name, name);
		assert_string_equal(nearest.name, length < NEAREST_SIZE ? name : "");
		nearest_to(&nearest, "a");
		nearest_offer(&nearest, name, name);
		assert_string_equal(nearest.name, length == 1 ? "a" : "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mistyped),
		cmocka_unit_test(test_without_its_family),
		cmocka_unit_test(test_what_is_near_to_nothing),
		cmocka_unit_test(test_the_nearest_of_all_and_the_first_of_those),
		cmocka_unit_test(test_names_of_any_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
