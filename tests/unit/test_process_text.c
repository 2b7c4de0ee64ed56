#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/process_text.h"

static const char usual[] =
	"Name:\tnginx\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t7\nPid:\t7\nPPid:\t1\n"
	"Uid:\t0\t33\t34\t35\nGid:\t1\t2\t3\t4\nGroups:\t4 24 4294967295 \n"
	"Kthread:\t0\nVmSize:\t    3060 kB\nThreads:\t3\n"
	"CapInh:\t0000000000000001\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000000400\n"
	"CapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000002\nNoNewPrivs:\t1\nSeccomp:\t2\n"
	"Seccomp_filters:\t5\nSpeculation_Store_Bypass:\tvulnerable\n";

static void test_status_whole(void **state)
{
	struct status status;
	uint32_t groups[8];

	(void)state;
	assert_true(status_parse(usual, strlen(usual), &status));
	assert_string_equal(status.comm, "nginx");
	assert_int_equal(status.state, 'S');
	assert_int_equal(status.ppid, 1);
	assert_int_equal(status.threads, 3);
	assert_int_equal(status.credentials.uid[ID_REAL], 0);
	assert_int_equal(status.credentials.uid[ID_EFFECTIVE], 33);
	assert_int_equal(status.credentials.uid[ID_SAVED], 34);
	assert_int_equal(status.credentials.uid[ID_FILESYSTEM], 35);
	assert_int_equal(status.credentials.gid[ID_FILESYSTEM], 4);
	assert_int_equal(status.credentials.inheritable, 1);
	assert_true(status.credentials.permitted == 0x1ffffffffff);
	assert_int_equal(status.credentials.effective, 0x400);
	assert_true(status.credentials.bounding == CAPABILITY_DOCKER_DEFAULT);
	assert_int_equal(status.credentials.ambient, 2);
	assert_true(status.credentials.no_new_privs);
	assert_int_equal(status.credentials.seccomp, SECCOMP_FILTERED);
	assert_true(status.credentials.seccomp_filters_known);
	assert_int_equal(status.credentials.seccomp_filters, 5);
	assert_true(status.kernel_thread_known);
	assert_false(status.kernel_thread);
	assert_int_equal(status_groups(&status, groups, 8), 3);
	assert_int_equal(groups[2], UINT32_MAX);
	assert_int_equal(status_groups(&status, groups, 1), 3);
}

/* Linux 4.14: no Kthread, no Seccomp_filters; before 4.10 no NoNewPrivs. */
static void test_status_of_an_old_kernel(void **state)
{
	static const char text[] = "Name:\tsh\nState:\tS\nUid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\n"
				   "CapInh:\t0\nCapPrm:\t0\nCapEff:\t0\nCapBnd:\t3fffffffff\n";
	struct status status;

	(void)state;
	assert_true(status_parse(text, strlen(text), &status));
	assert_false(status.kernel_thread_known);
	assert_false(status.has_memory);
	assert_int_equal(status.threads, 1);
	assert_false(status.credentials.seccomp_filters_known);
}

/* proc_task_name writes newline and backslash escaped, all else as it is. */
static void test_status_hostile_names(void **state)
{
	static const char tail[] =
		"\nUid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\nCapInh:\t0\nCapPrm:\t0\nCapEff:\t0\nCapBnd:\t0\n";
	static const struct {
		const char *written, *comm;
	} names[] = {
		{"a\\nUid:\\n0", "a\nUid:\n0"}, {"back\\\\slash", "back\\slash"}, {"\033[31m", "\033[31m"},
		{"\xff\xfe", "\xff\xfe"},       {"trailing\\", "trailing\\"},     {"", ""},
		{"Uid:\t0", "Uid:\t0"},         {") S 1 (", ") S 1 ("},
	};
	char text[512];
	struct status status;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(text, sizeof(text), "Name:\t%s%s", names[i].written, tail);
		assert_true(status_parse(text, strlen(text), &status));
		assert_string_equal(status.comm, names[i].comm);
		assert_int_equal(status.credentials.uid[ID_REAL], 1);
	}
}

