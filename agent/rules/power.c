/* The ways that capabilities open, as a table: which capabilities, what must hold as well, and how bad that
 * is.
 *
 * A way holds only in the host's user namespace: capabilities(7), user_namespaces(7). */
#include "agent/rules/power.h"

#include <string.h>

#define CAP(name) CAPABILITY_MASK(CAP_##name)

/* What must hold beside the capabilities. */
enum condition {
	NO_SECCOMP = 1 << 0, /* a task with them has no filter */
	NO_LSM = 1 << 1,     /* no policy of AppArmor or SELinux holds it back */
	AS_ROOT = 1 << 2,    /* the host's root to files */
	HOST_PID = 1 << 3,   /* shared namespaces */
	HOST_NET = 1 << 4,
	HOST_IPC = 1 << 5,
	HOST_CGROUP = 1 << 6,
	CGROUP_V1 = 1 << 7, /* the machine has v1 hierarchies */
	BLOCK_DEVICE = 1 << 8,
	MEMORY_DEVICE = 1 << 9, /* /dev/mem, /dev/kmem, /dev/port */
	ALL_DEVICES = 1 << 10,  /* the devices cgroup allows every device */
	HOST_FILES = 1 << 11,   /* a part of a host's file system is mounted */
	MODULES = 1 << 12,      /* kernel.modules_disabled is not 1 */
	PTRACE = 1 << 13,       /* kernel.yama.ptrace_scope is not 3 */
	KEXEC = 1 << 14,        /* kernel.kexec_load_disabled is not 1 */
};

static const struct {
	unsigned condition;
	const char *words;
} condition_words[] = {
	{NO_SECCOMP, "no seccomp filter"},
	{NO_LSM, "no LSM policy"},
	{AS_ROOT, "uid 0"},
	{HOST_PID, "host pid namespace"},
	{HOST_NET, "host network namespace"},
	{HOST_IPC, "host ipc namespace"},
	{HOST_CGROUP, "host cgroup namespace"},
	{CGROUP_V1, "cgroup v1"},
	{BLOCK_DEVICE, "block device"},
	{MEMORY_DEVICE, "memory device"},
	{ALL_DEVICES, "every device allowed"},
	{HOST_FILES, "host file system mounted"},
};

struct way {
	capability_set needs;
	unsigned conditions;
	enum severity severity;
	const char *name; /* of a way out of the container; NULL: none, or something is in its way */
	const char *why;
};

