#include "agent/rules/context.h"

#include <string.h>
#include <sys/stat.h>

#include "proctor/finding.h"

/* Inode numbers of the initial namespaces: enum init_ns_ino, include/uapi/linux/nsfs.h. Those of mnt and net
 * are fixed only from Linux 6.18 on; other numbers there mean nothing. */
static const uint64_t initial_namespaces[NAMESPACE_COUNT] = {
	[NAMESPACE_IPC] = 0xEFFFFFFF, [NAMESPACE_UTS] = 0xEFFFFFFE,    [NAMESPACE_USER] = 0xEFFFFFFD,
	[NAMESPACE_PID] = 0xEFFFFFFC, [NAMESPACE_CGROUP] = 0xEFFFFFFB, [NAMESPACE_TIME] = 0xEFFFFFFA,
	[NAMESPACE_NET] = 0xEFFFFFF9, [NAMESPACE_MNT] = 0xEFFFFFF8,
};

const char *const rootness_words[] = {
	[ROOT_NONE] = "not root",
	[ROOT_NAMESPACE] = "root of a user namespace, another user to the host",
	[ROOT_UNPLACED] = "uid 0 of a user namespace that was not read",
	[ROOT_MAPPED] = "root of a user namespace, mapped to the host's root",
	[ROOT_HOST] = "the host's root",
};

const char *const file_origin_words[] = {
	[ORIGIN_UNKNOWN] = NULL,
	[ORIGIN_IMAGE] = "image",
	[ORIGIN_RUN_TIME] = "run time",
	[ORIGIN_MOUNT] = "mount",
};

/* ---- of a process ------------------------------------------------------------------------------ */

bool process_is_judged(const struct process *process)
{
	return (process->known & PROCESS_KNOWS_STATUS) && !process->kernel_thread &&
	       !(process->zombie && process->thread_count <= 1);
}

enum answer in_host_user_namespace(const struct process *process)
{
	if (!process->user_namespace)
		return UNKNOWN;
	return process->user_namespace->initial ? YES : NO;
}

/* As an auditor outside the host's user namespace sees it. */
static enum rootness rootness_from_inside(const struct snapshot *snapshot, const struct process *process,
					  uint32_t uid)
{
	const struct user_namespace *namespace = process->user_namespace;
	uint64_t own = snapshot->self.namespaces[NAMESPACE_USER];
	uint32_t id;

	if (!namespace || !namespace->mapped)
		return uid == 0 ? ROOT_UNPLACED : ROOT_NONE;
	if (own && namespace->inode == own) { /* the map of one's own tells the ids of its parent */
		if (uid != 0)
			return ROOT_NONE;
		if (user_namespace_outside(namespace->uids, namespace->uid_count, 0, &id) && id != 0)
			return ROOT_NAMESPACE;
		return ROOT_UNPLACED;
	}
	if (uid == 0)
		return ROOT_UNPLACED;
	if (user_namespace_inside(namespace->uids, namespace->uid_count, uid, &id) && id == 0)
		return ROOT_NAMESPACE;
	return ROOT_NONE;
}

enum rootness uid_rootness(const struct snapshot *snapshot, const struct process *process, uint32_t uid)
{
	const struct user_namespace *namespace = process->user_namespace;
	uint32_t id;

	if (!snapshot->self.user_namespace_initial)
		return rootness_from_inside(snapshot, process, uid);
	if (uid == 0)
		return !namespace ? ROOT_UNPLACED : namespace->initial ? ROOT_HOST : ROOT_MAPPED;
	if (namespace && namespace->mapped && !namespace->initial &&
	    user_namespace_inside(namespace->uids, namespace->uid_count, uid, &id) && id == 0)
		return ROOT_NAMESPACE;
	return ROOT_NONE;
}

static struct root_task root_task(const struct snapshot *snapshot, const struct process *process,
				  const struct credentials *credentials, pid_t tid)
{
	uint32_t effective = credentials->uid[ID_EFFECTIVE], files = credentials->uid[ID_FILESYSTEM];
	enum rootness of_effective = uid_rootness(snapshot, process, effective);
	enum rootness of_files = uid_rootness(snapshot, process, files);

	if (of_files > of_effective)
		return (struct root_task){of_files, files, tid};
	return (struct root_task){of_effective, effective, tid};
}

struct root_task process_root_task(const struct snapshot *snapshot, const struct process *process)
{
	struct root_task most = root_task(snapshot, process, &process->credentials, process->pid);

	for (size_t i = 0; i < process->differing_count; i++) {
		const struct thread *thread = &process->threads[i];
		struct root_task task = root_task(snapshot, process, &thread->credentials, thread->tid);
		if (task.rootness > most.rootness)
			most = task;
	}
	return most;
}

enum rootness process_rootness(const struct snapshot *snapshot, const struct process *process)
{
	return process_root_task(snapshot, process).rootness;
}

