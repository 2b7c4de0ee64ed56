#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "collectors/cgroup.h"

#define HEX32 "0123456789abcdef0123456789abcdef"
#define HEX64 HEX32 HEX32
#define OTHER64 "f" HEX32 "0123456789abcdef0123456789abcde"
#define UUID "12345678-9abc-def0-1234-56789abcdef0"
#define UUID_UNDERSCORES "12345678_9abc_def0_1234_56789abcdef0"

struct row {
	const char *path, *id, *runtime, *kind;
	enum cgroup_proof proof;
};

/* Who makes which path: each row is one that the maker's source or a real machine shows. */
static const struct row rows[] = {
	{"/docker/" HEX64, HEX64, "docker", "standalone", CGROUP_ID},
	{"/system.slice/docker-" HEX64 ".scope", HEX64, "docker", "standalone", CGROUP_ID},
	{"/docker/" HEX64 "/init.scope", HEX64, "docker", "standalone", CGROUP_ID},
	{"/docker/" OTHER64 "/docker/" HEX64, HEX64, "docker", "standalone", CGROUP_ID},
	{"/kubepods/burstable/pod" UUID "/" HEX64, HEX64, NULL, "kubernetes", CGROUP_ID},
	{"/kubepods/pod" UUID "/" HEX64, HEX64, NULL, "kubernetes", CGROUP_ID},
	{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UUID_UNDERSCORES
	 ".slice/cri-containerd-" HEX64 ".scope",
	 HEX64, "containerd", "kubernetes", CGROUP_ID},
	{"/kubepods.slice/kubepods-pod" UUID_UNDERSCORES ".slice/crio-" HEX64 ".scope", HEX64, "cri-o",
	 "kubernetes", CGROUP_ID},
	{"/system.slice/containerd.service/kubepods-burstable-pod" UUID_UNDERSCORES
	 ".slice:cri-containerd:" HEX64,
	 HEX64, "containerd", "kubernetes", CGROUP_ID},
	{"/kubepods.slice/crio-conmon-" HEX64 ".scope", NULL, NULL, NULL, CGROUP_NOTHING},
	{"/machine.slice/libpod-conmon-" HEX64 ".scope", NULL, NULL, NULL, CGROUP_NOTHING},
	{"/machine.slice/libpod-" HEX64 ".scope", HEX64, "podman", "standalone", CGROUP_ID},
	{"/machine.slice/libpod-" HEX64 ".scope/container", HEX64, "podman", "standalone", CGROUP_ID},
	{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" HEX64 ".scope", HEX64, "podman",
	 "standalone", CGROUP_ID},
	{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" HEX64 ".scope/container", HEX64,
	 "podman", "standalone", CGROUP_ID},
	{"/system.slice/web.service/libpod-payload-" HEX64, HEX64, "podman", "standalone", CGROUP_ID},
	{"/default/" HEX64, HEX64, "containerd", "standalone", CGROUP_ID},
	{"/k8s.io/" HEX64, HEX64, "containerd", "standalone", CGROUP_ID},
	{"/shop/" HEX64, HEX64, NULL, "standalone", CGROUP_ID},
	{"/ecs/" HEX32 "/" HEX64, HEX64, NULL, "ecs", CGROUP_ID},
	{"/ecs/cluster/" HEX32 "/" HEX64, HEX64, NULL, "ecs", CGROUP_ID},
	{"/ecstasks.slice/ecstasks-" HEX32 ".slice/docker-" HEX64 ".scope", HEX64, "docker", "ecs",
	 CGROUP_ID},
	{"/ecs/" UUID "/" HEX64, HEX64, NULL, "ecs", CGROUP_ID},
	{"/ecs/" HEX32 "-1234567890", HEX32 "-1234567890", NULL, "fargate", CGROUP_ID},
	{"/ecs/" HEX32 "/" HEX32 "-42", HEX32 "-42", NULL, "fargate", CGROUP_ID},
	{"/../docker-" HEX64 ".scope", HEX64, "docker", "standalone", CGROUP_ID},
	{"/../" HEX64, HEX64, NULL, "standalone", CGROUP_ID},
	{"/../" HEX32 "-42", HEX32 "-42", NULL, "fargate", CGROUP_ID},
	{"/../../kubepods-pod" UUID_UNDERSCORES ".slice/cri-containerd-" HEX64 ".scope", HEX64, "containerd",
	 "kubernetes", CGROUP_ID},
	{"/lxc.payload.web", "web", "lxc", "standalone", CGROUP_NAME},
	{"/lxc/web", "web", "lxc", "standalone", CGROUP_NAME},
	{"/machine.slice/machine-web.scope", "web", "systemd-nspawn", "standalone", CGROUP_NAME},
	{"/machine.slice/systemd-nspawn@web.service/payload", "web", "systemd-nspawn", "standalone",
	 CGROUP_NAME},
	{"/garden/" UUID, UUID, NULL, "standalone", CGROUP_NAME},
};

