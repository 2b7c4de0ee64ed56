/* Which names are tools. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "collectors/tool.h"
#include "proctor/cleanup.h"
#include "proctor/snapshot.h"

struct named {
	const char *name;
	uint32_t kinds;
};

static void test_names(void **state)
{
	static const struct named names[] = {
		{"sh", TOOL_SHELL},
		{"bash", TOOL_SHELL},
		{"zsh", TOOL_SHELL},
		{"busybox", TOOL_SHELL | TOOL_NETWORK},
		{"apk", TOOL_PACKAGE_MANAGER},
		{"apt-get", TOOL_PACKAGE_MANAGER},
		{"zypper", TOOL_PACKAGE_MANAGER},
		{"nc.openbsd", TOOL_NETWORK},
		{"wget", TOOL_NETWORK},
		{"as", TOOL_COMPILER},
		{"g++", TOOL_COMPILER},
		{"ld.gold", TOOL_COMPILER},
		{"go", TOOL_COMPILER | TOOL_PACKAGE_MANAGER},
		{"gdb", TOOL_DEBUGGER},
		{"cat", 0},
		{"s", 0},
		{"shh", 0},
		{"", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (tool_kinds(names[i].name) != names[i].kinds)
			print_error("%s\n", names[i].name);
		assert_int_equal(tool_kinds(names[i].name), names[i].kinds);
		assert_int_equal(tool_is_named(names[i].name), names[i].kinds != 0);
	}
}

static void test_places(void **state)
{
	static const char *const callable[] = {"/sh",
					       "/bin/sh",
					       "/busybox/sh",
					       "/usr/sbin/ssh",
					       "/usr/lib/klibc/bin/sh",
					       "/usr/local/go/bin/go",
					       "/opt/app/nc",
					       "/tmp/nmap",
					       "/libs/nc",
					       "/etcetera/nc",
					       NULL};
	static const char *const kept[] = {"/usr/lib/apt/methods/ftp",
					   "/usr/share/bug/zsh",
					   "/etc/init.d/ssh",
					   "/etc/cron.daily/dpkg",
					   "/lib/nc",
					   "/usr/lib/xbin/nc",
					   "/usr/lib/bin/x/nc",
					   "/var/lib/dpkg/info/gcc",
					   NULL};

	(void)state;
	for (const char *const *path = callable; *path; path++)
		assert_true(tool_is_callable(*path));
	for (const char *const *path = kept; *path; path++)
		assert_false(tool_is_callable(*path));
}

static void test_versions_and_machines(void **state)
{
	static const struct named names[] = {
		{"gcc-12", TOOL_COMPILER},
		{"clang-14.0", TOOL_COMPILER},
		{"pip3", TOOL_PACKAGE_MANAGER},
		{"pip3.11", TOOL_PACKAGE_MANAGER},
		{"ksh93", TOOL_SHELL},
		{"x86_64-linux-gnu-gcc-12", TOOL_COMPILER},
		{"aarch64-alpine-linux-musl-g++", TOOL_COMPILER},
		{"arm-none-eabi-as", TOOL_COMPILER},
		{"x86_64-linux-gnu-sh", 0}, /* only compilers are for a machine */
		{"my-gcc", 0},
		{"python3.11", 0},
		{"gcc-ar-12", 0},
		{"ld-linux-x86-64.so.2", 0},
		{"12", 0},
		{"-", 0},
		{"---", 0},
		{"a-b-", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (tool_kinds(names[i].name) != names[i].kinds)
			print_error("%s\n", names[i].name);
		assert_int_equal(tool_kinds(names[i].name), names[i].kinds);
	}
}

static void test_long_names(void **state)
{
	char name[2 * NAME_MAX];

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(tool_kinds(name), 0);
	memcpy(name + NAME_MAX - 8, "-b-gcc-1", sizeof("-b-gcc-1"));
	memcpy(name, "x-", 2);
	assert_int_equal(tool_kinds(name), TOOL_COMPILER);
}

/* What tool_is_program says of a file with those bytes. */
static int program_with(const char *bytes, size_t length)
{
	_cleanup_close_ int file = memfd_create("program", MFD_CLOEXEC);

	assert_true(file >= 0);
	assert_int_equal(write(file, bytes, length), length);
	return tool_is_program("/proc", file);
}

static void test_programs(void **state)
{
	(void)state;
	assert_int_equal(program_with("\177ELF\2\1\1", 7), 1);
	assert_int_equal(program_with("#!/bin/sh", 9), 1);
	assert_int_equal(program_with("#!", 2), 1);
	assert_int_equal(program_with("", 0), 0);
	assert_int_equal(program_with("#", 1), 0);
	assert_int_equal(program_with("\177EL", 3), 0);
	assert_int_equal(program_with(" #!/bin/sh", 10), 0);
	assert_int_equal(program_with("\0\0\0\0", 4), 0);
	assert_int_equal(tool_is_program("/proc", -1), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_versions_and_machines),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_programs),
	};

	return cmocka_run_group_tests_name("tool", tests, NULL, NULL);
}
