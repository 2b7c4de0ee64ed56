/* The snapshot: every fact that decides privilege, as plain data.
 *
 * Collectors fill it, in the order of their registry; after that nothing changes it. Rules and formats
 * read it. All of it lives in one arena. Strings are NUL-terminated bytes from outside (a path, a comm):
 * valid text only after text_escape. What is not known is not there: a NULL pointer, a cleared bit in
 * `known`, LIMIT_UNKNOWN; never an invented value. */
#ifndef PROCTOR_SNAPSHOT_H
#define PROCTOR_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "proctor/arena.h"
#include "proctor/capability.h"
#include "proctor/coverage.h"
#include "proctor/text.h"

/* ---- processes --------------------------------------------------------------------------------- */

/* In the order of namespace_names[]. */
enum namespace_kind {
	NAMESPACE_CGROUP,
	NAMESPACE_IPC,
	NAMESPACE_MNT,
	NAMESPACE_NET,
	NAMESPACE_PID,
	NAMESPACE_TIME,
	NAMESPACE_USER,
	NAMESPACE_UTS,
	NAMESPACE_COUNT
};

/* `cgroup`, `ipc`, …: as in /proc/PID/ns. */
extern const char *const namespace_names[NAMESPACE_COUNT];

/* In the order of the Uid and Gid lines of /proc/PID/status. */
enum id_kind { ID_REAL, ID_EFFECTIVE, ID_SAVED, ID_FILESYSTEM, ID_COUNT };

enum seccomp_mode { SECCOMP_OFF = 0, SECCOMP_STRICT = 1, SECCOMP_FILTERED = 2 };

/* What one task (process or thread) is allowed; ids are as the auditor's user namespace sees them. */
struct credentials {
	uint32_t uid[ID_COUNT];
	uint32_t gid[ID_COUNT];
	capability_set effective, permitted, inheritable, bounding, ambient;
	bool no_new_privs;
	uint8_t seccomp;            /* enum seccomp_mode */
	bool seccomp_filters_known; /* not before Linux 5.9 */
	uint32_t seccomp_filters;
};

/* A thread whose ids or sets differ from its leader's. */
struct thread {
	pid_t tid;
	struct credentials credentials;
};

/* One line of /proc/PID/uid_map or gid_map: `count` ids from `inside` on are `outside` on. `outside` is in
 * the auditor's user namespace. */
struct id_range {
	uint32_t inside, outside, count;
};

/* A user namespace, read once through one of its processes. */
struct user_namespace {
	uint64_t inode;
	struct id_range *uids, *gids;
	size_t uid_count, gid_count;
	bool initial; /* the host's: inode 0xEFFFFFFD */
	bool mapped;  /* uids and gids were read */
};

/* Bits of process.known: which of its facts were read. */
enum process_fact {
	PROCESS_KNOWS_STATUS = 1 << 0, /* comm, ppid, credentials, groups, thread_count */
	PROCESS_KNOWS_STAT = 1 << 1,   /* start_time, privilege_used */
	PROCESS_KNOWS_CGROUP = 1 << 2,
	PROCESS_KNOWS_EXECUTABLE = 1 << 3,
	PROCESS_KNOWS_COMMAND_LINE = 1 << 4,
	PROCESS_KNOWS_NAMESPACES = 1 << 5, /* those whose inode is not 0 */
	PROCESS_KNOWS_LSM = 1 << 6,
	PROCESS_KNOWS_THREADS = 1 << 7, /* every thread was compared with its leader */
	PROCESS_KNOWS_ROOT = 1 << 8,    /* root_changed */
};

struct container;
struct mount;

