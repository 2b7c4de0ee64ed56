#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "collectors/host_text.h"
#include "collectors/namespace.h"
#include "proctor/cleanup.h"

static struct kernel_mounts parse(const char *text, uint32_t id)
{
	struct kernel_mounts mounts;

	host_mounts_parse(text, strlen(text), id, "/proc", &mounts);
	return mounts;
}

#define CGROUP1 "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
#define CGROUP2 "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"

static void test_cgroup_version(void **state)
{
	(void)state;
	assert_int_equal(parse("", 0).cgroup_version, 0);
	assert_int_equal(parse("1 0 8:1 / / rw - ext4 cgroup2 rw,cgroup\n", 0).cgroup_version, 0);
	assert_int_equal(parse(CGROUP1, 0).cgroup_version, 1);
	assert_int_equal(parse(CGROUP2, 0).cgroup_version, 2);
	assert_int_equal(parse("nonsense\n" CGROUP1 CGROUP2 CGROUP1, 0).cgroup_version, 3);
}

static void assert_hidepid(const char *options, uint32_t id, const char *expected)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "9 1 0:21 / /elsewhere rw - proc proc rw,hidepid=7\n22 27 0:21 / /proc rw - proc proc %s\n",
		 options);
	struct kernel_mounts mounts = parse(text, id);
	assert_int_equal(mounts.hidepid.length, strlen(expected));
	assert_memory_equal(mounts.hidepid.data ? mounts.hidepid.data : "", expected, strlen(expected));
}

static void test_hidepid(void **state)
{
	(void)state;
	assert_hidepid("rw", 0, "");
	assert_hidepid("rw,hidepid=0", 0, "");
	assert_hidepid("rw,hidepid=off", 0, "");
	assert_hidepid("rw,hidepid=", 0, "");
	assert_hidepid("rw,hidepid=2", 0, "2");
	assert_hidepid("rw,gid=7,hidepid=invisible,subset=pid", 0, "invisible");
	assert_hidepid("rw,hidepid=ptraceable", 22, "ptraceable");
	assert_hidepid("rw,hidepid=ptraceable", 9, "7");
	assert_hidepid("rw,hidepid=ptraceable", 10, "");
}

static void test_group(void **state)
{
	(void)state;
	assert_int_equal(parse("22 27 0:21 / /proc rw - proc proc rw,gid=1234,hidepid=2\n", 0).group, 1234);
	assert_int_equal(parse("22 27 0:21 / /proc rw - proc proc rw,hidepid=2\n", 0).group, 0);
	assert_int_equal(parse("22 27 0:21 / /proc rw - proc proc rw,gid=99999999999\n", 0).group, 0);
}

/* Of two procfs on one point the later one is seen. */
static void test_the_last_procfs_at_the_point_counts(void **state)
{
	struct kernel_mounts mounts = parse("22 27 0:21 / /proc rw - proc proc rw,hidepid=2,gid=5\n"
					    "23 22 0:22 / /proc rw - proc proc rw\n",
					    0);

	(void)state;
	assert_int_equal(mounts.hidepid.length, 0);
	assert_int_equal(mounts.group, 0);
}

static void assert_lsms(const char *text, size_t count, const char *first, const char *last)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	struct host host = {0};

	assert_int_equal(host_lsms_parse(text, strlen(text), arena, &host), 0);
	assert_true(host.lsms_known);
	assert_int_equal(host.lsm_count, count);
	if (count) {
		assert_string_equal(host.lsms[0], first);
		assert_string_equal(host.lsms[count - 1], last);
	}
}

static void test_lsms(void **state)
{
	(void)state;
	assert_lsms("", 0, NULL, NULL);
	assert_lsms("\n", 0, NULL, NULL);
	assert_lsms("capability", 1, "capability", "capability");
	assert_lsms("lockdown,capability,apparmor,bpf\n", 4, "lockdown", "bpf");
	assert_lsms(",,a,,b,", 2, "a", "b");
}

static void test_lsms_by_number(void **state)
{
	static const uint64_t ids[] = {108, 100, 110, 109, 104, 113, 114, 99, UINT64_MAX};
	static const char *const expected[] = {"lockdown", "capability", "landlock",
					       "bpf",      "apparmor",   "ipe",
					       "lsm-114",  "lsm-99",     "lsm-18446744073709551615"};
	_cleanup_arena_ struct arena *arena = arena_new();
	struct host host = {0};

	(void)state;
	assert_int_equal(host_lsms_name(ids, 9, arena, &host), 0);
	assert_int_equal(host.lsm_count, 9);
	for (size_t i = 0; i < 9; i++)
		assert_string_equal(host.lsms[i], expected[i]);
}

static void test_namespace_links(void **state)
{
	static const struct {
		const char *link;
		uint64_t inode;
	} cases[] = {{"mnt:[4026531832]", 4026531832},
		     {"mnt:[]", 0},
		     {"mnt:[x]", 0},
		     {"", 0},
		     {"mnt:[99999999999999999999999]", 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(namespace_inode(cases[i].link, strlen(cases[i].link)), cases[i].inode);
}

static time_t boot(const char *text)
{
	return host_boot_parse(text, strlen(text));
}

static void test_boot_time(void **state)
{
	(void)state;
	assert_int_equal(boot("cpu  1 2 3\nintr 9 0 0\nctxt 5\nbtime 1795544000\nprocesses 7\n"), 1795544000);
	assert_int_equal(boot("btime 7"), 7);
	assert_int_equal(boot(""), 0);
	assert_int_equal(boot("btime \n"), 0);
	assert_int_equal(boot("btime"), 0);
	assert_int_equal(boot("xbtime 7\nbtimes 7\nbtime 7x\nbtime -7\n"), 0);
	assert_int_equal(boot("btime 18446744073709551615\n"), 0);
	assert_int_equal(boot("btime 99999999999999999999999\n"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cgroup_version),
		cmocka_unit_test(test_hidepid),
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_the_last_procfs_at_the_point_counts),
		cmocka_unit_test(test_lsms),
		cmocka_unit_test(test_lsms_by_number),
		cmocka_unit_test(test_namespace_links),
		cmocka_unit_test(test_boot_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
