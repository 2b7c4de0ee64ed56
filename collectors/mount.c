/* The mount collector: the mounts of each mount namespace, read once through one of its processes; which of a
 * container's are the host's; the devices in its /dev. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/beneath.h"
#include "collectors/carry.h"
#include "collectors/device.h"
#include "collectors/held.h"
#include "collectors/mount_kind.h"
#include "collectors/mountinfo.h"
#include "collectors/namespace.h"
#include "proctor/cleanup.h"
#include "proctor/collector.h"

enum { LOOKED_AT_MAX = 64 /* mounts of the host in one container */ };

/* A process through which a mount namespace may be read; those of one namespace stand together, the best
 * first. */
struct witness {
	uint64_t inode;
	unsigned rank;
	struct process *process;
};

struct gathering {
	struct snapshot *snapshot;
	const struct request *request;
	struct coverage *coverage;
	struct buffer buffer;
	int proc;
	struct witness *witnesses;
	size_t witness_count;
	size_t known_count; /* namespaces in the snapshot that stand in the order of their inodes */
	const struct mount_namespace *host;
	struct mount_index host_roots;
	const struct container **known; /* for each container what it was; NULL: nothing is taken over */
};

static void note(struct gathering *gathering, const char *reason, const char *example, const char *remedy)
{
	coverage_note(gathering->coverage, gathering->snapshot->arena, reason, example, remedy);
}

/* Notes what is missing of a process, with its file in /proc as the example. */
static void note_file(struct gathering *gathering, const char *reason, pid_t pid, const char *file,
		      const char *remedy)
{
	char example[64];

	snprintf(example, sizeof(example), "%s/%d/%s", gathering->request->proc, (int)pid, file);
	note(gathering, reason, example, remedy);
}

static const char needs_trace[] = COVERAGE_REMEDY_PTRACE;

/* ---- one table --------------------------------------------------------------------------------- */

static void note_faults(struct gathering *gathering, pid_t pid, const struct mountinfo_faults *faults)
{
	if (faults->cut)
		note_file(gathering, "mount table is longer than 16 MiB: cut there", pid, "mountinfo", NULL);
	if (faults->malformed > (faults->cut ? 1 : 0))
		note_file(gathering, "line of a mount table is not as proc(5) has it", pid, "mountinfo",
			  NULL);
}

/* Marks overlays that someone with less privilege than ours may have mounted, over a file system of his that
 * never answers. Those that the host has as well are found out later. */
static void mark_foreign(const struct gathering *gathering, struct mount_namespace *table)
{
	if (table->owner == NAMESPACE_INITIAL_USER ||
	    (table->owner && table->owner == gathering->snapshot->self.namespaces[NAMESPACE_USER]))
		return;
	for (size_t i = 0; i < table->mount_count; i++)
		table->mounts[i].foreign = !strcmp(table->mounts[i].type, "overlay");
}

/* Reads the mount table of a process into a new namespace. 0 with *namespace NULL: it could not be read. */
static int read_table(struct gathering *gathering, const struct process *process,
		      struct mount_namespace **namespace)
{
	_cleanup_held_ struct held held;
	struct arena *arena = gathering->snapshot->arena;
	struct mount_namespace *new;
	struct mountinfo_faults faults;

	*namespace = NULL;
	if (held_begin(&held, gathering->snapshot, gathering->proc, process))
		return 0;
	new = arena_alloc(arena, sizeof(*new));
	if (!new)
		return -1;
	*new = (struct mount_namespace){.inode = process->namespaces[NAMESPACE_MNT],
					.pid = process->pid,
					.start_time = process->start_time};
	if (mountinfo_read(held.directory, "mountinfo", &gathering->buffer, arena, new, &faults))
		return errno == ENOMEM ? -1 : 0;
	if (held_mount_owner(&held, &new->owner))
		return 0;
	note_faults(gathering, process->pid, &faults);
	mark_foreign(gathering, new);
	*namespace = new;
	return 0;
}

/* ---- every namespace --------------------------------------------------------------------------- */

static int compare_witnesses(const void *a, const void *b)
{
	const struct witness *left = a, *right = b;

	if (left->inode != right->inode)
		return left->inode > right->inode ? 1 : -1;
	if (left->rank != right->rank)
		return left->rank > right->rank ? 1 : -1;
	return (left->process->pid > right->process->pid) - (left->process->pid < right->process->pid);
}

/* A container's first process sees what the container is meant to see; one with another root sees less. */
static unsigned rank_of(const struct process *process)
{
	if (process->root_changed)
		return 2;
	return process->container && process->container->init == process ? 0 : 1;
}

