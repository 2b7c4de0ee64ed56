/* What containers have mounted, and what they can do through it. */
#include <string.h>

#include "agent/rules/context.h"
#include "agent/rules/host_place.h"
#include "agent/rules/remedy.h"

/* ---- writable here ----------------------------------------------------------------------------- */

/* Can the container write to what is mounted read-only by mounting it otherwise? UNKNOWN: unless what stands
 * in *unless. A mount that came from a namespace of more privilege is locked as it was, and a file system
 * that is read-only itself is not of a user namespace; what the runtime has made read-only inside, the root
 * above all, is neither: mount_namespaces(7). */
static enum answer can_remount(const struct subject *subject, const char **unless)
{
	const struct group_facts *group = subject_group(subject);
	bool root = subject->mount == subject->mount_namespace->root;
	bool inside = group->mount_admin != ADMIN_NONE && !(subject->mount->super_options & MOUNT_READ_ONLY);

	if (group->host_admin == ADMIN_FREE || (inside && root && group->mount_admin == ADMIN_FREE))
		return YES;
	if (group->host_admin == ADMIN_FILTERED || (inside && group->mount_admin == ADMIN_FILTERED))
		*unless = "its seccomp filter or LSM policy forbids mount(2), which Docker's default filter "
			  "allows to who has CAP_SYS_ADMIN";
	else if (inside)
		*unless = "it was read-only already where it comes from";
	return *unless ? UNKNOWN : NO;
}

/* Writable as it is mounted, or after a remount. */
static enum answer is_writable_here(const struct subject *subject, const char **unless,
				    struct verdict *verdict)
{
	bool writable = mount_is_writable(subject->mount);
	enum answer remountable = writable ? NO : can_remount(subject, unless);

	verdict_boolean(verdict, "read_only", !writable);
	if (remountable == YES)
		verdict_boolean(verdict, "remountable", true);
	if (remountable == UNKNOWN)
		verdict_text(verdict, "remountable_unless", *unless);
	return writable ? YES : remountable;
}

/* ---- mount.writable-root ----------------------------------------------------------------------- */

static enum severity judge_writable_root(const struct subject *subject, struct verdict *verdict)
{
	const struct mount *mount = subject->mount;
	const struct group_facts *group = subject_group(subject);
	const char *unless = NULL;
	enum answer writable;
	enum severity severity;

	if (mount != subject->mount_namespace->root)
		return SEVERITY_NONE;
	verdict->path = mount->point;
	verdict_text(verdict, "file_system", mount->type);
	writable = is_writable_here(subject, &unless, verdict);
	if (writable == NO)
		return SEVERITY_NONE;
	if (writable == UNKNOWN) {
		verdict->title = "Root file system is read-only, but may be remounted writable";
		verdict_why(verdict, "a process with CAP_SYS_ADMIN remounts it writable, unless %s", unless);
	} else if (!mount_is_writable(mount)) {
		verdict->title = "Root file system is read-only, but can be remounted writable";
		verdict_why(verdict, "a process with CAP_SYS_ADMIN, and neither a seccomp filter nor an LSM "
				     "policy in the way, remounts it writable");
	}
	severity = group->has_root ? SEVERITY_MEDIUM : SEVERITY_LOW;
	return writable == UNKNOWN ? severity - 1 : severity;
}

/* ---- mount.host-path --------------------------------------------------------------------------- */

/* What is left of a severity for processes that the permissions of files hold back. */
static enum severity without_root(enum severity severity)
{
	return severity > SEVERITY_LOW ? severity - 2 : SEVERITY_INFO;
}

static const char *const root_words[] = {[UNKNOWN] = "may be root to it",
					 [NO] = "is held back by file permissions only",
					 [YES] = "is root to it"};

/* What the place gives to root: where it may be writable, a step less than where it is. */
static enum severity place_severity(const struct host_place *place, enum answer writable)
{
	if (writable == UNKNOWN && place->write > place->read)
		return place->write - 1;
	return writable == NO ? place->read : place->write;
}

static enum severity judge_host_path(const struct subject *subject, struct verdict *verdict)
{
	const struct mount *mount = subject->mount;
	const char *path = mount->host_path ? mount->host_path : mount->root, *unless = NULL;
	const struct host_place *place = host_place_of(path);
	enum answer root = group_is_root(subject_group(subject)), writable;
	enum severity severity;

