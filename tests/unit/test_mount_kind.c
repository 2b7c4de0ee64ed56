#include "tests/unit/test.h"

#include <string.h>

#include "collectors/mount_kind.h"
#include "collectors/mountinfo.h"
#include "proctor/cleanup.h"

/* What the host has mounted. */
static const char host_text[] =
	"1 0 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
	"2 1 0:21 / /proc rw - proc proc rw\n"
	"3 1 0:22 / /sys rw - sysfs sysfs rw\n"
	"4 1 0:6 / /dev rw - devtmpfs devtmpfs rw\n"
	"5 1 0:24 / /run rw - tmpfs tmpfs rw\n"
	"6 1 8:2 /@data /srv rw - btrfs /dev/sdb rw\n"
	"7 1 0:40 / /var/lib/docker/overlay2/L/merged rw - overlay overlay rw\n"
	"8 1 0:41 / /var/lib/docker/overlay2/M/merged rw - overlay overlay rw\n"
	"9 1 0:50 / /var/lib/docker/containers/0123/mounts/shm rw - tmpfs shm rw\n"
	"10 3 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
	"11 1 0:60 / /mnt/nfs rw - nfs4 server:/ rw\n"
	"12 1 0:61 / /var/lib/kubelet/pods/u-1/volumes/kubernetes.io~secret/token rw - tmpfs tmpfs rw\n"
	"13 1 8:1 /etc /bound rw - ext4 /dev/sda1 rw\n";

static const char root_line[] =
	"100 99 0:40 / / rw - overlay overlay rw,upperdir=/var/lib/docker/overlay2/L/diff,workdir=/w\n";

/* A container and the host's table that it is judged by. */
struct scene {
	struct arena *arena;
	struct mount_namespace host, container;
	struct mount_index roots;
	struct mount_setting setting;
};

static struct mount_namespace parse(struct arena *arena, const char *text)
{
	struct mount_namespace namespace = {0};
	struct mountinfo_faults faults = {0};

	assert_int_equal(mountinfo_parse(text, strlen(text), arena, &namespace, &faults), 0);
	assert_int_equal(faults.malformed, 0);
	return namespace;
}

static int scene_make(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	scene->arena = arena_new();
	scene->host = parse(scene->arena, host_text);
	assert_int_equal(mount_index_roots(&scene->roots, &scene->host), 0);
	scene->setting = (struct mount_setting){&scene->host, &scene->roots, true, true};
	*state = scene;
	return 0;
}

static int scene_drop(void **state)
{
	struct scene *scene = *state;

	mount_index_free(&scene->roots);
	arena_free(scene->arena);
	free(scene);
	return 0;
}

/* Judges the mount of one line beside a container's root. */
static const struct mount *judge(struct scene *scene, const char *line)
{
	const char *text = arena_printf(scene->arena, "%s%s\n", root_line, line);

	scene->container = parse(scene->arena, text);
	assert_int_equal(scene->container.mount_count, 2);
	assert_int_equal(mount_judge_kinds(&scene->container, &scene->setting, scene->arena), 0);
	return &scene->container.mounts[1];
}

static void assert_kind(struct scene *scene, const char *line, enum mount_kind kind, const char *host_path)
{
	const struct mount *mount = judge(scene, line);

	if (mount->kind != kind)
		fail_msg("kind %d, not %d: %s", mount->kind, kind, line);
	if (host_path)
		assert_string_equal(mount->host_path, host_path);
	else
		assert_null(mount->host_path);
}

/* ---- with the host in view --------------------------------------------------------------------- */

static void test_its_own(void **state)
{
	assert_kind(*state, "101 100 0:70 / /tmp rw - tmpfs tmpfs rw", MOUNT_PLAIN, NULL);
	assert_kind(*state, "101 100 0:71 / /proc rw - proc proc rw", MOUNT_PLAIN, NULL);
	assert_kind(*state, "101 100 0:72 / /sys ro - sysfs sysfs rw", MOUNT_PLAIN, NULL);
	assert_kind(*state, "101 100 0:73 /null /proc/kcore rw - tmpfs tmpfs rw", MOUNT_PLAIN, NULL);
	assert_kind(*state, "101 100 0:40 /opt /srv rw - overlay overlay rw", MOUNT_PLAIN,
		    "/var/lib/docker/overlay2/L/merged/opt");
	assert_kind(*state, "101 100 0:38 /docker/x /sys/fs/cgroup ro - cgroup2 cgroup rw", MOUNT_PLAIN,
		    "/sys/fs/cgroup/docker/x");
	assert_kind(*state, "101 100 8:9 / /data rw - ext4 /dev/sdi rw", MOUNT_PLAIN, NULL);
}

