/* The container collector: which processes belong together in a container, and which are the host's.
 *
 * Who has the host's mounts is of the host, whatever its cgroup is called. Of others an id in the cgroup path
 * tells which container they are in, and so it does where the mount namespace may not be read. Without an id
 * the kernel's word decides: a mount namespace
 * and a root directory that are not the host's, and a pid namespace of its own or a cgroup that is no unit of
 * systemd's. So a daemon with PrivateTmp (the host's root), a snap or a service with RootDirectory (the
 * host's pids, a unit's cgroup) and a chroot (the host's mounts) are the host's. */
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <string.h>

#include "collectors/cgroup.h"
#include "collectors/held.h"
#include "collectors/root.h"
#include "proctor/cleanup.h"
#include "proctor/collector.h"

/* A table of pointers by name, on hsearch_r(3). The keys are the caller's. */
struct index {
	struct hsearch_data table;
};

/* Whether a mount namespace without an id in its cgroup is a container's. */
struct judged_namespace {
	uint64_t inode;
	bool is_container;
};

struct grouping {
	struct snapshot *snapshot;
	struct coverage *coverage;
	int proc;
	const char *proc_path;
	struct container **containers;
	size_t count, capacity;
	struct index by_id;
	struct index host_cgroups; /* paths that processes of the host are in */
	struct judged_namespace *judged;
	size_t judged_count, judged_capacity;
	uint64_t host_mounts, host_pids; /* inodes; 0: not known */
	pid_t unread;                    /* the first process whose mount namespace may not be read */
	bool host_root_known;
	struct root host_root;
};

static int index_open(struct index *index, size_t most)
{
	if (hcreate_r(most + most / 2 + 8, &index->table))
		return 0;
	return -1;
}

static void *index_find(struct index *index, const char *key)
{
	ENTRY *entry = NULL;

	if (!hsearch_r((ENTRY){.key = (char *)key}, FIND, &entry, &index->table))
		return NULL;
	return entry->data;
}

static int index_add(struct index *index, const char *key, void *data)
{
	ENTRY *entry = NULL;

	return hsearch_r((ENTRY){.key = (char *)key, .data = data}, ENTER, &entry, &index->table) ? 0 : -1;
}

/* ---- the host ---------------------------------------------------------------------------------- */

/* The host's root is that of pid 1, else of kthreadd, which shares its mount namespace, else ours when we are
 * there. */
static void find_host(struct grouping *grouping)
{
	const struct snapshot *snapshot = grouping->snapshot;
	const struct self *self = &snapshot->self;

	if (snapshot->host.view != VIEW_HOST)
		return;
	grouping->host_pids = snapshot->host.namespaces[NAMESPACE_PID];
	grouping->host_mounts = snapshot->host.mount_namespace;
	if (!grouping->host_mounts)
		grouping->host_mounts = self->namespaces[NAMESPACE_MNT];
	grouping->host_root_known = !root_read(grouping->proc, 1, &grouping->host_root) ||
				    !root_read(grouping->proc, 2, &grouping->host_root) ||
				    (self->namespaces[NAMESPACE_MNT] == grouping->host_mounts &&
				     !root_read(grouping->proc, self->pid, &grouping->host_root));
}

static int index_host_cgroups(struct grouping *grouping)
{
	const struct snapshot *snapshot = grouping->snapshot;

	for (size_t i = 0; i < snapshot->process_count; i++) {
		const struct process *process = &snapshot->processes[i];
		if (process->cgroup && process->namespaces[NAMESPACE_MNT] == grouping->host_mounts &&
		    grouping->host_mounts &&
		    index_add(&grouping->host_cgroups, process->cgroup, (void *)process->cgroup))
			return -1;
	}
	return 0;
}

/* ---- which container --------------------------------------------------------------------------- */

static bool has_own_mounts(const struct grouping *grouping, const struct process *process)
{
	uint64_t mounts = process->namespaces[NAMESPACE_MNT];

	return mounts && mounts != grouping->host_mounts &&
	       (grouping->host_mounts || grouping->snapshot->host.view != VIEW_HOST);
}

/* True when its mount namespace is known to be the host's. Not by the auditor's own, which may be a
 * container's beside the host's pids. */
static bool has_host_mounts(const struct grouping *grouping, const struct process *process)
{
	uint64_t mounts = process->namespaces[NAMESPACE_MNT];

	return mounts && grouping->snapshot->host.view == VIEW_HOST &&
	       mounts == grouping->snapshot->host.mount_namespace;
}

/* Its root directory. */
static bool read_root(const struct grouping *grouping, const struct process *process, struct root *root)
{
	_cleanup_held_ struct held held;
	_cleanup_close_ int opened =
		held_begin(&held, grouping->snapshot, grouping->proc, process) ? -1 : held_open_root(&held);

	return opened >= 0 && !root_read_open(opened, root);
}

