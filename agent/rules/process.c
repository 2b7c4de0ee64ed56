/* What processes are and may become: ids, seccomp, no_new_privs, LSM, threads, executables. */
#include <string.h>

#include "agent/rules/context.h"
#include "agent/rules/power.h"
#include "agent/rules/remedy.h"

static bool within(capability_set set, capability_set of)
{
	return !(set & ~of);
}

/* The capabilities of a task, whether they are raised or not. */
static capability_set task_held(const struct credentials *task)
{
	return task->permitted | task->effective;
}

/* The worse of a rule's own severity and of what the capabilities give in a container; sets the sentence to
 * that of the capabilities when they decide. */
static enum severity raise_by_power(const struct subject *subject, capability_set set, enum severity severity,
				    struct verdict *verdict)
{
	struct power power = power_judge(subject, set, SEVERITY_HIGH, verdict);

	if (power.severity < SEVERITY_HIGH || power.severity <= severity)
		return severity;
	verdict->why = power.why;
	return power.severity;
}

/* ---- process.root-user ------------------------------------------------------------------------- */

static enum severity judge_host_root(const struct process *process, enum rootness rootness,
				     struct verdict *verdict)
{
	if (rootness != ROOT_HOST && rootness != ROOT_UNPLACED)
		return SEVERITY_NONE; /* a user of the host in a user namespace */
	if (!process->executable)
		verdict->title = verdict_format(verdict, "Runs as root: %s", process->comm);
	verdict_why(verdict, "usual for a service of the host; who takes it over has the machine");
	return SEVERITY_INFO;
}

/* What the root of a user namespace is outside of it. */
static void tell_namespace_root(const struct subject *subject, struct verdict *verdict)
{
	if (subject->snapshot->self.user_namespace_initial)
		verdict_why(verdict,
			    "root of its user namespace only: to the host it is another uid, without "
			    "privilege");
	else
		verdict_why(verdict,
			    "root of its user namespace only, which is mapped to a user outside of it");
}

static enum severity judge_root_user(const struct subject *subject, struct verdict *verdict)
{
	const struct process *process = subject->process;
	struct root_task task = process_root_task(subject->snapshot, process);
	enum rootness rootness = task.rootness;
	capability_set held = process_held(process);

	if (rootness == ROOT_NONE)
		return SEVERITY_NONE;
	verdict_number(verdict, "uid", task.uid);
	if (task.tid != process->pid)
		verdict_number(verdict, "thread", task.tid);
	verdict_text(verdict, "root", rootness_words[rootness]);
	verdict_capabilities(verdict, "capabilities", held);
	if (subject_is_host(subject))
		return judge_host_root(process, rootness, verdict);
	if (rootness == ROOT_NAMESPACE) {
		tell_namespace_root(subject, verdict);
		return SEVERITY_LOW;
	}
	if (rootness == ROOT_UNPLACED && !subject->snapshot->self.user_namespace_initial)
		verdict_why(verdict,
			    "root of its container; whether the host takes it for root as well could "
			    "not be read from here");
	else if (!held)
		verdict_why(verdict,
			    "without capabilities it is still the owner of root's files in its image "
			    "and mounts, and who enters the container (docker exec, ECS Exec) starts "
			    "as root");
	return raise_by_power(subject, held, SEVERITY_MEDIUM, verdict);
}

/* ---- process.root-group ------------------------------------------------------------------------ */

static bool has_group_zero(const struct process *process)
{
	for (size_t i = 0; i < process->group_count; i++)
		if (process->groups[i] == 0)
			return true;
	return process->credentials.gid[ID_EFFECTIVE] == 0 || process->credentials.gid[ID_FILESYSTEM] == 0;
}

static enum severity judge_root_group(const struct subject *subject, struct verdict *verdict)
{
	const struct process *process = subject->process;

	if (subject_is_host(subject) || !subject->snapshot->self.user_namespace_initial ||
	    process_rootness(subject->snapshot, process) != ROOT_NONE || !has_group_zero(process))
		return SEVERITY_NONE;
	verdict_number(verdict, "uid", process->credentials.uid[ID_EFFECTIVE]);
	verdict_number(verdict, "gid", process->credentials.gid[ID_EFFECTIVE]);
	return SEVERITY_INFO;
}

/* ---- process.root-regain ----------------------------------------------------------------------- */