static void test_status_long_name_is_kept_within_bounds(void **state)
{
	char text[4096];
	struct status status;

	(void)state;
	memcpy(text, "Name:\t", 6);
	memset(text + 6, '\\', 3000);
	strcpy(text + 3006,
	       "\nUid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\nCapInh:\t0\nCapPrm:\t0\nCapEff:\t0\nCapBnd:\t0\n");
	assert_true(status_parse(text, strlen(text), &status));
	assert_int_equal(strlen(status.comm), sizeof(status.comm) - 1);
}

static void test_status_malformed(void **state)
{
	static const char *const texts[] = {
		"",
		"\n\n\n",
		":::::",
		"Name:\tx\n",
		"Name:\tx\nUid:\t1\t1\t1\nGid:\t1\t1\t1\t1\nCapInh:\t0\nCapPrm:\t0\nCapEff:\t0\nCapBnd:\t0\n",
		"Name:\tx\nUid:\t-1\t1\t1\t1\nGid:\t1\t1\t1\t1\nCapInh:\t0\nCapPrm:\t0\nCapEff:\t0\nCapBnd:"
		"\t0\n",
		"Name:\tx\nUid:\t4294967296\t1\t1\t1\nGid:\t1\t1\t1\t1\nCapInh:\t0\nCapPrm:\t0\nCapEff:"
		"\t0\nCapBnd:\t0\n",
		"Name:\tx\nUid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\nCapInh:\t0\nCapPrm:"
		"\t11111111111111111\nCapEff:\t0\nCapBnd:\t0\n",
		"Name:\tx\nUid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\nCapInh:\t0\nCapPrm:\tzz\nCapEff:\t0\nCapBnd:"
		"\t0\n",
	};
	struct status status;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(status_parse(texts[i], strlen(texts[i]), &status));
}

/* Every prefix of a good text: no read beyond its end (the sanitizers watch), and never more than it says. */
static void test_status_cut_anywhere(void **state)
{
	struct status status;

	(void)state;
	for (size_t length = 0; length < sizeof(usual); length++) {
		char *exact = malloc(length + 1);
		memcpy(exact, usual, length);
		bool whole = status_parse(exact, length, &status);
		if (whole)
			assert_non_null(memmem(exact, length, "CapBnd:\t0", 9));
		free(exact);
	}
}

static void test_stat(void **state)
{
	static const char text[] = "7 (a) b) (c) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 123456 9 9\n";
	struct stat_line stat;

	(void)state;
	assert_true(stat_parse(text, strlen(text), &stat));
	assert_int_equal(stat.flags, 4194560);
	assert_int_equal(stat.start_time, 123456);
}

static void test_stat_malformed(void **state)
{
	static const char *const texts[] = {
		"",
		"7 (x",
		"7 (x)",
		"7 (x) S 1",
		"7 (x) S 1 7 7 0 -1 flags 1 2 3 4 5 6 7 8 20 0 3 0 1 9\n",
		"7 (x) S 1 7 7 0 -1 1 1 2 3 4 5 6 7 8 20 0 3 0 99999999999999999999 9\n",
	};
	struct stat_line stat;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(stat_parse(texts[i], strlen(texts[i]), &stat));
}

static void test_id_map(void **state)
{
	static const char text[] =
		"         0       1000          1\n         1     100000      65536\nnonsense\n5 6\n";
	struct arena *arena = arena_new();
	struct id_range *ranges;
	uint32_t id;
	size_t count;

	(void)state;
	assert_int_equal(id_map_parse(text, strlen(text), arena, &ranges, &count), 0);
	assert_int_equal(count, 2);
	assert_true(user_namespace_outside(ranges, count, 0, &id));
	assert_int_equal(id, 1000);
	assert_true(user_namespace_outside(ranges, count, 65536, &id));
	assert_int_equal(id, 165535);
	assert_false(user_namespace_outside(ranges, count, 65537, &id));
	assert_true(user_namespace_inside(ranges, count, 100000, &id));
	assert_int_equal(id, 1);
	assert_false(user_namespace_inside(ranges, count, 0, &id));
	assert_int_equal(id_map_parse("", 0, arena, &ranges, &count), 0);
	assert_int_equal(count, 0);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_whole),
		cmocka_unit_test(test_status_of_an_old_kernel),
		cmocka_unit_test(test_status_hostile_names),
		cmocka_unit_test(test_status_long_name_is_kept_within_bounds),
		cmocka_unit_test(test_status_malformed),
		cmocka_unit_test(test_status_cut_anywhere),
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_stat_malformed),
		cmocka_unit_test(test_id_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