static void test_host_paths(void **state)
{
	assert_kind(*state, "101 100 8:1 / /host rw - ext4 /dev/sda1 rw", MOUNT_HOST_PATH, "/");
	assert_kind(*state, "101 100 8:1 /home/u /u rw - ext4 /dev/sda1 rw", MOUNT_HOST_PATH, "/home/u");
	assert_kind(*state, "101 100 8:1 /etc/passwd /p rw - ext4 /dev/sda1 rw", MOUNT_HOST_PATH,
		    "/bound/passwd");
	assert_kind(*state, "101 100 8:2 /@data/x /x rw - btrfs /dev/sdb rw", MOUNT_HOST_PATH, "/srv/x");
	assert_kind(*state, "101 100 8:2 /@data /x rw - btrfs /dev/sdb rw", MOUNT_HOST_PATH, "/srv");
	assert_kind(*state, "101 100 8:2 /@other /x rw - btrfs /dev/sdb rw", MOUNT_PLAIN, NULL);
	assert_kind(*state, "101 100 0:24 / /run rw - tmpfs tmpfs rw", MOUNT_HOST_PATH, "/run");
	assert_kind(*state, "101 100 0:60 /d /d rw - nfs4 server:/ rw", MOUNT_HOST_PATH, "/mnt/nfs/d");
	assert_kind(*state, "101 100 0:41 / /other rw - overlay overlay rw", MOUNT_HOST_PATH,
		    "/var/lib/docker/overlay2/M/merged");
	assert_kind(*state, "101 100 8:1 /var/lib/docker /d rw - ext4 d rw", MOUNT_HOST_PATH,
		    "/var/lib/docker");
	assert_kind(*state, "101 100 8:1 /var/lib/docker/containers /d rw - ext4 d rw", MOUNT_HOST_PATH,
		    "/var/lib/docker/containers");
	assert_kind(*state, "101 100 8:1 /var/lib/docker/volumes /d rw - ext4 d rw", MOUNT_HOST_PATH,
		    "/var/lib/docker/volumes");
	assert_kind(*state, "101 100 8:1 /var/lib/kubelet/pods /d rw - ext4 d rw", MOUNT_HOST_PATH,
		    "/var/lib/kubelet/pods");
	assert_kind(*state, "101 100 8:1 /var/lib/dockerish/volumes/v/_data /d rw - ext4 d rw",
		    MOUNT_HOST_PATH, "/var/lib/dockerish/volumes/v/_data");
}

static void test_file_systems_of_the_kernel(void **state)
{
	struct scene *scene = *state;

	assert_kind(scene, "101 100 0:21 / /host/proc rw - proc proc rw", MOUNT_HOST_PATH, "/proc");
	assert_kind(scene, "101 100 0:22 /kernel /k rw - sysfs sysfs rw", MOUNT_HOST_PATH, "/sys/kernel");
	assert_kind(scene, "101 100 0:6 / /dev rw - devtmpfs devtmpfs rw", MOUNT_HOST_PATH, "/dev");
	assert_kind(scene, "101 100 0:6 /sda /dev/sda rw - devtmpfs devtmpfs rw", MOUNT_HOST_PATH,
		    "/dev/sda");
	assert_kind(scene, "101 100 0:6 /null /dev/null rw - devtmpfs devtmpfs rw", MOUNT_RUNTIME_FILE,
		    "/dev/null");
	scene->setting.own_pids = scene->setting.own_network = false;
	assert_kind(scene, "101 100 0:21 / /proc rw - proc proc rw", MOUNT_PLAIN, "/proc");
	assert_kind(scene, "101 100 0:22 / /sys rw - sysfs sysfs rw", MOUNT_PLAIN, "/sys");
}