/* Root by its real or saved uid, which setresuid(2) makes effective again, in any thread. */
static enum rootness kept_rootness(const struct subject *subject)
{
	const struct process *process = subject->process;
	enum rootness most = ROOT_NONE;

	for (size_t i = 0; i <= process->differing_count; i++) {
		const struct credentials *task =
			i ? &process->threads[i - 1].credentials : &process->credentials;
		enum rootness real = uid_rootness(subject->snapshot, process, task->uid[ID_REAL]);
		enum rootness saved = uid_rootness(subject->snapshot, process, task->uid[ID_SAVED]);
		most = real > most ? real : most;
		most = saved > most ? saved : most;
	}
	return most;
}

static enum severity judge_set_root_file(const struct subject *subject, struct verdict *verdict)
{
	const struct group_facts *group = subject_group(subject);

	if (!group->set_root || subject->process->credentials.no_new_privs ||
	    (subject->process->known & PROCESS_KNOWS_ROOT && subject->process->root_changed))
		return SEVERITY_NONE;
	verdict_text(verdict, "by", "a file that runs as root");
	verdict_text(verdict, "file", group->set_root->path);
	verdict_why(verdict,
		    "no_new_privs is off and %s runs as root whoever starts it: a flaw in that program "
		    "gives root in the container",
		    group->set_root->path);
	return SEVERITY_LOW;
}

static enum severity judge_root_regain(const struct subject *subject, struct verdict *verdict)
{
	const struct process *process = subject->process;
	enum rootness kept;

	if (process_rootness(subject->snapshot, process) != ROOT_NONE)
		return SEVERITY_NONE;
	verdict_number(verdict, "uid", process->credentials.uid[ID_EFFECTIVE]);
	kept = kept_rootness(subject);
	if (kept != ROOT_NONE) {
		verdict_text(verdict, "by", "its real or saved uid");
		verdict_text(verdict, "root", rootness_words[kept]);
	} else if (process_held(process) & CAPABILITY_MASK(CAP_SETUID)) {
		verdict_text(verdict, "by", "CAP_SETUID");
		verdict_why(verdict, "it is not root, but CAP_SETUID lets it become any user of its user "
				     "namespace, root first of all");
	} else {
		return subject_is_host(subject) ? SEVERITY_NONE : judge_set_root_file(subject, verdict);
	}
	if (subject_is_host(subject) || kept == ROOT_NAMESPACE || in_host_user_namespace(process) == NO)
		return SEVERITY_LOW;
	return SEVERITY_MEDIUM;
}

/* ---- process.permitted-not-effective ----------------------------------------------------------- */

/* The task of the process that hides most behind its effective set. */
static const struct credentials *hiding_task(const struct process *process)
{
	const struct credentials *found = &process->credentials;

	for (size_t i = 0; i < process->differing_count; i++) {
		const struct credentials *task = &process->threads[i].credentials;
		if (__builtin_popcountll(task->permitted & ~task->effective) >
		    __builtin_popcountll(found->permitted & ~found->effective))
			found = task;
	}
	return found;
}

static enum severity judge_permitted_not_effective(const struct subject *subject, struct verdict *verdict)
{
	const struct credentials *task = hiding_task(subject->process);
	capability_set hidden = task->permitted & ~task->effective;

	if (!hidden)
		return SEVERITY_NONE;
	verdict_capabilities(verdict, "permitted_not_effective", hidden);
	verdict_capabilities(verdict, "effective", task->effective);
	if (in_host_user_namespace(subject->process) == NO)
		return SEVERITY_INFO;
	if (task->effective)
		return subject_is_host(subject) ? SEVERITY_INFO
						: raise_by_power(subject, hidden, SEVERITY_LOW, verdict);
	verdict_why(verdict,
		    "tools that show the effective set call it unprivileged; capset(2) raises what is "
		    "permitted without asking anyone");
	if (subject_is_host(subject))
		return hidden & CAPABILITY_ROOT_EQUIVALENT ? SEVERITY_MEDIUM : SEVERITY_LOW;
	return raise_by_power(subject, hidden,
			      within(hidden, CAPABILITY_DOCKER_DEFAULT) ? SEVERITY_LOW : SEVERITY_MEDIUM,
			      verdict);
}

/* ---- process.thread-privileges ----------------------------------------------------------------- */