	if (mount->kind != MOUNT_HOST_PATH || mount->covered || mount->bound_along)
		return SEVERITY_NONE;
	verdict->path = mount->point;
	verdict->key = path;
	verdict_text(verdict, mount->host_path ? "host_path" : "path_in_file_system", path);
	verdict_text(verdict, "file_system", mount->type);
	writable = is_writable_here(subject, &unless, verdict);
	verdict_boolean(verdict, "root", root == YES);
	if (writable == UNKNOWN)
		verdict_why(verdict,
			    "%s of the host is readable, and writable after a remount, unless %s: %s; the "
			    "container %s",
			    path, unless, place->what, root_words[root]);
	else
		verdict_why(verdict, "%s of the host is %s: %s; the container %s", path,
			    writable == YES ? "writable" : "readable", place->what, root_words[root]);
	severity = place_severity(place, writable);
	return root == NO ? without_root(severity) : severity;
}

/* ---- mount.runtime-socket ---------------------------------------------------------------------- */

static enum severity judge_runtime_socket(const struct subject *subject, struct verdict *verdict)
{
	const struct mount *mount = subject->mount;
	const struct group_facts *group = subject_group(subject);

	if (mount->kind != MOUNT_RUNTIME_SOCKET || mount->covered)
		return SEVERITY_NONE;
	verdict->path = mount->point;
	verdict->key = mount->host_path ? mount->host_path : mount->root;
	verdict_text(verdict, "socket", verdict->key);
	verdict_boolean(verdict, "read_only", !mount_is_writable(mount));
	verdict_boolean(verdict, "root", group_is_root(group) == YES);
	if (group_is_root(group) != NO)
		return SEVERITY_CRITICAL;
	verdict_why(verdict,
		    "none of its processes is root to the host's files: only the socket's own owner, "
		    "group and mode keep them from it");
	return SEVERITY_HIGH;
}

/* ---- procfs ------------------------------------------------------------------------------------ */

/* The mount at `point` followed by `name`. */
static const struct mount *mount_beneath(const struct subject *subject, const char *name,
					 struct verdict *verdict)
{
	const char *path = verdict_format(verdict, "%s/%s", subject->mount->point, name);

	return path ? places_at(subject_group(subject)->places, path) : NULL;
}

static bool is_whole(const struct mount *mount, const char *type)
{
	return !mount->covered && !strcmp(mount->type, type) && !strcmp(mount->root, "/");
}

/* Is an entry of that procfs there, with nothing over it? A part of procfs itself bound over it, as to make
 * it read-only, hides nothing. */
static bool is_open(const struct subject *subject, enum proc_entry entry, struct verdict *verdict)
{
	const struct mount *over;

	if (!(subject->snapshot->host.proc_entries & 1u << entry))
		return false;
	over = mount_beneath(subject, proc_entry_names[entry], verdict);
	return !over || !strcmp(over->type, "proc");
}

/* What reading them gives to root; sysrq-trigger can only be written to. */
static const enum severity entry_severities[PROC_ENTRY_COUNT] = {
	[PROC_ACPI] = SEVERITY_LOW,          [PROC_ASOUND] = SEVERITY_LOW,
	[PROC_KCORE] = SEVERITY_MEDIUM,      [PROC_KEYS] = SEVERITY_MEDIUM,
	[PROC_LATENCY_STATS] = SEVERITY_LOW, [PROC_SCHED_DEBUG] = SEVERITY_MEDIUM,
	[PROC_SCSI] = SEVERITY_MEDIUM,       [PROC_SYSRQ_TRIGGER] = SEVERITY_NONE,
	[PROC_TIMER_LIST] = SEVERITY_MEDIUM, [PROC_TIMER_STATS] = SEVERITY_LOW,
};

/* Lists the open ones in *names, parted by commas, and answers how bad the worst is; NONE when all are
 * masked. */
static enum severity judge_entries(const struct subject *subject, const char **names, struct verdict *verdict)
{
	enum severity worst = SEVERITY_NONE;