enum answer shares_with_host(const struct snapshot *snapshot, const struct process *process,
			     enum namespace_kind kind)
{
	uint64_t inode = process->namespaces[kind], host = snapshot->host.namespaces[kind];

	if (!inode)
		return UNKNOWN;
	if (inode == initial_namespaces[kind] || inode == host)
		return YES;
	if (host || (kind != NAMESPACE_NET && kind != NAMESPACE_MNT))
		return NO;
	return UNKNOWN;
}

capability_set process_held(const struct process *process)
{
	capability_set held = process->credentials.permitted | process->credentials.effective;

	for (size_t i = 0; i < process->differing_count; i++)
		held |= process->threads[i].credentials.permitted | process->threads[i].credentials.effective;
	return held;
}

bool process_lacks_seccomp(const struct process *process)
{
	bool lacks = process->credentials.seccomp == SECCOMP_OFF;

	for (size_t i = 0; i < process->differing_count; i++)
		lacks |= process->threads[i].credentials.seccomp == SECCOMP_OFF;
	return lacks;
}

enum answer has_labelling_lsm(const struct snapshot *snapshot)
{
	static const char *const labelling[] = {"apparmor", "selinux", "smack", "tomoyo"};

	if (!snapshot->host.lsms_known)
		return UNKNOWN;
	for (size_t i = 0; i < snapshot->host.lsm_count; i++)
		for (size_t k = 0; k < sizeof(labelling) / sizeof(labelling[0]); k++)
			if (!strcmp(snapshot->host.lsms[i], labelling[k]))
				return YES;
	return NO;
}

/* True for a label that AppArmor or SELinux does not hold back: `unconfined`, a profile that only complains,
 * and the SELinux types of the targeted policy that may do all. */
static bool label_is_unconfined(const char *label)
{
	return !strcmp(label, "unconfined") || strstr(label, "(complain)") || strstr(label, "(unconfined)") ||
	       strstr(label, ":unconfined_t:") || strstr(label, ":spc_t:") ||
	       strstr(label, ":unconfined_service_t:");
}

enum answer is_lsm_unconfined(const struct snapshot *snapshot, const struct process *process)
{
	enum answer labelling = has_labelling_lsm(snapshot);

	if (process->lsm)
		return label_is_unconfined(process->lsm) ? YES : NO;
	if (labelling == NO)
		return YES;
	return process->known & PROCESS_KNOWS_LSM ? YES : UNKNOWN;
}

/* The first process of the subject's container, when it can be compared with; else NULL. */
static const struct process *comparable_init(const struct subject *subject)
{
	const struct process *process = subject->process;
	const struct process *init = subject->container ? subject->container->init : NULL;

	if (!init || init == process || !process_is_judged(init) || !process->user_namespace ||
	    process->user_namespace != init->user_namespace)
		return NULL;
	return init;
}

struct init_surplus process_surplus(const struct subject *subject)
{
	const struct process *process = subject->process, *init = comparable_init(subject);
	const struct snapshot *snapshot = subject->snapshot;
	struct init_surplus surplus = {0};

	if (!init)
		return surplus;
	const struct credentials *task = &process->credentials, *first = &init->credentials;
	surplus.bounding = task->bounding & ~first->bounding;
	surplus.held = process_held(process) & ~process_held(init);
	surplus.root = process_rootness(snapshot, process) > process_rootness(snapshot, init);
	surplus.seccomp = first->seccomp != SECCOMP_OFF && task->seccomp == SECCOMP_OFF;
	surplus.lsm = is_lsm_unconfined(snapshot, process) == YES && is_lsm_unconfined(snapshot, init) == NO;
	surplus.new_privileges = first->no_new_privs && !task->no_new_privs;
	surplus.any = surplus.bounding || surplus.held || surplus.root || surplus.seccomp || surplus.lsm ||
		      surplus.new_privileges;
	return surplus;
}

/* ---- of all ------------------------------------------------------------------------------------ */

size_t container_index(const struct snapshot *snapshot, const struct container *container)
{
	size_t low = 0, high = container ? snapshot->container_count : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(snapshot->containers[middle]->id, container->id);
		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return snapshot->container_count;
}

static struct group_facts *group_of_file(const struct context *context, const struct file *file)
{
	return &context->groups[container_index(context->snapshot, file->container)];
}

/* The user namespace in which all processes of the file's container are; NULL: the host's, or not known. */
static const struct user_namespace *users_of(const struct context *context, const struct file *file)
{
	const struct process *init = file->container ? file->container->init : NULL;
	const struct user_namespace *users = init ? init->user_namespace : NULL;

	if (!users || users->initial || !users->mapped || group_of_file(context, file)->has_host_users ||
	    !context->snapshot->self.user_namespace_initial)
		return NULL;
	return users;
}