struct process {
	pid_t pid, ppid;
	uint32_t known;      /* enum process_fact */
	uint64_t start_time; /* clock ticks since boot: field 22 of /proc/PID/stat */
	uint64_t entry;      /* inode number that /proc lists it with: another one for each process that has
				the pid (get_next_ino in fs/inode.c); 0: it was not listed */
	const char *comm;
	const char
		*executable; /* path in its own root; without " (deleted)"; NULL: unknown or kernel thread */
	const struct mount *executable_mount; /* NULL: unknown */
	struct bytes command_line;            /* arguments, each ended by NUL */
	const char *cgroup;                   /* the path that tells most (v1 line with an id before `0::`) */
	struct bytes cgroups; /* the text of its /proc/PID/cgroup, every hierarchy; empty: not read */
	const char *lsm;      /* label of the LSM, e.g. `docker-default (enforce)`; NULL: none or unknown */
	struct credentials credentials; /* the thread group leader's */
	uint32_t *groups;
	size_t group_count;
	struct thread *threads; /* only those that differ */
	size_t differing_count;
	uint32_t thread_count;                /* all of them, with the leader */
	uint64_t namespaces[NAMESPACE_COUNT]; /* inode numbers; 0: not read */
	uint64_t mount_id; /* of its mount namespace, given to no other one; 0: not read, or not told */
	const struct user_namespace *user_namespace; /* NULL: not read */
	const struct container *container;           /* NULL: of the host, or unknown */
	bool kernel_thread, zombie;
	bool privilege_used;     /* PF_SUPERPRIV: weak evidence, never proof of need */
	bool executable_deleted; /* no link to the file is left */
	bool executable_memfd;
	bool root_changed; /* chroot: its root is not its mount namespace's */
	bool silent;       /* its files in /proc do not answer: only what never waits for it was read */
	bool carried;      /* not read now but taken over from the snapshot before */
};

/* ---- containers -------------------------------------------------------------------------------- */

enum limit_state { LIMIT_UNKNOWN, LIMIT_NONE, LIMIT_SET };

/* One limit. LIMIT_NONE: known to be unlimited. */
struct limit {
	enum limit_state state;
	uint64_t value;
	const char *source; /* file that set it, for the evidence */
};

struct limits {
	struct limit memory;     /* bytes */
	struct limit swap;       /* bytes of memory and swap together (v1) or of swap (v2); see source */
	struct limit cpu;        /* thousandths of a core: quota over period */
	struct limit cpu_weight; /* v2 weight or v1 shares; LIMIT_NONE at the default 100 or 1024 */
	struct limit pids;       /* tasks */
	struct limit open_files, processes, locked_memory, core; /* soft rlimits of the first process */
};

/* A device node in the container's /dev that a container is not given by default. */
struct device {
	const char *path; /* in the container */
	bool block;
	uint32_t major, minor;
	uint32_t mode; /* permission bits */
};

/* What an owner or a runtime wrote on a container. */
struct label {
	const char *name, *value;
	bool of_image; /* who made the image may have set it: it tells nothing of who runs the container */
};

/* The ECS task that a container belongs to; NULL: not known. */
struct task {
	const char *arn, *family, *revision, *cluster;
	const char *launch_type; /* `EC2`, `FARGATE`, `EXTERNAL` */
	const char *availability_zone;
};

/* The Kubernetes pod that a container belongs to, as its runtime tells it; NULL: not known. */
struct pod {
	const char *name, *name_space, *uid;
	const char *container; /* what the pod calls the container */
};

/* Bits of declared.known. */
enum declared_fact {
	DECLARED_PRIVILEGED = 1 << 0,
	DECLARED_READ_ONLY = 1 << 1,
	DECLARED_CAPABILITIES = 1 << 2,
};

/* What a container was declared to be, by those who started it. What it is stands elsewhere. */
struct declared {
	uint32_t known; /* enum declared_fact */
	bool privileged, read_only;
	capability_set capabilities;    /* the whole set that it is to have */
	const char *user;               /* `UID:GID` in the container; NULL: not told */
	struct limit memory, cpu, pids; /* units as in struct limits */
};

/* Programs by which an attacker goes on from one that was taken over. */
enum tool_kind {
	TOOL_SHELL = 1 << 0,
	TOOL_PACKAGE_MANAGER = 1 << 1,
	TOOL_NETWORK = 1 << 2,
	TOOL_COMPILER = 1 << 3,
	TOOL_DEBUGGER = 1 << 4,
};

