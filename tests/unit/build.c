#include "tests/unit/build.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "proctor/collector.h"

enum { CONTAINER_MOUNTS = 64, SYSCTLS = 32, LSMS = 4 };

/* A test that runs out of memory is broken, not failed. */
static void *need(void *pointer)
{
	if (!pointer)
		abort();
	return pointer;
}

static void *build_array(struct build *build, size_t count, size_t size)
{
	return need(arena_array(build->snapshot->arena, count, size));
}

uint64_t build_initial(enum namespace_kind kind)
{
	static const uint64_t initial[NAMESPACE_COUNT] = {
		[NAMESPACE_IPC] = 0xEFFFFFFF, [NAMESPACE_UTS] = 0xEFFFFFFE,    [NAMESPACE_USER] = 0xEFFFFFFD,
		[NAMESPACE_PID] = 0xEFFFFFFC, [NAMESPACE_CGROUP] = 0xEFFFFFFB, [NAMESPACE_TIME] = 0xEFFFFFFA,
		[NAMESPACE_NET] = 0xEFFFFFF9, [NAMESPACE_MNT] = 0xEFFFFFF8,
	};

	return initial[kind];
}

static void add_host(struct build *build)
{
	static const char *lsms[LSMS] = {"capability", "lockdown", "bpf", "apparmor"};
	struct host *host = &build->snapshot->host;
	struct self *self = &build->snapshot->self;

	for (unsigned kind = 0; kind < NAMESPACE_COUNT; kind++)
		host->namespaces[kind] = self->namespaces[kind] = build_initial(kind);
	host->mount_namespace = build_initial(NAMESPACE_MNT);
	host->hostname = "machine";
	host->kernel = "6.18.0";
	host->architecture = "x86_64";
	host->cgroup_version = 2;
	host->memory_total = (uint64_t)8 << 30;
	host->processors = 2;
	host->last_capability = 40;
	host->proc_entries =
		1u << PROC_KCORE | 1u << PROC_KEYS | 1u << PROC_SYSRQ_TRIGGER | 1u << PROC_TIMER_LIST;
	host->lsms = lsms;
	host->lsm_count = LSMS;
	host->lsms_known = true;
	host->view = VIEW_HOST;
	host->sysctls = build_array(build, SYSCTLS, sizeof(*host->sysctls));
	self->pid = 1;
	self->effective = self->permitted = self->bounding = capability_all(40);
	self->user_namespace_initial = true;
}

struct build *build_new(size_t capacity)
{
	struct build *build = need(calloc(1, sizeof(*build)));
	struct snapshot *snapshot = build->snapshot = need(snapshot_new());

	build->capacity = capacity;
	snapshot->silent = build_array(build, 1, sizeof(*snapshot->silent));
	snapshot->processes = build_array(build, capacity, sizeof(*snapshot->processes));
	snapshot->containers = build_array(build, capacity, sizeof(struct container *));
	snapshot->mount_namespaces = build_array(build, capacity + 1, sizeof(struct mount_namespace *));
	snapshot->user_namespaces = build_array(build, capacity + 1, sizeof(struct user_namespace *));
	snapshot->files = build_array(build, capacity, sizeof(*snapshot->files));
	build->host_users = build_array(build, 1, sizeof(*build->host_users));
	build->host_users->initial = true;
	build->host_users->mapped = true;
	build->host_users->inode = build_initial(NAMESPACE_USER);
	build->host_users->uids = build_array(build, 1, sizeof(struct id_range));
	build->host_users->uids[0] = (struct id_range){0, 0, UINT32_MAX};
	build->host_users->gids = build->host_users->uids;
	build->host_users->uid_count = build->host_users->gid_count = 1;
	snapshot->user_namespaces[snapshot->user_namespace_count++] = build->host_users;
	add_host(build);
	return build;
}

void build_without_lsm(struct build *build)
{
	build->snapshot->host.lsm_count = LSMS - 1; /* apparmor is the last */
}

void build_free(struct build *build)
{
	findings_free(build->findings);
	snapshot_free(build->snapshot);
	free(build);
}

/* ---- containers -------------------------------------------------------------------------------- */