static void test_paths_of_every_runtime(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct cgroup_identity got = cgroup_identify(row->path, strlen(row->path));
		if (got.proof != row->proof)
			fail_msg("%s: proof %d", row->path, (int)got.proof);
		if (!row->id)
			continue;
		if (got.id.length != strlen(row->id) || memcmp(got.id.data, row->id, got.id.length) != 0)
			fail_msg("%s: id %.*s", row->path, (int)got.id.length, got.id.data);
		if ((got.runtime == NULL) != (row->runtime == NULL) ||
		    (row->runtime && strcmp(got.runtime, row->runtime) != 0))
			fail_msg("%s: runtime %s", row->path, got.runtime ? got.runtime : "none");
		assert_string_equal(got.kind, row->kind);
	}
}

static void test_paths_of_no_container(void **state)
{
	static const char *const paths[] = {
		"",
		"/",
		"////",
		"/system.slice/sshd.service",
		"/user.slice/user-1000.slice/session-3.scope",
		"/user.slice/user-1000.slice/user@1000.service/app.slice/snap.firefox.firefox-" UUID ".scope",
		"/process_api/" HEX32,
		"/docker/" HEX32,
		"/docker/" HEX64 "0",
		"/docker/g" HEX32 "0123456789abcdef0123456789abcde",
		"/docker/0123456789ABCDEF0123456789ABCDEF" HEX32,
		"/kubepods/pod" UUID,
		"/ecs/" HEX32 "-",
		"/ecs/" HEX32 "-1a",
		"/docker-" HEX64 ".service",
		"/lxc.payload.",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (cgroup_identify(paths[i], strlen(paths[i])).proof != CGROUP_NOTHING)
			fail_msg("%s is taken for a container", paths[i]);
}

static void check_choice(const char *text, const char *expected)
{
	struct cgroup_part path = {0};

	if (!expected) {
		assert_false(cgroup_choose(text, strlen(text), &path));
		return;
	}
	assert_true(cgroup_choose(text, strlen(text), &path));
	if (path.length != strlen(expected) || memcmp(path.data, expected, path.length) != 0)
		fail_msg("chose %.*s, not %s", (int)path.length, path.data, expected);
}

static void test_choice_among_hierarchies(void **state)
{
	(void)state;
	check_choice("0::/system.slice/a.service\n", "/system.slice/a.service");
	check_choice("5:devices:/docker/" HEX64 "\n0::/\n", "/docker/" HEX64);
	check_choice("5:devices:/docker/" HEX64 "\n0::/docker/" HEX64, "/docker/" HEX64);
	check_choice("4:memory:/api/x\n1:name=systemd:/user.slice\n0::/\n", "/user.slice");
	check_choice("4:memory:/api/x\n1:name=systemd:/\n0::/web\n", "/web");
	check_choice("4:memory:/api/x\n0::/\n", "/api/x");
	check_choice("9:cpu:/\n0::/\n", "/");
	check_choice("1:name=with:colon:/path:with:colons\n", "colon:/path:with:colons");
	check_choice("", NULL);
	check_choice("\n\n", NULL);
	check_choice("no colons at all\n", NULL);
	check_choice("1:one colon only\n", NULL);
}

/* Whole files, as /proc/PID/cgroup shows them. NULL: no id in it. */
static const struct {
	const char *text, *id, *runtime, *kind;
} files[] = {
	/* Docker, cgroupfs driver, v1 lines beside a v2 tree that has no controllers */
	{"5:devices:/docker/" HEX64 "\n2:cpu,cpuacct:/docker/" HEX64 "\n1:name=systemd:/docker/" HEX64
	 "\n0::/docker/" HEX64 "\n",
	 HEX64, "docker", "standalone"},
	{"5:devices:/docker/" HEX64 "\n1:name=systemd:/docker/" HEX64 "\n0::/\n", HEX64, "docker",
	 "standalone"},
	/* Docker, systemd driver: hybrid, where v2 shows who started the daemon, and v2 alone */
	{"9:pids:/system.slice/docker-" HEX64 ".scope\n1:name=systemd:/system.slice/docker-" HEX64
	 ".scope\n0::/system.slice/docker.service\n",
	 HEX64, "docker", "standalone"},
	{"0::/system.slice/docker-" HEX64 ".scope\n", HEX64, "docker", "standalone"},
	/* A controller that the runtime left alone, and one that it does not know */
	{"12:rdma:/\n11:misc:/\n4:memory:/kubepods/besteffort/pod" UUID "/" HEX64 "\n0::/\n", HEX64, NULL,
	 "kubernetes"},
	/* ECS on EC2 with v1, and Fargate */
	{"11:memory:/ecs/" HEX32 "/" HEX64 "\n1:name=systemd:/ecs/" HEX32 "/" HEX64 "\n", HEX64, NULL, "ecs"},
	{"11:memory:/ecs/" HEX32 "/" HEX32 "-42\n1:name=systemd:/ecs/" HEX32 "/" HEX32 "-42\n", HEX32 "-42",
	 NULL, "fargate"},
	/* In a cgroup namespace of its own: itself, and what is beside it */
	{"5:devices:/\n1:name=systemd:/\n0::/\n", NULL, NULL, NULL},
	{"0::/\n", NULL, NULL, NULL},
	{"5:devices:/../" HEX64 "\n1:name=systemd:/../" HEX64 "\n0::/../" HEX64 "\n", HEX64, NULL,
	 "standalone"},
	{"0::/../docker-" HEX64 ".scope\n", HEX64, "docker", "standalone"},
	{"0::/../../ecstasks-" HEX32 ".slice/docker-" HEX64 ".scope\n", HEX64, "docker", "ecs"},
	/* Above itself, which is nobody's */
	{"0::/..\n", NULL, NULL, NULL},
};

static void test_whole_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct cgroup_part path = {0};
		if (!cgroup_choose(files[i].text, strlen(files[i].text), &path))
			fail_msg("no path in %s", files[i].text);
		struct cgroup_identity got = cgroup_identify(path.data, path.length);
		if ((got.proof == CGROUP_ID) != (files[i].id != NULL))
			fail_msg("proof %d: %s", (int)got.proof, files[i].text);
		if (!files[i].id)
			continue;
		if (got.id.length != strlen(files[i].id) ||
		    memcmp(got.id.data, files[i].id, got.id.length) != 0)
			fail_msg("id %.*s: %s", (int)got.id.length, got.id.data, files[i].text);
		if ((got.runtime != NULL) != (files[i].runtime != NULL) ||
		    (got.runtime && strcmp(got.runtime, files[i].runtime) != 0))
			fail_msg("runtime %s: %s", got.runtime ? got.runtime : "none", files[i].text);
		assert_string_equal(got.kind, files[i].kind);
	}
}

static void test_units(void **state)
{
	(void)state;
	assert_true(cgroup_is_unit("/system.slice/ntp.service"));
	assert_true(cgroup_is_unit("/system.slice/ntp.service/worker"));
	assert_true(cgroup_is_unit("/user.slice/session-1.scope"));
	assert_false(cgroup_is_unit("/web"));
	assert_false(cgroup_is_unit("/"));
	assert_false(cgroup_is_unit(""));
	assert_false(cgroup_is_unit("/system.slice"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths_of_every_runtime),
		cmocka_unit_test(test_paths_of_no_container),
		cmocka_unit_test(test_choice_among_hierarchies),
		cmocka_unit_test(test_whole_files),
		cmocka_unit_test(test_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
