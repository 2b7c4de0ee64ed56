#include "collectors/carry.h"

#include <stdlib.h>
#include <string.h>

#include "collectors/filesystem_type.h"

bool carry_is_quick(const struct request *request)
{
	return request->previous && !request->walk_again;
}

bool carry_can(const struct request *request, const char *collector)
{
	return carry_is_quick(request) && snapshot_coverage(request->previous, collector) &&
	       !snapshot_lacks(request->previous, collector);
}

void carry_coverage(struct arena *arena, const struct snapshot *previous, struct coverage *into)
{
	const struct coverage *coverage = snapshot_coverage(previous, into->collector);

	if (coverage)
		coverage_merge(into, arena, coverage);
}

/* ---- pieces: each is replaced by a copy of itself; -1: no memory -------------------------------------- */

static int own_texts(struct arena *arena, const char **const texts[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!*texts[i])
			continue;
		*texts[i] = arena_string(arena, *texts[i]);
		if (!*texts[i])
			return -1;
	}
	return 0;
}

#define OWN_TEXTS(arena, ...)                                                                                \
	own_texts(arena, (const char **const[]){__VA_ARGS__},                                                \
		  sizeof((const char **const[]){__VA_ARGS__}) / sizeof(const char **))

static int own_bytes(struct arena *arena, struct bytes *bytes)
{
	if (!bytes->data)
		return 0;
	bytes->data = arena_copy(arena, bytes->data, bytes->length);
	return bytes->data ? 0 : -1;
}

/* A copy of plain members; NULL: no memory. */
static void *copy_array(struct arena *arena, const void *array, size_t count, size_t size)
{
	void *copy = arena_array(arena, count, size);

	if (copy && count)
		memcpy(copy, array, count * size);
	return copy;
}

/* ---- processes ----------------------------------------------------------------------------------------- */

int carrier_begin(struct carrier *carrier, struct arena *arena, const struct snapshot *previous)
{
	*carrier = (struct carrier){.arena = arena, .previous = previous};
	carrier->user_namespaces =
		arena_array(arena, previous->user_namespace_count, sizeof(struct user_namespace *));
	return carrier->user_namespaces ? 0 : -1;
}

static struct user_namespace *copy_user_namespace(struct arena *arena, const struct user_namespace *from)
{
	struct user_namespace *copy = copy_array(arena, from, 1, sizeof(*from));

	if (!copy)
		return NULL;
	copy->uids = copy_array(arena, from->uids, from->uid_count, sizeof(*copy->uids));
	copy->gids = copy_array(arena, from->gids, from->gid_count, sizeof(*copy->gids));
	return copy->uids && copy->gids ? copy : NULL;
}

/* The copy of a user namespace, made for the first process that is in it. NULL: no memory. */
static const struct user_namespace *find_user_namespace(const struct carrier *carrier,
							const struct user_namespace *from)
{
	const struct snapshot *previous = carrier->previous;
	size_t at = 0;

	while (at < previous->user_namespace_count && previous->user_namespaces[at] != from)
		at++;
	if (at == previous->user_namespace_count)
		return copy_user_namespace(carrier->arena, from);
	if (!carrier->user_namespaces[at])
		carrier->user_namespaces[at] = copy_user_namespace(carrier->arena, from);
	return carrier->user_namespaces[at];
}

static int own_cgroups(struct carrier *carrier, struct process *process)
{
	if (!process->cgroup)
		return 0;
	if (process->cgroup != carrier->cgroup || process->cgroups.data != carrier->cgroups.data) {
		carrier->cgroup = carrier->cgroup_copy = process->cgroup;
		carrier->cgroups = carrier->cgroups_copy = process->cgroups;
		if (OWN_TEXTS(carrier->arena, &carrier->cgroup_copy) ||
		    own_bytes(carrier->arena, &carrier->cgroups_copy)) {
			carrier->cgroup = NULL;
			return -1;
		}
	}
	process->cgroup = carrier->cgroup_copy;
	process->cgroups = carrier->cgroups_copy;
	return 0;
}