	for (unsigned entry = 0; entry < PROC_ENTRY_COUNT; entry++) {
		if (entry_severities[entry] == SEVERITY_NONE || !is_open(subject, entry, verdict))
			continue;
		*names = *names ? verdict_format(verdict, "%s, %s", *names, proc_entry_names[entry])
				: proc_entry_names[entry];
		if (entry_severities[entry] > worst)
			worst = entry_severities[entry];
	}
	return worst;
}

static enum severity judge_proc_unmasked(const struct subject *subject, struct verdict *verdict)
{
	const struct mount *mount = subject->mount;
	const struct group_facts *group = subject_group(subject);
	const char *names = NULL;
	enum severity severity;

	if (!is_whole(mount, "proc"))
		return SEVERITY_NONE;
	severity = judge_entries(subject, &names, verdict);
	if (severity == SEVERITY_NONE)
		return SEVERITY_NONE;
	verdict->path = mount->point;
	verdict_text(verdict, "unmasked", names);
	verdict_boolean(verdict, "read_only", !mount_is_writable(mount));
	verdict_boolean(verdict, "root", group->has_root);
	if (group_is_root(group) == NO)
		verdict_why(verdict,
			    "none of its processes is the host's root, who alone may read the worst of "
			    "it");
	if (!group->has_root)
		return SEVERITY_LOW;
	if (!(group->held & CAPABILITY_MASK(CAP_SYS_RAWIO)) || !is_open(subject, PROC_KCORE, verdict))
		return severity;
	verdict_why(verdict,
		    "with CAP_SYS_RAWIO it reads the kernel's memory through /proc/kcore, unless the "
		    "kernel is locked down");
	return SEVERITY_HIGH;
}

/* ---- mount.shared-propagation ------------------------------------------------------------------ */

static enum severity judge_shared_propagation(const struct subject *subject, struct verdict *verdict)
{
	const struct mount *mount = subject->mount;
	const struct places *host = subject->context->host_places;

	if (!host || mount->covered || mount->bound_along || !places_has_peer(host, mount->shared))
		return SEVERITY_NONE;
	verdict->path = mount->point;
	verdict->key = mount->host_path;
	verdict_number(verdict, "peer_group", mount->shared);
	verdict_text(verdict, "host_path", mount->host_path);
	if (subject_group(subject)->host_admin == ADMIN_FREE) {
		verdict_why(verdict,
			    "with CAP_SYS_ADMIN, and nothing in the way, it mounts over paths of the "
			    "host");
		return SEVERITY_HIGH;
	}
	if (subject_group(subject)->held & CAPABILITY_MASK(CAP_SYS_ADMIN))
		return SEVERITY_MEDIUM;
	verdict_why(verdict, "none of its processes may mount: nothing propagates to the host today");
	return SEVERITY_LOW;
}

/* ---- mount.writable-kernel-interface ----------------------------------------------------------- */

/* What a writable file system of the kernel gives to root. */
struct kernel_interface {
	const char *type;
	enum severity severity;
	const char *what;
};

static const struct kernel_interface kernel_interfaces[] = {
	{"binfmt_misc", SEVERITY_CRITICAL,
	 "binfmt_misc: it registers an interpreter that the host runs for programs of its choice"},
	{"bpf", SEVERITY_MEDIUM, "pinned BPF programs and maps"},
	{"configfs", SEVERITY_HIGH, "configfs: it configures drivers of the kernel"},
	{"debugfs", SEVERITY_HIGH, "debugfs: it writes to the insides of drivers and of the kernel"},
	{"efivarfs", SEVERITY_HIGH, "efivarfs: it changes the machine's boot variables"},
	{"securityfs", SEVERITY_HIGH, "securityfs: with CAP_MAC_ADMIN it loads policy for the whole machine"},
	{"tracefs", SEVERITY_HIGH, "tracefs: it traces the kernel and every process"},
};

/* Whether what lies at that path of a procfs is writable by this mount, of all of it or of that part. */
static bool leaves_writable(const struct subject *subject, const char *path, struct verdict *verdict)
{
	if (strcmp(subject->mount->root, "/") != 0)
		return path_behind(path, subject->mount->root) != NULL;
	return !mount_beneath(subject, path + 1, verdict);
}