struct thread_surplus {
	capability_set capabilities;
	bool root;       /* root where its leader is not */
	bool unconfined; /* without the seccomp filter or no_new_privs that its leader has */
	pid_t tid;       /* of the first thread with any */
};

static struct thread_surplus thread_surplus(const struct subject *subject)
{
	const struct process *process = subject->process;
	const struct credentials *leader = &process->credentials;
	bool leader_root = uid_rootness(subject->snapshot, process, leader->uid[ID_EFFECTIVE]) != ROOT_NONE;
	struct thread_surplus surplus = {0};

	for (size_t i = 0; i < process->differing_count; i++) {
		const struct credentials *task = &process->threads[i].credentials;
		capability_set more = task_held(task) & ~task_held(leader);
		bool root = !leader_root &&
			    uid_rootness(subject->snapshot, process, task->uid[ID_EFFECTIVE]) != ROOT_NONE;
		bool unconfined = (leader->seccomp != SECCOMP_OFF && task->seccomp == SECCOMP_OFF) ||
				  (leader->no_new_privs && !task->no_new_privs);
		surplus.capabilities |= more;
		surplus.root |= root;
		surplus.unconfined |= unconfined;
		if (!surplus.tid && (more || root || unconfined))
			surplus.tid = process->threads[i].tid;
	}
	return surplus;
}

static enum severity judge_thread_privileges(const struct subject *subject, struct verdict *verdict)
{
	struct thread_surplus surplus = thread_surplus(subject);

	if (!surplus.tid)
		return SEVERITY_NONE;
	verdict_number(verdict, "thread", surplus.tid);
	verdict_capabilities(verdict, "beyond_leader", surplus.capabilities);
	verdict_boolean(verdict, "root_unlike_leader", surplus.root);
	verdict_boolean(verdict, "less_confined_than_leader", surplus.unconfined);
	if (!surplus.capabilities && !surplus.root) {
		verdict->title = "A thread is less confined than its process";
		verdict_why(verdict,
			    "its leader has a seccomp filter or no_new_privs that this thread lacks; "
			    "they share memory, so the filter protects from nothing");
		return SEVERITY_LOW;
	}
	if (in_host_user_namespace(subject->process) == NO)
		return SEVERITY_LOW;
	if (subject_is_host(subject))
		return SEVERITY_MEDIUM;
	return raise_by_power(subject, surplus.capabilities, SEVERITY_MEDIUM, verdict);
}

/* ---- process.no-seccomp ------------------------------------------------------------------------ */

/* Neither root nor capabilities, and no way to get them by execve(2). */
static bool is_unprivileged(const struct subject *subject)
{
	const struct process *process = subject->process;

	return process_rootness(subject->snapshot, process) == ROOT_NONE && !process_held(process) &&
	       process->credentials.no_new_privs;
}

static enum severity judge_no_seccomp(const struct subject *subject, struct verdict *verdict)
{
	const struct process *process = subject->process;
	capability_set beyond = process_held(process) & ~CAPABILITY_DOCKER_DEFAULT;

	if (subject_is_host(subject) || !process_lacks_seccomp(process))
		return SEVERITY_NONE;
	verdict_text(verdict, "seccomp", "off");
	verdict_capabilities(verdict, "capabilities", process_held(process));
	if (is_unprivileged(subject)) {
		verdict_why(verdict, "it is unprivileged, yet every system call is open to it, the ones that "
				     "flaws of the kernel are reached by among them");
		return SEVERITY_LOW;
	}
	if (!beyond || in_host_user_namespace(process) != YES)
		return SEVERITY_MEDIUM;
	verdict_why(verdict,
		    "with capabilities beyond the default set and no filter, the kernel checks nothing "
		    "but the capability itself");
	return SEVERITY_HIGH;
}

/* ---- process.new-privileges-allowed ------------------------------------------------------------ */

static enum severity judge_new_privileges(const struct subject *subject, struct verdict *verdict)
{
	const struct process *process = subject->process;

	if (subject_is_host(subject) || process->credentials.no_new_privs)
		return SEVERITY_NONE;
	verdict_boolean(verdict, "no_new_privs", false);
	verdict_capabilities(verdict, "bounding", process->credentials.bounding);
	if (process_rootness(subject->snapshot, process) != ROOT_NONE) {
		verdict_why(verdict, "it is root already: a setuid file adds nothing to it, only to what it "
				     "starts as another user");
		return SEVERITY_INFO;
	}
	if (!process->credentials.bounding) {
		verdict_why(verdict, "its bounding set is empty: a setuid file would give it another uid, no "
				     "capability");
		return SEVERITY_INFO;
	}
	return SEVERITY_LOW;
}