/* Of ways with one severity the first that holds gives the sentence. */
static const struct way ways[] = {
	{CAP(SYS_ADMIN), NO_SECCOMP | NO_LSM | AS_ROOT | HOST_CGROUP | CGROUP_V1, SEVERITY_CRITICAL,
	 "release_agent",
	 "CAP_SYS_ADMIN without seccomp, in the host's cgroup namespace: it can mount a cgroup v1 hierarchy "
	 "and "
	 "set release_agent, a program that the kernel runs as root on the host"},
	{CAP(SYS_ADMIN), NO_SECCOMP | NO_LSM | AS_ROOT | BLOCK_DEVICE, SEVERITY_CRITICAL, "mount-host-disk",
	 "CAP_SYS_ADMIN without seccomp, with a block device of the host: it can mount the host's disk and "
	 "change any file there"},
	{CAP(SYS_ADMIN) | CAP(SYS_PTRACE), NO_LSM | HOST_PID, SEVERITY_CRITICAL, "enter-host-namespaces",
	 "CAP_SYS_ADMIN and CAP_SYS_PTRACE in the host's pid namespace: it can enter the namespaces of the "
	 "host's first process (nsenter) and is then outside the container"},
	{CAP(SYS_ADMIN), NO_SECCOMP | NO_LSM | AS_ROOT, SEVERITY_CRITICAL, "core_pattern",
	 "CAP_SYS_ADMIN and uid 0 without seccomp: it can mount a procfs that is not masked and set "
	 "kernel.core_pattern to a program that the kernel runs as root on the host"},
	{CAP(SYS_ADMIN), NO_SECCOMP | NO_LSM, SEVERITY_CRITICAL, "administer-kernel",
	 "CAP_SYS_ADMIN without seccomp: mounts, namespaces and BPF programs that read kernel memory are "
	 "open to "
	 "it, enough to leave the container"},
	{CAP(SYS_MODULE), NO_SECCOMP | MODULES, SEVERITY_CRITICAL, "load-kernel-module",
	 "CAP_SYS_MODULE without seccomp: it can load a module into the host's kernel, unless that takes "
	 "signed "
	 "ones only"},
	{CAP(SYS_PTRACE), NO_LSM | HOST_PID | PTRACE, SEVERITY_CRITICAL, "ptrace-host-process",
	 "CAP_SYS_PTRACE in the host's pid namespace: it can write code into a process of the host through "
	 "/proc/PID/mem, which no seccomp filter sees"},
	{CAP(DAC_READ_SEARCH), NO_SECCOMP | HOST_FILES, SEVERITY_CRITICAL, "open_by_handle_at",
	 "CAP_DAC_READ_SEARCH without seccomp, with a part of a host's file system mounted: "
	 "open_by_handle_at(2) "
	 "opens any file of that file system, inside the mount or not"},
	{CAP(SYS_RAWIO), MEMORY_DEVICE | AS_ROOT, SEVERITY_CRITICAL, "memory-device",
	 "CAP_SYS_RAWIO with a device of physical memory or ports: it can read and write what the kernel "
	 "does "
	 "not lock down of it"},
	{CAP(MKNOD), ALL_DEVICES | AS_ROOT, SEVERITY_CRITICAL, "make-host-disk-node",
	 "CAP_MKNOD where the devices cgroup allows every device: it can make a node for the host's disk and "
	 "read and write it raw"},
	{CAP(SYS_ADMIN), 0, SEVERITY_HIGH, NULL,
	 "CAP_SYS_ADMIN: only the seccomp filter or the LSM policy is in the way of mounts and namespaces, "
	 "and "
	 "Docker's default filter allows both to who has this capability"},
	{CAP(SYS_MODULE), MODULES, SEVERITY_HIGH, NULL,
	 "CAP_SYS_MODULE: only the seccomp filter is in the way of loading a kernel module, and Docker's "
	 "default "
	 "filter allows that to who has this capability"},
	{CAP(SYS_PTRACE), HOST_PID | PTRACE, SEVERITY_HIGH, NULL,
	 "CAP_SYS_PTRACE in the host's pid namespace: only the LSM policy keeps it from processes of the "
	 "host"},
	{CAP(DAC_READ_SEARCH), HOST_FILES, SEVERITY_HIGH, NULL,
	 "CAP_DAC_READ_SEARCH with a part of a host's file system mounted: unless the seccomp filter refuses "
	 "open_by_handle_at(2), it opens any file of that file system; Docker's default filter allows it to "
	 "who "
	 "has this capability"},
	{CAP(SYS_RAWIO), 0, SEVERITY_HIGH, NULL,
	 "CAP_SYS_RAWIO: raw input and output to ports and devices, unless the kernel is locked down"},
	{CAP(BPF) | CAP(PERFMON), 0, SEVERITY_HIGH, NULL,
	 "CAP_BPF and CAP_PERFMON: tracing programs that read the memory of the kernel and of every process "
	 "of "
	 "the machine, unless the seccomp filter refuses bpf(2)"},
	{CAP(NET_ADMIN), HOST_NET, SEVERITY_HIGH, NULL,
	 "CAP_NET_ADMIN in the host's network namespace: it can change the host's addresses, routes and "
	 "firewall, and redirect its traffic"},
	{CAP(SYS_BOOT), HOST_PID, SEVERITY_HIGH, NULL,
	 "CAP_SYS_BOOT in the host's pid namespace: it can restart the machine, unless the seccomp filter "
	 "refuses reboot(2)"},
	{CAP(SYS_BOOT), NO_SECCOMP | KEXEC, SEVERITY_HIGH, NULL,
	 "CAP_SYS_BOOT without seccomp: it can load another kernel by kexec_load(2), unless the running one "
	 "is "
	 "locked down"},
	{CAP(NET_RAW), HOST_NET, SEVERITY_MEDIUM, NULL,
	 "CAP_NET_RAW in the host's network namespace: it can read and forge any packet of the host"},
	{CAP(IPC_OWNER), HOST_IPC, SEVERITY_MEDIUM, NULL,
	 "CAP_IPC_OWNER in the host's ipc namespace: it can read and write the shared memory of any process "
	 "of "
	 "the host"},
	{CAP(KILL), HOST_PID, SEVERITY_MEDIUM, NULL,
	 "CAP_KILL in the host's pid namespace: it can end any process of the host"},
	{CAP(SYS_MODULE), 0, SEVERITY_LOW, NULL,
	 "CAP_SYS_MODULE: kernel.modules_disabled keeps it without effect until the next start of the "
	 "machine"},
	{CAP(SYS_PTRACE), 0, SEVERITY_MEDIUM, NULL,
	 "CAP_SYS_PTRACE: it can read and write the memory of every process that it sees, whatever user runs "
	 "it"},
	{CAP(DAC_READ_SEARCH), 0, SEVERITY_MEDIUM, NULL,
	 "CAP_DAC_READ_SEARCH: it can read every file and list every directory that it reaches"},
	{CAP(NET_ADMIN), 0, SEVERITY_MEDIUM, NULL,
	 "CAP_NET_ADMIN: it configures the container's network and reaches much kernel code that has had "
	 "flaws "
	 "(netfilter, traffic control)"},
	{CAP(BPF), 0, SEVERITY_MEDIUM, NULL,
	 "CAP_BPF: it can load BPF programs and create maps, which is kernel code that has had flaws"},
	{CAP(PERFMON), 0, SEVERITY_MEDIUM, NULL,
	 "CAP_PERFMON: performance events of every process of the machine, and kernel addresses with them"},
	{CAP(SYS_BOOT), 0, SEVERITY_MEDIUM, NULL,
	 "CAP_SYS_BOOT: it can load another kernel where neither seccomp, kernel.kexec_load_disabled nor "
	 "lockdown "
	 "forbids it"},
	{CAP(SYSLOG), 0, SEVERITY_MEDIUM, NULL,
	 "CAP_SYSLOG: it reads the kernel's log, and kernel addresses that kptr_restrict hides from others"},
	{CAP(SYS_TIME), 0, SEVERITY_MEDIUM, NULL,
	 "CAP_SYS_TIME: it sets the clock of the whole machine, on which certificates, logs and leases rest"},
	{CAP(MAC_ADMIN), 0, SEVERITY_MEDIUM, NULL,
	 "CAP_MAC_ADMIN: it can change the policy of the LSM that is meant to confine it"},
	{CAP(MAC_OVERRIDE), 0, SEVERITY_MEDIUM, NULL,
	 "CAP_MAC_OVERRIDE: it is exempt from the policy of SMACK"},
	{CAP(AUDIT_CONTROL), 0, SEVERITY_MEDIUM, NULL,
	 "CAP_AUDIT_CONTROL: it can switch the kernel's audit off and change its rules"},
	{CAP(CHECKPOINT_RESTORE), 0, SEVERITY_MEDIUM, NULL,
	 "CAP_CHECKPOINT_RESTORE: it chooses the pids of new processes and opens files that others have "
	 "mapped"},
	{CAP(SYS_RESOURCE), 0, SEVERITY_MEDIUM, NULL,
	 "CAP_SYS_RESOURCE: it exceeds resource limits and disk quotas that protect the machine's other "
	 "users"},
	{CAP(AUDIT_READ), 0, SEVERITY_LOW, NULL, "CAP_AUDIT_READ: it reads the audit records of the machine"},
	{CAP(IPC_LOCK), 0, SEVERITY_LOW, NULL, "CAP_IPC_LOCK: it locks memory beyond its limit"},
	{CAP(IPC_OWNER), 0, SEVERITY_LOW, NULL,
	 "CAP_IPC_OWNER: it reads and writes all System V shared memory of its ipc namespace"},
	{CAP(SYS_NICE), 0, SEVERITY_LOW, NULL,
	 "CAP_SYS_NICE: it takes real-time priority and processors from other processes"},
	{CAP(SYS_PACCT), 0, SEVERITY_LOW, NULL,
	 "CAP_SYS_PACCT: it switches process accounting on and off, into a file it chooses"},
	{CAP(SYS_TTY_CONFIG), 0, SEVERITY_LOW, NULL, "CAP_SYS_TTY_CONFIG: it hangs up terminals of others"},
	{CAP(LEASE), 0, SEVERITY_LOW, NULL, "CAP_LEASE: it delays the opening of files that others own"},
	{CAP(LINUX_IMMUTABLE), 0, SEVERITY_LOW, NULL,
	 "CAP_LINUX_IMMUTABLE: it sets and clears the immutable and append-only flags of files"},
	{CAP(NET_BROADCAST), 0, SEVERITY_LOW, NULL, "CAP_NET_BROADCAST: the kernel does not use it"},
	{CAP(WAKE_ALARM), 0, SEVERITY_LOW, NULL, "CAP_WAKE_ALARM: it sets timers that wake the machine"},
	{CAP(BLOCK_SUSPEND), 0, SEVERITY_LOW, NULL, "CAP_BLOCK_SUSPEND: it keeps the machine from sleeping"},
};