static void test_what_runtimes_bind_in(void **state)
{
	assert_kind(*state,
		    "101 100 8:1 /var/lib/docker/containers/0123/resolv.conf /etc/resolv.conf rw - ext4 d rw",
		    MOUNT_RUNTIME_FILE, "/var/lib/docker/containers/0123/resolv.conf");
	assert_kind(*state,
		    "101 100 8:1 /var/lib/docker/containers/0123/hosts//deleted /etc/hosts rw - ext4 d rw",
		    MOUNT_RUNTIME_FILE, "/var/lib/docker/containers/0123/hosts//deleted");
	assert_kind(*state, "101 100 0:50 / /dev/shm rw - tmpfs shm rw", MOUNT_RUNTIME_FILE,
		    "/var/lib/docker/containers/0123/mounts/shm");
	assert_kind(*state, "101 100 0:61 / /run/secrets rw - tmpfs tmpfs rw", MOUNT_RUNTIME_FILE,
		    "/var/lib/kubelet/pods/u-1/volumes/kubernetes.io~secret/token");
	assert_kind(
		*state,
		"101 100 8:1 /var/lib/kubelet/pods/u-1/containers/app/7f /dev/termination-log rw - ext4 d rw",
		MOUNT_RUNTIME_FILE, "/var/lib/kubelet/pods/u-1/containers/app/7f");
	assert_kind(*state,
		    "101 100 0:24 /containers/storage/overlay-containers/5/userdata/hosts /etc/hosts rw - "
		    "tmpfs t rw",
		    MOUNT_RUNTIME_FILE, "/run/containers/storage/overlay-containers/5/userdata/hosts");
}

static void test_volumes_are_no_host_paths(void **state)
{
	assert_kind(*state, "101 100 8:1 /var/lib/docker/volumes/v/_data /data rw - ext4 d rw", MOUNT_PLAIN,
		    "/var/lib/docker/volumes/v/_data");
	assert_kind(*state, "101 100 8:1 /var/lib/docker/volumes/v/_data/sub /data rw - ext4 d rw",
		    MOUNT_PLAIN, "/var/lib/docker/volumes/v/_data/sub");
	assert_kind(
		*state,
		"101 100 8:1 /var/lib/kubelet/pods/u-1/volumes/kubernetes.io~empty-dir/c /c rw - ext4 d rw",
		MOUNT_PLAIN, "/var/lib/kubelet/pods/u-1/volumes/kubernetes.io~empty-dir/c");
}

/* The runtime's directory is told by where the container's own layers lie. */
static void test_another_data_directory(void **state)
{
	struct scene *scene = *state;
	const char text[] = "100 99 0:40 / / rw - overlay o rw,upperdir=/big/d[o*c/overlay2/L/diff\n"
			    "101 100 8:1 /big/d[o*c/containers/7/hosts /etc/hosts rw - ext4 d rw\n"
			    "102 100 8:1 /big/d[o*c/volumes/v/_data /v rw - ext4 d rw\n"
			    "103 100 8:1 /big/d[o*c /d rw - ext4 d rw\n"
			    "104 100 8:1 /big/doc/volumes/v/_data /w rw - ext4 d rw\n";

	scene->container = parse(scene->arena, text);
	assert_int_equal(mount_judge_kinds(&scene->container, &scene->setting, scene->arena), 0);
	assert_int_equal(scene->container.mounts[1].kind, MOUNT_RUNTIME_FILE);
	assert_int_equal(scene->container.mounts[2].kind, MOUNT_PLAIN);
	assert_int_equal(scene->container.mounts[3].kind, MOUNT_HOST_PATH);
	assert_int_equal(scene->container.mounts[4].kind, MOUNT_HOST_PATH);
}