/* What a procfs leaves writable. */
static struct kernel_interface proc_interface(const struct subject *subject, struct verdict *verdict)
{
	bool has_sysrq = (subject->snapshot->host.proc_entries & 1u << PROC_SYSRQ_TRIGGER) != 0;
	bool sysrq = has_sysrq && leaves_writable(subject, "/sysrq-trigger", verdict);

	if (leaves_writable(subject, "/sys", verdict)) {
		verdict_text(verdict, "writable", sysrq ? "sys, sysrq-trigger" : "sys");
		return (struct kernel_interface){"proc", SEVERITY_CRITICAL,
						 "/proc/sys: kernel.core_pattern and kernel.modprobe name "
						 "programs that the kernel runs as root on the host"};
	}
	if (!sysrq)
		return (struct kernel_interface){0};
	verdict_text(verdict, "writable", "sysrq-trigger");
	return (struct kernel_interface){"proc", SEVERITY_HIGH,
					 "/proc/sysrq-trigger: it crashes or restarts the machine"};
}

/* The hierarchies of cgroup v1 are mounted side by side: their directory stands for all of them. */
static const char *cgroup_path(const struct mount *mount, struct verdict *verdict)
{
	const char *slash = strrchr(mount->point, '/');

	if (strcmp(mount->type, "cgroup") != 0 || !slash || slash == mount->point)
		return mount->point;
	return verdict_format(verdict, "%.*s", (int)(slash - mount->point), mount->point);
}

/* Is it the hierarchy from its root? Paths in mountinfo are relative to the reader's cgroup namespace. */
static enum answer shows_all_cgroups(const struct subject *subject)
{
	const struct process self = {.namespaces[NAMESPACE_CGROUP] =
					     subject->snapshot->self.namespaces[NAMESPACE_CGROUP]};

	if (strcmp(subject->mount->root, "/") != 0)
		return strncmp(subject->mount->root, "/..", 3) ? NO : UNKNOWN;
	return shares_with_host(subject->snapshot, &self, NAMESPACE_CGROUP) == YES ? YES : UNKNOWN;
}

static struct kernel_interface cgroup_interface(const struct subject *subject, struct verdict *verdict)
{
	const struct mount *mount = subject->mount;
	enum answer all = shows_all_cgroups(subject);

	verdict->path = cgroup_path(mount, verdict);
	if (all == UNKNOWN) {
		verdict->title = "Cgroups are writable";
		return (struct kernel_interface){
			mount->type, SEVERITY_LOW,
			"cgroups, whether its own or those of the host can not be told "
			"from inside a cgroup namespace"};
	}
	if (all == NO) {
		verdict->title = "Its own cgroup is writable";
		return (struct kernel_interface){
			mount->type, SEVERITY_LOW,
			"its own cgroup: it lifts its own limits, unless set above it"};
	}
	if (strcmp(mount->type, "cgroup") != 0)
		return (struct kernel_interface){
			mount->type, SEVERITY_HIGH,
			"all cgroups of the host: it freezes, ends and limits any of "
			"its services"};
	if (subject_group(subject)->held & CAPABILITY_MASK(CAP_SYS_ADMIN))
		return (struct kernel_interface){mount->type, SEVERITY_CRITICAL,
						 "release_agent of a cgroup v1 hierarchy: a program that the "
						 "kernel runs as root on the host"};
	return (struct kernel_interface){mount->type, SEVERITY_HIGH,
					 "all cgroups of a v1 hierarchy of the host; release_agent too on "
					 "kernels before 5.17, which do not ask for CAP_SYS_ADMIN"};
}

static struct kernel_interface kernel_interface_of(const struct subject *subject, struct verdict *verdict)
{
	const struct mount *mount = subject->mount;

	for (size_t i = 0; i < sizeof(kernel_interfaces) / sizeof(kernel_interfaces[0]); i++)
		if (!strcmp(mount->type, kernel_interfaces[i].type))
			return kernel_interfaces[i];
	if (!strcmp(mount->type, "proc"))
		return proc_interface(subject, verdict);
	if (!strcmp(mount->type, "sysfs"))
		return (struct kernel_interface){"sysfs", SEVERITY_HIGH,
						 "sysfs: settings of every device, and uevent_helper where "
						 "the kernel has it, a program "
						 "that it runs as root"};
	if (!strcmp(mount->type, "cgroup") || !strcmp(mount->type, "cgroup2"))
		return cgroup_interface(subject, verdict);
	return (struct kernel_interface){0};
}

