#include "tests/unit/test.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "collectors/cgroup_limit.h"
#include "collectors/rlimit_text.h"
#include "proctor/cleanup.h"

/* Directories that stand for mounted hierarchies. */
struct fixture {
	char path[64];
	struct arena *arena;
	struct buffer buffer;
	struct cgroup_trees trees;
	struct limits limits;
};

static int fixture_make(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	strcpy(fixture->path, "/tmp/proctor-test-cgroup-XXXXXX");
	fixture->arena = arena_new();
	for (size_t i = 0; i < CGROUP_TREES; i++)
		fixture->trees.trees[i].directory = -1;
	*state = fixture;
	return fixture->arena && mkdtemp(fixture->path) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *where)
{
	(void)facts;
	(void)type;
	(void)where;
	return remove(path);
}

static int fixture_remove(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < CGROUP_TREES; i++)
		if (fixture->trees.trees[i].directory >= 0)
			close(fixture->trees.trees[i].directory);
	nftw(fixture->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	buffer_free(&fixture->buffer);
	arena_free(fixture->arena);
	free(fixture);
	return 0;
}

/* Writes a file of the fixture, with the directories above it. */
static void put(const struct fixture *fixture, const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", fixture->path, name);
	for (char *slash = path + strlen(fixture->path) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	_cleanup_fclose_ FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
}

/* Mounts the directory `name` of the fixture as a hierarchy that shows the cgroup `root`. */
static void mount_tree(struct fixture *fixture, enum cgroup_tree_kind kind, const char *name,
		       const char *root, bool whole)
{
	char *point = arena_printf(fixture->arena, "%s/%s", fixture->path, name);

	mkdir(point, 0700);
	fixture->trees.trees[kind] =
		(struct cgroup_tree){point, root, open(point, O_PATH | O_DIRECTORY | O_CLOEXEC), whole};
	assert_true(fixture->trees.trees[kind].directory >= 0);
}

/* Reads them as a sibling of the last one, for whom what lies above need not be read again. */
static enum cgroup_fault read_sibling(struct fixture *fixture, const char *text)
{
	fixture->limits = (struct limits){0};
	return cgroup_limits_read(&fixture->trees, text, strlen(text), &fixture->buffer, fixture->arena,
				  &fixture->limits);
}

static enum cgroup_fault read_limits(struct fixture *fixture, const char *text)
{
	memset(fixture->trees.above, 0, sizeof(fixture->trees.above));
	return read_sibling(fixture, text);
}

static void assert_set(const struct fixture *fixture, struct limit limit, uint64_t value, const char *source)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", fixture->path, source);
	assert_int_equal(limit.state, LIMIT_SET);
	assert_int_equal(limit.value, value);
	assert_string_equal(limit.source, path);
}

/* ---- v2 ---------------------------------------------------------------------------------------- */

static void test_v2(void **state)
{
	struct fixture *fixture = *state;

	mount_tree(fixture, CGROUP_UNIFIED, "u", "/", true);
	put(fixture, "u/a/b/memory.max", "67108864\n");
	put(fixture, "u/a/b/memory.swap.max", "0\n");
	put(fixture, "u/a/b/cpu.max", "50000 100000\n");
	put(fixture, "u/a/b/cpu.weight", "79\n");
	put(fixture, "u/a/b/pids.max", "max\n");
	put(fixture, "u/a/pids.max", "100\n");
	put(fixture, "u/a/memory.max", "max\n");
	assert_int_equal(read_limits(fixture, "0::/a/b\n"), CGROUP_NO_FAULT);
	assert_set(fixture, fixture->limits.memory, 67108864, "u/a/b/memory.max");
	assert_set(fixture, fixture->limits.swap, 0, "u/a/b/memory.swap.max");
	assert_set(fixture, fixture->limits.cpu, 500, "u/a/b/cpu.max");
	assert_set(fixture, fixture->limits.cpu_weight, 79, "u/a/b/cpu.weight");
	assert_set(fixture, fixture->limits.pids, 100, "u/a/pids.max");
}