/* For a process with a mount namespace of its own and no id in its cgroup: is that a container? */
static bool judge_namespace(const struct grouping *grouping, const struct process *process)
{
	uint64_t pids = process->namespaces[NAMESPACE_PID];
	struct root root;

	if (grouping->snapshot->host.view != VIEW_HOST)
		return true;
	if (process->silent && !(process->known & PROCESS_KNOWS_ROOT))
		return false;
	if (!grouping->host_root_known || !read_root(grouping, process, &root) ||
	    root_equal(&root, &grouping->host_root))
		return false;
	return (pids && grouping->host_pids && pids != grouping->host_pids) ||
	       (process->cgroup && !cgroup_is_unit(process->cgroup));
}

/* The same, judged once for each namespace by the first of its processes. -1: no memory. */
static int is_container_namespace(struct grouping *grouping, const struct process *process, bool *answer)
{
	uint64_t inode = process->namespaces[NAMESPACE_MNT];
	struct judged_namespace *grown;

	for (size_t i = grouping->judged_count; i-- > 0;)
		if (grouping->judged[i].inode == inode) {
			*answer = grouping->judged[i].is_container;
			return 0;
		}
	grown = arena_grow(grouping->snapshot->arena, grouping->judged, grouping->judged_count,
			   &grouping->judged_capacity, sizeof(*grown));
	if (!grown)
		return -1;
	*answer = judge_namespace(grouping, process);
	grouping->judged = grown;
	grown[grouping->judged_count++] = (struct judged_namespace){inode, *answer};
	return 0;
}

/* The name of a container that no id tells of: the last component of a cgroup that no process of the host is
 * in, as runc and crun make it; NULL when there is none. */
static const char *cgroup_own_name(struct grouping *grouping, const struct process *process)
{
	const char *slash = process->cgroup ? strrchr(process->cgroup, '/') : NULL;

	if (!slash || !slash[1] || !strcmp(slash + 1, "..") || cgroup_is_unit(process->cgroup) ||
	    index_find(&grouping->host_cgroups, process->cgroup))
		return NULL;
	return slash + 1;
}

static struct container *new_container(struct grouping *grouping, const char *id)
{
	struct arena *arena = grouping->snapshot->arena;
	struct container *container = arena_alloc(arena, sizeof(*container));
	struct container **grown = arena_grow(arena, grouping->containers, grouping->count,
					      &grouping->capacity, sizeof(struct container *));

	if (!container || !grown)
		return NULL;
	container->id = arena_string(arena, id);
	if (!container->id || index_add(&grouping->by_id, container->id, container))
		return NULL;
	grouping->containers = grown;
	grown[grouping->count++] = container;
	return container;
}

static struct container *container_by_id(struct grouping *grouping, const char *id)
{
	struct container *container = index_find(&grouping->by_id, id);

	return container ? container : new_container(grouping, id);
}

static struct container *container_of_cgroup(struct grouping *grouping,
					     const struct cgroup_identity *identity)
{
	char *id = arena_copy(grouping->snapshot->arena, identity->id.data, identity->id.length);
	struct container *container = id ? container_by_id(grouping, id) : NULL;

	if (!container)
		return NULL;
	container->runtime = identity->runtime;
	container->kind = identity->kind;
	if (identity->proof == CGROUP_NAME && identity->runtime)
		container->name = container->id;
	return container;
}

static struct container *container_of_namespace(struct grouping *grouping, const struct process *process)
{
	const char *name = cgroup_own_name(grouping, process);
	char mounts[32];
	struct container *container;

	snprintf(mounts, sizeof(mounts), "mnt-%llu", (unsigned long long)process->namespaces[NAMESPACE_MNT]);
	container = container_by_id(grouping, name ? name : mounts);
	if (!container)
		return NULL;
	container->kind = "standalone";
	if (name)
		container->name = container->id;
	return container;
}

/* Within a container: the auditor's own, for a process whose namespaces may not be read. In a pid namespace
 * of its own all that no cgroup tells apart is of it; in a task's only what is in the same cgroup. */
static int classify_unread(struct grouping *grouping, const struct process *process,
			   struct container **container)
{
	const struct snapshot *snapshot = grouping->snapshot;
	const struct process *self = snapshot_process(snapshot, snapshot->self.pid);
	bool same = self && self->cgroup && process->cgroup && !strcmp(self->cgroup, process->cgroup);

	if (!self || !self->namespaces[NAMESPACE_MNT] || (snapshot->host.view == VIEW_TASK && !same))
		return 0;
	*container = container_of_namespace(grouping, self);
	return *container ? 0 : -1;
}

/* Sets *container to the one the process is in; NULL: the host, or, seen from a container, not known. */
static int classify(struct grouping *grouping, const struct process *process, struct container **container)
{
	struct cgroup_identity identity = {0};
	bool answer = false;

	*container = NULL;
	if (process->kernel_thread || has_host_mounts(grouping, process))
		return 0;
	if (process->cgroup)
		identity = cgroup_identify(process->cgroup, strlen(process->cgroup));
	if (identity.proof == CGROUP_ID ||
	    (identity.proof == CGROUP_NAME && has_own_mounts(grouping, process))) {
		*container = container_of_cgroup(grouping, &identity);
		return *container ? 0 : -1;
	}
	if (!process->namespaces[NAMESPACE_MNT] && grouping->snapshot->host.view != VIEW_HOST)
		return classify_unread(grouping, process, container);
	if (!has_own_mounts(grouping, process))
		return 0;
	if (is_container_namespace(grouping, process, &answer))
		return -1;
	if (answer)
		*container = container_of_namespace(grouping, process);
	return answer && !*container ? -1 : 0;
}