/* ---- process.lsm-unconfined -------------------------------------------------------------------- */

static enum severity judge_lsm_unconfined(const struct subject *subject, struct verdict *verdict)
{
	const struct snapshot *snapshot = subject->snapshot;

	if (subject_is_host(subject) || has_labelling_lsm(snapshot) != YES ||
	    is_lsm_unconfined(snapshot, subject->process) != YES)
		return SEVERITY_NONE;
	verdict_text(verdict, "label", subject->process->lsm ? subject->process->lsm : "none");
	return is_unprivileged(subject) ? SEVERITY_LOW : SEVERITY_MEDIUM;
}

/* ---- process.deleted-executable ---------------------------------------------------------------- */

static bool is_privileged(const struct subject *subject)
{
	const struct process *process = subject->process;

	return process_rootness(subject->snapshot, process) > ROOT_NAMESPACE ||
	       (process_held(process) && in_host_user_namespace(process) != NO);
}

static enum severity judge_deleted_executable(const struct subject *subject, struct verdict *verdict)
{
	const struct process *process = subject->process;
	bool privileged = is_privileged(subject), host = subject_is_host(subject);

	if (!process->executable_deleted && !process->executable_memfd)
		return SEVERITY_NONE;
	verdict_boolean(verdict, "privileged", privileged);
	verdict_boolean(verdict, "memfd", process->executable_memfd);
	if (process->executable_memfd) {
		verdict->title = "Runs a program that exists in memory only";
		verdict_why(verdict, "its executable is a memfd: no file system has it and no scan of files "
				     "finds it; runtimes do so for moments, malware for good");
		if (host)
			return privileged ? SEVERITY_MEDIUM : SEVERITY_LOW;
		return privileged ? SEVERITY_HIGH : SEVERITY_MEDIUM;
	}
	if (host) {
		verdict_why(verdict, "after an upgrade the old program runs on, flaws included, until it is "
				     "restarted; a program that removes itself looks the same");
		return privileged ? SEVERITY_LOW : SEVERITY_INFO;
	}
	return privileged ? SEVERITY_MEDIUM : SEVERITY_LOW;
}

/* ---- process.more-than-init -------------------------------------------------------------------- */

static enum severity judge_more_than_init(const struct subject *subject, struct verdict *verdict)
{
	struct init_surplus surplus = process_surplus(subject);

	if (!surplus.any)
		return SEVERITY_NONE;
	verdict_capabilities(verdict, "beyond_first_process", surplus.held | surplus.bounding);
	verdict_boolean(verdict, "root_unlike_first_process", surplus.root);
	verdict_boolean(verdict, "without_its_seccomp_filter", surplus.seccomp);
	verdict_boolean(verdict, "without_its_lsm_policy", surplus.lsm);
	verdict_boolean(verdict, "without_its_no_new_privs", surplus.new_privileges);
	if (surplus.bounding || surplus.seccomp || surplus.new_privileges)
		verdict_why(verdict,
			    "nothing inside can gain this (bounding set, seccomp and no_new_privs only "
			    "ever tighten): it was brought in from outside, as docker exec "
			    "--privileged does");
	else if (in_host_user_namespace(subject->process) == NO)
		return SEVERITY_LOW;
	return raise_by_power(subject, process_held(subject->process), SEVERITY_MEDIUM, verdict);
}

/* ---- process.ssh-server ------------------------------------------------------------------------ */

static enum severity judge_ssh_server(const struct subject *subject, struct verdict *verdict)
{
	const char *executable = subject->process->executable;
	const char *slash = executable ? strrchr(executable, '/') : NULL;

	if (subject_is_host(subject) || !slash ||
	    (strcmp(slash, "/sshd") != 0 && strcmp(slash, "/dropbear") != 0))
		return SEVERITY_NONE;
	verdict_text(verdict, "executable", executable);
	return SEVERITY_LOW;
}

/* ---- the table --------------------------------------------------------------------------------- */