struct mount *build_mount(struct build *build, struct container *container, const char *type,
			  const char *root, const char *point)
{
	struct mount_namespace *namespace = (struct mount_namespace *)container->mount_namespace;
	struct mount *mount = &namespace->mounts[namespace->mount_count];

	(void)build;
	if (namespace->mount_count == CONTAINER_MOUNTS)
		abort();
	*mount = (struct mount){.id = 100 + (uint32_t) namespace->mount_count++,
				.parent = 100,
				.minor = 50,
				.root = root,
				.point = point,
				.type = type,
				.source = type};
	return mount;
}

/* What runc mounts in each container. */
static void add_mounts(struct build *build, struct container *container)
{
	static const char *const masked[] = {"/proc/kcore", "/proc/keys", "/proc/timer_list"};
	static const char *const read_only[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
						"/proc/sysrq-trigger"};
	struct mount_namespace *namespace = (struct mount_namespace *)container->mount_namespace;

	build_mount(build, container, "overlay", "/", "/")->options = MOUNT_READ_ONLY;
	namespace->root = &namespace->mounts[0];
	build_mount(build, container, "proc", "/", "/proc")->options =
		MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC;
	build_mount(build, container, "tmpfs", "/", "/dev")->options = MOUNT_NOSUID;
	build_mount(build, container, "sysfs", "/", "/sys")->options = MOUNT_READ_ONLY;
	build_mount(build, container, "cgroup2", "/", "/sys/fs/cgroup")->options = MOUNT_READ_ONLY;
	for (size_t i = 0; i < sizeof(masked) / sizeof(masked[0]); i++)
		build_mount(build, container, "tmpfs", "/null", masked[i]);
	for (size_t i = 0; i < sizeof(read_only) / sizeof(read_only[0]); i++)
		build_mount(build, container, "proc", read_only[i] + strlen("/proc"), read_only[i])->options =
			MOUNT_READ_ONLY;
}

struct container *build_container(struct build *build, const char *name)
{
	struct snapshot *snapshot = build->snapshot;
	struct container *container = build_array(build, 1, sizeof(*container));
	struct mount_namespace *namespace = build_array(build, 1, sizeof(*namespace));

	if (snapshot->container_count == build->capacity)
		abort();
	namespace->inode = 0xF0000000 + snapshot->container_count;
	namespace->mounts = build_array(build, CONTAINER_MOUNTS, sizeof(*namespace->mounts));
	container->id = container->name = need(arena_string(snapshot->arena, name));
	container->kind = "standalone";
	container->identified = true;
	container->mount_namespace = namespace;
	container->limits.memory = (struct limit){LIMIT_SET, 64 << 20, "memory.max"};
	container->limits.cpu = (struct limit){LIMIT_SET, 500, "cpu.max"};
	container->limits.pids = (struct limit){LIMIT_SET, 100, "pids.max"};
	container->devices_known = container->all_devices_known = true;
	snapshot->containers[snapshot->container_count++] = container;
	snapshot->mount_namespaces[snapshot->mount_namespace_count++] = namespace;
	add_mounts(build, container);
	return container;
}

/* ---- processes --------------------------------------------------------------------------------- */

static void set_id(uint32_t ids[ID_COUNT], uint32_t id)
{
	for (unsigned kind = 0; kind < ID_COUNT; kind++)
		ids[kind] = id;
}

void build_root(struct process *process, capability_set held)
{
	set_id(process->credentials.uid, 0);
	set_id(process->credentials.gid, 0);
	process->credentials.effective = process->credentials.permitted = held;
	process->credentials.bounding |= held;
	process->credentials.no_new_privs = false;
}

