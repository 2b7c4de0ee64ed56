#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/build.h"

#define CAP(name) CAPABILITY_MASK(CAP_##name)

/* The container `web` with a process of uid 1000 that may gain privilege. */
static struct container *contained(struct build *build)
{
	struct container *container = build_container(build, "web");
	struct process *process = build_process(build, 10, container, "/bin/web");

	process->credentials.no_new_privs = false;
	process->credentials.bounding = CAPABILITY_DOCKER_DEFAULT;
	return container;
}

static struct process *first(const struct container *container)
{
	return (struct process *)container->init;
}

static struct file *marked(struct build *build, struct container *container, const char *path, uint32_t mode)
{
	struct file *file = build_file(build, container, path);

	file->mode = 0100000 | mode;
	return file;
}

static void assert_severity(struct build *build, const char *rule, enum severity expected)
{
	assert_string_equal(severity_names[build_severity(build, rule)], severity_names[expected]);
}

/* The rule's finding is harmless, and says why. */
static void assert_obstacle(struct build *build, const char *rule, const char *reason)
{
	assert_severity(build, rule, SEVERITY_INFO);
	assert_non_null(strstr(build_finding(build, rule)->why, reason));
}

static void test_a_file_without_marks(void **state)
{
	struct build *build = *state;

	marked(build, NULL, "/tmp/tool", 0777);
	marked(build, contained(build), "/tmp/tool", 0777);
	build_judge(build);
	for (size_t i = 0; i < build->findings->count; i++)
		assert_string_not_equal(build->findings->list[i]->kind, "file");
}

/* ---- file.setuid ------------------------------------------------------------------------------- */

static void test_setuid_on_host(void **state)
{
	struct build *build = *state;
	struct file *file = marked(build, NULL, "/usr/bin/su", 04755);

	assert_severity(build, "file.setuid", SEVERITY_INFO);
	file->path = "/usr/local/bin/tool";
	assert_severity(build, "file.setuid", SEVERITY_MEDIUM);
	file->path = "/usr/binary/tool";
	assert_severity(build, "file.setuid", SEVERITY_MEDIUM);
	file->path = "/home/alice/tool";
	assert_severity(build, "file.setuid", SEVERITY_HIGH);
	file->path = "/dev/shm/tool";
	assert_severity(build, "file.setuid", SEVERITY_HIGH);
	file->path = "/usr/bin/python3.11";
	assert_severity(build, "file.setuid", SEVERITY_HIGH);
	file->path = "/usr/bin/bash";
	assert_severity(build, "file.setuid", SEVERITY_HIGH);
	file->path = "/usr/bin/findmnt"; /* not find */
	assert_severity(build, "file.setuid", SEVERITY_INFO);
	file->uid = 6;
	assert_severity(build, "file.setuid", SEVERITY_INFO);
	file->path = "/opt/tool";
	assert_severity(build, "file.setuid", SEVERITY_LOW);
}

static void test_setuid_in_container(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);
	struct file *file = marked(build, container, "/usr/bin/su", 04755);

	assert_severity(build, "file.setuid", SEVERITY_LOW);
	file->path = "/opt/tool";
	assert_severity(build, "file.setuid", SEVERITY_MEDIUM);
	file->path = "/bin/busybox";
	assert_severity(build, "file.setuid", SEVERITY_HIGH);
	build_root(first(container), CAPABILITY_DOCKER_DEFAULT); /* nobody there gains by it */
	assert_severity(build, "file.setuid", SEVERITY_INFO);
}

/* execve(2) looks at what the ids of the file are in the user namespace of who executes it. */
static void test_setuid_in_a_user_namespace(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);
	struct file *file = marked(build, container, "/opt/tool", 04755);

	build_user_namespace(build, first(container), 100000);
	assert_obstacle(build, "file.setuid", "owner is not mapped");
	assert_severity(build, "process.root-regain", SEVERITY_NONE);
	file->uid = 100000;
	assert_obstacle(build, "file.setuid", "group is not mapped");
	assert_severity(build, "process.root-regain", SEVERITY_NONE);
	file->gid = 100000;
	assert_severity(build, "file.setuid", SEVERITY_LOW);
	assert_non_null(strstr(build_finding(build, "file.setuid")->why, "user namespace only"));
	assert_severity(build, "process.root-regain", SEVERITY_LOW);
	file->path = "/usr/bin/su";
	assert_severity(build, "file.setuid", SEVERITY_INFO);
	file->path = "/usr/bin/bash";
	assert_severity(build, "file.setuid", SEVERITY_LOW);
	file->uid = 100033;
	assert_severity(build, "process.root-regain", SEVERITY_NONE);
	file->uid = 0; /* one process outside of it is enough */
	build_process(build, 20, container, "/bin/brought-in")->credentials.no_new_privs = false;
	file->path = "/opt/tool";
	assert_severity(build, "file.setuid", SEVERITY_MEDIUM);
}

