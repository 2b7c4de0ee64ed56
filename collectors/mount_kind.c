#include "collectors/mount_kind.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/filesystem_type.h"
#include "collectors/mountinfo.h"
#include "proctor/cleanup.h"

/* ---- names of the trade ------------------------------------------------------------------------ */

static bool is_one_of(const char *text, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(text, *list))
			return true;
	return false;
}

/* Nodes of the host's /dev that runtimes bind into containers that may not make nodes (runtime-spec, default
 * devices). */
static const char *const default_nodes[] = {"/null",    "/zero", "/full",    "/random",
					    "/urandom", "/tty",  "/console", NULL};

/* Where on the host runtimes keep what they bind into containers; `*` is one component, and what lies deeper
 * counts as well. */
static const struct {
	const char *pattern;
	enum mount_kind kind;
} state_paths[] = {
	{"/home/*/.local/share/containers/storage/volumes/*/_data", MOUNT_PLAIN},
	{"/mnt/ecs/ebs/*", MOUNT_PLAIN},
	{"/run/containerd/io.containerd.grpc.v1.cri/sandboxes/*/*", MOUNT_RUNTIME_FILE},
	{"/run/containers/storage/overlay-containers/*/userdata/*", MOUNT_RUNTIME_FILE},
	{"/run/crun/.empty-directory", MOUNT_RUNTIME_FILE},
	{"/run/systemd/nspawn/*/*", MOUNT_RUNTIME_FILE},
	{"/run/user/*/containers/overlay-containers/*/userdata/*", MOUNT_RUNTIME_FILE},
	{"/run/user/*/crun/.empty-directory", MOUNT_RUNTIME_FILE},
	{"/usr/bin/docker-init", MOUNT_RUNTIME_FILE},
	{"/usr/bin/tini-static", MOUNT_RUNTIME_FILE},
	{"/usr/libexec/docker/docker-init", MOUNT_RUNTIME_FILE},
	{"/usr/libexec/podman/catatonit", MOUNT_RUNTIME_FILE},
	{"/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/*/*", MOUNT_RUNTIME_FILE},
	{"/var/lib/containers/storage/overlay-containers/*/userdata/*", MOUNT_RUNTIME_FILE},
	{"/var/lib/ecs/data/metadata/*/*", MOUNT_RUNTIME_FILE},
	{"/var/lib/ecs/deps/execute-command/*", MOUNT_RUNTIME_FILE},
	{"/var/lib/ecs/volumes/*", MOUNT_PLAIN},
	{"/var/lib/kubelet/plugins/kubernetes.io/*/*", MOUNT_PLAIN},
	{"/var/lib/kubelet/pods/*/containers/*/*", MOUNT_RUNTIME_FILE},
	{"/var/lib/kubelet/pods/*/etc-hosts", MOUNT_RUNTIME_FILE},
	{"/var/lib/kubelet/pods/*/volume-subpaths/*/*/*", MOUNT_PLAIN},
	{"/var/lib/kubelet/pods/*/volumes/kubernetes.io~configmap/*", MOUNT_RUNTIME_FILE},
	{"/var/lib/kubelet/pods/*/volumes/kubernetes.io~downward-api/*", MOUNT_RUNTIME_FILE},
	{"/var/lib/kubelet/pods/*/volumes/kubernetes.io~projected/*", MOUNT_RUNTIME_FILE},
	{"/var/lib/kubelet/pods/*/volumes/kubernetes.io~secret/*", MOUNT_RUNTIME_FILE},
	{"/var/lib/kubelet/pods/*/volumes/*/*", MOUNT_PLAIN},
	{"/var/lib/lxcfs/*", MOUNT_RUNTIME_FILE},
	{"/var/lib/nerdctl/*/containers/*/*/*", MOUNT_RUNTIME_FILE},
	{"/var/lib/nerdctl/*/etchosts/*/*/*", MOUNT_RUNTIME_FILE},
	{"/var/lib/nerdctl/*/volumes/*/*/_data", MOUNT_PLAIN},
};

/* The same within the directory where docker or podman keeps all its data. */
static const struct {
	const char *pattern;
	enum mount_kind kind;
} storage_paths[] = {
	{"/containers/*/*", MOUNT_RUNTIME_FILE},
	{"/volumes/*/_data", MOUNT_PLAIN},
};