/* One executable file, under however many names. */
struct tool {
	const char *path;   /* its own, in the container's root */
	uint32_t kinds;     /* enum tool_kind, of all its names */
	const char **names; /* paths that lead to it and gave it a kind: itself, links; by path */
	size_t name_count;
	const char *layer; /* as struct file has it */
};

/* Where a file comes from. */
enum file_origin {
	ORIGIN_UNKNOWN,
	ORIGIN_IMAGE,    /* a layer below the one that the container writes to */
	ORIGIN_RUN_TIME, /* written, or copied up, since the container was started */
	ORIGIN_MOUNT,    /* of something mounted in the container: a volume, a tmpfs */
};

/* A file that processes of a container execute: their executable, or a library mapped to be executed. */
struct program {
	const char *path; /* in the container's root; without " (deleted)" */
	enum file_origin origin;
	const struct mount *mount;        /* that it is on; NULL: none (memfd), or unknown */
	const struct process **processes; /* that execute it, by pid */
	size_t process_count;
	bool executable; /* a process was started from it; else it is mapped only */
	bool deleted, memfd;
	bool known; /* the file was looked at: what follows is told */
	uint32_t mode, uid, gid;
	uint32_t directory_mode, directory_uid, directory_gid; /* of the directory it is in */
};

/* How a network namespace routes an address. */
enum route_state {
	ROUTE_UNKNOWN,
	ROUTE_NONE,    /* no route leads there */
	ROUTE_BLOCKED, /* a blackhole, unreachable or prohibited route */
	ROUTE_OPEN,
};

struct mount_namespace;

/* What is known of the capabilities that a container asks the kernel for: of the agent, which watches. */
struct learning_facts {
	/* Asked for and granted, by it or others of its image or task family; without those of the first set
	 * a call would have failed. */
	capability_set required, optional;
	uint64_t seconds, starts; /* in which containers of its image were watched, and their starts among it
				   */
	capability_set refused;   /* to it, within the last day, and a call failed of it */
	const char *refused_to[CAPABILITY_BITS]; /* for each the program; NULL: not known */
	bool whole;                              /* it was watched since its start, or for a day */
};

struct container {
	const char *id;           /* from the cgroup path, else `mnt-<inode>` */
	const char *name;         /* NULL: not known */
	const char *image;        /* reference as its owner wrote it: `shop/checkout:42`; NULL: not known */
	const char *image_id;     /* `sha256:…` of its configuration; NULL: not known */
	const char *image_digest; /* `sha256:…` of its manifest; NULL: not known */
	const struct task *task;
	const struct pod *pod;
	const struct label *labels; /* by name */
	size_t label_count;
	const struct declared *declared; /* NULL: no source told any of it */
	bool identified; /* a source told of it, or none is there that failed to answer: by no other name was
			    it known */
	const char *const *sources; /* that told of it: `docker`, `ecs-agent`…, ended by NULL; NULL: none */
	const char *runtime;        /* docker containerd cri-o podman lxc systemd-nspawn; NULL: not known */
	const char *kind;           /* ecs fargate kubernetes standalone */
	const char *cgroup;         /* path of its cgroup as its processes tell it */
	const struct process *init; /* oldest process that is the root of the others */
	const struct mount_namespace *mount_namespace; /* NULL: not read */
	size_t process_count;
	struct limits limits;
	bool limits_known; /* each of them that there is was read */
	struct device *devices;
	size_t device_count;
	bool devices_known;
	bool looked_into; /* its /dev, and mounts of the host for sockets of runtimes: all of them */
	bool all_devices; /* the v1 devices cgroup allows `a *:* rwm` */
	bool all_devices_known;
	enum route_state imds_route; /* to 169.254.169.254, the instance's metadata and its credentials */
	bool self;                   /* the one the auditor runs in */
	bool files_walked;           /* its whole root was: what is not in the snapshot is not there */
	bool root_missed;            /* its root could not be opened to be walked */
	const struct tool *tools;    /* in its own root, not on what is mounted there; by path */
	size_t tool_count;
	const struct program *programs; /* by path */
	size_t program_count;
	bool programs_known;                   /* every process of it was looked at */
	const struct learning_facts *learning; /* NULL: it was not watched, or not long enough to know */
	const char *const *written; /* paths in its root that it has written since it was started, or has open
				       for writing, ended by NULL; a directory, as a whole, ends in `/`; NULL:
				       not known */
};