struct process *build_process(struct build *build, pid_t pid, struct container *container,
			      const char *executable)
{
	struct snapshot *snapshot = build->snapshot;
	struct process *process = &snapshot->processes[snapshot->process_count];
	const char *slash = strrchr(executable, '/');

	if (snapshot->process_count++ == build->capacity)
		abort();
	process->pid = pid;
	process->ppid = container ? (container->init ? container->init->pid : 1) : 1;
	process->known = (1u << 9) - 1;
	process->start_time = (uint64_t)pid;
	process->comm = slash ? slash + 1 : executable;
	process->executable = executable;
	process->thread_count = 1;
	process->user_namespace = build->host_users;
	process->container = container;
	for (unsigned kind = 0; kind < NAMESPACE_COUNT; kind++)
		process->namespaces[kind] = build_initial(kind);
	if (!container) {
		build_root(process, capability_all(40));
		return process;
	}
	for (unsigned kind = 0; kind < NAMESPACE_COUNT; kind++)
		if (kind != NAMESPACE_USER && kind != NAMESPACE_TIME)
			process->namespaces[kind] = container->mount_namespace->inode;
	set_id(process->credentials.uid, 1000);
	set_id(process->credentials.gid, 1000);
	process->credentials.no_new_privs = true;
	process->lsm = snapshot->host.lsm_count == LSMS ? "docker-default (enforce)" : NULL;
	process->credentials.seccomp = SECCOMP_FILTERED;
	process->credentials.seccomp_filters_known = true;
	process->credentials.seccomp_filters = 1;
	container->process_count++;
	if (!container->init)
		container->init = process;
	return process;
}

void build_user_namespace(struct build *build, struct process *process, uint32_t outside)
{
	struct snapshot *snapshot = build->snapshot;
	struct user_namespace *namespace = build_array(build, 1, sizeof(*namespace));

	if (snapshot->user_namespace_count > build->capacity)
		abort();
	namespace->inode = 0xF1000000 + snapshot->user_namespace_count;
	namespace->mapped = true;
	namespace->uids = build_array(build, 1, sizeof(struct id_range));
	namespace->uids[0] = (struct id_range){0, outside, 65536};
	namespace->gids = namespace->uids;
	namespace->uid_count = namespace->gid_count = 1;
	process->user_namespace = namespace;
	process->namespaces[NAMESPACE_USER] = namespace->inode;
	snapshot->user_namespaces[snapshot->user_namespace_count++] = namespace;
	for (unsigned kind = 0; kind < ID_COUNT; kind++) {
		process->credentials.uid[kind] += outside;
		process->credentials.gid[kind] += outside;
	}
}

struct thread *build_thread(struct build *build, struct process *process, pid_t tid)
{
	process->threads = build_array(build, 1, sizeof(*process->threads));
	process->threads[0] = (struct thread){.tid = tid, .credentials = process->credentials};
	process->differing_count = 1;
	process->thread_count = 2;
	return &process->threads[0];
}

/* ---- files, sysctls ---------------------------------------------------------------------------- */

struct file *build_file(struct build *build, struct container *container, const char *path)
{
	struct snapshot *snapshot = build->snapshot;
	struct file *file = &snapshot->files[snapshot->file_count];

	if (snapshot->file_count++ == build->capacity)
		abort();
	*file = (struct file){.path = path,
			      .container = container,
			      .inode = 1000 + snapshot->file_count,
			      .mode = S_IFREG | 0755,
			      .links = 1,
			      .reachable = true};
	return file;
}

void build_sysctl(struct build *build, const char *name, const char *value)
{
	struct host *host = &build->snapshot->host;

	if (host->sysctl_count == SYSCTLS)
		abort();
	host->sysctls[host->sysctl_count] = (struct sysctl){name, value, (unsigned)host->sysctl_count};
	host->sysctl_count++;
}

/* ---- judging ----------------------------------------------------------------------------------- */

const struct findings *build_judge(struct build *build)
{
	findings_free(build->findings);
	build->findings = need(findings_judge(build->snapshot, &build->policy, NULL));
	return build->findings;
}

const struct finding *build_finding(const struct build *build, const char *rule)
{
	for (size_t i = 0; i < build->findings->count; i++)
		if (!strcmp(build->findings->list[i]->rule->id, rule))
			return build->findings->list[i];
	return NULL;
}

enum severity build_severity(struct build *build, const char *rule)
{
	const struct finding *finding;

	build_judge(build);
	finding = build_finding(build, rule);
	return finding ? finding->severity : SEVERITY_NONE;
}

const struct evidence *build_evidence(const struct finding *finding, const char *name)
{
	for (const struct evidence *evidence = finding->evidence; evidence; evidence = evidence->next)
		if (!strcmp(evidence->name, name))
			return evidence;
	return NULL;
}

/* ---- cmocka ------------------------------------------------------------------------------------ */

int build_setup(void **state)
{
	*state = build_new(64);
	return 0;
}

int build_teardown(void **state)
{
	build_free(*state);
	return 0;
}