int carry_process(struct carrier *carrier, const struct process *from, struct process *into)
{
	struct arena *arena = carrier->arena;

	*into = *from;
	into->container = NULL;
	into->executable_mount = NULL;
	into->carried = true;
	into->groups = copy_array(arena, from->groups, from->group_count, sizeof(*into->groups));
	into->threads = copy_array(arena, from->threads, from->differing_count, sizeof(*into->threads));
	if (from->user_namespace)
		into->user_namespace = find_user_namespace(carrier, from->user_namespace);
	if (!into->groups || !into->threads || (from->user_namespace && !into->user_namespace) ||
	    own_cgroups(carrier, into) || own_bytes(arena, &into->command_line))
		return -1;
	return OWN_TEXTS(arena, &into->comm, &into->executable, &into->lsm);
}

/* ---- containers ---------------------------------------------------------------------------------------- */

static int compare_id(const void *id, const void *container)
{
	return strcmp(id, (*(struct container *const *)container)->id);
}

static bool is_same_process(const struct process *was, const struct process *is)
{
	return was && (was->known & is->known & PROCESS_KNOWS_STAT) && was->start_time == is->start_time;
}

const struct container **carry_find_containers(const struct snapshot *snapshot,
					       const struct snapshot *previous)
{
	const struct container **found =
		arena_array(snapshot->arena, snapshot->container_count, sizeof(*found));

	if (!found || !snapshot->container_count)
		return found;
	for (size_t i = 0; i < snapshot->process_count; i++) {
		const struct process *process = &snapshot->processes[i];
		const struct process *was =
			process->container ? snapshot_process(previous, process->pid) : NULL;
		if (!is_same_process(was, process) || !was->container ||
		    strcmp(was->container->id, process->container->id) != 0)
			continue;
		struct container *const *place =
			bsearch(process->container->id, snapshot->containers, snapshot->container_count,
				sizeof(struct container *), compare_id);
		found[place - snapshot->containers] = was->container;
	}
	return found;
}

/* A file system of its own that a container has, not what it is shown of the host's comings and goings. */
static bool is_own_mount(const struct mount *mount)
{
	return !mount->master && filesystem_kind(mount->type) != FILESYSTEM_KERNEL;
}

static bool is_same_text(const char *left, const char *right)
{
	return left == right || (left && right && !strcmp(left, right));
}

static bool is_same_mount(const struct mount *left, const struct mount *right)
{
	return left->id == right->id && left->major == right->major && left->minor == right->minor &&
	       left->options == right->options && !strcmp(left->point, right->point) &&
	       !strcmp(left->root, right->root) && is_same_text(left->lower, right->lower) &&
	       is_same_text(left->upper, right->upper);
}

/* The next mount of its own from `*at` on; NULL: there is none. */
static const struct mount *next_own(const struct mount_namespace *mounts, size_t *at)
{
	while (*at < mounts->mount_count) {
		const struct mount *mount = &mounts->mounts[(*at)++];
		if (mount == mounts->root || is_own_mount(mount))
			return mount;
	}
	return NULL;
}

bool carry_has_same_mounts(const struct container *was, const struct container *is)
{
	const struct mount_namespace *old = was->mount_namespace, *new = is->mount_namespace;
	const struct mount *left, *right;
	size_t i = 0, k = 0;

	if (!old || !new || old->inode != new->inode)
		return old == new;
	do {
		left = next_own(old, &i);
		right = next_own(new, &k);
		if (!left || !right)
			return left == right;
	} while (is_same_mount(left, right));
	return false;
}

bool carry_has_same_init(const struct container *was, const struct container *is)
{
	return was->init && is->init && was->init->pid == is->init->pid &&
	       is_same_process(was->init, is->init);
}

/* ---- limits and what lies inside ----------------------------------------------------------------------- */

int carry_limits(struct arena *arena, const struct container *from, struct container *into)
{
	struct limits *limits = &into->limits;

	into->limits = from->limits;
	into->limits_known = from->limits_known;
	into->all_devices = from->all_devices;
	into->all_devices_known = from->all_devices_known;
	return OWN_TEXTS(arena, &limits->memory.source, &limits->swap.source, &limits->cpu.source,
			 &limits->cpu_weight.source, &limits->pids.source, &limits->open_files.source,
			 &limits->processes.source, &limits->locked_memory.source, &limits->core.source);
}

static bool is_of_host(const struct mount *mount)
{
	return !mount->covered && (mount->kind == MOUNT_HOST_PATH || mount->kind == MOUNT_RUNTIME_SOCKET);
}