/* A user namespace that is mapped to the host's root changes nothing. */
static void test_setuid_in_a_user_namespace_of_the_hosts_root(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);

	marked(build, container, "/opt/tool", 04755);
	build_user_namespace(build, first(container), 0);
	assert_severity(build, "file.setuid", SEVERITY_MEDIUM);
}

static void test_setuid_that_cannot_give_privilege(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);
	struct file *file = marked(build, container, "/bin/busybox", 04755);

	file->nosuid = true;
	assert_obstacle(build, "file.setuid", "nosuid");
	file->nosuid = false;
	file->noexec = true;
	assert_obstacle(build, "file.setuid", "noexec");
	file->noexec = false;
	file->reachable = false;
	assert_obstacle(build, "file.setuid", "closed to others");
	file->reachable = true;
	file->mode = 0104644;
	assert_obstacle(build, "file.setuid", "nobody may execute");
	file->mode = 0104755;
	first(container)->credentials.bounding = 0;
	assert_obstacle(build, "file.setuid", "bounding set");
	first(container)->credentials.bounding = CAPABILITY_DOCKER_DEFAULT;
	first(container)->credentials.no_new_privs = true;
	assert_obstacle(build, "file.setuid", "no_new_privs");
	file->uid = 100000;
	first(container)->credentials.no_new_privs = false;
	assert_obstacle(build, "file.setuid", "uid 100000");
}

/* One process of many without no_new_privs is enough, and one that was not read could be it. */
static void test_setuid_for_someone(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);
	struct process *second = build_process(build, 20, container, "/bin/worker");

	marked(build, container, "/bin/su", 04755);
	first(container)->credentials.no_new_privs = true;
	second->credentials.no_new_privs = false;
	second->credentials.bounding = CAPABILITY_DOCKER_DEFAULT;
	assert_severity(build, "file.setuid", SEVERITY_LOW);
	second->known = 0;
	assert_severity(build, "file.setuid", SEVERITY_LOW);
	second->known = PROCESS_KNOWS_STATUS;
	second->credentials.no_new_privs = true;
	assert_obstacle(build, "file.setuid", "no_new_privs");
}

/* One that no image brought is worse, and where it lies is told. */
static void test_setuid_that_came_at_run_time(void **state)
{
	struct build *build = *state;
	struct file *file = marked(build, contained(build), "/usr/bin/su", 04755);

	file->origin = ORIGIN_IMAGE;
	file->layer = "/layers/lower";
	assert_severity(build, "file.setuid", SEVERITY_LOW);
	assert_string_equal(build_evidence(build_finding(build, "file.setuid"), "origin")->text, "image");
	assert_string_equal(build_evidence(build_finding(build, "file.setuid"), "layer")->text,
			    "/layers/lower");
	file->origin = ORIGIN_RUN_TIME;
	assert_severity(build, "file.setuid", SEVERITY_HIGH);
	assert_string_equal(build_evidence(build_finding(build, "file.setuid"), "origin")->text, "run time");
	file->origin = ORIGIN_UNKNOWN;
	file->layer = NULL;
	assert_severity(build, "file.setuid", SEVERITY_LOW);
	assert_null(build_evidence(build_finding(build, "file.setuid"), "origin"));
	file->origin = ORIGIN_RUN_TIME;
	file->nosuid = true;
	assert_obstacle(build, "file.setuid", "nosuid");
}

static void test_capabilities_that_came_at_run_time(void **state)
{
	struct build *build = *state;
	struct file *file = marked(build, contained(build), "/usr/bin/ping", 0755);

	file->capability = (struct file_capability){.version = 2, .permitted = CAP(NET_RAW)};
	assert_severity(build, "file.capabilities", SEVERITY_LOW);
	file->origin = ORIGIN_RUN_TIME;
	assert_severity(build, "file.capabilities", SEVERITY_MEDIUM);
	file->capability.permitted = CAP(SETUID);
	assert_severity(build, "file.capabilities", SEVERITY_HIGH);
}

/* ---- file.setgid ------------------------------------------------------------------------------- */

static void test_setgid(void **state)
{
	struct build *build = *state;
	struct file *file = marked(build, NULL, "/usr/bin/wall", 02755);

	file->gid = 5;
	assert_severity(build, "file.setgid", SEVERITY_INFO);
	file->path = "/opt/tool";
	assert_severity(build, "file.setgid", SEVERITY_LOW);
	file->gid = 0;
	assert_severity(build, "file.setgid", SEVERITY_MEDIUM);
	file->nosuid = true;
	assert_obstacle(build, "file.setgid", "nosuid");
	file->nosuid = false;
	file->mode = 0102644; /* mandatory locking */
	assert_severity(build, "file.setgid", SEVERITY_NONE);
}