static void test_the_smallest_along_the_path_counts(void **state)
{
	struct fixture *fixture = *state;

	mount_tree(fixture, CGROUP_UNIFIED, "u", "/", true);
	put(fixture, "u/a/b/c/memory.max", "300\n");
	put(fixture, "u/a/b/memory.max", "200\n");
	put(fixture, "u/a/memory.max", "100\n");
	put(fixture, "u/a/b/c/pids.max", "7\n");
	put(fixture, "u/a/b/pids.max", "7\n");
	put(fixture, "u/a/cpu.max", "max 100000\n");
	put(fixture, "u/a/cpu.weight", "50\n");
	put(fixture, "u/a/b/c/cpu.weight", "100\n");
	assert_int_equal(read_limits(fixture, "0::/a/b/c\n"), CGROUP_NO_FAULT);
	assert_set(fixture, fixture->limits.memory, 100, "u/a/memory.max");
	assert_set(fixture, fixture->limits.pids, 7, "u/a/b/c/pids.max");
	assert_int_equal(fixture->limits.cpu.state, LIMIT_NONE);
	assert_int_equal(fixture->limits.cpu_weight.state, LIMIT_NONE);
}

static void test_what_holds_above_is_read_once_for_siblings(void **state)
{
	struct fixture *fixture = *state;

	mount_tree(fixture, CGROUP_UNIFIED, "u", "/", true);
	put(fixture, "u/a/memory.max", "100\n");
	put(fixture, "u/a/one/memory.max", "50\n");
	put(fixture, "u/a/two/pids.max", "7\n");
	put(fixture, "u/b/one/pids.max", "8\n");
	put(fixture, "u/ab/one/memory.max", "max\n");
	assert_int_equal(read_limits(fixture, "0::/a/one\n"), CGROUP_NO_FAULT);
	assert_set(fixture, fixture->limits.memory, 50, "u/a/one/memory.max");
	assert_int_equal(fixture->limits.pids.state, LIMIT_NONE);
	put(fixture, "u/a/memory.max", "200\n");
	assert_int_equal(read_sibling(fixture, "0::/a/two\n"), CGROUP_NO_FAULT);
	assert_set(fixture, fixture->limits.memory, 100, "u/a/memory.max");
	assert_set(fixture, fixture->limits.pids, 7, "u/a/two/pids.max");
	assert_int_equal(read_sibling(fixture, "0::/b/one\n"), CGROUP_NO_FAULT);
	assert_int_equal(fixture->limits.memory.state, LIMIT_NONE);
	assert_int_equal(read_sibling(fixture, "0::/ab/one\n"), CGROUP_NO_FAULT);
	assert_int_equal(fixture->limits.memory.state, LIMIT_NONE);
	assert_int_equal(read_sibling(fixture, "0::/a\n"), CGROUP_NO_FAULT);
	assert_set(fixture, fixture->limits.memory, 200, "u/a/memory.max");
	assert_int_equal(read_sibling(fixture, "0::/a/one\n"), CGROUP_NO_FAULT);
	assert_set(fixture, fixture->limits.memory, 50, "u/a/one/memory.max");
}

static void test_a_fault_above_holds_for_siblings(void **state)
{
	struct fixture *fixture = *state;

	mount_tree(fixture, CGROUP_UNIFIED, "u", "/", true);
	put(fixture, "u/a/memory.max", "many\n");
	put(fixture, "u/a/one/memory.max", "50\n");
	put(fixture, "u/a/two/memory.max", "60\n");
	assert_int_equal(read_limits(fixture, "0::/a/one\n"), CGROUP_UNREADABLE);
	assert_int_equal(read_sibling(fixture, "0::/a/two\n"), CGROUP_UNREADABLE);
	assert_set(fixture, fixture->limits.memory, 60, "u/a/two/memory.max");
}

static void test_unlimited(void **state)
{
	struct fixture *fixture = *state;

	mount_tree(fixture, CGROUP_UNIFIED, "u", "/", true);
	put(fixture, "u/a/cgroup.procs", "");
	assert_int_equal(read_limits(fixture, "0::/a\n"), CGROUP_NO_FAULT);
	assert_int_equal(fixture->limits.memory.state, LIMIT_NONE);
	assert_int_equal(fixture->limits.swap.state, LIMIT_NONE);
	assert_int_equal(fixture->limits.cpu.state, LIMIT_NONE);
	assert_int_equal(fixture->limits.pids.state, LIMIT_NONE);
	assert_int_equal(read_limits(fixture, "0::/\n"), CGROUP_NO_FAULT);
	assert_int_equal(fixture->limits.memory.state, LIMIT_NONE);
}

