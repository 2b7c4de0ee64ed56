/* How a container was started: privileged, with namespaces or devices of the host. */
#include <string.h>

#include "agent/rules/context.h"
#include "agent/rules/not_as_declared.h"
#include "agent/rules/power.h"
#include "agent/rules/remedy.h"

/* The first process of the subject's container when its status is known; else NULL. */
static const struct process *first_process(const struct subject *subject)
{
	return subject->process && process_is_judged(subject->process) ? subject->process : NULL;
}

/* ---- container.privileged ---------------------------------------------------------------------- */

static void privileged_evidence(const struct subject *subject, struct verdict *verdict)
{
	const struct container *container = subject->container;

	verdict_text(verdict, "seccomp", "off");
	verdict_boolean(verdict, "lsm_confined",
			is_lsm_unconfined(subject->snapshot, subject->process) == NO);
	if (container->all_devices_known)
		verdict_boolean(verdict, "all_devices", container->all_devices);
	if (container->devices_known)
		verdict_number(verdict, "host_devices", (int64_t)container->device_count);
}

static enum severity judge_privileged(const struct subject *subject, struct verdict *verdict)
{
	const struct process *init = first_process(subject);
	capability_set bounding = init ? init->credentials.bounding | process_held(init) : 0;
	struct power power;

	if (!init || !process_lacks_seccomp(init) || !is_full_set(subject->context, bounding))
		return SEVERITY_NONE;
	verdict_capabilities(verdict, "capabilities", process_held(init));
	privileged_evidence(subject, verdict);
	if (in_host_user_namespace(init) != YES) {
		verdict_why(verdict, "every capability and no seccomp filter, but in a user namespace of its "
				     "own: it is not root on the host");
		return in_host_user_namespace(init) == NO ? SEVERITY_LOW : SEVERITY_HIGH;
	}
	if (!is_full_set(subject->context, process_held(init))) {
		verdict_why(verdict, "its processes run with less, but the bounding set is full: one "
				     "setuid-root program gives them all of it");
		return SEVERITY_HIGH;
	}
	power = power_judge(subject, process_held(init), SEVERITY_LOW, verdict);
	verdict_why(verdict,
		    "every capability and no seccomp filter: it is root on the host but for its view of "
		    "it. %s",
		    power.why);
	return power.severity;
}

/* ---- namespaces of the host -------------------------------------------------------------------- */

/* True when the first process is in the host's namespace of that kind; adds that as evidence. */
static bool is_shared(const struct subject *subject, enum namespace_kind kind, struct verdict *verdict)
{
	const struct process *init = first_process(subject);

	if (!init || shares_with_host(subject->snapshot, init, kind) != YES)
		return false;
	verdict_text(verdict, "namespace", namespace_names[kind]);
	verdict_number(verdict, "inode", (int64_t)init->namespaces[kind]);
	verdict_capabilities(verdict, "capabilities", subject_group(subject)->held);
	verdict_boolean(verdict, "root", subject_group(subject)->has_root);
	return true;
}

static enum severity judge_host_pid(const struct subject *subject, struct verdict *verdict)
{
	const struct group_facts *group = subject_group(subject);
	struct power power;

	if (!is_shared(subject, NAMESPACE_PID, verdict))
		return SEVERITY_NONE;
	power = power_judge(subject, group->held, SEVERITY_CRITICAL, verdict);
	if (power.severity == SEVERITY_CRITICAL && (power.deciding & CAPABILITY_MASK(CAP_SYS_PTRACE))) {
		verdict_why(verdict,
			    "with CAP_SYS_PTRACE it reads and changes the memory of every process of "
			    "the host");
		return SEVERITY_CRITICAL;
	}
	if (group->has_root)
		return SEVERITY_HIGH;
	verdict_why(verdict,
		    "it sees every process of the host with its command line, and can signal and trace "
		    "those of its own uid");
	return SEVERITY_MEDIUM;
}