/* ---- mounts ------------------------------------------------------------------------------------ */

enum mount_option {
	MOUNT_READ_ONLY = 1 << 0,
	MOUNT_NOSUID = 1 << 1,
	MOUNT_NODEV = 1 << 2,
	MOUNT_NOEXEC = 1 << 3,
	MOUNT_ID_MAPPED = 1 << 4, /* ids of its files are not those of its file system */
};

/* Options of an overlay (Documentation/filesystems/overlayfs.rst) that differ from what its module does
 * by default. */
enum overlay_option {
	OVERLAY_USER_ATTRIBUTES = 1 << 0, /* its marks are user.overlay.*, not trusted.overlay.* */
	OVERLAY_REDIRECTS = 1 << 1,       /* a directory that was moved is found by its mark */
	OVERLAY_NO_REDIRECTS = 1 << 2,
	OVERLAY_INDEX = 1 << 3, /* hard links stay together when they are copied up */
	OVERLAY_NO_INDEX = 1 << 4,
	OVERLAY_MAKES_REDIRECTS =
		1 << 5, /* with OVERLAY_REDIRECTS: a directory that is moved gets its mark */
};

/* What a mount of the host's, bound into a container, is. Told from mountinfo, not from names inside. */
enum mount_kind {
	MOUNT_PLAIN,          /* the file system is the container's own or the kernel's */
	MOUNT_HOST_PATH,      /* a part of a file system of the host, bound in */
	MOUNT_RUNTIME_SOCKET, /* a container runtime's or the ECS agent's control socket, or its directory */
	MOUNT_RUNTIME_FILE,   /* resolv.conf, hostname, hosts, volumes' metadata: what the runtime binds in
				 always */
};

/* One line of /proc/PID/mountinfo (proc_pid_mountinfo(5)), octal escapes resolved. */
struct mount {
	uint32_t id, parent;
	uint32_t major, minor;
	const char *root;  /* path in the file system */
	const char *point; /* path in the process's root */
	const char *type, *source;
	uint32_t options;        /* enum mount_option of this mount */
	uint32_t super_options;  /* enum mount_option of the file system: MOUNT_READ_ONLY only */
	uint32_t shared, master; /* peer groups of propagation; 0: none */
	enum mount_kind kind;
	bool unbindable;
	bool covered;             /* another mount lies on it or above it: not reachable by path */
	const char *upper, *work; /* overlay's directories; NULL for others or unknown */
	const char *lower;        /* overlay's layers below, as its option lowerdir has them: parted by `:`, a
				     colon in a name behind a backslash, those for data only behind `::`; NULL
				     for others */
	uint32_t overlay;         /* enum overlay_option */
	const char *host_path;    /* a mount of a container's: where in the host's mounts its root lies, as
				     `/run/docker.sock`; NULL: nowhere there, or unknown */
	bool foreign;     /* an overlay that neither the host nor a user namespace of our own privilege has
			     mounted: a layer of it may be FUSE, and never answer */
	bool bound_along; /* came with the host path it lies on, which was bound with all mounts beneath */
};

struct mount_namespace {
	uint64_t inode;      /* 0: the link may not be read; it was read through its container's first
				process */
	pid_t pid;           /* through whose mountinfo it was read */
	uint64_t start_time; /* of that process */
	struct mount *mounts;
	size_t mount_count;
	const struct mount *root; /* what lies at `/`; NULL: none (chroot) */
	uint64_t owner; /* inode of the user namespace in which CAP_SYS_ADMIN mounts here; 0: not read */
	bool host;
};

/* ---- files ------------------------------------------------------------------------------------- */