static void test_runtime_sockets(void **state)
{
	assert_kind(*state, "101 100 0:24 /docker.sock /var/run/docker.sock rw - tmpfs t rw",
		    MOUNT_RUNTIME_SOCKET, "/run/docker.sock");
	assert_kind(*state, "101 100 0:24 /containerd/containerd.sock /c rw - tmpfs t rw",
		    MOUNT_RUNTIME_SOCKET, "/run/containerd/containerd.sock");
	assert_kind(*state, "101 100 8:1 /tmp/x/docker.sock /d rw - ext4 d rw", MOUNT_RUNTIME_SOCKET,
		    "/tmp/x/docker.sock");
	assert_kind(*state, "101 100 0:24 /ecs/ebs-csi-driver/csi-driver.sock /c rw - tmpfs t rw",
		    MOUNT_RUNTIME_SOCKET, "/run/ecs/ebs-csi-driver/csi-driver.sock");
	/* The name inside says nothing. */
	assert_kind(*state, "101 100 8:1 /home/u/chat.sock /var/run/docker.sock rw - ext4 d rw",
		    MOUNT_HOST_PATH, "/home/u/chat.sock");
	assert_kind(*state, "101 100 0:70 /docker.sock /docker.sock rw - tmpfs t rw", MOUNT_PLAIN, NULL);
}

static void test_the_root_is_a_directory_of_the_host(void **state)
{
	struct scene *scene = *state;

	scene->container = parse(scene->arena, "100 99 8:1 /b/rootfs / ro - ext4 d rw\n"
					       "101 100 8:1 /b/rootfs/etc /x rw - ext4 d rw\n"
					       "102 100 8:1 /b/rootfsx /y rw - ext4 d rw\n");
	assert_int_equal(mount_judge_kinds(&scene->container, &scene->setting, scene->arena), 0);
	assert_int_equal(scene->container.mounts[0].kind, MOUNT_PLAIN);
	assert_int_equal(scene->container.mounts[1].kind, MOUNT_PLAIN);
	assert_int_equal(scene->container.mounts[2].kind, MOUNT_HOST_PATH);
}

static void test_the_root_is_the_hosts(void **state)
{
	struct scene *scene = *state;

	scene->container = parse(scene->arena, "100 99 8:1 / / rw - ext4 d rw\n"
					       "101 100 0:70 / /tmp rw - tmpfs d rw\n");
	assert_int_equal(mount_judge_kinds(&scene->container, &scene->setting, scene->arena), 0);
	assert_int_equal(scene->container.mounts[0].kind, MOUNT_HOST_PATH);
	assert_int_equal(scene->container.mounts[1].kind, MOUNT_PLAIN);
}

static void test_recursive_binds(void **state)
{
	struct scene *scene = *state;

	scene->container = parse(scene->arena, "100 99 0:40 / / rw - overlay o rw\n"
					       "105 102 0:38 / /host/sys/fs/cgroup rw - cgroup2 c rw\n"
					       "101 100 8:1 / /host rw - ext4 d rw\n"
					       "102 101 0:22 / /host/sys rw - sysfs s rw\n"
					       "103 101 0:24 / /host/mnt rw - tmpfs t rw\n"
					       "104 100 0:24 / /run rw - tmpfs t rw\n"
					       "106 101 8:1 /etc /host/proc rw - ext4 d rw\n");
	assert_int_equal(mount_judge_kinds(&scene->container, &scene->setting, scene->arena), 0);
	static const bool along[] = {false, true, false, true, false, false, false};
	for (size_t i = 0; i < sizeof(along) / sizeof(*along); i++)
		assert_int_equal(scene->container.mounts[i].bound_along, along[i]);
}

/* ---- from within a container ------------------------------------------------------------------- */