/* The same mount as it was; NULL: it is new. Tables keep their order. */
static const struct mount *find_mount_in(const struct mount_namespace *was, const struct mount *mount,
					 size_t likely)
{
	if (likely < was->mount_count && is_same_mount(&was->mounts[likely], mount))
		return &was->mounts[likely];
	for (size_t i = 0; i < was->mount_count; i++)
		if (is_same_mount(&was->mounts[i], mount))
			return &was->mounts[i];
	return NULL;
}

/* Takes over which mounts of the host hold sockets. False when one of them is new. */
static bool carry_sockets(const struct mount_namespace *was, const struct mount_namespace *is)
{
	for (size_t i = 0; i < is->mount_count; i++) {
		struct mount *mount = &is->mounts[i];
		const struct mount *old = is_of_host(mount) ? find_mount_in(was, mount, i) : NULL;
		if (is_of_host(mount) && (!old || !is_of_host(old)))
			return false;
		if (old)
			mount->kind = old->kind;
	}
	return true;
}

int carry_inside(struct arena *arena, const struct container *from, struct container *into)
{
	if (!carry_sockets(from->mount_namespace, into->mount_namespace))
		return 1;
	into->devices = copy_array(arena, from->devices, from->device_count, sizeof(*into->devices));
	if (!into->devices)
		return -1;
	into->device_count = from->device_count;
	into->devices_known = from->devices_known;
	into->looked_into = from->looked_into;
	for (size_t i = 0; i < into->device_count; i++)
		if (OWN_TEXTS(arena, &into->devices[i].path))
			return -1;
	return 0;
}

/* ---- who they are -------------------------------------------------------------------------------------- */

static int own_task(struct arena *arena, const struct task **task)
{
	struct task *copy;

	if (!*task)
		return 0;
	copy = copy_array(arena, *task, 1, sizeof(*copy));
	*task = copy;
	if (!copy)
		return -1;
	return OWN_TEXTS(arena, &copy->arn, &copy->family, &copy->revision, &copy->cluster,
			 &copy->launch_type, &copy->availability_zone);
}

static int own_pod(struct arena *arena, const struct pod **pod)
{
	struct pod *copy;

	if (!*pod)
		return 0;
	copy = copy_array(arena, *pod, 1, sizeof(*copy));
	*pod = copy;
	return copy ? OWN_TEXTS(arena, &copy->name, &copy->name_space, &copy->uid, &copy->container) : -1;
}

static int own_declared(struct arena *arena, const struct declared **declared)
{
	struct declared *copy;

	if (!*declared)
		return 0;
	copy = copy_array(arena, *declared, 1, sizeof(*copy));
	*declared = copy;
	if (!copy)
		return -1;
	return OWN_TEXTS(arena, &copy->user, &copy->memory.source, &copy->cpu.source, &copy->pids.source);
}

static int own_labels(struct arena *arena, struct container *container)
{
	struct label *labels = copy_array(arena, container->labels, container->label_count, sizeof(*labels));

	container->labels = labels;
	if (!labels)
		return -1;
	for (size_t i = 0; i < container->label_count; i++)
		if (OWN_TEXTS(arena, &labels[i].name, &labels[i].value))
			return -1;
	return 0;
}

/* A list of texts that NULL ends. */
static int own_list(struct arena *arena, const char *const **list)
{
	size_t count = 0;
	const char **copy;

	if (!*list)
		return 0;
	while ((*list)[count])
		count++;
	copy = copy_array(arena, *list, count + 1, sizeof(*copy));
	*list = copy;
	for (size_t i = 0; copy && i < count; i++)
		if (OWN_TEXTS(arena, &copy[i]))
			return -1;
	return copy ? 0 : -1;
}

int carry_identity(struct arena *arena, const struct container *from, struct container *into)
{
	into->name = from->name;
	into->image = from->image;
	into->image_id = from->image_id;
	into->image_digest = from->image_digest;
	into->task = from->task;
	into->pod = from->pod;
	into->labels = from->labels;
	into->label_count = from->label_count;
	into->declared = from->declared;
	into->identified = from->identified;
	into->sources = from->sources;
	into->runtime = from->runtime;
	into->kind = from->kind;
	if (OWN_TEXTS(arena, &into->name, &into->image, &into->image_id, &into->image_digest, &into->runtime,
		      &into->kind) ||
	    own_task(arena, &into->task) || own_pod(arena, &into->pod) || own_labels(arena, into) ||
	    own_declared(arena, &into->declared))
		return -1;
	return own_list(arena, &into->sources);
}