/* Who of the container may write there, and what comes of it. */
static enum severity judge_writers(const struct group_facts *group, const struct kernel_interface *interface,
				   struct verdict *verdict)
{
	if (!group->has_root && group_is_root(group) == UNKNOWN) {
		verdict_why(verdict,
			    "whether one of its processes is the host's root, who may write there, is "
			    "not known: %s",
			    interface->what);
		return SEVERITY_LOW;
	}
	if (!group->has_root) {
		verdict_why(verdict,
			    "only the host's root may write there, and none of its processes is that: "
			    "%s",
			    interface->what);
		return SEVERITY_INFO;
	}
	if (group->has_unconfined_root || interface->severity < SEVERITY_HIGH) {
		verdict_why(verdict, "root of the container can write to %s", interface->what);
		return interface->severity;
	}
	verdict_boolean(verdict, "lsm_confined", true);
	verdict_why(verdict, "unless its LSM policy forbids it, root of the container can write to %s",
		    interface->what);
	return SEVERITY_MEDIUM;
}

static enum severity judge_kernel_interface(const struct subject *subject, struct verdict *verdict)
{
	const struct mount *mount = subject->mount;
	struct kernel_interface interface = {0};

	verdict->path = mount->point;
	if (!mount->covered && mount_is_writable(mount))
		interface = kernel_interface_of(subject, verdict);
	if (!interface.what)
		return SEVERITY_NONE;
	verdict_text(verdict, "file_system", mount->type);
	verdict_boolean(verdict, "root", subject_group(subject)->has_root);
	return judge_writers(subject_group(subject), &interface, verdict);
}

/* ---- the table --------------------------------------------------------------------------------- */