static void test_setgid_in_a_user_namespace(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);
	struct file *file = marked(build, container, "/tmp/tool", 02755);

	build_user_namespace(build, first(container), 100000);
	file->uid = 100000;
	assert_obstacle(build, "file.setgid", "group is not mapped");
	file->gid = 100000;
	assert_severity(build, "file.setgid", SEVERITY_LOW);
	file->uid = 5;
	assert_obstacle(build, "file.setgid", "owner is not mapped");
}

static void test_setgid_in_container(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);

	marked(build, container, "/opt/tool", 02755);
	assert_severity(build, "file.setgid", SEVERITY_MEDIUM);
	build_root(first(container), 0);
	assert_severity(build, "file.setgid", SEVERITY_INFO);
}

/* ---- file.capabilities ------------------------------------------------------------------------- */

static struct file *capable(struct build *build, struct container *container, const char *path,
			    capability_set permitted)
{
	struct file *file = build_file(build, container, path);

	file->capability = (struct file_capability){.permitted = permitted, .effective = true, .version = 2};
	return file;
}

static void test_capabilities_on_host(void **state)
{
	struct build *build = *state;
	struct file *file = capable(build, NULL, "/usr/bin/ping", CAP(NET_RAW));

	assert_severity(build, "file.capabilities", SEVERITY_INFO);
	file->path = "/usr/bin/newuidmap";
	file->capability.permitted = CAP(SETUID);
	assert_severity(build, "file.capabilities", SEVERITY_INFO);
	file->path = "/usr/bin/python3";
	assert_severity(build, "file.capabilities", SEVERITY_HIGH);
	file->path = "/opt/tool";
	assert_severity(build, "file.capabilities", SEVERITY_HIGH);
	file->capability.permitted = CAP(NET_BIND_SERVICE);
	assert_severity(build, "file.capabilities", SEVERITY_LOW);
	file->capability.version = 255; /* not understood: told in coverage */
	assert_severity(build, "file.capabilities", SEVERITY_NONE);
}

static void test_capabilities_in_container(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);
	struct file *file = capable(build, container, "/usr/bin/ping", CAP(NET_RAW));

	assert_severity(build, "file.capabilities", SEVERITY_LOW);
	file->capability.permitted = CAP(SETUID);
	assert_severity(build, "file.capabilities", SEVERITY_MEDIUM);
	file->capability.permitted = CAP(SYS_ADMIN); /* not in the bounding set of any process */
	assert_obstacle(build, "file.capabilities", "bounding set");
	file->capability.permitted = 0;
	file->capability.inheritable = CAP(NET_RAW);
	assert_obstacle(build, "file.capabilities", "inheritable");
	file->capability.permitted = CAP(NET_RAW);
	first(container)->credentials.no_new_privs = true;
	assert_obstacle(build, "file.capabilities", "no_new_privs");
	first(container)->credentials.no_new_privs = false;
	build_root(first(container), CAPABILITY_DOCKER_DEFAULT);
	assert_severity(build, "file.capabilities", SEVERITY_INFO);
}

static void test_capabilities_of_a_user_namespace(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);
	struct file *file = capable(build, container, "/opt/tool", CAP(SETUID));

	file->capability.version = 3;
	file->capability.root_id = 100000;
	assert_obstacle(build, "file.capabilities", "100000");
	build_user_namespace(build, first(container), 100000);
	assert_severity(build, "file.capabilities", SEVERITY_LOW);
	assert_non_null(strstr(build_finding(build, "file.capabilities")->why, "not on the host"));
	file->path = "/usr/bin/newuidmap";
	assert_severity(build, "file.capabilities", SEVERITY_INFO);
	file->path = "/usr/bin/python3";
	file->capability.version = 2; /* whose root is the host's: it counts in all user namespaces */
	assert_severity(build, "file.capabilities", SEVERITY_LOW);
	file->capability.version = 3;
	file->capability.root_id = 200000;
	assert_obstacle(build, "file.capabilities", "200000");
	file->container = NULL; /* and on the host */
	assert_obstacle(build, "file.capabilities", "200000");
}

/* Where the host's root is mapped, and where one process is outside, they may act on the host. */
static void test_capabilities_of_more_than_a_user_namespace(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);

	capable(build, container, "/opt/tool", CAP(SETUID));
	build_user_namespace(build, first(container), 0);
	assert_severity(build, "file.capabilities", SEVERITY_HIGH);
	build_user_namespace(build, first(container), 100000);
	assert_severity(build, "file.capabilities", SEVERITY_LOW);
	build_process(build, 20, container, "/bin/brought-in")->credentials.no_new_privs = false;
	assert_severity(build, "file.capabilities", SEVERITY_HIGH);
}