/* ---- v1 ---------------------------------------------------------------------------------------- */

static const char first_text[] = "9:name=systemd:/docker/x\n"
				 "8:pids:/docker/x\n"
				 "7:cpu,cpuacct:/docker/x\n"
				 "4:memory:/docker/x\n"
				 "0::/docker/x\n";

static void mount_first(struct fixture *fixture)
{
	mount_tree(fixture, CGROUP_MEMORY, "memory", "/", true);
	mount_tree(fixture, CGROUP_CPU, "cpu", "/", true);
	mount_tree(fixture, CGROUP_PIDS, "pids", "/", true);
	put(fixture, "memory/memory.limit_in_bytes", "9223372036854771712\n");
	put(fixture, "memory/docker/memory.limit_in_bytes", "9223372036854771712\n");
	put(fixture, "memory/docker/x/memory.limit_in_bytes", "9223372036854710272\n");
	put(fixture, "cpu/docker/x/cpu.cfs_quota_us", "-1\n");
	put(fixture, "cpu/docker/x/cpu.cfs_period_us", "100000\n");
	put(fixture, "cpu/docker/x/cpu.shares", "1024\n");
	put(fixture, "pids/docker/x/pids.max", "max\n");
}

static void test_v1_unlimited(void **state)
{
	struct fixture *fixture = *state;

	mount_first(fixture);
	assert_int_equal(read_limits(fixture, first_text), CGROUP_NO_FAULT);
	assert_int_equal(fixture->limits.memory.state, LIMIT_NONE);
	assert_int_equal(fixture->limits.swap.state, LIMIT_NONE);
	assert_int_equal(fixture->limits.cpu.state, LIMIT_NONE);
	assert_int_equal(fixture->limits.cpu_weight.state, LIMIT_NONE);
	assert_int_equal(fixture->limits.pids.state, LIMIT_NONE);
}

static void test_v1_limited(void **state)
{
	struct fixture *fixture = *state;

	mount_first(fixture);
	put(fixture, "memory/docker/x/memory.limit_in_bytes", "1000\n");
	put(fixture, "memory/docker/x/memory.memsw.limit_in_bytes", "3000\n");
	put(fixture, "memory/docker/memory.memsw.limit_in_bytes", "2000\n");
	put(fixture, "cpu/docker/cpu.cfs_quota_us", "250000\n");
	put(fixture, "cpu/docker/cpu.cfs_period_us", "100000\n");
	put(fixture, "cpu/docker/x/cpu.shares", "2\n");
	put(fixture, "pids/docker/x/pids.max", "5\n");
	assert_int_equal(read_limits(fixture, first_text), CGROUP_NO_FAULT);
	assert_set(fixture, fixture->limits.memory, 1000, "memory/docker/x/memory.limit_in_bytes");
	assert_set(fixture, fixture->limits.swap, 2000, "memory/docker/memory.memsw.limit_in_bytes");
	assert_set(fixture, fixture->limits.cpu, 2500, "cpu/docker/cpu.cfs_quota_us");
	assert_set(fixture, fixture->limits.cpu_weight, 2, "cpu/docker/x/cpu.shares");
	assert_set(fixture, fixture->limits.pids, 5, "pids/docker/x/pids.max");
}

/* With use_hierarchy 0, as before Linux 5.11, a cgroup limits itself only. */
static void test_v1_without_hierarchy(void **state)
{
	struct fixture *fixture = *state;

	mount_first(fixture);
	put(fixture, "memory/docker/memory.limit_in_bytes", "500\n");
	put(fixture, "memory/docker/memory.use_hierarchy", "0\n");
	put(fixture, "memory/docker/x/memory.use_hierarchy", "0\n");
	assert_int_equal(read_limits(fixture, first_text), CGROUP_NO_FAULT);
	assert_int_equal(fixture->limits.memory.state, LIMIT_NONE);
	put(fixture, "memory/docker/x/memory.limit_in_bytes", "1000\n");
	assert_int_equal(read_limits(fixture, first_text), CGROUP_NO_FAULT);
	assert_set(fixture, fixture->limits.memory, 1000, "memory/docker/x/memory.limit_in_bytes");
	put(fixture, "memory/docker/memory.use_hierarchy", "1\n");
	assert_int_equal(read_limits(fixture, first_text), CGROUP_NO_FAULT);
	assert_set(fixture, fixture->limits.memory, 500, "memory/docker/memory.limit_in_bytes");
}