static enum severity judge_host_network(const struct subject *subject, struct verdict *verdict)
{
	if (!is_shared(subject, NAMESPACE_NET, verdict))
		return SEVERITY_NONE;
	if (subject_group(subject)->held & CAPABILITY_MASK(CAP_NET_ADMIN)) {
		verdict_why(verdict,
			    "with CAP_NET_ADMIN it changes the host's addresses, routes and firewall");
		return SEVERITY_HIGH;
	}
	if (subject_group(subject)->held & CAPABILITY_MASK(CAP_NET_RAW))
		verdict_why(verdict,
			    "with CAP_NET_RAW it reads and forges any packet of the host, and it "
			    "reaches what listens on the host's loopback address and abstract sockets");
	return SEVERITY_MEDIUM;
}

static enum severity judge_host_ipc(const struct subject *subject, struct verdict *verdict)
{
	if (!is_shared(subject, NAMESPACE_IPC, verdict))
		return SEVERITY_NONE;
	if (subject_group(subject)->has_root ||
	    (subject_group(subject)->held & CAPABILITY_MASK(CAP_IPC_OWNER)))
		return SEVERITY_MEDIUM;
	return SEVERITY_LOW;
}

static enum severity judge_host_uts(const struct subject *subject, struct verdict *verdict)
{
	if (!is_shared(subject, NAMESPACE_UTS, verdict))
		return SEVERITY_NONE;
	if (subject_group(subject)->held & CAPABILITY_MASK(CAP_SYS_ADMIN)) {
		verdict_why(verdict, "with CAP_SYS_ADMIN it can change the host's name, on which logs, "
				     "certificates and clusters rest");
		return SEVERITY_MEDIUM;
	}
	return SEVERITY_LOW;
}

static enum severity judge_host_cgroup(const struct subject *subject, struct verdict *verdict)
{
	unsigned version = subject->snapshot->host.cgroup_version;

	if (!is_shared(subject, NAMESPACE_CGROUP, verdict))
		return SEVERITY_NONE;
	verdict_number(verdict, "cgroup_version", version);
	if (subject_group(subject)->host_admin == ADMIN_FREE && (version == 1 || version == 3)) {
		verdict_why(verdict,
			    "with CAP_SYS_ADMIN and no seccomp filter it can mount a v1 hierarchy from "
			    "its root and set release_agent, which the kernel runs as root on the "
			    "host");
		return SEVERITY_CRITICAL;
	}
	return SEVERITY_INFO;
}

static enum severity judge_host_user(const struct subject *subject, struct verdict *verdict)
{
	const struct process *init = first_process(subject);
	const struct group_facts *group = subject_group(subject);

	if (!init || in_host_user_namespace(init) != YES)
		return SEVERITY_NONE;
	verdict_boolean(verdict, "root", group->has_root);
	verdict_capabilities(verdict, "capabilities", group->held);
	if (group->has_root || group->held)
		return SEVERITY_LOW;
	verdict_why(verdict,
		    "none of its processes is root or has a capability: a user namespace would change "
		    "little");
	return SEVERITY_INFO;
}

/* ---- container.host-device --------------------------------------------------------------------- */

struct device_class {
	bool block;
	uint32_t major;
	int64_t minor; /* -1: all */
	enum severity severity;
	const char *why;
};

/* Documentation/admin-guide/devices.txt of the kernel. The first that fits. */
static const struct device_class device_classes[] = {
	{false, 1, 1, SEVERITY_CRITICAL, "the physical memory of the machine"},
	{false, 1, 2, SEVERITY_CRITICAL, "the memory of the kernel"},
	{false, 1, 4, SEVERITY_HIGH, "every I/O port of the machine"},
	{false, 1, 11, SEVERITY_MEDIUM, "reads and writes the kernel's log"},
	{false, 10, 200, SEVERITY_LOW, "makes network interfaces, given CAP_NET_ADMIN"},
	{false, 10, 229, SEVERITY_LOW, "serves file systems, given a way to mount them"},
	{false, 10, 232, SEVERITY_LOW, "runs virtual machines in the host's kernel"},
	{false, 10, 237, SEVERITY_HIGH, "adds loop devices to the machine"},
	{false, 21, -1, SEVERITY_CRITICAL, "takes raw commands for a disk"},
	{true, 7, -1, SEVERITY_MEDIUM, "a loop device of the host, with whatever is attached to it"},
};