/* ---- file.world-writable-privileged ------------------------------------------------------------ */

static void test_world_writable_privileged(void **state)
{
	struct build *build = *state;
	struct file *file = marked(build, NULL, "/usr/bin/su", 04757);

	assert_severity(build, "file.world-writable-privileged", SEVERITY_HIGH);
	file->mode = 0104755;
	assert_severity(build, "file.world-writable-privileged", SEVERITY_NONE);
	file->writable_directory = true;
	assert_severity(build, "file.world-writable-privileged", SEVERITY_MEDIUM);
	assert_non_null(strstr(build_finding(build, "file.world-writable-privileged")->title, "replaced"));
	file->reachable = false;
	assert_severity(build, "file.world-writable-privileged", SEVERITY_LOW);
	file->mode = 0100757;
	assert_severity(build, "file.world-writable-privileged", SEVERITY_NONE);
	file->capability = (struct file_capability){.permitted = CAP(NET_RAW), .version = 2};
	file->reachable = true;
	assert_severity(build, "file.world-writable-privileged", SEVERITY_HIGH);
}

static void test_one_finding_a_file(void **state)
{
	struct build *build = *state;

	marked(build, NULL, "/usr/bin/su", 04755);
	marked(build, NULL, "/usr/bin/mount", 04755);
	build_judge(build);
	assert_int_equal(build->findings->count, 2);
	assert_string_equal(build->findings->list[0]->path, "/usr/bin/mount");
}

/* Names of one file are one finding by the first of them; the worst of them says how bad it is. */
static void test_hard_links_are_one_finding(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);
	static const char *const paths[] = {"/opt/a", "/usr/bin/bash", "/usr/bin/c"};
	const char *only = "file.setuid";
	const struct finding *finding;

	for (size_t i = 0; i < 3; i++) {
		struct file *file = marked(build, container, paths[i], 04755);
		file->links = 3;
		file->inode = 7;
	}
	build_judge(build);
	finding = build_finding(build, "file.setuid");
	assert_int_equal(finding->count, 3);
	assert_int_equal(finding->severity, SEVERITY_HIGH);
	assert_string_equal(finding->path, "/opt/a");
	assert_string_equal(build_evidence(finding, "worst_path")->text, "/usr/bin/bash");
	assert_string_equal(build_evidence(finding, "other_paths")->text, "/usr/bin/bash, /usr/bin/c");
	build->snapshot->files[0].device_minor = 5; /* the same number of another file system */
	build->snapshot->files[2].container = NULL; /* and on the host */
	build->policy.only = &only;
	build->policy.only_count = 1;
	assert_int_equal(build_judge(build)->count, 3);
}

/* However many there are, the evidence stays short. */
static void test_many_hard_links(void **state)
{
	struct build *build = *state;
	static char paths[40][16];

	for (size_t i = 0; i < 40; i++) {
		struct file *file;
		snprintf(paths[i], sizeof(paths[i]), "/opt/%02zu", i);
		file = marked(build, NULL, paths[i], 04755);
		file->links = 40;
		file->inode = 7;
	}
	build_judge(build);
	assert_int_equal(build->findings->count, 1);
	assert_int_equal(build->findings->list[0]->count, 40);
	assert_non_null(
		strstr(build_evidence(build->findings->list[0], "other_paths")->text, "/opt/16 and 23 more"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUILD_TEST(test_a_file_without_marks),
		BUILD_TEST(test_setuid_that_came_at_run_time),
		BUILD_TEST(test_capabilities_that_came_at_run_time),
		BUILD_TEST(test_setuid_on_host),
		BUILD_TEST(test_setuid_in_container),
		BUILD_TEST(test_setuid_in_a_user_namespace),
		BUILD_TEST(test_setuid_in_a_user_namespace_of_the_hosts_root),
		BUILD_TEST(test_setuid_that_cannot_give_privilege),
		BUILD_TEST(test_setuid_for_someone),
		BUILD_TEST(test_setgid),
		BUILD_TEST(test_setgid_in_a_user_namespace),
		BUILD_TEST(test_setgid_in_container),
		BUILD_TEST(test_capabilities_on_host),
		BUILD_TEST(test_capabilities_in_container),
		BUILD_TEST(test_capabilities_of_a_user_namespace),
		BUILD_TEST(test_capabilities_of_more_than_a_user_namespace),
		BUILD_TEST(test_world_writable_privileged),
		BUILD_TEST(test_one_finding_a_file),
		BUILD_TEST(test_hard_links_are_one_finding),
		BUILD_TEST(test_many_hard_links),
	};

	return cmocka_run_group_tests_name("rules_file", tests, NULL, NULL);
}