static const char *const storages[] = {"/var/lib/docker", "/var/lib/containers/storage",
				       "/var/snap/docker/common/var-lib-docker"};

static const char *const socket_names[] = {"buildkitd.sock",   "containerd.sock", "containerd.sock.ttrpc",
					   "cri-dockerd.sock", "crio.sock",       "docker.sock",
					   "dockershim.sock",  "podman.sock",     NULL};

/* Where such sockets lie, and the one by which the ECS agent has disks mounted. */
static const char *const socket_paths[] = {
	"/run/buildkit/buildkitd.sock",
	"/run/containerd/containerd.sock",
	"/run/cri-dockerd.sock",
	"/run/crio/crio.sock",
	"/run/docker.sock",
	"/run/dockershim.sock",
	"/run/ecs/ebs-csi-driver/csi-driver.sock",
	"/run/k3s/containerd/containerd.sock",
	"/run/podman/podman.sock",
	NULL,
};

/* What of a path or pattern stands behind the directory `top`, which is empty for the root; NULL when it does
 * not lie there. */
static const char *behind(const char *top, size_t length, const char *path)
{
	return !strncmp(top, path, length) && (path[length] == '/' || !path[length]) ? path + length : NULL;
}

bool mount_is_socket_name(const char *path)
{
	const char *slash = strrchr(path, '/'), *rest = behind("/var", strlen("/var"), path);

	return is_one_of(slash ? slash + 1 : path, socket_names) ||
	       is_one_of(rest ? rest : path, socket_paths);
}

int mount_each_socket(const char *host_path, int (*look)(void *context, const char *path), void *context)
{
	const char *in_var = behind("/var", strlen("/var"), host_path), *top = in_var ? in_var : host_path;
	size_t length = strcmp(top, "/") ? strlen(top) : 0;
	int result = 0;

	for (const char *const *path = socket_paths; *path && !result; path++) {
		const char *rest = behind(top, length, *path);
		if (rest && *rest)
			result = look(context, rest + 1);
	}
	for (const char *const *name = socket_names; *name && !result; name++)
		result = look(context, *name);
	return result;
}

/* ---- what the host keeps at a path ------------------------------------------------------------- */

static bool matches(const char *pattern, const char *path)
{
	return fnmatch(pattern, path, FNM_PATHNAME | FNM_LEADING_DIR) == 0;
}

static bool judge_storage(const char *path, enum mount_kind *kind)
{
	for (size_t i = 0; i < sizeof(storage_paths) / sizeof(storage_paths[0]); i++)
		if (matches(storage_paths[i].pattern, path)) {
			*kind = storage_paths[i].kind;
			return true;
		}
	return false;
}

/* The directory of the host in which the container's own layers lie is where its runtime keeps its data: what
 * stands before the storage driver's name in the overlay's upper directory. 0: not to be told. */
static size_t find_storage(const struct mount *root)
{
	static const char *const drivers[] = {"/overlay2/", "/overlay/", "/vfs/dir/", "/btrfs/subvolumes/"};
	const char *path = root ? root->upper ? root->upper : root->host_path : NULL;

	for (size_t i = 0; path && i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		const char *driver = strstr(path, drivers[i]);
		if (driver)
			return (size_t)(driver - path);
	}
	return 0;
}

/* Looks a path up among those where runtimes keep their files. `point` is where on the host its file system
 * is mounted, empty for the root. */
static bool judge_state_path(const char *path, const char *point, enum mount_kind *kind)
{
	size_t length = strlen(point);

	for (size_t i = 0; i < sizeof(storages) / sizeof(storages[0]); i++) {
		const char *storage = behind(point, length, storages[i]), *rest;
		if (storage && (rest = behind(storage, strlen(storage), path)) && judge_storage(rest, kind))
			return true;
	}
	for (size_t i = 0; i < sizeof(state_paths) / sizeof(state_paths[0]); i++) {
		const char *pattern = behind(point, length, state_paths[i].pattern);
		if (pattern && matches(pattern, path)) {
			*kind = state_paths[i].kind;
			return true;
		}
	}
	return false;
}

static enum mount_kind judge_host_path(const char *path, const struct mount *root)
{
	size_t storage = find_storage(root);
	enum mount_kind kind;
	const char *rest =
		storage ? behind(root->upper ? root->upper : root->host_path, storage, path) : NULL;