static const struct device_class *device_class(const struct device *device)
{
	static const struct device_class disk = {.block = true,
						 .severity = SEVERITY_CRITICAL,
						 .why = "a block device of the host is open to raw reads and "
							"writes, past every permission of the "
							"file system on it"};
	static const struct device_class other = {
		.severity = SEVERITY_MEDIUM,
		.why = "its driver, kernel code, takes input from the container"};

	for (size_t i = 0; i < sizeof(device_classes) / sizeof(device_classes[0]); i++) {
		const struct device_class *class = &device_classes[i];
		if (class->block == device->block && class->major == device->major &&
		    (class->minor < 0 || class->minor == device->minor))
			return class;
	}
	return device->block ? &disk : &other;
}

/* May the container's processes open it, as far as its mode tells? */
static bool device_is_open(const struct device *device, const struct group_facts *group)
{
	return group->has_root || (group->held & CAPABILITY_MASK(CAP_DAC_OVERRIDE)) || (device->mode & 0006);
}

static enum severity every_device_severity(const struct group_facts *group)
{
	if (group->has_root && (group->held & CAPABILITY_MASK(CAP_MKNOD)))
		return SEVERITY_CRITICAL;
	return group->has_root ? SEVERITY_HIGH : SEVERITY_MEDIUM;
}

/* The device that gives most to the container's processes; NULL: it has none. */
static const struct device *worst_device(const struct subject *subject, enum severity *worst)
{
	const struct container *container = subject->container;
	const struct device *found = NULL;

	*worst = SEVERITY_NONE;
	for (size_t i = 0; i < container->device_count; i++) {
		const struct device *device = &container->devices[i];
		enum severity severity = device_is_open(device, subject_group(subject))
						 ? device_class(device)->severity
						 : SEVERITY_LOW;
		if (severity > *worst) {
			*worst = severity;
			found = device;
		}
	}
	return found;
}

static enum severity judge_host_device(const struct subject *subject, struct verdict *verdict)
{
	const struct container *container = subject->container;
	enum severity worst, every = SEVERITY_NONE;
	const struct device *device = worst_device(subject, &worst);

	if (device) {
		verdict_number(verdict, "devices", (int64_t)container->device_count);
		verdict_text(verdict, "worst", device->path);
		verdict_why(verdict, "%s: %s", device->path, device_class(device)->why);
	}
	if (container->all_devices_known && container->all_devices) {
		every = every_device_severity(subject_group(subject));
		verdict_boolean(verdict, "all_devices", true);
	}
	if (every <= worst)
		return worst;
	verdict_why(verdict, "the devices cgroup lets it open every device of the machine for which it has a "
			     "node or can make one");
	return every;
}

/* ---- the table --------------------------------------------------------------------------------- */