/* security.capability, capabilities(7) "File capability extended attribute versioning". */
enum { FILE_CAPABILITY_NOT_UNDERSTOOD = 255 };

struct file_capability {
	capability_set permitted, inheritable;
	bool effective;
	uint8_t version;  /* 1, 2, 3; 0: none; FILE_CAPABILITY_NOT_UNDERSTOOD: malformed, or not ours to read
			   */
	uint32_t root_id; /* version 3: the root uid of its user namespace, as the auditor sees it */
};

struct file {
	const char *path;                  /* in the container's root, or the host's */
	const struct container *container; /* NULL: the host */
	uint64_t inode;
	uint32_t device_major, device_minor;
	uint32_t mode;     /* st_mode */
	uint32_t uid, gid; /* as the auditor's user namespace sees them */
	uint64_t links;
	struct file_capability capability;
	bool nosuid; /* its mount is nosuid: neither the bits nor the capabilities act */
	bool noexec;
	bool reachable;          /* every directory above it lets others search */
	bool writable_directory; /* its directory lets group or others write without the sticky bit */
	enum file_origin origin; /* ORIGIN_UNKNOWN also for the host's */
	const char *layer; /* the directory of the overlay layer that it lies in; NULL: unknown, or none */
};

/* ---- the machine ------------------------------------------------------------------------------- */

enum { SYSCTLS_MAX = 56 };

struct sysctl {
	const char *name;  /* kernel.yama.ptrace_scope */
	const char *value; /* without the newline */
	unsigned number;   /* the same one in each snapshot: below SYSCTLS_MAX */
};

/* Files of /proc that tell of, or do something to, the whole machine: what runtimes mask. In the order of
 * proc_entry_names[]; as bits of host.proc_entries. */
enum proc_entry {
	PROC_ACPI,
	PROC_ASOUND,
	PROC_KCORE,
	PROC_KEYS,
	PROC_LATENCY_STATS,
	PROC_SCHED_DEBUG,
	PROC_SCSI,
	PROC_SYSRQ_TRIGGER,
	PROC_TIMER_LIST,
	PROC_TIMER_STATS,
	PROC_ENTRY_COUNT
};

/* `acpi`, …: beneath /proc. */
extern const char *const proc_entry_names[PROC_ENTRY_COUNT];

enum view {
	VIEW_HOST,      /* the initial pid namespace: every process of the machine */
	VIEW_TASK,      /* a pid namespace that containers share: those, and nothing of the host */
	VIEW_CONTAINER, /* a pid namespace of its own: only what is in it */
};

/* How the ECS agent of a container instance is set: /etc/ecs/ecs.config, else its documented defaults. */
struct ecs_agent {
	bool present;                                 /* the agent or its configuration is on this machine */
	const char *version, *cluster, *instance_arn; /* NULL: not known */
	bool configuration_known;                     /* the file was read: what follows is told */
	bool privileged_disabled;                     /* ECS_DISABLE_PRIVILEGED */
	bool task_limits_enabled;                     /* ECS_ENABLE_TASK_CPU_MEM_LIMIT */
	bool awsvpc_imds_blocked;                     /* ECS_AWSVPC_BLOCK_IMDS */
	bool offhost_introspection;                   /* ECS_ALLOW_OFFHOST_INTROSPECTION_ACCESS */
	bool selinux_capable, apparmor_capable;
	uint64_t task_pids_limit; /* ECS_TASK_PIDS_LIMIT; 0: none */
};

/* The auditor itself. */
struct self {
	pid_t pid;
	uint32_t uid; /* effective */
	capability_set effective, permitted, bounding;
	capability_set
		granted;     /* the bounding set that it was started with; it may have given up some since */
	uint32_t securebits; /* prctl(2) PR_GET_SECUREBITS */
	uint64_t namespaces[NAMESPACE_COUNT];
	bool user_namespace_initial;
};