static int find_witnesses(struct gathering *gathering)
{
	struct snapshot *snapshot = gathering->snapshot;

	if (!snapshot->process_count)
		return 0;
	gathering->witnesses = calloc(snapshot->process_count, sizeof(struct witness));
	if (!gathering->witnesses)
		return -1;
	for (size_t i = 0; i < snapshot->process_count; i++) {
		struct process *process = &snapshot->processes[i];
		uint64_t inode = process->namespaces[NAMESPACE_MNT];
		if (inode)
			gathering->witnesses[gathering->witness_count++] =
				(struct witness){inode, rank_of(process), process};
	}
	if (gathering->witness_count)
		qsort(gathering->witnesses, gathering->witness_count, sizeof(struct witness),
		      compare_witnesses);
	return 0;
}

/* Appends to the snapshot's namespaces, for which there is room. */
static void add_namespace(struct gathering *gathering, struct mount_namespace *namespace)
{
	struct snapshot *snapshot = gathering->snapshot;

	snapshot->mount_namespaces[snapshot->mount_namespace_count++] = namespace;
	gathering->coverage->seen++;
}

/* Tells on which mount the executable of each of a namespace's processes lies. */
static int place_executables(const struct witness *witnesses, size_t count,
			     const struct mount_namespace *namespace)
{
	_cleanup_mount_index_ struct mount_index points = {0};

	if (mount_index_points(&points, namespace))
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct process *process = witnesses[i].process;
		if (!process->executable || process->executable_memfd)
			continue;
		const struct mount_index_entry *entry = mount_index_find(&points, 0, process->executable);
		process->executable_mount = entry ? entry->mount : NULL;
	}
	return 0;
}

/* Reads the namespace of `count` witnesses through the first of them that lets it be read. */
static int read_namespace(struct gathering *gathering, const struct witness *witnesses, size_t count)
{
	struct mount_namespace *namespace = NULL;

	for (size_t i = 0; i < count && !namespace; i++)
		if (read_table(gathering, witnesses[i].process, &namespace))
			return -1;
	if (!namespace) {
		gathering->coverage->missed++;
		note_file(gathering, "mount table cannot be read: its processes ended",
			  witnesses->process->pid, "mountinfo", NULL);
		return 0;
	}
	namespace->host = namespace->inode == gathering->snapshot->host.mount_namespace;
	if (namespace->host)
		gathering->host = namespace;
	add_namespace(gathering, namespace);
	return place_executables(witnesses, count, namespace);
}

static int read_namespaces(struct gathering *gathering)
{
	const struct witness *witnesses = gathering->witnesses;
	size_t count = gathering->witness_count, next;

	for (size_t i = 0; i < count; i = next) {
		for (next = i + 1; next < count && witnesses[next].inode == witnesses[i].inode; next++)
			continue;
		if (read_namespace(gathering, witnesses + i, next - i))
			return -1;
	}
	return 0;
}

/* Where none of the processes in the snapshot is known to be in the host's mount namespace it is read through
 * ourselves when we are in it, else through pid 1, whose it is. */
static int read_host_namespace(struct gathering *gathering)
{
	const struct snapshot *snapshot = gathering->snapshot;
	uint64_t inode = snapshot->host.mount_namespace;
	bool inside = inode && snapshot->self.namespaces[NAMESPACE_MNT] == inode;
	const struct process reader = {.pid = inside ? snapshot->self.pid : 1};
	struct mount_namespace *namespace;

	if (gathering->host || snapshot->host.view != VIEW_HOST)
		return 0;
	if (read_table(gathering, &reader, &namespace))
		return -1;
	if (!namespace) {
		note_file(gathering,
			  "mount table of the host cannot be read: which mounts are the host's is a guess",
			  reader.pid, "mountinfo", "mount procfs without hidepid");
		return 0;
	}
	namespace->inode = inode;
	namespace->host = true;
	gathering->host = namespace;
	add_namespace(gathering, namespace);
	return 0;
}

static int compare_namespaces(const void *a, const void *b)
{
	const struct mount_namespace *left = *(struct mount_namespace *const *)a;
	const struct mount_namespace *right = *(struct mount_namespace *const *)b;

	return (left->inode > right->inode) - (left->inode < right->inode);
}

static void sort_namespaces(struct gathering *gathering)
{
	struct snapshot *snapshot = gathering->snapshot;

	gathering->known_count = snapshot->mount_namespace_count;
	if (gathering->known_count)
		qsort(snapshot->mount_namespaces, gathering->known_count, sizeof(struct mount_namespace *),
		      compare_namespaces);
}

static const struct mount_namespace *find_namespace(const struct gathering *gathering, uint64_t inode)
{
	struct mount_namespace wanted = {.inode = inode}, *key = &wanted, **found = NULL;

	if (gathering->known_count)
		found = bsearch(&key, gathering->snapshot->mount_namespaces, gathering->known_count,
				sizeof(key), compare_namespaces);
	return found ? *found : NULL;
}