bool file_acts_inside(const struct context *context, const struct file *file)
{
	const struct user_namespace *users = users_of(context, file);
	uint32_t inside;

	return users && !user_namespace_inside(users->uids, users->uid_count, 0, &inside);
}

static enum file_owner owner_of(const struct id_range *ranges, size_t count, uint32_t id)
{
	uint32_t inside;

	if (!user_namespace_inside(ranges, count, id, &inside))
		return OWNER_UNMAPPED;
	if (id == 0)
		return OWNER_ROOT;
	return inside == 0 ? OWNER_NAMESPACE_ROOT : OWNER_OTHER;
}

enum file_owner file_user(const struct context *context, const struct file *file)
{
	const struct user_namespace *users = users_of(context, file);

	if (users)
		return owner_of(users->uids, users->uid_count, file->uid);
	return file->uid == 0 ? OWNER_ROOT : OWNER_OTHER;
}

enum file_owner file_group(const struct context *context, const struct file *file)
{
	const struct user_namespace *users = users_of(context, file);

	if (users)
		return owner_of(users->gids, users->gid_count, file->gid);
	return file->gid == 0 ? OWNER_ROOT : OWNER_OTHER;
}

const char *set_id_obstacle(const struct context *context, const struct file *file)
{
	if (file_user(context, file) == OWNER_UNMAPPED)
		return "its owner is not mapped in the container's user namespace";
	if (file_group(context, file) == OWNER_UNMAPPED)
		return "its group is not mapped in the container's user namespace";
	return file_obstacle(context, file);
}

const char *file_obstacle(const struct context *context, const struct file *file)
{
	const struct group_facts *group = group_of_file(context, file);
	bool all_known = group->processes > 0 && group->unread == 0;

	if (file->nosuid)
		return "its mount is nosuid";
	if (file->noexec)
		return "its mount is noexec";
	if (!(file->mode & (S_IXUSR | S_IXGRP | S_IXOTH)))
		return "nobody may execute it";
	if (!file->reachable)
		return "a directory above it is closed to others";
	if (all_known && !group->may_gain_privilege)
		return "every process here has no_new_privs";
	if (all_known && !group->bounding)
		return "the bounding set of every process here is empty";
	return NULL;
}

/* Is it in the mount namespace of its container, and in the user namespace that owns that? */
static bool owns_mounts(const struct process *process)
{
	const struct mount_namespace *mounts =
		process->container ? process->container->mount_namespace : NULL;

	return mounts && mounts->owner && process->namespaces[NAMESPACE_MNT] == mounts->inode &&
	       process->user_namespace && process->user_namespace->inode == mounts->owner;
}

static void add_admin(struct group_facts *group, const struct snapshot *snapshot,
		      const struct process *process, const struct credentials *task)
{
	bool free = task->seccomp == SECCOMP_OFF && is_lsm_unconfined(snapshot, process) == YES;
	enum admin admin = free ? ADMIN_FREE : ADMIN_FILTERED;

	if (!((task->permitted | task->effective) & CAPABILITY_MASK(CAP_SYS_ADMIN)))
		return;
	if (in_host_user_namespace(process) == YES && admin > group->host_admin)
		group->host_admin = admin;
	if (in_host_user_namespace(process) == NO && owns_mounts(process) && admin > group->mount_admin)
		group->mount_admin = admin;
}

static void add_task(struct group_facts *group, const struct snapshot *snapshot,
		     const struct process *process, const struct credentials *task)
{
	capability_set held = task->permitted | task->effective;
	enum rootness rootness = root_task(snapshot, process, task, process->pid).rootness;

	group->bounding |= task->bounding;
	group->may_gain_privilege |= !task->no_new_privs;
	if (rootness >= ROOT_MAPPED || (rootness == ROOT_UNPLACED && snapshot->self.user_namespace_initial)) {
		group->has_root = true;
		group->has_unconfined_root |= is_lsm_unconfined(snapshot, process) == YES;
	}
	group->has_unplaced_root |= rootness == ROOT_UNPLACED;
	group->lacks_seccomp |= task->seccomp == SECCOMP_OFF;
	group->has_user |= rootness == ROOT_NONE;
	if (in_host_user_namespace(process) == YES)
		group->held |= held;
	add_admin(group, snapshot, process, task);
}

static void add_process(struct context *context, const struct process *process)
{
	const struct snapshot *snapshot = context->snapshot;
	struct group_facts *group = &context->groups[container_index(snapshot, process->container)];

	if (!(process->known & PROCESS_KNOWS_STATUS))
		group->unread++;
	if (!process_is_judged(process))
		return;
	group->processes++;
	group->has_host_users |= in_host_user_namespace(process) != NO;
	add_task(group, snapshot, process, &process->credentials);
	for (size_t i = 0; i < process->differing_count; i++)
		add_task(group, snapshot, process, &process->threads[i].credentials);
	if (!process->container && in_host_user_namespace(process) == YES)
		context->grantable |= process->credentials.bounding | process_held(process);
}