/* A controller that has no line of its own is the unified hierarchy's. */
static void test_hybrid(void **state)
{
	struct fixture *fixture = *state;

	mount_first(fixture);
	mount_tree(fixture, CGROUP_UNIFIED, "u", "/", true);
	put(fixture, "u/docker/x/pids.max", "9\n");
	put(fixture, "u/docker/x/memory.max", "9\n");
	assert_int_equal(read_limits(fixture, "7:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n0::/docker/x\n"),
			 CGROUP_NO_FAULT);
	assert_set(fixture, fixture->limits.pids, 9, "u/docker/x/pids.max");
	assert_int_equal(fixture->limits.memory.state, LIMIT_NONE);
}

/* ---- what cannot be seen ----------------------------------------------------------------------- */

static void test_not_mounted(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(read_limits(fixture, first_text), CGROUP_NOT_MOUNTED);
	assert_int_equal(fixture->limits.memory.state, LIMIT_UNKNOWN);
	mount_tree(fixture, CGROUP_UNIFIED, "u", "/", true);
	assert_int_equal(read_limits(fixture, ""), CGROUP_NOT_MOUNTED);
	assert_int_equal(read_limits(fixture, "nonsense\n:\n::\n"), CGROUP_NO_FAULT);
	assert_int_equal(read_limits(fixture, "4:memory:/docker/x\n0::/\n"), CGROUP_NOT_MOUNTED);
	assert_int_equal(fixture->limits.memory.state, LIMIT_UNKNOWN);
	assert_int_equal(fixture->limits.pids.state, LIMIT_NONE);
}

/* In a cgroup namespace of its own `/` is not the top. */
static void test_what_lies_above_is_out_of_sight(void **state)
{
	struct fixture *fixture = *state;

	mount_tree(fixture, CGROUP_UNIFIED, "u", "/", false);
	put(fixture, "u/memory.max", "max\n");
	put(fixture, "u/pids.max", "9\n");
	assert_int_equal(read_limits(fixture, "0::/\n"), CGROUP_OUT_OF_SIGHT);
	assert_int_equal(fixture->limits.memory.state, LIMIT_UNKNOWN);
	assert_set(fixture, fixture->limits.pids, 9, "u/pids.max");
	assert_int_equal(read_limits(fixture, "0::/../docker-x.scope\n"), CGROUP_OUT_OF_SIGHT);
	assert_int_equal(fixture->limits.pids.state, LIMIT_UNKNOWN);
}

/* Without one, the runtime binds the container's own cgroup to the top. */
static void test_a_part_that_is_mounted(void **state)
{
	struct fixture *fixture = *state;

	mount_tree(fixture, CGROUP_UNIFIED, "u", "/docker/x", false);
	put(fixture, "u/y/pids.max", "9\n");
	put(fixture, "u/pids.max", "8\n");
	read_limits(fixture, "0::/docker/x/y\n");
	assert_set(fixture, fixture->limits.pids, 8, "u/pids.max");
	read_limits(fixture, "0::/docker/x\n");
	assert_set(fixture, fixture->limits.pids, 8, "u/pids.max");
	assert_int_equal(read_limits(fixture, "0::/docker/xy\n"), CGROUP_OUT_OF_SIGHT);
	assert_int_equal(read_limits(fixture, "0::/docker\n"), CGROUP_OUT_OF_SIGHT);
	assert_int_equal(read_limits(fixture, "0::/docker/x/gone\n"), CGROUP_OUT_OF_SIGHT);
}