const struct rule rules_mount[] = {
	{
		.id = "mount.writable-root",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_MOUNT,
		.good = "Root file system is read-only",
		.bad = "Root file system is writable",
		.why = "what breaks in can change programs and configuration of the container and leave "
		       "tools "
		       "there",
		.attack =
			"An intruder changes a program, library or start script of the image, and it runs "
			"until "
			"the container is replaced, often with more rights than the process that was broken "
			"into.",
		.remedy = {.text = "Make the root read-only, with a tmpfs or a volume where the program "
				   "writes. ECS Exec needs a writable root. By its documentation Fargate "
				   "takes no tmpfs: use a volume there.",
			   .docker = "--read-only --tmpfs /tmp:rw,noexec,nosuid,size=64m",
			   .ecs = "{\"readonlyRootFilesystem\": true, \"linuxParameters\": {\"tmpfs\": "
				  "[{\"containerPath\": \"/tmp\", \"size\": 64, \"mountOptions\": "
				  "[\"noexec\", "
				  "\"nosuid\"]}]}}",
			   .kubernetes = "securityContext:\n  readOnlyRootFilesystem: true"},
		.references = REFERENCES(SECURITY_HUB("ECS.5"), CIS_DOCKER("5.13"), ECS_GUIDANCE, ECS_FARGATE,
					 "proc_pid_mountinfo(5)"),
		.judge = judge_writable_root,
	},
	{
		.id = "mount.host-path",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_MOUNT,
		.good = "No path of the host is mounted",
		.bad = "A path of the host is mounted",
		.why = "what the container reads or writes there, it reads or writes on the host",
		.attack = "With a writable /etc, /root or cron directory an intruder leaves a job or key "
			  "that makes "
			  "root on the host; from a readable one keys and password hashes are taken along.",
		.remedy = {.text = "Mount the least that is needed, read-only, or use a volume of the "
				   "runtime's. "
				   "Fargate has no mounts of the host: its host volumes are the task's own.",
			   .docker = "--mount type=bind,source=/srv/data,target=/data,readonly",
			   .ecs = "{\"mountPoints\": [{\"sourceVolume\": \"data\", \"containerPath\": "
				  "\"/data\", "
				  "\"readOnly\": true}]}",
			   .kubernetes = "volumeMounts:\n- name: data\n  mountPath: /data\n  readOnly: true"},
		.references = REFERENCES(CIS_DOCKER("5.6"), CIS_KUBERNETES("5.2.12"), PSS_BASELINE, T1611,
					 ECS_PARAMETERS),
		.judge = judge_host_path,
	},
	{
		.id = "mount.runtime-socket",
		.severity = SEVERITY_CRITICAL,
		.scope = SCOPE_MOUNT,
		.good = "No control socket of a container runtime is mounted",
		.bad = "The control socket of a container runtime is mounted",
		.why = "who may connect to it starts a privileged container with the host's root mounted; a "
		       "read-only mount does not hinder connect(2)",
		.attack =
			"One request to the socket creates a container with / of the host mounted and every "
			"capability, which is root on the host.",
		.remedy = {.text = "Take the volume and its mount away. Where a tool needs to see "
				   "containers, put a proxy in between that lets only reads through; to "
				   "build images use a builder that needs no daemon. Fargate has no such "
				   "socket."},
		.references = REFERENCES(CIS_DOCKER("5.32"), CIS_KUBERNETES("5.2.12"), T1611,
					 ATTACK("T1610", "Deploy Container"), "unix(7)"),
		.judge = judge_runtime_socket,
	},
	{
		.id = "mount.proc-unmasked",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_MOUNT,
		.good = "Sensitive paths of /proc are masked",
		.bad = "Sensitive paths of /proc are not masked",
		.why = "kernel memory, keys and timers of the whole machine show there (kcore, keys, "
		       "timer_list), "
		       "which runtimes hide by default",
		.attack = "Addresses of the kernel and key names of other containers are read to prepare an "
			  "attack on it.",
		.remedy = {.text = "Let the runtime mask /proc: take --privileged, systempaths=unconfined "
				   "and mounts of the host's /proc away. Fargate has no privileged "
				   "containers.",
			   .ecs = "{\"privileged\": false}",
			   .kubernetes = "securityContext:\n  procMount: Default"},
		.references = REFERENCES(CIS_DOCKER("5.5"), PSS_BASELINE, "proc(5)"),
		.judge = judge_proc_unmasked,
	},
	{
		.id = "mount.shared-propagation",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_MOUNT,
		.good = "No mount propagates to the host",
		.bad = "What is mounted here appears on the host",
		.why = "the mount is a shared peer of one of the host: a mount made beneath it in the "
		       "container is "
		       "made on the host too",
		.attack = "With CAP_SYS_ADMIN a file system with setuid files, or over programs of the host, "
			  "is "
			  "mounted from inside the container.",
		.remedy = {.text = "Mount it private or as slave.",
			   .docker =
				   "--mount type=bind,source=/srv/data,target=/data,bind-propagation=rslave",
			   .kubernetes =
				   "volumeMounts:\n- name: data\n  mountPath: /data\n  mountPropagation: "
				   "HostToContainer"},
		.references = REFERENCES(CIS_DOCKER("5.20"), "mount_namespaces(7)"),
		.judge = judge_shared_propagation,
	},
	{
		.id = "mount.writable-kernel-interface",
		.severity = SEVERITY_HIGH,
		.scope = SCOPE_MOUNT,
		.good = "Interfaces that control the kernel are read-only",
		.bad = "An interface that controls the host's kernel is writable",
		.why = "root of the container changes the kernel of the whole machine there",
		.attack =
			"core_pattern, release_agent, modprobe, uevent_helper or a binfmt_misc entry is set "
			"to a "
			"program of the container's, by its path on the host, and the kernel runs it as root "
			"outside; sysrq-trigger halts the machine.",
		.remedy = {.text = "Let the runtime mount it read-only: take --privileged, "
				   "systempaths=unconfined and mounts of the host's /proc and /sys away. "
				   "Fargate has no privileged containers.",
			   .ecs = "{\"privileged\": false}",
			   .kubernetes = "securityContext:\n  privileged: false\n  procMount: Default"},
		.references = REFERENCES(T1611, CIS_DOCKER("5.5"), PSS_BASELINE, "core(5)", "CVE-2022-0492"),
		.judge = judge_kernel_interface,
	},
	{0},
};