/* ---- what holds -------------------------------------------------------------------------------- */

static bool is_memory_device(const struct device *device)
{
	return !device->block && device->major == 1 &&
	       (device->minor == 1 || device->minor == 2 || device->minor == 4);
}

static unsigned device_conditions(const struct container *container)
{
	unsigned conditions = 0;

	if (!container)
		return 0;
	if (container->all_devices_known && container->all_devices)
		conditions |= ALL_DEVICES;
	for (size_t i = 0; i < container->device_count; i++) {
		if (container->devices[i].block)
			conditions |= BLOCK_DEVICE;
		else if (is_memory_device(&container->devices[i]))
			conditions |= MEMORY_DEVICE;
	}
	return conditions;
}

static bool sysctl_is(const struct snapshot *snapshot, const char *name, const char *value)
{
	const char *found = snapshot_sysctl(snapshot, name);

	return found && !strcmp(found, value);
}

static unsigned host_conditions(const struct snapshot *snapshot)
{
	unsigned conditions = 0;

	if (snapshot->host.cgroup_version == 1 || snapshot->host.cgroup_version == 3)
		conditions |= CGROUP_V1;
	if (!sysctl_is(snapshot, "kernel.modules_disabled", "1"))
		conditions |= MODULES;
	if (!sysctl_is(snapshot, "kernel.yama.ptrace_scope", "3"))
		conditions |= PTRACE;
	if (!sysctl_is(snapshot, "kernel.kexec_load_disabled", "1"))
		conditions |= KEXEC;
	return conditions;
}