static int add_mounts(struct group_facts *group, const struct mount_namespace *namespace, struct arena *arena)
{
	if (!namespace)
		return 0;
	for (size_t i = 0; i < namespace->mount_count; i++)
		group->has_host_mount |= namespace->mounts[i].kind == MOUNT_HOST_PATH ||
					 namespace->mounts[i].kind == MOUNT_RUNTIME_FILE;
	group->places = places_new(namespace, arena);
	return group->places ? 0 : -1;
}

static int add_host_mounts(struct context *context, struct arena *arena)
{
	const struct snapshot *snapshot = context->snapshot;

	for (size_t i = 0; i < snapshot->mount_namespace_count; i++) {
		if (!snapshot->mount_namespaces[i]->host)
			continue;
		context->host_places = places_new(snapshot->mount_namespaces[i], arena);
		return context->host_places ? 0 : -1;
	}
	return 0;
}

static int add_containers(struct context *context, struct arena *arena)
{
	const struct snapshot *snapshot = context->snapshot;

	for (size_t i = 0; i < snapshot->container_count; i++) {
		const struct container *container = snapshot->containers[i];
		context->audited_from_host &= !container->self;
		if (add_mounts(&context->groups[i], container->mount_namespace, arena))
			return -1;
	}
	return 0;
}

/* Does executing that file make one root who is not, if only of the container's user namespace? */
static bool file_sets_root(const struct context *context, const struct file *file)
{
	const struct file_capability *capability = &file->capability;
	capability_set given = capability->effective ? capability->permitted : 0;

	given &= group_of_file(context, file)->bounding;
	if ((file->mode & S_ISUID) && file_user(context, file) >= OWNER_NAMESPACE_ROOT &&
	    !set_id_obstacle(context, file))
		return true;
	return (given & CAPABILITY_MASK(CAP_SETUID)) && !file_obstacle(context, file);
}

static void add_file(struct context *context, const struct file *file)
{
	struct group_facts *group = group_of_file(context, file);

	if (!group->set_root && file_sets_root(context, file))
		group->set_root = file;
}

const struct context *context_new(const struct snapshot *snapshot, const struct policy *policy,
				  struct arena *arena)
{
	struct context *context = arena_alloc(arena, sizeof(*context));

	if (!context)
		return NULL;
	context->snapshot = snapshot;
	context->curated = policy->curated;
	context->curated_count = policy->curated_count;
	context->unused_seconds = policy->unused_seconds;
	context->unused_starts = policy->unused_starts;
	context->all = snapshot->host.last_capability ? capability_all(snapshot->host.last_capability)
						      : ~(capability_set)0;
	context->audited_from_host =
		snapshot->host.view == VIEW_HOST && snapshot->self.user_namespace_initial;
	context->groups = arena_array(arena, snapshot->container_count + 1, sizeof(*context->groups));
	context->links = links_new(snapshot, arena);
	if (!context->groups || !context->links || add_host_mounts(context, arena) ||
	    add_containers(context, arena))
		return NULL;
	for (size_t i = 0; i < snapshot->process_count; i++)
		add_process(context, &snapshot->processes[i]);
	for (size_t i = 0; i < snapshot->file_count; i++)
		add_file(context, &snapshot->files[i]);
	return context;
}

const struct group_facts *subject_group(const struct subject *subject)
{
	return &subject->context->groups[container_index(subject->snapshot, subject->container)];
}

enum answer group_is_root(const struct group_facts *group)
{
	if (group->has_root ||
	    (group->held & (CAPABILITY_MASK(CAP_DAC_OVERRIDE) | CAPABILITY_MASK(CAP_DAC_READ_SEARCH))))
		return YES;
	return group->has_unplaced_root || group->unread || !group->processes ? UNKNOWN : NO;
}

bool subject_is_host(const struct subject *subject)
{
	return !subject->container && subject->snapshot->host.view == VIEW_HOST;
}

/* True when `set` has all of `of`, which is the set of someone who administers the machine. */
static bool is_whole(capability_set of, capability_set set)
{
	return (of & CAPABILITY_MASK(CAP_SYS_ADMIN)) && !(of & ~set);
}

/* An auditor on the host stands for what an administrator's session grants: it may have less than pid 1, and
 * what it starts can have no more. */
bool is_full_set(const struct context *context, capability_set set)
{
	const struct snapshot *snapshot = context->snapshot;

	if (is_whole(context->all, set))
		return true;
	if (snapshot->host.view != VIEW_HOST)
		return false;
	return is_whole(context->grantable, set) ||
	       (context->audited_from_host && is_whole(snapshot->self.granted, set));
}