static void test_without_the_host(void **state)
{
	struct scene *scene = *state;

	scene->setting = (struct mount_setting){0};
	assert_kind(scene, "101 100 8:1 /home/u /u rw - ext4 d rw", MOUNT_HOST_PATH, NULL);
	assert_kind(scene, "101 100 8:1 / /data rw - ext4 d rw", MOUNT_PLAIN, NULL);
	assert_kind(scene, "101 100 0:70 / /tmp rw - tmpfs t rw", MOUNT_PLAIN, NULL);
	assert_kind(scene, "101 100 0:40 /opt /srv rw - overlay o rw", MOUNT_PLAIN, NULL);
	assert_kind(scene, "101 100 0:24 /docker.sock /d rw - tmpfs t rw", MOUNT_RUNTIME_SOCKET, NULL);
	assert_kind(scene, "101 100 0:6 /sda /dev/sda rw - devtmpfs d rw", MOUNT_HOST_PATH, NULL);
	assert_kind(scene, "101 100 0:21 / /proc rw - proc p rw", MOUNT_PLAIN, NULL);
	assert_kind(scene, "101 100 8:1 /var/lib/docker/containers/7/hosts /etc/hosts rw - ext4 d rw",
		    MOUNT_RUNTIME_FILE, NULL);
	assert_kind(scene, "101 100 8:1 /lib/docker/volumes/v/_data /v rw - ext4 d rw", MOUNT_PLAIN, NULL);
	assert_kind(scene,
		    "101 100 0:24 /containers/storage/overlay-containers/5/userdata/hosts /etc/hosts rw - "
		    "tmpfs t rw",
		    MOUNT_RUNTIME_FILE, NULL);
}

/* The runtime's directory by where the layers lie, as the host calls it: its file system may be mounted at
 * any part of that path. */
static void test_without_the_host_another_data_directory(void **state)
{
	struct scene *scene = *state;
	const char text[] = "100 99 0:40 / / rw - overlay o rw,upperdir=/big/d[o*c/overlay2/L/diff\n"
			    "101 100 8:1 /big/d[o*c/containers/7/hosts /etc/hosts rw - ext4 d rw\n"
			    "102 100 8:2 /d[o*c/volumes/v/_data /v rw - ext4 d rw\n"
			    "103 100 8:3 /containers/7/hostname /etc/hostname rw - ext4 d rw\n"
			    "104 100 8:1 /big/d[o*c /d rw - ext4 d rw\n"
			    "105 100 8:1 /doc/containers/7/hosts /w rw - ext4 d rw\n"
			    "106 100 8:1 /g/d[o*c/containers/7/hosts /x rw - ext4 d rw\n";
	static const enum mount_kind kinds[] = {MOUNT_PLAIN,        MOUNT_RUNTIME_FILE, MOUNT_PLAIN,
						MOUNT_RUNTIME_FILE, MOUNT_HOST_PATH,    MOUNT_HOST_PATH,
						MOUNT_HOST_PATH};

	scene->setting = (struct mount_setting){0};
	scene->container = parse(scene->arena, text);
	assert_int_equal(mount_judge_kinds(&scene->container, &scene->setting, scene->arena), 0);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (scene->container.mounts[i].kind != kinds[i])
			fail_msg("kind %d: %s", scene->container.mounts[i].kind,
				 scene->container.mounts[i].root);
	scene->container.mounts[0].upper = "overlay2/relative";
	assert_int_equal(mount_judge_kinds(&scene->container, &scene->setting, scene->arena), 0);
	assert_int_equal(scene->container.mounts[1].kind, MOUNT_HOST_PATH);
}

/* A file system that runtime files came from is the host's, even when it is there as a whole. */
static void test_without_the_host_a_whole_disk(void **state)
{
	struct scene *scene = *state;

	scene->setting = (struct mount_setting){0};
	scene->container = parse(scene->arena,
				 "100 99 0:40 / / rw - overlay o rw\n"
				 "101 100 8:1 / /host rw - ext4 d rw\n"
				 "102 100 8:1 /var/lib/docker/containers/7/hosts /etc/hosts rw - ext4 d rw\n"
				 "103 100 8:1 /run/docker.sock /d rw - ext4 d rw\n"
				 "104 100 8:5 / /data rw - ext4 d rw\n"
				 "105 100 8:5 /sub /again rw - ext4 d rw\n");
	assert_int_equal(mount_judge_kinds(&scene->container, &scene->setting, scene->arena), 0);
	static const enum mount_kind kinds[] = {MOUNT_PLAIN,          MOUNT_HOST_PATH, MOUNT_RUNTIME_FILE,
						MOUNT_RUNTIME_SOCKET, MOUNT_PLAIN,     MOUNT_PLAIN};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		assert_int_equal(scene->container.mounts[i].kind, kinds[i]);
}