	if ((rest && judge_storage(rest, &kind)) || judge_state_path(path, "", &kind))
		return kind;
	return mount_is_socket_name(path) ? MOUNT_RUNTIME_SOCKET : MOUNT_HOST_PATH;
}

/* ---- whose it is ------------------------------------------------------------------------------- */

/* A container whose root is the whole of a file system that the host has at `/` has no root of its own. */
static bool root_is_own(const struct mount *root, const struct mount_setting *setting)
{
	return root && !(setting->host && root->host_path && !strcmp(root->host_path, "/"));
}

/* The root itself, and what of it the container bound to another place. */
static bool is_own(const struct mount *mount, const struct mount *root)
{
	struct mount top = {.point = root->root};

	return mount == root || (mount_device(mount) == mount_device(root) && mount_holds(&top, mount->root));
}

/* File systems of the kernel, whose content goes by the namespaces of whoever looks: one that the container
 * mounts itself shows the same as the host's bound in. But a procfs or sysfs shows the namespaces of whoever
 * mounted it, so that the host's in a container with others was bound in; devtmpfs there is but one. */
static bool judge_kernel(const struct mount *mount, const struct mount_setting *setting,
			 enum mount_kind *kind)
{
	bool bound = setting->host && mount->host_path;

	*kind = MOUNT_PLAIN;
	if (!strcmp(mount->type, "proc"))
		*kind = bound && setting->own_pids ? MOUNT_HOST_PATH : MOUNT_PLAIN;
	else if (!strcmp(mount->type, "sysfs"))
		*kind = bound && setting->own_network ? MOUNT_HOST_PATH : MOUNT_PLAIN;
	else if (!strcmp(mount->type, "devtmpfs"))
		*kind = is_one_of(mount->root, default_nodes) ? MOUNT_RUNTIME_FILE : MOUNT_HOST_PATH;
	else
		return filesystem_kind(mount->type) == FILESYSTEM_KERNEL;
	return true;
}

/* Where in the host's mounts the root of a container's mount lies; NULL: nowhere. -1: no memory. */
static int find_host_path(struct mount *mount, const struct mount_setting *setting, struct arena *arena)
{
	const struct mount_index_entry *entry =
		mount_index_find(setting->host_roots, mount_device(mount), mount->root);

	if (!entry)
		return 0;
	const char *point = entry->mount->point, *rest = mount->root;
	if (strcmp(entry->path, "/") != 0)
		rest += strlen(entry->path);
	if (!strcmp(point, "/"))
		point = *rest ? "" : "/";
	else if (!strcmp(rest, "/"))
		rest = "";
	mount->host_path = arena_printf(arena, "%s%s", point, rest);
	return mount->host_path ? 0 : -1;
}

static int compare_ids(const void *a, const void *b)
{
	const struct mount *left = *(const struct mount *const *)a, *right = *(const struct mount *const *)b;

	return (left->id > right->id) - (left->id < right->id);
}

/* True when the host has the one mount as far beneath the other as the container has. */
static bool lies_alike(const struct mount *mount, const struct mount *parent)
{
	size_t point = strcmp(parent->point, "/") != 0 ? strlen(parent->point) : 0;
	size_t path =
		parent->host_path && strcmp(parent->host_path, "/") != 0 ? strlen(parent->host_path) : 0;

	return mount->host_path && parent->host_path && behind(parent->point, point, mount->point) &&
	       behind(parent->host_path, path, mount->host_path) && mount->point[point] &&
	       !strcmp(mount->point + point, mount->host_path + path);
}

static int compare_points(const void *a, const void *b)
{
	const struct mount *left = *(const struct mount *const *)a, *right = *(const struct mount *const *)b;

	return mountinfo_compare_paths(left->point, right->point);
}

/* Tells mounts that came with the recursive bind of what they lie on, from the top down. -1: no memory. */
static int find_bound_along(struct mount_namespace *namespace)
{
	const size_t count = namespace->mount_count, size = sizeof(struct mount *);
	_cleanup_free_ struct mount **by_id = calloc(count + 1, size);
	_cleanup_free_ struct mount **by_point = calloc(count + 1, size);

	if (!by_id || !by_point)
		return -1;
	for (size_t i = 0; i < count; i++)
		by_id[i] = by_point[i] = &namespace->mounts[i];
	qsort(by_id, count, size, compare_ids);
	qsort(by_point, count, size, compare_points);
	for (size_t i = 0; i < count; i++) {
		struct mount *mount = by_point[i], wanted = {.id = mount->parent}, *key = &wanted;
		struct mount **parent = bsearch(&key, by_id, count, size, compare_ids);
		mount->bound_along = parent && *parent != mount && lies_alike(mount, *parent) &&
				     ((*parent)->kind != MOUNT_PLAIN || (*parent)->bound_along);
	}
	return 0;
}