/* ---- its processes ----------------------------------------------------------------------------- */

static bool is_older(const struct process *a, const struct process *b)
{
	return a->start_time < b->start_time || (a->start_time == b->start_time && a->pid < b->pid);
}

/* The first process of a container: the oldest of those whose parent is not in it. */
static void find_first_processes(const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->process_count; i++) {
		const struct process *process = &snapshot->processes[i], *parent;
		struct container *container = (struct container *)process->container;
		if (!container)
			continue;
		parent = snapshot_process(snapshot, process->ppid);
		if (parent && parent->container == container)
			continue;
		if (!container->init || is_older(process, container->init))
			container->init = process;
	}
}

/* True for the auditor itself, and in a container's view, where it may not be among those asked for, for who
 * shares its mounts. On the host that would be too much: a runtime's child is in the cgroup of the container
 * that it starts before it leaves the host's mounts. */
static bool is_own(const struct snapshot *snapshot, const struct process *process)
{
	uint64_t own = snapshot->self.namespaces[NAMESPACE_MNT];

	return process->pid == snapshot->self.pid ||
	       (snapshot->host.view != VIEW_HOST && own && process->namespaces[NAMESPACE_MNT] == own);
}

/* Counts a process of which only its cgroup tells where it is, and no id in that. */
static void note_unread(struct grouping *grouping, const struct process *process)
{
	bool by_cgroup = process->cgroup &&
			 cgroup_identify(process->cgroup, strlen(process->cgroup)).proof == CGROUP_ID;

	if (process->kernel_thread || process->zombie || process->namespaces[NAMESPACE_MNT] || by_cgroup)
		return;
	if (!grouping->coverage->missed++)
		grouping->unread = process->pid;
}

static int add_processes(struct grouping *grouping)
{
	struct snapshot *snapshot = grouping->snapshot;

	for (size_t i = 0; i < snapshot->process_count; i++) {
		struct process *process = &snapshot->processes[i];
		struct container *container;
		if (classify(grouping, process, &container))
			return -1;
		process->container = container;
		note_unread(grouping, process);
		if (!container)
			continue;
		container->process_count++;
		if (!container->cgroup)
			container->cgroup = process->cgroup;
		if (is_own(snapshot, process))
			container->self = true;
	}
	return 0;
}

static void note_unknown(struct grouping *grouping)
{
	static const char *const taken_as[] = {
		[VIEW_HOST] = "mount namespace is not readable: taken as the host's unless its cgroup names "
			      "a container",
		[VIEW_TASK] = "mount namespace is not readable: which container of the task it is in is told "
			      "by its cgroup only",
		[VIEW_CONTAINER] = "mount namespace is not readable: taken as this container's",
	};
	char example[64];

	if (!grouping->coverage->missed)
		return;
	snprintf(example, sizeof(example), "%s/%d/ns/mnt", grouping->proc_path, (int)grouping->unread);
	coverage_note_count(grouping->coverage, grouping->snapshot->arena,
			    taken_as[grouping->snapshot->host.view], grouping->coverage->missed, example,
			    COVERAGE_REMEDY_PTRACE);
}

static int compare_containers(const void *a, const void *b)
{
	const struct container *const *left = a, *const *right = b;

	return strcmp((*left)->id, (*right)->id);
}

static int group(struct grouping *grouping)
{
	struct snapshot *snapshot = grouping->snapshot;

	find_host(grouping);
	if (index_host_cgroups(grouping) || add_processes(grouping))
		return -1;
	find_first_processes(snapshot);
	if (grouping->count)
		qsort(grouping->containers, grouping->count, sizeof(struct container *), compare_containers);
	snapshot->containers = grouping->containers;
	snapshot->container_count = grouping->count;
	grouping->coverage->seen = grouping->count;
	note_unknown(grouping);
	return 0;
}

static int collect(struct snapshot *snapshot, const struct request *request, struct coverage *coverage,
		   struct error **error)
{
	struct grouping grouping = {.snapshot = snapshot, .coverage = coverage, .proc_path = request->proc};
	_cleanup_close_ int proc = open(request->proc, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int result = -1;

	if (proc < 0)
		return error_set(error, errno, "opening %s", request->proc);
	grouping.proc = proc;
	if (!index_open(&grouping.by_id, snapshot->process_count)) {
		if (!index_open(&grouping.host_cgroups, snapshot->process_count)) {
			result = group(&grouping);
			hdestroy_r(&grouping.host_cgroups.table);
		}
		hdestroy_r(&grouping.by_id.table);
	}
	return result ? error_set(error, ENOMEM, "grouping processes into containers") : 0;
}

const struct collector collector_container = {
	.name = "container",
	.required = true,
	.description =
		"which processes share a container, told by cgroup path, mount namespace and root directory",
	.collect = collect,
};
