#include "tests/unit/test.h"

#include <string.h>

#include "agent/files_table.h"
#include "collectors/file_capability.h"

/* Little-endian words as they stand in the attribute. */
static size_t put_words(unsigned char *out, const uint32_t *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t byte = 0; byte < 4; byte++)
			out[4 * i + byte] = (unsigned char)(words[i] >> (8 * byte));
	return 4 * count;
}

static struct file_capability parse(const uint32_t *words, size_t count)
{
	unsigned char data[64];

	return file_capability_parse(data, put_words(data, words, count));
}

static void test_version_1(void **state)
{
	struct file_capability capability = parse((uint32_t[]){0x01000001, 0x3000, 0x4}, 3);

	(void)state;
	assert_int_equal(capability.version, 1);
	assert_true(capability.effective);
	assert_int_equal(capability.permitted, 0x3000);
	assert_int_equal(capability.inheritable, 0x4);
}

static void test_version_2(void **state)
{
	struct file_capability capability = parse((uint32_t[]){0x02000000, 1, 2, 0x100, 0x80000000}, 5);

	(void)state;
	assert_int_equal(capability.version, 2);
	assert_false(capability.effective);
	assert_int_equal(capability.permitted, 0x10000000001);
	assert_int_equal(capability.inheritable, 0x8000000000000002);
	assert_int_equal(capability.root_id, 0);
}

static void test_version_3(void **state)
{
	struct file_capability capability = parse((uint32_t[]){0x03000001, 1, 0, 0, 0, 100000}, 6);

	(void)state;
	assert_int_equal(capability.version, 3);
	assert_true(capability.effective);
	assert_int_equal(capability.permitted, 1);
	assert_int_equal(capability.root_id, 100000);
}

/* Every length with every version: the three that fit are understood, the others not. */
static void test_lengths_and_versions(void **state)
{
	unsigned char data[64] = {0};
	unsigned understood = 0;

	(void)state;
	for (unsigned version = 0; version < 256; version++)
		for (size_t length = 0; length <= sizeof(data); length++) {
			data[3] = (unsigned char)version;
			struct file_capability capability = file_capability_parse(data, length);
			bool fits = (version == 1 && length == 12) || (version == 2 && length == 20) ||
				    (version == 3 && length == 24);
			assert_int_equal(capability.version, fits ? version : FILE_CAPABILITY_NOT_UNDERSTOOD);
			understood += fits;
		}
	assert_int_equal(understood, 3);
}

static void assert_text(struct file_capability capability, const char *expected)
{
	char text[FILE_CAPABILITY_TEXT_SIZE];

	assert_string_equal(file_capability_text(&capability, 40, text), expected);
}

static void test_text(void **state)
{
	const capability_set chown = 1, kill = 1 << 5, raw = 1 << 13;

	(void)state;
	assert_text((struct file_capability){.version = 0}, "");
	assert_text((struct file_capability){.version = 2}, "none");
	assert_text((struct file_capability){.version = 2, .effective = true}, "none=e");
	assert_text((struct file_capability){.version = 2, .permitted = raw, .effective = true},
		    "net_raw=ep");
	assert_text((struct file_capability){.version = 1, .permitted = chown | kill}, "chown,kill=p");
	assert_text(
		(struct file_capability){.version = 2, .permitted = chown | kill, .inheritable = kill | raw},
		"kill=ip chown=p net_raw=i");
	assert_text(
		(struct file_capability){.version = 2, .permitted = capability_all(40), .effective = true},
		"all=ep");
	assert_text((struct file_capability){.version = 2, .permitted = (capability_set)1 << 63}, "cap_63=p");
	assert_text((struct file_capability){.version = 3, .permitted = raw, .root_id = 7},
		    "net_raw=p [rootid=7]");
	assert_text((struct file_capability){.version = FILE_CAPABILITY_NOT_UNDERSTOOD}, "not understood");
}

/* All of both sets, by name. */
static void test_longest_text(void **state)
{
	struct file_capability capability = {.version = 3,
					     .permitted = 0x5555555555555555,
					     .inheritable = ~(capability_set)0,
					     .effective = true,
					     .root_id = UINT32_MAX};
	char text[FILE_CAPABILITY_TEXT_SIZE];

	(void)state;
	file_capability_text(&capability, 40, text);
	assert_non_null(strstr(text, " [rootid=4294967295]"));
	assert_true(strlen(text) < FILE_CAPABILITY_TEXT_SIZE / 2);
}

static void assert_mode(uint32_t mode, const char *expected)
{
	char text[MODE_TEXT_SIZE];

	assert_string_equal(mode_text(mode, text), expected);
}

static void test_modes(void **state)
{
	(void)state;
	assert_mode(0104755, "-rwsr-xr-x");
	assert_mode(0102755, "-rwxr-sr-x");
	assert_mode(0106711, "-rws--s--x");
	assert_mode(0104644, "-rwSr--r--");
	assert_mode(0102640, "-rw-r-S---");
	assert_mode(0101777, "-rwxrwxrwt");
	assert_mode(0101776, "-rwxrwxrwT");
	assert_mode(0100000, "----------");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_1), cmocka_unit_test(test_version_2),
		cmocka_unit_test(test_version_3), cmocka_unit_test(test_lengths_and_versions),
		cmocka_unit_test(test_text),      cmocka_unit_test(test_longest_text),
		cmocka_unit_test(test_modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