/* ---- containers -------------------------------------------------------------------------------- */

/* The namespace of a container: that of its first process, whose table may be read even where the link that
 * names the namespace may not. */
static int find_container_mounts(struct gathering *gathering, struct container *container)
{
	const struct process *init = container->init;
	struct mount_namespace *namespace;

	if (!init)
		return 0;
	if (init->namespaces[NAMESPACE_MNT]) {
		container->mount_namespace = find_namespace(gathering, init->namespaces[NAMESPACE_MNT]);
		return 0;
	}
	if (read_table(gathering, init, &namespace))
		return -1;
	container->mount_namespace = namespace;
	if (namespace) {
		add_namespace(gathering, namespace);
		return 0;
	}
	gathering->coverage->missed++;
	note_file(gathering, "mount table of a container cannot be read", init->pid, "mountinfo",
		  needs_trace);
	return 0;
}

static bool is_own_namespace(const struct snapshot *snapshot, const struct process *process,
			     enum namespace_kind kind)
{
	return process->namespaces[kind] && snapshot->host.namespaces[kind] &&
	       process->namespaces[kind] != snapshot->host.namespaces[kind];
}

static int judge_mounts(struct gathering *gathering, const struct container *container)
{
	const struct snapshot *snapshot = gathering->snapshot;
	struct mount_setting setting = {
		.host = gathering->host,
		.host_roots = &gathering->host_roots,
		.own_pids = is_own_namespace(snapshot, container->init, NAMESPACE_PID),
		.own_network = is_own_namespace(snapshot, container->init, NAMESPACE_NET),
	};

	return mount_judge_kinds((struct mount_namespace *)container->mount_namespace, &setting,
				 snapshot->arena);
}

/* Looking for a runtime's socket in a directory of the host. */
struct socket_search {
	const struct beneath *beneath;
	const struct mount *mount;
};

/* 1: it is a socket, 0: it is not or not there. */
static int look_for_socket(void *context, const char *path)
{
	const struct socket_search *search = context;
	const struct mount *mount;
	char whole[PATH_MAX];
	struct statx facts;

	if (snprintf(whole, sizeof(whole), "%s/%s", search->mount->point, path) >= (int)sizeof(whole))
		return 0;
	_cleanup_close_ int fd = beneath_path(search->beneath, whole, &mount);
	return fd >= 0 && mount == search->mount &&
	       !statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &facts) &&
	       S_ISSOCK(facts.stx_mode);
}

/* Looks at what the name of a mount only suggests: whether it is a socket, or a directory that holds one.
 * False when it cannot be looked at. */
static bool verify_socket(const struct beneath *beneath, struct mount *mount)
{
	struct socket_search search = {beneath, mount};
	_cleanup_close_ int fd = beneath_path(beneath, mount->point, NULL);
	struct statx facts;

	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &facts))
		return false;
	if (S_ISSOCK(facts.stx_mode) && mount->kind == MOUNT_RUNTIME_SOCKET)
		return true;
	mount->kind = MOUNT_HOST_PATH;
	if (!S_ISDIR(facts.stx_mode))
		return true;
	if (mount_each_socket(mount->host_path ? mount->host_path : mount->root, look_for_socket, &search))
		mount->kind = MOUNT_RUNTIME_SOCKET;
	return beneath_may_list(mount);
}

/* False when not all of them could be searched. */
static bool verify_sockets(struct gathering *gathering, const struct container *container,
			   const struct beneath *beneath)
{
	const struct mount_namespace *namespace = container->mount_namespace;
	size_t looked = 0;
	bool whole = true;

	for (size_t i = 0; i < namespace->mount_count; i++) {
		struct mount *mount = &namespace->mounts[i];
		if (mount->covered || (mount->kind != MOUNT_HOST_PATH && mount->kind != MOUNT_RUNTIME_SOCKET))
			continue;
		if (looked++ == LOOKED_AT_MAX) {
			note(gathering,
			     "a container has more than 64 mounts of the host: the rest was not searched for "
			     "runtime sockets",
			     mount->point, NULL);
			return false;
		}
		if (verify_socket(beneath, mount))
			continue;
		whole = false;
		note(gathering, "a mount of the host in a container cannot be searched for runtime sockets",
		     mount->point, NULL);
	}
	return whole;
}