struct host {
	const char *hostname, *kernel, *architecture, *boot_id; /* kernel: `uname -r` */
	time_t boot_time;                                       /* 0: unknown */
	long ticks;                                             /* clock ticks a second */
	unsigned processors;
	uint64_t memory_total;   /* bytes; 0: unknown */
	unsigned cgroup_version; /* 1, 2; 3: hybrid; 0: unknown */
	const char **lsms;
	size_t lsm_count;
	bool lsms_known;
	unsigned last_capability; /* cap_last_cap */
	struct sysctl *sysctls;
	size_t sysctl_count;
	uint64_t sysctls_unread; /* 1 << number: those that are there and could not be read */
	uint32_t proc_entries;   /* 1 << enum proc_entry: those that this kernel has */
	enum view view;
	const char
		*hidepid; /* option of the procfs that we read: `1`, `invisible`, `ptraceable`; NULL: off */
	uint64_t mount_namespace;             /* the host's, 0: unknown (view container) */
	uint64_t namespaces[NAMESPACE_COUNT]; /* the host's, as far as known; 0: unknown */
	struct ecs_agent ecs;
};

/* ---- all of it --------------------------------------------------------------------------------- */

struct silent;

struct snapshot {
	struct arena *arena;
	struct silent *silent;      /* processes that do not answer, while it is collected; then NULL */
	struct timespec started_at; /* CLOCK_REALTIME */
	uint64_t duration_ns;
	struct host host;
	struct self self;
	struct process *processes; /* ascending by pid */
	size_t process_count;
	struct user_namespace **user_namespaces;
	size_t user_namespace_count;
	struct container **containers; /* ascending by id */
	size_t container_count;
	struct mount_namespace **mount_namespaces;
	size_t mount_namespace_count;
	struct file *files; /* host last, then by container and path */
	size_t file_count;
	bool files_walked;               /* a directory was listed, or a file that was asked for looked at */
	struct bytes layers_to_remember; /* for request->remembered_layers the next time; none: as before */
	struct coverage *coverage;       /* one for each collector that ran, in order */
	size_t coverage_count;
};

/* What the collector of that name saw, in the snapshot; NULL when it did not run. */
struct coverage *snapshot_coverage(const struct snapshot *snapshot, const char *collector);

/* True when the collector of that name was not to look: that there is nothing of its kind is not known. */
bool snapshot_lacks(const struct snapshot *snapshot, const char *collector);

/* A new, empty snapshot; NULL when memory is exhausted. Freed, with all in it, by snapshot_free. */
struct snapshot *snapshot_new(void);
void snapshot_free(struct snapshot *snapshot);

/* The process with that pid, by binary search; NULL when there is none. */
const struct process *snapshot_process(const struct snapshot *snapshot, pid_t pid);

/* The value of a sysctl; NULL when it was not read. */
const char *snapshot_sysctl(const struct snapshot *snapshot, const char *name);

/* The id inside the user namespace that `outside` (as the auditor sees it) maps to; false: unmapped. */
bool user_namespace_inside(const struct id_range *ranges, size_t count, uint32_t outside, uint32_t *inside);

/* The id as the auditor sees it that `inside` maps to; false: unmapped. */
bool user_namespace_outside(const struct id_range *ranges, size_t count, uint32_t inside, uint32_t *outside);

/* True when the mount point of `mount` is `path` or lies above it. */
bool mount_holds(const struct mount *mount, const char *path);

/* The mount that a path of the namespace's root lies on: of those that hold it and are not covered the one
 * furthest in, wherever it stands in mountinfo. NULL when none does. */
const struct mount *mount_of_path(const struct mount_namespace *namespace, const char *path);

/* What a container is called in tables: its name, else its id, of which a runtime's 64 digits are cut to 12
 * in `buffer`. `host` for NULL. */
const char *container_label(const struct container *container, char *buffer, size_t size);

/* The container's task definition as `family:revision`, or its family alone, in *label, owned by the caller;
 * NULL: there is none, or it is not known. -1 when memory is exhausted. */
int task_label(const struct container *container, char **label);

/* True when `text` is the container's name, its id, or at least the first 12 characters of that. */
bool container_is_called(const struct container *container, const char *text);

#endif