static void test_hostile_paths(void **state)
{
	static const char *const texts[] = {"0::/../../etc\n", "0::/a/../../..\n", "0::..\n", "0::/a/..\n"};
	struct fixture *fixture = *state;

	mount_tree(fixture, CGROUP_UNIFIED, "u", "/", true);
	put(fixture, "pids.max", "1\n");
	put(fixture, "u/..a/pids.max", "2\n");
	put(fixture, "u/x:y\\n z/pids.max", "3\n");
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_int_equal(read_limits(fixture, texts[i]), CGROUP_OUT_OF_SIGHT);
		assert_int_equal(fixture->limits.pids.state, LIMIT_UNKNOWN);
	}
	assert_int_equal(read_limits(fixture, "0::/..a"), CGROUP_NO_FAULT);
	assert_set(fixture, fixture->limits.pids, 2, "u/..a/pids.max");
	assert_int_equal(read_limits(fixture, "0::/x:y\\n z\n"), CGROUP_NO_FAULT);
	assert_set(fixture, fixture->limits.pids, 3, "u/x:y\\n z/pids.max");
	assert_int_equal(symlink("/", arena_printf(fixture->arena, "%s/u/link", fixture->path)), 0);
	assert_int_equal(read_limits(fixture, "0::/link\n"), CGROUP_UNREADABLE);
}

static void test_hostile_values(void **state)
{
	static const struct {
		const char *file, *text;
	} cases[] = {
		{"memory.max", ""},
		{"memory.max", "many\n"},
		{"memory.max", "\n1"},
		{"memory.max", "99999999999999999999999\n"},
		{"cpu.max", "1000\n"},
		{"cpu.max", "1000 0\n"},
		{"cpu.max", "1000 max\n"},
		{"cpu.max", "18446744073709551615 100000\n"},
		{"cpu.max", "1000\t100000\n"},
		{"pids.max", "-2\n"},
	};
	struct fixture *fixture = *state;
	char name[64];

	mount_tree(fixture, CGROUP_UNIFIED, "u", "/", true);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(name, sizeof(name), "u/%zu/%s", i, cases[i].file);
		put(fixture, name, cases[i].text);
		snprintf(name, sizeof(name), "0::/%zu\n", i);
		if (read_limits(fixture, name) != CGROUP_UNREADABLE)
			fail_msg("%s: '%s' is believed", cases[i].file, cases[i].text);
	}
	put(fixture, "u/tiny/cpu.max", "1 1000000\n");
	assert_int_equal(read_limits(fixture, "0::/tiny\n"), CGROUP_NO_FAULT);
	assert_set(fixture, fixture->limits.cpu, 1, "u/tiny/cpu.max");
}

/* The limit furthest up counts as well. */
static void test_a_deep_path(void **state)
{
	struct fixture *fixture = *state;
	char path[512] = "u/", text[512];

	mount_tree(fixture, CGROUP_UNIFIED, "u", "/", true);
	put(fixture, "u/c/pids.max", "5\n");
	for (unsigned depth = 0; depth < 100; depth++)
		strcat(path, "c/");
	strcat(path, "pids.max");
	put(fixture, path, "6\n");
	snprintf(text, sizeof(text), "0::/%.*s\n", (int)(strlen(path) - strlen("u//pids.max")), path + 2);
	assert_int_equal(read_limits(fixture, text), CGROUP_NO_FAULT);
	assert_set(fixture, fixture->limits.pids, 5, "u/c/pids.max");
}

/* ---- devices, mounts, rlimits ------------------------------------------------------------------ */

static void test_devices(void **state)
{
	static const char text[] = "5:devices:/docker/x\n0::/docker/x\n";
	struct fixture *fixture = *state;
	bool allowed, known;

	assert_int_equal(cgroup_devices_read(&fixture->trees, text, strlen(text), &fixture->buffer,
					     fixture->arena, &allowed, &known),
			 CGROUP_NOT_MOUNTED);
	assert_false(known);
	assert_int_equal(cgroup_devices_read(&fixture->trees, "0::/\n", 5, &fixture->buffer, fixture->arena,
					     &allowed, &known),
			 CGROUP_NO_FAULT);
	assert_false(known);
	mount_tree(fixture, CGROUP_DEVICES, "devices", "/", true);
	assert_int_equal(cgroup_devices_read(&fixture->trees, text, strlen(text), &fixture->buffer,
					     fixture->arena, &allowed, &known),
			 CGROUP_OUT_OF_SIGHT);
	put(fixture, "devices/docker/x/devices.list", "b *:* m\nc 1:3 rwm\nc 5:0 rwm\n");
	assert_int_equal(cgroup_devices_read(&fixture->trees, text, strlen(text), &fixture->buffer,
					     fixture->arena, &allowed, &known),
			 CGROUP_NO_FAULT);
	assert_true(known && !allowed);
	put(fixture, "devices/docker/x/devices.list", "a *:* rwm\n");
	assert_int_equal(cgroup_devices_read(&fixture->trees, text, strlen(text), &fixture->buffer,
					     fixture->arena, &allowed, &known),
			 CGROUP_NO_FAULT);
	assert_true(known && allowed);
}