/* What lies in the container's root: its devices, and whether sockets are sockets. */
static int look_inside(struct gathering *gathering, struct container *container)
{
	const struct process *init = container->init;
	_cleanup_held_ struct held held;
	_cleanup_beneath_ struct beneath beneath = {.root = -1};
	struct device_faults faults;
	int root;

	if (held_begin(&held, gathering->snapshot, gathering->proc, init)) {
		note_file(gathering,
			  "the first process of a container cannot be held: its devices and sockets were not "
			  "looked at",
			  init->pid, "", NULL);
		return 0;
	}
	root = held_open_root(&held);
	if (root < 0 && errno == ESRCH) {
		note_file(
			gathering,
			"the first process of a container ended: its devices and sockets were not looked at",
			init->pid, "root", NULL);
		return 0;
	}
	if (root < 0 || beneath_open_at(&beneath, root, container->mount_namespace)) {
		if (errno == ENOMEM)
			return -1;
		note_file(gathering,
			  errno == EREMOTE ? "the root of a container is on a file system that may hang: its "
					     "devices and sockets were not looked at"
					   : "the root of a container cannot be opened: its devices and "
					     "sockets were not looked at",
			  init->pid, "root", errno == EREMOTE ? NULL : needs_trace);
		return 0;
	}
	container->looked_into = verify_sockets(gathering, container, &beneath);
	if (device_collect(container, &beneath, gathering->snapshot->arena, &faults))
		return -1;
	if (faults.reason) {
		container->looked_into = false;
		note_file(gathering, faults.reason, init->pid, "root/dev", faults.remedy);
	}
	return 0;
}

/* The same, or takes over what was seen there. */
static int tell_inside(struct gathering *gathering, size_t index)
{
	struct container *container = gathering->snapshot->containers[index];
	const struct container *was = gathering->known ? gathering->known[index] : NULL;
	int result = 1;

	if (was && was->looked_into && carry_has_same_mounts(was, container))
		result = carry_inside(gathering->snapshot->arena, was, container);
	return result <= 0 ? result : look_inside(gathering, container);
}

/* What the host has mounted as well is its own. */
static void trust_host(struct gathering *gathering)
{
	const struct snapshot *snapshot = gathering->snapshot;

	for (size_t i = 0; i < snapshot->mount_namespace_count; i++) {
		const struct mount_namespace *namespace = snapshot->mount_namespaces[i];
		for (size_t k = 0; k < namespace->mount_count; k++) {
			struct mount *mount = &namespace->mounts[k];
			if (mount->foreign && gathering->host)
				mount->foreign = namespace != gathering->host &&
						 !mount_index_find(&gathering->host_roots,
								   mount_device(mount), mount->root);
		}
	}
}

static int read_containers(struct gathering *gathering)
{
	struct snapshot *snapshot = gathering->snapshot;

	if (gathering->host && mount_index_roots(&gathering->host_roots, gathering->host))
		return -1;
	trust_host(gathering);
	if (carry_can(gathering->request, "mount")) {
		gathering->known = carry_find_containers(snapshot, gathering->request->previous);
		if (!gathering->known)
			return -1;
	}
	for (size_t i = 0; i < snapshot->container_count; i++) {
		struct container *container = snapshot->containers[i];
		if (find_container_mounts(gathering, container))
			return -1;
		if (!container->mount_namespace || container->mount_namespace->host)
			continue;
		if (judge_mounts(gathering, container) || tell_inside(gathering, i))
			return -1;
	}
	return 0;
}

/* ---- all of it --------------------------------------------------------------------------------- */

static int gather(struct gathering *gathering)
{
	struct snapshot *snapshot = gathering->snapshot;

	if (find_witnesses(gathering))
		return -1;
	snapshot->mount_namespaces =
		arena_array(snapshot->arena, gathering->witness_count + snapshot->container_count + 1,
			    sizeof(struct mount_namespace *));
	if (!snapshot->mount_namespaces || read_namespaces(gathering) || read_host_namespace(gathering))
		return -1;
	sort_namespaces(gathering);
	if (read_containers(gathering))
		return -1;
	sort_namespaces(gathering);
	return 0;
}

static int collect(struct snapshot *snapshot, const struct request *request, struct coverage *coverage,
		   struct error **error)
{
	struct gathering gathering = {.snapshot = snapshot, .request = request, .coverage = coverage};
	_cleanup_close_ int proc = open(request->proc, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int result;

	if (proc < 0)
		return error_set(error, errno, "opening %s", request->proc);
	gathering.proc = proc;
	result = gather(&gathering);
	free(gathering.witnesses);
	buffer_free(&gathering.buffer);
	mount_index_free(&gathering.host_roots);
	return result ? error_set(error, ENOMEM, "reading mounts") : 0;
}

const struct collector collector_mount = {
	.name = "mount",
	.description =
		"the mounts of each mount namespace, and what of the host's a container has among them",
	.collect = collect,
};
