#include "tests/unit/test.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "collectors/namespace.h"
#include "collectors/view.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER64 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

enum { OWN_PIDS = 201, OWN_PID = 7 };

/* A directory that stands for /proc: of it only ns/pid, root and cgroup of pid 1 and ourselves are read. */
struct scene {
	char proc[64];
	struct self self;
};

static int scene_make(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	strcpy(scene->proc, "/tmp/proctor-test-view-XXXXXX");
	assert_non_null(mkdtemp(scene->proc));
	scene->self.pid = OWN_PID;
	scene->self.namespaces[NAMESPACE_PID] = OWN_PIDS;
	*state = scene;
	return 0;
}

static int remove_entry(const char *path, const struct stat *facts, int type, struct FTW *where)
{
	(void)facts, (void)type, (void)where;
	return remove(path);
}

static int scene_remove(void **state)
{
	struct scene *scene = *state;

	nftw(scene->proc, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	free(scene);
	return 0;
}

static void put_link(const struct scene *scene, const char *process, const char *name, const char *target)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", scene->proc, process);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/%s/ns", scene->proc, process);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/%s/%s", scene->proc, process, name);
	assert_int_equal(symlink(target, path), 0);
}

static void put_cgroup(const struct scene *scene, const char *process, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", scene->proc, process);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/%s/cgroup", scene->proc, process);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static enum view find(const struct scene *scene)
{
	int proc = open(scene->proc, O_PATH | O_DIRECTORY);
	struct buffer buffer = {0};
	enum view view = view_find(proc, &scene->self, &buffer);

	buffer_free(&buffer);
	close(proc);
	return view;
}

static void test_first_pid_namespace_is_the_host(void **state)
{
	struct scene *scene = *state;

	scene->self.namespaces[NAMESPACE_PID] = NAMESPACE_INITIAL_PID;
	assert_int_equal(find(scene), VIEW_HOST);
}

static void test_procfs_of_the_host_is_the_host(void **state)
{
	struct scene *scene = *state;

	put_link(scene, "1", "ns/pid", "pid:[4026531836]");
	assert_int_equal(find(scene), VIEW_HOST);
}

static void test_root_of_the_first_process_decides(void **state)
{
	struct scene *scene = *state;

	put_link(scene, "1", "ns/pid", "pid:[201]");
	put_link(scene, "1", "root", "/");
	put_link(scene, "7", "root", "/proc");
	put_cgroup(scene, "1", "0::/\n"); /* whatever the cgroup says */
	put_cgroup(scene, "self", "0::/\n");
	assert_int_equal(find(scene), VIEW_TASK);
}

static void test_own_first_process(void **state)
{
	struct scene *scene = *state;

	put_link(scene, "1", "root", "/proc");
	put_link(scene, "7", "root", "/proc");
	put_cgroup(scene, "1", "0::/../docker-" HEX64 ".scope\n");
	put_cgroup(scene, "self", "0::/\n");
	assert_int_equal(find(scene), VIEW_CONTAINER);
}

/* The cgroup of the first process and ours, where roots may not be read. */
static enum view find_by_cgroups(struct scene *scene, const char *first, const char *own)
{
	char path[128];

	for (const char *const *process = (const char *const[]){"1", "self", NULL}; *process; process++) {
		snprintf(path, sizeof(path), "%s/%s/cgroup", scene->proc, *process);
		unlink(path);
	}
	put_cgroup(scene, "1", first);
	put_cgroup(scene, "self", own);
	return find(scene);
}

static void test_cgroup_decides_without_the_root(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(find_by_cgroups(scene, "0::/../docker-" HEX64 ".scope\n", "0::/\n"), VIEW_TASK);
	assert_int_equal(find_by_cgroups(scene, "0::/..\n", "0::/\n"), VIEW_TASK);
	assert_int_equal(find_by_cgroups(scene, "5:pids:/ecs/t/" HEX64 "\n0::/\n",
					 "5:pids:/ecs/t/" OTHER64 "\n0::/\n"),
			 VIEW_TASK);
	assert_int_equal(find_by_cgroups(scene, "0::/docker/" HEX64 "/init\n", "0::/docker/" HEX64 "/job\n"),
			 VIEW_CONTAINER);
	assert_int_equal(find_by_cgroups(scene, "0::/init.scope\n", "0::/\n"), VIEW_CONTAINER);
	assert_int_equal(find_by_cgroups(scene, "0::/\n", "0::/\n"), VIEW_CONTAINER);
}

static void test_hostile_cgroups(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(find_by_cgroups(scene, "", ""), VIEW_CONTAINER);
	assert_int_equal(find_by_cgroups(scene, "\n\n::::\n0\n", "\xff\xfe"), VIEW_CONTAINER);
	assert_int_equal(find_by_cgroups(scene, "0::", "0::/\n"), VIEW_CONTAINER);
	assert_int_equal(find(scene), VIEW_CONTAINER);
}

static void test_nothing_to_be_read(void **state)
{
	assert_int_equal(find(*state), VIEW_CONTAINER);
}

#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_make, scene_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCENE(test_first_pid_namespace_is_the_host),
		IN_SCENE(test_procfs_of_the_host_is_the_host),
		IN_SCENE(test_root_of_the_first_process_decides),
		IN_SCENE(test_own_first_process),
		IN_SCENE(test_cgroup_decides_without_the_root),
		IN_SCENE(test_hostile_cgroups),
		IN_SCENE(test_nothing_to_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