int carry_ecs_agent(struct arena *arena, const struct ecs_agent *from, struct ecs_agent *into)
{
	*into = *from;
	return OWN_TEXTS(arena, &into->version, &into->cluster, &into->instance_arn);
}

/* ---- files and programs -------------------------------------------------------------------------------- */

int carry_file(struct arena *arena, const struct file *from, const struct container *container,
	       struct file *into)
{
	*into = *from;
	into->container = container;
	return OWN_TEXTS(arena, &into->path, &into->layer);
}

static int own_tool(struct arena *arena, struct tool *tool)
{
	tool->names = copy_array(arena, tool->names, tool->name_count, sizeof(*tool->names));
	if (!tool->names || OWN_TEXTS(arena, &tool->path, &tool->layer))
		return -1;
	for (size_t i = 0; i < tool->name_count; i++)
		if (OWN_TEXTS(arena, &tool->names[i]))
			return -1;
	return 0;
}

int carry_tools(struct arena *arena, const struct container *from, struct container *into)
{
	struct tool *tools = copy_array(arena, from->tools, from->tool_count, sizeof(*tools));

	if (!tools)
		return -1;
	for (size_t i = 0; i < from->tool_count; i++)
		if (own_tool(arena, &tools[i]))
			return -1;
	into->tools = tools;
	into->tool_count = from->tool_count;
	into->files_walked = from->files_walked;
	into->written = from->written;
	return own_list(arena, &into->written);
}

/* The mount namespace of a mount; NULL: none that is told of. */
static const struct mount_namespace *namespace_of_mount(const struct snapshot *snapshot,
							const struct mount *mount)
{
	for (size_t i = 0; i < snapshot->mount_namespace_count; i++) {
		const struct mount_namespace *namespace = snapshot->mount_namespaces[i];
		if (mount >= namespace->mounts && mount < namespace->mounts + namespace->mount_count)
			return namespace;
	}
	return NULL;
}

/* The same mount in the new snapshot; NULL: it is not there. */
static const struct mount *find_mount(const struct snapshot *snapshot, const struct snapshot *previous,
				      const struct mount *mount)
{
	const struct mount_namespace *was = namespace_of_mount(previous, mount);

	for (size_t i = 0; was && i < snapshot->mount_namespace_count; i++) {
		const struct mount_namespace *is = snapshot->mount_namespaces[i];
		if (is->inode != was->inode || (!is->inode && is->pid != was->pid))
			continue;
		const struct mount *found = find_mount_in(is, mount, (size_t)(mount - was->mounts));
		if (found)
			return found;
	}
	return NULL;
}

/* The processes of a program as the new snapshot has them; NULL: no memory. */
static const struct process **find_processes(const struct snapshot *snapshot, struct program *program)
{
	const struct process **found = arena_array(snapshot->arena, program->process_count, sizeof(*found));
	size_t count = 0;

	for (size_t i = 0; found && i < program->process_count; i++) {
		const struct process *was = program->processes[i];
		const struct process *is = snapshot_process(snapshot, was->pid);
		if (is && is_same_process(was, is))
			found[count++] = is;
	}
	program->process_count = count;
	return found;
}

static int carry_program(const struct snapshot *snapshot, const struct snapshot *previous,
			 const struct program *from, struct program *into)
{
	*into = *from;
	if (from->mount) {
		into->mount = find_mount(snapshot, previous, from->mount);
		if (!into->mount)
			return 1;
	}
	into->processes = find_processes(snapshot, into);
	return into->processes ? OWN_TEXTS(snapshot->arena, &into->path) : -1;
}

int carry_programs(const struct snapshot *snapshot, const struct snapshot *previous,
		   const struct container *from, struct container *into)
{
	struct program *programs = arena_array(snapshot->arena, from->program_count, sizeof(*programs));
	size_t count = 0;

	if (!programs)
		return -1;
	for (size_t i = 0; i < from->program_count; i++) {
		int result = carry_program(snapshot, previous, &from->programs[i], &programs[count]);
		if (result)
			return result;
		count += programs[count].process_count > 0;
	}
	into->programs = programs;
	into->program_count = count;
	into->programs_known = from->programs_known;
	return 0;
}
