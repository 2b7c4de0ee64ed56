/* What each capability lets a process do: capabilities(7), and where that is silent the kernel's checks. */
#include "proctor/capability.h"

static const struct capability_text texts[] = {
	{
		.number = CAP_CHOWN,
		.allows = "Change the owner and the group of any file.",
		.attack = "Makes /etc/shadow, another user's keys or a file of a host mount its own, and "
			  "then changes it as the owner.",
		.instead = "Set owners when the image is built (COPY --chown) and start as the final user.",
	},
	{
		.number = CAP_DAC_OVERRIDE,
		.allows = "Read and write any file, search any directory and run any program that someone "
			  "may run, whatever the permissions say.",
		.attack =
			"Changes every file of the image and of its writable mounts, /etc/passwd or a script "
			"that root runs among them; with a host path mounted these are files of the host.",
		.instead = "Let the files it writes belong to its user, or to a group it shares.",
	},
	{
		.number = CAP_DAC_READ_SEARCH,
		.allows = "Read any file and search any directory whatever the permissions say, and open "
			  "files by handle with open_by_handle_at(2).",
		.attack = "Guesses handles of files on the host's disk and opens them through any file bound "
			  "in from there, /etc/hosts for one: reads the whole disk, as the exploit called "
			  "shocker did. Docker's seccomp profile allows the call once this capability is "
			  "granted.",
		.instead = "Let its user read what it has to by group or ACL; keep backups of all files out "
			   "of the workload's container.",
	},
	{
		.number = CAP_FOWNER,
		.allows = "Do to any file what only its owner may: change mode, times, ACL and flags, and "
			  "delete it from sticky directories.",
		.attack = "Sets the setuid bit of a shell that root owns and becomes root by running it, or "
			  "opens /etc/shadow to all.",
		.instead = "Set modes when the image is built, and let files belong to the user who changes "
			   "them.",
	},
	{
		.number = CAP_FSETID,
		.allows = "Keep the setuid and setgid bits of files it changes, and set the setgid bit for "
			  "groups it is not in.",
	},
	{
		.number = CAP_KILL,
		.allows = "Send signals to the processes of any user.",
		.attack = "Ends the agents that would tell on it; where it shares the host's pid namespace, "
			  "any process of the host.",
		.instead = "Run what sends signals as the user of those that get them.",
	},
	{
		.number = CAP_SETGID,
		.allows = "Take any group id and any supplementary groups, and claim any group id over a "
			  "Unix socket.",
		.attack = "Joins group 0 or the number of a group that owns something mounted from the host, "
			  "such as the runtime's socket.",
		.instead = "Start as the final user and group: then nothing has to change them.",
	},
	{
		.number = CAP_SETUID,
		.allows = "Take any user id, root's too, and claim any over a Unix socket.",
		.attack = "Becomes root by setuid(0), and the next program it executes has every capability "
			  "of the bounding set, unless no_new_privs is set.",
		.instead = "Start as the final user and group: then nothing has to change them.",
	},
	{
		.number = CAP_SETPCAP,
		.allows = "Drop capabilities from its bounding set, add those of the bounding set to its "
			  "inheritable set, and change its securebits.",
	},
	{
		.number = CAP_LINUX_IMMUTABLE,
		.allows = "Set and clear the immutable and append-only flags of files.",
		.attack =
			"Takes the append-only flag off a log to clean it, or makes what it left immutable.",
	},
	{
		.number = CAP_NET_BIND_SERVICE,
		.allows = "Listen on ports below 1024 (net.ipv4.ip_unprivileged_port_start).",
		.attack = "On the host's network, answers on a well-known port whose service is down. Little "
			  "otherwise.",
		.instead = "Listen on a port from 1024 on and map it, or lower the sysctl, which belongs to "
			   "the network namespace; Docker sets it to 0 since 20.10.",
	},
	{
		.number = CAP_NET_BROADCAST,
		.allows = "Listen to the netlink messages of other network namespaces that have an id in its "
			  "own; broadcasts do not need it.",
	},
	{
		.number = CAP_NET_ADMIN,
		.allows = "Configure its network namespace: interfaces, addresses, routes, firewall, traffic "
			  "control, tunnels.",
		.attack = "Redirects or cuts off what shares its network namespace, with the host's network "
			  "the whole machine; reaches nf_tables and traffic control, kernel code whose flaws "
			  "have given root.",
		.instead = "Let what is outside configure the network: the ECS network mode, a CNI plugin, "
			   "an init container.",
	},
	{
		.number = CAP_NET_RAW,
		.allows = "Open raw and packet sockets, and bind to addresses that are not its own.",
		.attack = "Reads and forges packets on its network: ARP and DNS spoofing against containers "
			  "on the same bridge; with the host's network all traffic of the machine.",
		.instead = "For ping, widen the sysctl net.ipv4.ping_group_range: ICMP sockets then need no "
			   "capability.",
	},
	{
		.number = CAP_IPC_LOCK,
		.allows = "Lock any amount of memory against being swapped, and use huge pages.",
		.attack = "Fills memory that cannot be swapped out; without a memory limit, the machine's.",
		.instead = "Raise the ulimit `memlock`.",
	},
	{
		.number = CAP_IPC_OWNER,
		.allows = "Use System V shared memory, semaphores and message queues of any user.",
		.attack = "Reads and changes the shared memory of other users; with the host's IPC "
			  "namespace, of the host's processes.",
		.instead = "Let the objects belong to a group that their users share.",
	},
	{
		.number = CAP_SYS_MODULE,
		.allows = "Load and unload kernel modules.",
		.attack = "Loads a module of its own and runs code in the host's kernel, unless that takes "
			  "signed modules only.",
		.instead = "Load modules on the host when it boots (modules-load.d(5)).",
	},
	{
		.number = CAP_SYS_RAWIO,
		.allows = "Use I/O ports, /dev/mem, /proc/kcore and model-specific registers, and send raw "
			  "commands to disks.",
		.attack = "Reads and writes the host's memory and devices where it reaches their nodes or "
			  "ports and lockdown does not forbid it.",
		.instead = "Pass in the one device that it needs (--device, `linuxParameters.devices`).",
	},
	{
		.number = CAP_SYS_CHROOT,
		.allows = "Change its root directory with chroot(2), and, with CAP_SYS_ADMIN, its mount "
			  "namespace.",
		.attack = "Leaves a chroot(2) that was to hold it. It does not lead out of the container's "
			  "mount namespace.",
	},
	{
		.number = CAP_SYS_PTRACE,
		.allows = "Trace any process it sees, and read and write its memory, files and environment.",
		.attack = "Takes keys and tokens from the memory of other processes and runs code in them; "
			  "with the host's pid namespace in a root process of the host: an escape.",
		.instead = "A debugger may trace what it started without it. Where one is to see the others, "
			   "grant it to a sidecar (`pidMode`: `task`), not to the workload.",
	},
	{
		.number = CAP_SYS_PACCT,
		.allows = "Switch process accounting on and off with acct(2).",
	},
	{
		.number = CAP_SYS_ADMIN,
		.allows = "Mount file systems, make and enter namespaces, load BPF programs, set quotas, "
			  "host name and much else: nearly all that root may.",
		.attack = "Mounts a cgroup v1 hierarchy and has the host run a program as root by "
			  "release_agent, or mounts procfs and writes core_pattern, or the host's disk. "
			  "Without seccomp and an LSM policy in the way it is an escape.",
		.instead = "Find the operation that asks for it: volumes and tmpfs are mounted by the "
			   "runtime; BPF has CAP_BPF, perf CAP_PERFMON, checkpoints CAP_CHECKPOINT_RESTORE, "
			   "the kernel log CAP_SYSLOG.",
	},
	{
		.number = CAP_SYS_BOOT,
		.allows = "Restart the machine with reboot(2), and load another kernel with kexec_load(2).",
		.attack = "Halts the host from its pid namespace (in another one, reboot(2) ends that "
			  "namespace only), or starts a kernel of its own where neither seccomp nor lockdown "
			  "forbids it.",
		.instead = "Restart the machine from outside: the API of the cloud or of the cluster.",
	},
	{
		.number = CAP_SYS_NICE,
		.allows = "Raise the priority of any process, give it a real-time policy, processors and "
			  "memory nodes.",
		.attack = "Runs at real-time priority and takes the processors from the rest of the host.",
		.instead = "Set its share of the processors from outside, or raise the ulimits `nice` and "
			   "`rtprio`.",
	},
	{
		.number = CAP_SYS_RESOURCE,
		.allows = "Exceed and raise its resource limits, exceed disk quotas, and use blocks reserved "
			  "for root.",
		.attack = "Lifts the limits on its open files and processes and fills the disk; limits of "
			  "its cgroup still hold.",
		.instead = "Raise the one ulimit that it needs.",
	},
	{
		.number = CAP_SYS_TIME,
		.allows = "Set the system's clock and the hardware clock.",
		.attack = "Sets the clock of the whole host, which no namespace parts: expired certificates "
			  "and tokens are valid again, logs lie.",
		.instead = "Keep time on the host (chrony).",
	},
	{
		.number = CAP_SYS_TTY_CONFIG,
		.allows = "Hang up terminals with vhangup(2), and configure virtual terminals.",
	},
	{
		.number = CAP_MKNOD,
		.allows = "Make device nodes with mknod(2).",
		.attack = "Makes a node of the host's disk and reads it, where the devices cgroup allows "
			  "that; else leaves it for an accomplice without rights on the host, who opens it "
			  "through /proc/PID/root.",
		.instead = "Have the runtime make the node (--device, `linuxParameters.devices`).",
	},
	{
		.number = CAP_LEASE,
		.allows = "Take leases on files that it does not own (fcntl(2), F_SETLEASE).",
	},
	{
		.number = CAP_AUDIT_WRITE,
		.allows = "Write records to the kernel's audit log.",
		.attack = "Writes false records into the host's audit log.",
	},
	{
		.number = CAP_AUDIT_CONTROL,
		.allows = "Switch the kernel's auditing on and off, change its rules, and change its own "
			  "login uid.",
		.attack = "In the host's pid namespace, switches auditing off; anywhere, acts under the "
			  "login uid of another.",
		.instead = "Run auditd on the host.",
	},
	{
		.number = CAP_SETFCAP,
		.allows = "Give files capabilities, and map root into a user namespace.",
		.attack = "Gives a program the capabilities of the container's bounding set and gains them "
			  "by running it, unless no_new_privs is set.",
		.instead = "Give programs their capabilities (setcap) when the image is built.",
	},
	{
		.number = CAP_MAC_OVERRIDE,
		.allows = "Override the policy of Smack; no other LSM asks for it.",
	},
	{
		.number = CAP_MAC_ADMIN,
		.allows = "Change the policy of Smack and AppArmor, and give files labels that SELinux does "
			  "not know.",
		.attack = "Where it reaches AppArmor's files in securityfs, loads a profile that confines it "
			  "no longer.",
		.instead = "Load profiles on the host.",
	},
	{
		.number = CAP_SYSLOG,
		.allows = "Read and clear the kernel's log, and see kernel addresses where "
			  "kernel.kptr_restrict is 1.",
		.attack = "Learns kernel addresses and what the host logs, which an exploit of the kernel "
			  "builds on.",
		.instead = "Read the kernel's log by an agent of the host.",
	},
	{
		.number = CAP_WAKE_ALARM,
		.allows = "Set timers that wake the machine up.",
	},
	{
		.number = CAP_BLOCK_SUSPEND,
		.allows = "Keep the machine from being suspended.",
	},
	{
		.number = CAP_AUDIT_READ,
		.allows = "Read the kernel's audit log through a netlink socket.",
		.attack = "On the host's network, reads the audit records of the whole machine.",
		.instead = "Run auditd on the host.",
	},
	{
		.number = CAP_PERFMON,
		.allows = "Observe the whole machine with perf_event_open(2), and let BPF programs read "
			  "kernel memory.",
		.attack = "Samples other containers and the kernel, whose addresses it learns; with CAP_BPF "
			  "it reads kernel memory and with it the secrets of every container.",
		.instead = "Profile from one agent of the host. Counting events of its own needs no "
			   "capability where kernel.perf_event_paranoid is at most 2.",
	},
	{
		.number = CAP_BPF,
		.allows = "Load BPF programs and make BPF maps of every type.",
		.attack = "Reaches the BPF verifier, whose flaws have given control of the kernel; with "
			  "CAP_PERFMON it reads kernel memory, with CAP_NET_ADMIN it changes packets.",
		.instead = "Load BPF programs from one agent of the host.",
	},
	{
		.number = CAP_CHECKPOINT_RESTORE,
		.allows = "Choose the pids of new processes, and open the files that others have mapped: "
			  "what checkpoint and restore need.",
	},
};

const struct capability_text *capability_describe(unsigned number)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].number == number)
			return &texts[i];
	return NULL;
}