/* ---- where a directory's sockets may be -------------------------------------------------------- */

struct looked {
	const char *wanted;
	size_t count;
};

static int look(void *context, const char *path)
{
	struct looked *looked = context;

	looked->count++;
	assert_int_not_equal(path[0], '/');
	return !strcmp(path, looked->wanted) ? 7 : 0;
}

static bool is_looked_for(const char *host_path, const char *path)
{
	struct looked looked = {path, 0};
	int result = mount_each_socket(host_path, look, &looked);

	assert_true(result == 0 || result == 7);
	assert_true(looked.count > 0);
	return result == 7;
}

static void test_sockets_in_directories(void **state)
{
	(void)state;
	assert_true(is_looked_for("/run", "docker.sock"));
	assert_true(is_looked_for("/run", "containerd/containerd.sock"));
	assert_true(is_looked_for("/var/run", "containerd/containerd.sock"));
	assert_true(is_looked_for("/var/run/containerd", "containerd.sock"));
	assert_true(is_looked_for("/", "run/docker.sock"));
	assert_true(is_looked_for("/srv/anything", "podman.sock"));
	assert_false(is_looked_for("/srv", "containerd/containerd.sock"));
	assert_false(is_looked_for("/ru", "n/docker.sock"));
	assert_false(is_looked_for("/run", ""));
}

/* ---- the index --------------------------------------------------------------------------------- */

static void test_index_of_points(void **state)
{
	struct scene *scene = *state;
	_cleanup_mount_index_ struct mount_index points = {0};
	struct mount_namespace namespace = parse(scene->arena, "4 3 0:4 / /a/b rw - t t rw\n"
							       "5 1 0:5 / /a-b rw - t t rw\n"
							       "1 0 0:1 / / rw - t t rw\n"
							       "2 1 0:2 / /a rw - t t rw\n"
							       "3 2 0:3 / /a rw - t t rw\n"
							       "6 4 0:6 / /a/b/c/d rw - t t rw\n");
	static const struct {
		const char *path;
		uint32_t id;
	} cases[] = {{"/", 1},      {"/x", 1},     {"/a", 3},           {"/a/x", 3},      {"/a/b", 4},
		     {"/a/b/c", 4}, {"/a-b/c", 5}, {"/a/b/c/d/e/f", 6}, {"/a/b/c/dd", 4}, {"/ab", 1}};

	assert_int_equal(mount_index_points(&points, &namespace), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(mount_index_find(&points, 0, cases[i].path)->mount->id, cases[i].id);
		assert_ptr_equal(mount_index_find(&points, 0, cases[i].path)->mount,
				 mount_of_path(&namespace, cases[i].path));
	}
	assert_null(mount_index_find(&points, 0, "relative"));
	assert_null(mount_index_find(&points, 0, ""));
	assert_null(mount_index_find(&points, 1, "/a"));
}

static void test_an_empty_index(void **state)
{
	_cleanup_mount_index_ struct mount_index points = {0};
	struct mount_namespace namespace = {0};

	(void)state;
	assert_int_equal(mount_index_points(&points, &namespace), 0);
	assert_null(mount_index_find(&points, 0, "/"));
}

#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_make, scene_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCENE(test_its_own),
		IN_SCENE(test_host_paths),
		IN_SCENE(test_file_systems_of_the_kernel),
		IN_SCENE(test_what_runtimes_bind_in),
		IN_SCENE(test_volumes_are_no_host_paths),
		IN_SCENE(test_another_data_directory),
		IN_SCENE(test_runtime_sockets),
		IN_SCENE(test_the_root_is_a_directory_of_the_host),
		IN_SCENE(test_the_root_is_the_hosts),
		IN_SCENE(test_recursive_binds),
		IN_SCENE(test_without_the_host),
		IN_SCENE(test_without_the_host_another_data_directory),
		IN_SCENE(test_without_the_host_a_whole_disk),
		cmocka_unit_test(test_sockets_in_directories),
		IN_SCENE(test_index_of_points),
		cmocka_unit_test(test_an_empty_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
