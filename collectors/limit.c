/* The limit collector: how much memory, processor time and how many tasks each container may use, and the
 * resource limits of its first process. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include "collectors/carry.h"
#include "collectors/cgroup_limit.h"
#include "collectors/held.h"
#include "collectors/namespace.h"
#include "collectors/rlimit_text.h"
#include "proctor/cleanup.h"
#include "proctor/collector.h"

enum { TEXT_LIMIT = 256 * 1024, MOUNTINFO_LIMIT = 16 * 1024 * 1024 };

struct limiting {
	struct snapshot *snapshot;
	const struct request *request;
	struct coverage *coverage;
	struct buffer buffer;
	struct cgroup_trees trees;
	int proc;
	const struct container **known; /* for each container what it was; NULL: nothing is taken over */
};

static void note(struct limiting *limiting, const char *reason, pid_t pid, const char *file,
		 const char *remedy)
{
	char example[64];

	snprintf(example, sizeof(example), "%s/%d/%s", limiting->request->proc, (int)pid, file);
	coverage_note(limiting->coverage, limiting->snapshot->arena, reason, example, remedy);
}

/* ---- the hierarchies --------------------------------------------------------------------------- */

/* Opens where a hierarchy is mounted, unless something else has been mounted over it. */
static int open_tree(const char *point)
{
	int directory = open(point, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs facts;

	if (directory < 0 || (!fstatfs(directory, &facts) &&
			      (facts.f_type == CGROUP_SUPER_MAGIC || facts.f_type == CGROUP2_SUPER_MAGIC)))
		return directory;
	close(directory);
	return -1;
}

static int open_trees(struct limiting *limiting)
{
	const struct self *self = &limiting->snapshot->self;
	struct buffer *buffer = &limiting->buffer;

	if (buffer_read(buffer, limiting->proc, "self/mountinfo", MOUNTINFO_LIMIT) < 0)
		buffer->length = 0;
	if (cgroup_trees_find(buffer->data, buffer->length, limiting->snapshot->arena, &limiting->trees))
		return -1;
	for (unsigned kind = 0; kind < CGROUP_TREES; kind++) {
		struct cgroup_tree *tree = &limiting->trees.trees[kind];
		if (!tree->point)
			continue;
		tree->directory = open_tree(tree->point);
		tree->whole = !strcmp(tree->root, "/") &&
			      self->namespaces[NAMESPACE_CGROUP] == NAMESPACE_INITIAL_CGROUP;
	}
	return 0;
}

static void close_trees(struct limiting *limiting)
{
	for (unsigned kind = 0; kind < CGROUP_TREES; kind++)
		if (limiting->trees.trees[kind].directory >= 0)
			close(limiting->trees.trees[kind].directory);
}

/* ---- one container ----------------------------------------------------------------------------- */

static const struct {
	const char *reason, *remedy;
} faults[CGROUP_FAULTS] = {
	[CGROUP_NOT_MOUNTED] = {"the cgroup hierarchy of a controller is not mounted: limits or devices are "
				"not known",
				"mount the cgroup file system at /sys/fs/cgroup"},
	[CGROUP_OUT_OF_SIGHT] = {"the cgroup of a container, or one above it, is not to be seen from here: "
				 "limits there are not known",
				 "run with the host's cgroup namespace and /sys/fs/cgroup"},
	[CGROUP_UNREADABLE] = {"a file of a cgroup cannot be read: limits or devices are not known",
			       "run as root"},
};

/* The facts of one read of the first process's files. */
struct draft {
	struct limits limits;
	enum cgroup_fault fault;
	bool all_devices, all_devices_known;
};

/* By the text that the walk over processes has read. */
static void read_cgroups(struct limiting *limiting, struct bytes text, struct draft *draft)
{
	struct arena *arena = limiting->snapshot->arena;
	enum cgroup_fault fault;

	if (!text.data) {
		draft->fault = CGROUP_UNREADABLE;
		return;
	}
	draft->fault = cgroup_limits_read(&limiting->trees, text.data, text.length, &limiting->buffer, arena,
					  &draft->limits);
	fault = cgroup_devices_read(&limiting->trees, text.data, text.length, &limiting->buffer, arena,
				    &draft->all_devices, &draft->all_devices_known);
	if (fault > draft->fault)
		draft->fault = fault;
}

static bool read_rlimits(struct limiting *limiting, int directory, pid_t pid, struct draft *draft)
{
	struct buffer *buffer = &limiting->buffer;
	const char *source =
		arena_printf(limiting->snapshot->arena, "%s/%d/limits", limiting->request->proc, (int)pid);

	if (!source)
		draft->fault = CGROUP_NO_MEMORY;
	if (!source || buffer_read(buffer, directory, "limits", TEXT_LIMIT) < 0)
		return false;
	rlimits_parse(buffer->data, buffer->length, source, &draft->limits);
	return true;
}

static int read_container(struct limiting *limiting, struct container *container)
{
	const struct process *init = container->init;
	_cleanup_held_ struct held held;
	struct draft draft = {.fault = CGROUP_NO_FAULT};

	read_cgroups(limiting, init->cgroups, &draft);
	if (held_begin(&held, limiting->snapshot, limiting->proc, init) ||
	    !read_rlimits(limiting, held.directory, init->pid, &draft) || !held_is_same(&held)) {
		if (draft.fault == CGROUP_NO_MEMORY)
			return -1;
		limiting->coverage->missed++;
		note(limiting, "the first process of a container ended before its limits were read",
		     init->pid, "cgroup", NULL);
		return 0;
	}
	container->limits = draft.limits;
	container->all_devices = draft.all_devices;
	container->all_devices_known = draft.all_devices_known;
	container->limits_known = !draft.fault;
	if (draft.fault == CGROUP_NO_MEMORY)
		return -1;
	if (draft.fault) {
		limiting->coverage->missed++;
		note(limiting, faults[draft.fault].reason, init->pid, "cgroup", faults[draft.fault].remedy);
	}
	return 0;
}

/* Takes over the limits of the container at `index`, or reads them. */
static int tell_container(struct limiting *limiting, size_t index)
{
	struct container *container = limiting->snapshot->containers[index];
	const struct container *was = limiting->known ? limiting->known[index] : NULL;
	bool same = was && was->limits_known && carry_has_same_init(was, container);
	int result = same ? carry_limits(limiting->snapshot->arena, was, container)
			  : read_container(limiting, container);

	limiting->coverage->seen += container->limits_known;
	if (container->limits_known && !container->all_devices_known)
		note(limiting,
		     "the devices that a container may use are up to an eBPF program (cgroup v2), which is "
		     "not read",
		     container->init->pid, "cgroup", NULL);
	return result;
}

static int read_containers(struct limiting *limiting)
{
	struct snapshot *snapshot = limiting->snapshot;
	int result = open_trees(limiting);

	if (!result && carry_can(limiting->request, "limit")) {
		limiting->known = carry_find_containers(snapshot, limiting->request->previous);
		result = limiting->known ? 0 : -1;
	}
	for (size_t i = 0; !result && i < snapshot->container_count; i++)
		if (snapshot->containers[i]->init)
			result = tell_container(limiting, i);
	close_trees(limiting);
	return result;
}

static int collect(struct snapshot *snapshot, const struct request *request, struct coverage *coverage,
		   struct error **error)
{
	struct limiting limiting = {.snapshot = snapshot, .request = request, .coverage = coverage};
	_cleanup_close_ int proc = open(request->proc, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int result;

	if (proc < 0)
		return error_set(error, errno, "opening %s", request->proc);
	if (!snapshot->container_count)
		return 0;
	limiting.proc = proc;
	result = read_containers(&limiting);
	buffer_free(&limiting.buffer);
	return result ? error_set(error, ENOMEM, "reading limits of containers") : 0;
}

const struct collector collector_limit = {
	.name = "limit",
	.description = "memory, cpu and task limits of each container, and the resource limits of its first "
		       "process",
	.collect = collect,
};