static unsigned process_conditions(const struct subject *subject)
{
	static const struct {
		enum namespace_kind kind;
		unsigned condition;
	} shared[] = {{NAMESPACE_PID, HOST_PID},
		      {NAMESPACE_NET, HOST_NET},
		      {NAMESPACE_IPC, HOST_IPC},
		      {NAMESPACE_CGROUP, HOST_CGROUP}};
	const struct process *process = subject->process;
	unsigned conditions = 0;

	if (process_lacks_seccomp(process))
		conditions |= NO_SECCOMP;
	if (is_lsm_unconfined(subject->snapshot, process) == YES)
		conditions |= NO_LSM;
	if (process_rootness(subject->snapshot, process) >= ROOT_MAPPED)
		conditions |= AS_ROOT;
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
		if (shares_with_host(subject->snapshot, process, shared[i].kind) == YES)
			conditions |= shared[i].condition;
	return conditions;
}

static unsigned conditions_of(const struct subject *subject)
{
	unsigned conditions = process_conditions(subject) | host_conditions(subject->snapshot) |
			      device_conditions(subject->container);

	if (subject_group(subject)->has_host_mount)
		conditions |= HOST_FILES;
	return conditions;
}

/* ---- what follows ------------------------------------------------------------------------------ */

static bool way_is_open(const struct way *way, capability_set set, unsigned conditions)
{
	return !(way->needs & ~set) && !(way->conditions & ~conditions);
}

/* Appends `text` to a list parted by commas. */
static int append(struct arena *arena, const char **list, const char *text)
{
	*list = *list ? arena_printf(arena, "%s, %s", *list, text) : text;
	return *list ? 0 : -1;
}

static int tell_conditions(struct power *power, unsigned conditions, struct arena *arena)
{
	power->because = NULL;
	for (size_t i = 0; i < sizeof(condition_words) / sizeof(condition_words[0]); i++)
		if ((conditions & condition_words[i].condition) &&
		    append(arena, &power->because, condition_words[i].words))
			return -1;
	return 0;
}

static int add_way(struct power *power, const struct way *way, struct arena *arena)
{
	if (way->severity > power->severity) {
		power->severity = way->severity;
		power->why = way->why;
		power->deciding = 0;
		if (tell_conditions(power, way->conditions, arena))
			return -1;
	}
	if (way->severity == power->severity)
		power->deciding |= way->needs;
	return way->name ? append(arena, &power->escapes, way->name) : 0;
}

int power_of(const struct subject *subject, capability_set set, struct arena *arena, struct power *power)
{
	unsigned conditions = conditions_of(subject);

	*power = (struct power){0};
	if (in_host_user_namespace(subject->process) != YES)
		return 0;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (way_is_open(&ways[i], set, conditions) && add_way(power, &ways[i], arena))
			return -1;
	return 0;
}

struct power power_judge(const struct subject *subject, capability_set set, enum severity least,
			 struct verdict *verdict)
{
	struct power power;

	verdict->failed |= power_of(subject, set, verdict->arena, &power) != 0;
	if (verdict->failed || power.severity == SEVERITY_NONE || power.severity < least)
		return power;
	verdict_capabilities(verdict, "deciding_capabilities", power.deciding);
	verdict_text(verdict, "because", power.because);
	verdict_text(verdict, "escape", power.escapes);
	return power;
}