static int judge_by_host(struct mount_namespace *namespace, const struct mount_setting *setting,
			 struct arena *arena)
{
	const struct mount *root = namespace->root;

	for (size_t i = 0; i < namespace->mount_count; i++)
		if (find_host_path(&namespace->mounts[i], setting, arena))
			return -1;
	for (size_t i = 0; i < namespace->mount_count; i++) {
		struct mount *mount = &namespace->mounts[i];
		if (judge_kernel(mount, setting, &mount->kind) ||
		    (root_is_own(root, setting) && is_own(mount, root)))
			continue;
		if (mount->host_path)
			mount->kind = judge_host_path(mount->host_path, root);
	}
	return find_bound_along(namespace);
}

/* ---- without a view of the host ---------------------------------------------------------------- */

/* The kind by the path in the file system alone, which may be one that the host has at /var or at /run. */
static bool judge_guessed_path(const char *path, enum mount_kind *kind)
{
	static const char *const points[] = {"", "/var", "/var/lib", "/var/lib/docker", "/run"};

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		if (judge_state_path(path, points[i], kind))
			return true;
	return false;
}

/* The same in the directory where the container's own layers lie; the host may have its file system at any
 * directory above. */
static bool judge_own_storage(const char *path, const struct mount *root, enum mount_kind *kind)
{
	const char *upper = root ? root->upper : NULL;
	size_t end = upper ? find_storage(root) : 0;

	if (!end)
		return false;
	for (size_t start = 0; start <= end; start += 1 + strcspn(upper + start + 1, "/")) {
		const char *rest = behind(upper + start, end - start, path);
		if (rest && judge_storage(rest, kind))
			return true;
	}
	return false;
}

/* File systems of the host: the few from which its runtime bound files in. */
struct host_devices {
	uint64_t list[16];
	size_t count;
};

static bool is_host_device(const struct host_devices *devices, uint64_t device)
{
	for (size_t i = 0; i < devices->count; i++)
		if (devices->list[i] == device)
			return true;
	return false;
}

static void add_host_device(struct host_devices *devices, uint64_t device)
{
	if (devices->count < sizeof(devices->list) / sizeof(devices->list[0]) &&
	    !is_host_device(devices, device))
		devices->list[devices->count++] = device;
}

/* True for mounts that the kind can be told of without knowing the file systems of the host. */
static bool judge_known(struct mount *mount, const struct mount *root, const struct mount_setting *setting)
{
	return judge_kernel(mount, setting, &mount->kind) || (root && is_own(mount, root)) ||
	       judge_own_storage(mount->root, root, &mount->kind) ||
	       judge_guessed_path(mount->root, &mount->kind);
}

static int judge_alone(struct mount_namespace *namespace, const struct mount_setting *setting)
{
	_cleanup_mount_index_ struct mount_index roots = {0};
	struct host_devices devices = {0};

	if (mount_index_roots(&roots, namespace))
		return -1;
	for (size_t i = 0; i < namespace->mount_count; i++) {
		struct mount *mount = &namespace->mounts[i];
		if (judge_known(mount, namespace->root, setting) && mount->kind == MOUNT_RUNTIME_FILE &&
		    mount->major)
			add_host_device(&devices, mount_device(mount));
	}
	for (size_t i = 0; i < namespace->mount_count; i++) {
		struct mount *mount = &namespace->mounts[i];
		bool whole = mount_index_find(&roots, mount_device(mount), "/") != NULL;
		if (judge_known(mount, namespace->root, setting) ||
		    (whole && !is_host_device(&devices, mount_device(mount))))
			continue;
		mount->kind = mount_is_socket_name(mount->root) ? MOUNT_RUNTIME_SOCKET : MOUNT_HOST_PATH;
	}
	return 0;
}

int mount_judge_kinds(struct mount_namespace *namespace, const struct mount_setting *setting,
		      struct arena *arena)
{
	return setting->host ? judge_by_host(namespace, setting, arena) : judge_alone(namespace, setting);
}