static void test_where_hierarchies_are_mounted(void **state)
{
	static const char text[] =
		"31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,memory\n"
		"32 31 0:29 /docker/x /part rw - cgroup cgroup rw,cpuacct,cpu\n"
		"33 31 0:29 / /sys/fs/cgroup/cpu\\040acct rw - cgroup cgroup rw,cpuacct,cpu\n"
		"34 31 0:29 / /again rw - cgroup cgroup rw,cpuacct,cpu\n"
		"35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
		"40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=pids\n"
		"41 31 0:38 /../.. /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
	struct fixture *fixture = *state;
	const struct cgroup_tree *trees = fixture->trees.trees;

	assert_int_equal(cgroup_trees_find(text, strlen(text), fixture->arena, &fixture->trees), 0);
	assert_string_equal(trees[CGROUP_CPU].point, "/sys/fs/cgroup/cpu acct");
	assert_string_equal(trees[CGROUP_CPU].root, "/");
	assert_string_equal(trees[CGROUP_MEMORY].point, "/sys/fs/cgroup/memory");
	assert_string_equal(trees[CGROUP_UNIFIED].root, "/../..");
	assert_null(trees[CGROUP_PIDS].point);
	assert_null(trees[CGROUP_DEVICES].point);
	for (size_t i = 0; i < CGROUP_TREES; i++)
		assert_int_equal(trees[i].directory, -1);
}

static void test_rlimits(void **state)
{
	static const char text[] =
		"Limit                     Soft Limit           Hard Limit           Units     \n"
		"Max cpu time              unlimited            unlimited            seconds   \n"
		"Max core file size        0                    unlimited            bytes     \n"
		"Max processes             unlimited            96365                processes \n"
		"Max open files            1000                 2000                 files     \n"
		"Max open files            9";
	struct limits limits = {0};

	(void)state;
	rlimits_parse(text, strlen(text), "limits", &limits);
	assert_int_equal(limits.core.state, LIMIT_SET);
	assert_int_equal(limits.core.value, 0);
	assert_int_equal(limits.processes.state, LIMIT_NONE);
	assert_null(limits.processes.source);
	assert_int_equal(limits.open_files.value, 9);
	assert_string_equal(limits.open_files.source, "limits");
	assert_int_equal(limits.locked_memory.state, LIMIT_UNKNOWN);
	limits = (struct limits){0};
	rlimits_parse("Max open files ", 15, "limits", &limits);
	rlimits_parse("Max open files  unlimite\nMax processes \n", 40, "limits", &limits);
	rlimits_parse("", 0, "limits", &limits);
	assert_int_equal(limits.open_files.state, LIMIT_UNKNOWN);
	assert_int_equal(limits.processes.state, LIMIT_UNKNOWN);
}

#define IN_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_make, fixture_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FIXTURE(test_v2),
		IN_FIXTURE(test_the_smallest_along_the_path_counts),
		IN_FIXTURE(test_what_holds_above_is_read_once_for_siblings),
		IN_FIXTURE(test_a_fault_above_holds_for_siblings),
		IN_FIXTURE(test_unlimited),
		IN_FIXTURE(test_v1_unlimited),
		IN_FIXTURE(test_v1_limited),
		IN_FIXTURE(test_v1_without_hierarchy),
		IN_FIXTURE(test_hybrid),
		IN_FIXTURE(test_not_mounted),
		IN_FIXTURE(test_what_lies_above_is_out_of_sight),
		IN_FIXTURE(test_a_part_that_is_mounted),
		IN_FIXTURE(test_hostile_paths),
		IN_FIXTURE(test_hostile_values),
		IN_FIXTURE(test_a_deep_path),
		IN_FIXTURE(test_devices),
		IN_FIXTURE(test_where_hierarchies_are_mounted),
		cmocka_unit_test(test_rlimits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