const struct rule rules_container[] = {
	{
		.id = "container.privileged",
		.severity = SEVERITY_CRITICAL,
		.scope = SCOPE_CONTAINER,
		.good = "The container is not privileged",
		.bad = "Runs privileged: every capability, no seccomp filter",
		.why = "nothing but its own view of the machine keeps it from being root on the host",
		.attack = "Mount the host's disk, set release_agent or core_pattern, load a module, trace a "
			  "process "
			  "of the host: any of these is a few commands away and needs no flaw.",
		.remedy = {.text = "Run it without --privileged and grant the one device or capability that "
				   "it needs. Fargate has no privileged containers; on EC2 "
				   "ECS_DISABLE_PRIVILEGED=true in /etc/ecs/ecs.config refuses them.",
			   .docker = "--cap-drop ALL --security-opt no-new-privileges",
			   .ecs = "{\"privileged\": false, \"linuxParameters\": {\"capabilities\": "
				  "{\"drop\": "
				  "[\"ALL\"]}}}",
			   .kubernetes = "securityContext:\n  privileged: false\n  allowPrivilegeEscalation: "
					 "false\n  capabilities:\n    drop: [\"ALL\"]"},
		.references = REFERENCES(SECURITY_HUB("ECS.4"), CIS_DOCKER("5.5"), CIS_KUBERNETES("5.2.2"),
					 PSS_BASELINE, T1611, ECS_GUIDANCE),
		.judge = judge_privileged,
	},
	{
		.id = "container.host-pid",
		.severity = SEVERITY_HIGH,
		.scope = SCOPE_CONTAINER,
		.good = "The container has a pid namespace of its own",
		.bad = "Shares the host's pid namespace",
		.why = "it sees every process of the host with its command line, and as root can signal them "
		       "all",
		.attack = "Secrets are read from command lines, daemons of the host are stopped, and with "
			  "CAP_SYS_PTRACE code is written into one of them through /proc/PID/mem.",
		.remedy = {.text = "Leave --pid host and pidMode out. For a sidecar that must see its "
				   "neighbours `task` is enough (--pid container:NAME on Docker), and all "
				   "that Fargate allows, from platform version 1.4.0 on. pidMode is a member "
				   "of the task definition, not of the container.",
			   .ecs = "{\"pidMode\": \"task\"}",
			   .kubernetes = "hostPID: false\nshareProcessNamespace: true"},
		.references = REFERENCES(SECURITY_HUB("ECS.3"), CIS_DOCKER("5.16"), CIS_KUBERNETES("5.2.3"),
					 PSS_BASELINE, T1611, "pid_namespaces(7)"),
		.judge = judge_host_pid,
	},
	{
		.id = "container.host-network",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_CONTAINER,
		.good = "The container has a network namespace of its own",
		.bad = "Shares the host's network namespace",
		.why = "it reaches what listens on the host's loopback address, abstract Unix sockets, and "
		       "the "
		       "instance's metadata and credentials as the host does",
		.attack = "Services that trust localhost answer it: agents, databases, debug ports. Abstract "
			  "sockets have no file permissions. On EC2 the instance's role is one request away.",
		.remedy = {.text = "Use awsvpc, or bridge with port mappings; on Fargate there is only "
				   "awsvpc. "
				   "ECS_AWSVPC_BLOCK_IMDS=true keeps awsvpc tasks from the instance's "
				   "metadata. It "
				   "is a member of the task definition.",
			   .docker = "--network bridge --publish 8080:8080",
			   .ecs = "{\"networkMode\": \"awsvpc\"}",
			   .kubernetes = "hostNetwork: false"},
		.references = REFERENCES(SECURITY_HUB("ECS.17"), CIS_DOCKER("5.10"), CIS_KUBERNETES("5.2.5"),
					 PSS_BASELINE, "network_namespaces(7)"),
		.judge = judge_host_network,
	},
	{
		.id = "container.host-ipc",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_CONTAINER,
		.good = "The container has an IPC namespace of its own",
		.bad = "Shares the host's IPC namespace",
		.why = "it sees the System V shared memory, semaphores and POSIX message queues of the "
		       "host's "
		       "processes, and opens those that its uid may",
		.attack = "Shared memory of a database or a display server is read and written past the "
			  "container's boundary.",
		.remedy = {.text = "Leave ipcMode out, or `task` to share among the containers of one task; "
				   "Fargate does not have the parameter. It is a member of the task "
				   "definition.",
			   .docker = "--ipc private",
			   .ecs = "{\"ipcMode\": \"task\"}",
			   .kubernetes = "hostIPC: false"},
		.references = REFERENCES(CIS_DOCKER("5.17"), CIS_KUBERNETES("5.2.4"), PSS_BASELINE,
					 ECS_FARGATE, "ipc_namespaces(7)"),
		.judge = judge_host_ipc,
	},
	{
		.id = "container.host-uts",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_CONTAINER,
		.good = "The container has a UTS namespace of its own",
		.bad = "Shares the host's UTS namespace",
		.why = "it has the host's name, and sees it change",
		.attack = "With CAP_SYS_ADMIN the name of the host is changed under its services.",
		.remedy = {.text = "Leave --uts host out. Pods share it where hostNetwork is true; ECS has "
				   "no setting that shares it.",
			   .kubernetes = "hostNetwork: false"},
		.references = REFERENCES(CIS_DOCKER("5.21"), "uts_namespaces(7)"),
		.judge = judge_host_uts,
	},
	{
		.id = "container.host-cgroup",
		.severity = SEVERITY_INFO,
		.scope = SCOPE_CONTAINER,
		.good = "The container has a cgroup namespace of its own",
		.bad = "Shares the host's cgroup namespace",
		.why = "/proc/self/cgroup tells it the host's cgroup paths; that alone is little, and "
		       "Docker's "
		       "default on cgroup v1",
		.attack = "With CAP_SYS_ADMIN and no seccomp filter on cgroup v1 it is the classic way out: "
			  "mount a "
			  "hierarchy, set notify_on_release and release_agent, end the last process of a "
			  "cgroup.",
		.remedy = {.text = "Use cgroup v2, where a private namespace is the default, or ask for one.",
			   .docker = "--cgroupns private"},
		.references = REFERENCES("cgroup_namespaces(7)", T1611, "CVE-2022-0492"),
		.judge = judge_host_cgroup,
	},
	{
		.id = "container.host-user",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_CONTAINER,
		.good = "The container has a user namespace of its own",
		.bad = "Shares the host's user namespace",
		.why = "its root is the host's root, and its capabilities count for the host",
		.attack = "What escapes the container keeps its uid and capabilities.",
		.remedy = {.text = "Map the container's ids to unprivileged ones of the host where the "
				   "runtime can: dockerd --userns-remap default. ECS has no setting for it: "
				   "run as a user that is not root instead.",
			   .ecs = "{\"user\": \"10001:10001\"}",
			   .kubernetes = "hostUsers: false"},
		.references = REFERENCES(CIS_DOCKER("2.9"), CIS_DOCKER("5.31"), "user_namespaces(7)"),
		.judge = judge_host_user,
	},
	{
		.id = "container.host-device",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_CONTAINER,
		.good = "The container has no devices of the host",
		.bad = "Has devices of the host",
		.why = "a driver of the kernel, or what lies behind it, is open to the container",
		.attack = "A disk is read and written raw, past the permissions of its files; memory devices "
			  "give "
			  "the kernel; other drivers are code with flaws that take input from here.",
		.remedy = {.text = "Take --privileged and the device away, or grant it for reading only; "
				   "Fargate has no devices.",
			   .docker = "--device /dev/NAME:/dev/NAME:r",
			   .ecs = "{\"privileged\": false, \"linuxParameters\": {\"devices\": []}}",
			   .kubernetes = "securityContext:\n  privileged: false"},
		.references = REFERENCES(CIS_DOCKER("5.18"), T1611, ECS_FARGATE),
		.judge = judge_host_device,
	},
	{
		.id = "container.not-as-declared",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_CONTAINER,
		.good = "The container is what it was declared to be",
		.bad = "The container is not what it was declared to be",
		.why = "who reads its definition takes it for safer than it is",
		.attack = "A review passes the definition, and what runs has the user, the limits or the "
			  "capabilities that the review would have refused.",
		.remedy = {.text = "Find out what changed it: an entry point that becomes root, a limit that "
				   "the "
				   "agent or kubelet was told not to set, a container that was updated while "
				   "it ran. Start it again from its definition, and compare."},
		.references = REFERENCES(ECS_PARAMETERS, "https://github.com/opencontainers/runtime-spec"),
		.judge = judge_not_as_declared,
	},
	{0},
};