/* For the rules whose cure is to give privilege up for good. */
#define NO_NEW_PRIVILEGES_DOCKER "--security-opt no-new-privileges"
#define NO_NEW_PRIVILEGES_ECS "{\"dockerSecurityOptions\": [\"no-new-privileges\"]}"
#define NO_NEW_PRIVILEGES_KUBERNETES "securityContext:\n  allowPrivilegeEscalation: false"

#define NON_ROOT_DOCKERFILE "USER 10001:10001"
#define NON_ROOT_DOCKER "--user 10001:10001"
#define NON_ROOT_ECS "{\"user\": \"10001:10001\"}"
#define NON_ROOT_KUBERNETES "securityContext:\n  runAsNonRoot: true\n  runAsUser: 10001\n  runAsGroup: 10001"

const struct rule rules_process[] = {
	{
		.id = "process.root-user",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_PROCESS,
		.of_container = true,
		.good = "Processes run as a user other than root",
		.bad = "Runs as root",
		.why = "uid 0 here is uid 0 of the host: what gets out, through a mount or a flaw of the "
		       "kernel or the runtime, is root there",
		.attack =
			"Code execution in a root process owns every file of the image and of its mounts, "
			"installs tools, and meets the kernel with the container's whole capability set. A "
			"flaw that leads out of the container then gives root on the host instead of a user "
			"without rights.",
		.remedy = {.text = "Run it as a user of its own, by number, that owns the files it writes.",
			   .dockerfile = "RUN useradd --system --uid 10001 app\n" NON_ROOT_DOCKERFILE,
			   .docker = NON_ROOT_DOCKER,
			   .ecs = NON_ROOT_ECS,
			   .kubernetes = NON_ROOT_KUBERNETES},
		.references = REFERENCES(SECURITY_HUB("ECS.20"), CIS_DOCKER("4.1"), CIS_KUBERNETES("5.2.7"),
					 PSS_RESTRICTED, ECS_GUIDANCE, "user_namespaces(7)"),
		.judge = judge_root_user,
	},
	{
		.id = "process.root-group",
		.severity = SEVERITY_INFO,
		.scope = SCOPE_PROCESS,
		.of_container = true,
		.good = "Processes that are not root are not in root's group either",
		.bad = "Is not root, but in root's group",
		.why = "group 0 may read and write what belongs to root's group, in the image and in mounts "
		       "of "
		       "the host; `docker run --user UID` without a group leaves it so",
		.attack =
			"Files of the host that are open to group 0 are open to this process where they are "
			"mounted.",
		.remedy = {.text = "Give the group as well as the user.",
			   .dockerfile = NON_ROOT_DOCKERFILE,
			   .docker = NON_ROOT_DOCKER,
			   .ecs = NON_ROOT_ECS,
			   .kubernetes = NON_ROOT_KUBERNETES},
		.references = REFERENCES("credentials(7)", ECS_GUIDANCE),
		.judge = judge_root_group,
	},
	{
		.id = "process.root-regain",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_PROCESS,
		.of_container = true,
		.good = "Processes that are not root cannot become it",
		.bad = "Is not root, but can become it",
		.why = "its real or saved uid is root's: one setresuid(2) makes it root again",
		.attack =
			"An intruder in the process calls setresuid(2), or setuid(2) with CAP_SETUID, or "
			"starts a "
			"setuid-root program with a flaw, and has what the change of user was meant to take "
			"away.",
		.remedy = {.text = "Start as the user instead of changing to it, drop CAP_SETUID and "
				   "CAP_SETGID, "
				   "set no_new_privs, and take setuid files out of the image. "
				   "dockerSecurityOptions does not exist on Fargate.",
			   .dockerfile = "RUN find / -xdev -perm /6000 -type f -exec chmod a-s {} "
					 "+\n" NON_ROOT_DOCKERFILE,
			   .docker = NON_ROOT_DOCKER " --cap-drop ALL " NO_NEW_PRIVILEGES_DOCKER,
			   .ecs = "{\"user\": \"10001:10001\", \"linuxParameters\": {\"capabilities\": "
				  "{\"drop\": "
				  "[\"ALL\"]}}, \"dockerSecurityOptions\": [\"no-new-privileges\"]}",
			   .kubernetes =
				   "securityContext:\n  runAsNonRoot: true\n  runAsUser: 10001\n  "
				   "allowPrivilegeEscalation: false\n  capabilities:\n    drop: [\"ALL\"]"},
		.references =
			REFERENCES(ATTACK("T1548.001", "Setuid and Setgid"), CIS_DOCKER("5.26"),
				   CIS_KUBERNETES("5.2.6"), ECS_GUIDANCE, "setresuid(2)", "credentials(7)"),
		.judge = judge_root_regain,
	},
	{
		.id = "process.permitted-not-effective",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_PROCESS,
		.good = "No process keeps permitted capabilities that are not effective",
		.bad = "Keeps capabilities permitted that are not effective",
		.why = "it can raise them at will by capset(2)",
		.attack = "An intruder in the process raises the permitted capabilities and uses them, while "
			  "what "
			  "watches effective sets only takes it for unprivileged.",
		.remedy = {.text = "Let the program give up for good, after its start, what it needs at its "
				   "start "
				   "only (capng_apply(3), cap_set_proc(3)), or do not grant it.",
			   .docker = "--cap-drop ALL",
			   .ecs = "{\"linuxParameters\": {\"capabilities\": {\"drop\": [\"ALL\"]}}}",
			   .kubernetes = "securityContext:\n  capabilities:\n    drop: [\"ALL\"]"},
		.references = REFERENCES("capabilities(7)", "capset(2)"),
		.judge = judge_permitted_not_effective,
	},
	{
		.id = "process.thread-privileges",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_PROCESS,
		.good = "No thread has more privilege than its process shows",
		.bad = "A thread has privileges that its process does not show",
		.why = "threads share memory: who takes over any thread has what the most privileged one may "
		       "do, "
		       "while tools that look at the process see the leader's sets only",
		.attack = "Privileges were dropped in one thread only (credentials belong to threads on "
			  "Linux). "
			  "An intruder in any of them writes into the stack or code of the privileged one "
			  "and acts "
			  "through it.",
		.remedy = {.text = "Drop privileges before the first thread is started, or in all threads, "
				   "as "
				   "libpsx and setuid(3) of the C library do; capset(2) and prctl(2) change "
				   "the "
				   "calling thread only."},
		.references = REFERENCES("capabilities(7)", "nptl(7)", "libpsx(3)"),
		.judge = judge_thread_privileges,
	},
	{
		.id = "process.no-seccomp",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_PROCESS,
		.of_container = true,
		.good = "A seccomp filter limits the system calls",
		.bad = "Runs without a seccomp filter",
		.why = "every system call is open to it, also those that containers hardly ever need and "
		       "through "
		       "which flaws of the kernel are reached",
		.attack =
			"The kernel is shared: an intruder tries its flaws through calls that the runtimes' "
			"default filter refuses (keyctl, userfaultfd, bpf, mount, unshare, kexec_load and "
			"some "
			"forty others).",
		.remedy = {.text = "Leave the runtime's default profile on, or give one of your own: without "
				   "seccomp=unconfined and --privileged Docker has it on; Kubernetes only "
				   "where it is asked for. Fargate has no privileged containers.",
			   .docker = "--security-opt seccomp=/path/to/profile.json",
			   .ecs = "{\"privileged\": false}",
			   .kubernetes = "securityContext:\n  seccompProfile:\n    type: RuntimeDefault"},
		.references = REFERENCES(CIS_DOCKER("5.22"), CIS_KUBERNETES("5.7.2"), PSS_RESTRICTED, T1611,
					 "seccomp(2)"),
		.judge = judge_no_seccomp,
	},
	{
		.id = "process.new-privileges-allowed",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_PROCESS,
		.of_container = true,
		.good = "no_new_privs keeps processes from gaining privilege by execve",
		.bad = "May gain privilege by execve: no_new_privs is off",
		.why = "a setuid file or one with capabilities, in the image or in a mount, gives it more "
		       "than it "
		       "was started with",
		.attack = "From an unprivileged process an intruder starts su, sudo, mount or whatever "
			  "privileged "
			  "program is there, and uses a flaw or a password to become root in the container.",
		.remedy = {.text = "Set no_new_privs. dockerSecurityOptions does not exist on Fargate: there "
				   "drop "
				   "all capabilities and take setuid files out of the image.",
			   .dockerfile = "RUN find / -xdev -perm /6000 -type f -exec chmod a-s {} +",
			   .docker = NO_NEW_PRIVILEGES_DOCKER,
			   .ecs = NO_NEW_PRIVILEGES_ECS,
			   .kubernetes = NO_NEW_PRIVILEGES_KUBERNETES},
		.references = REFERENCES(CIS_DOCKER("5.26"), CIS_KUBERNETES("5.2.6"), PSS_RESTRICTED,
					 ATTACK("T1548.001", "Setuid and Setgid"), ECS_FARGATE, "prctl(2)"),
		.judge = judge_new_privileges,
	},
	{
		.id = "process.lsm-unconfined",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_PROCESS,
		.of_container = true,
		.good = "AppArmor or SELinux confines the container's processes",
		.bad = "AppArmor or SELinux is loaded, but does not confine it",
		.why = "the policy that would stop mounts, writes to /proc and /sys, and access to processes "
		       "and "
		       "files of the host does not apply to it",
		.attack = "The second wall is missing: a capability too many or a writable /proc is used "
			  "without "
			  "the policy refusing it.",
		.remedy = {.text = "Leave the runtime's profile on: take --privileged, apparmor=unconfined "
				   "and label=disable away. On ECS that takes ECS_APPARMOR_CAPABLE or "
				   "ECS_SELINUX_CAPABLE in the agent's configuration; Fargate has no "
				   "dockerSecurityOptions.",
			   .docker = "--security-opt apparmor=docker-default",
			   .ecs = "{\"dockerSecurityOptions\": [\"apparmor:docker-default\"], "
				  "\"privileged\": "
				  "false}",
			   .kubernetes = "securityContext:\n  appArmorProfile:\n    type: RuntimeDefault"},
		.references = REFERENCES(CIS_DOCKER("5.2"), CIS_DOCKER("5.3"), PSS_BASELINE, ECS_FARGATE,
					 "proc_pid_attr(5)"),
		.judge = judge_lsm_unconfined,
	},
	{
		.id = "process.deleted-executable",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_PROCESS,
		.good = "Every process runs a program that is still on its file system",
		.bad = "Runs a program that was deleted",
		.why = "what runs can no longer be looked at where it lay, and a container's program has no "
		       "reason "
		       "to be replaced while it runs",
		.attack = "Malware is dropped, started and deleted, or started from a memfd, so that nothing "
			  "is "
			  "left to scan.",
		.remedy = {.text = "Look at /proc/PID/exe, which still gives the program, then restart the "
				   "service, or the container from its image, with a read-only root.",
			   .docker = "--read-only",
			   .ecs = "{\"readonlyRootFilesystem\": true}",
			   .kubernetes = "securityContext:\n  readOnlyRootFilesystem: true"},
		.references = REFERENCES(ATTACK("T1070.004", "File Deletion"),
					 ATTACK("T1620", "Reflective Code Loading"), "proc_pid_exe(5)",
					 "memfd_create(2)"),
		.judge = judge_deleted_executable,
	},
	{
		.id = "process.more-than-init",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_PROCESS,
		.good = "No process of a container has more privilege than its first one",
		.bad = "Has privileges that the first process of its container has not",
		.why = "the container was started with less: it gained them by a setuid file or file "
		       "capability, or "
		       "was entered with more",
		.attack =
			"A shell that was opened with more rights than the container (docker exec "
			"--privileged or "
			"--user 0, ECS Exec, kubectl debug) can be traced, fed or outlived by what else runs "
			"there.",
		.remedy = {.text = "Find out who started it. Enter containers as their own user (docker exec "
				   "--user) and without --privileged; ECS Exec enters as root: allow it "
				   "(ecs:ExecuteCommand) to few, and not in production.",
			   .kubernetes = NO_NEW_PRIVILEGES_KUBERNETES},
		.references = REFERENCES(CIS_DOCKER("5.23"), CIS_DOCKER("5.24"),
					 ATTACK("T1609", "Container Administration Command")),
		.judge = judge_more_than_init,
	},
	{
		.id = "process.ssh-server",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_PROCESS,
		.good = "No SSH server runs in the container",
		.bad = "Runs an SSH server in a container",
		.why = "it is a second way in, with keys and users of its own, past what the orchestrator "
		       "logs and "
		       "grants",
		.attack = "A key or password that was built into the image opens every container made of it.",
		.remedy = {.text = "Take it out of the image and enter by ECS Exec, docker exec or kubectl "
				   "exec, "
				   "which ask for rights and leave a record."},
		.references = REFERENCES(CIS_DOCKER("5.7"), ATTACK("T1021.004", "SSH")),
		.judge = judge_ssh_server,
	},
	{0},
};
