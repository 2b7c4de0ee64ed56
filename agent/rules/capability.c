/* Which capabilities the processes of containers have, and which of them they could do without. */
#include "agent/rules/context.h"
#include "agent/rules/power.h"
#include "agent/rules/remedy.h"

/* Tasks of a process by number: its leader is 0. */
static const struct credentials *task_at(const struct process *process, size_t index)
{
	return index ? &process->threads[index - 1].credentials : &process->credentials;
}

static const char in_user_namespace[] = "they act on what its own user namespace owns, not on the host; what "
					"they still open is kernel code that "
					"others do not reach";

/* ---- capability.beyond-default ----------------------------------------------------------------- */

static enum severity judge_beyond_default(const struct subject *subject, struct verdict *verdict)
{
	const struct process *process = subject->process;
	capability_set held = process_held(process), beyond = held & ~CAPABILITY_DOCKER_DEFAULT;
	enum answer host = in_host_user_namespace(process);
	struct power power;

	if (!beyond || subject_is_host(subject))
		return SEVERITY_NONE;
	verdict_capabilities(verdict, "beyond_default", beyond);
	verdict_boolean(verdict, "privilege_used", process->privilege_used);
	verdict_incidental(verdict);
	if (host == NO) {
		verdict->why = in_user_namespace;
		return SEVERITY_LOW;
	}
	power = power_judge(subject, held, SEVERITY_LOW, verdict);
	if (power.severity == SEVERITY_NONE)
		return SEVERITY_MEDIUM;
	verdict->why = power.why;
	return power.severity;
}

/* ---- capability.default-set -------------------------------------------------------------------- */

static enum severity judge_default_set(const struct subject *subject, struct verdict *verdict)
{
	const struct process *process = subject->process;
	capability_set held = process_held(process);
	struct power power;

	if (!held || (held & ~CAPABILITY_DOCKER_DEFAULT) || subject_is_host(subject))
		return SEVERITY_NONE;
	verdict_capabilities(verdict, "capabilities", held);
	if (process->known & PROCESS_KNOWS_STAT) {
		verdict_boolean(verdict, "privilege_used", process->privilege_used);
		verdict_incidental(verdict);
	}
	if (in_host_user_namespace(process) == NO) {
		verdict->why = in_user_namespace;
		return SEVERITY_INFO;
	}
	power = power_judge(subject, held, SEVERITY_LOW, verdict);
	if (power.severity != SEVERITY_NONE) {
		verdict->why = power.why;
		return power.severity;
	}
	if (held == CAPABILITY_MASK(CAP_NET_BIND_SERVICE)) {
		verdict_why(verdict,
			    "CAP_NET_BIND_SERVICE alone lets it bind ports below 1024 and no more; a "
			    "higher port needs none");
		return SEVERITY_INFO;
	}
	if ((process->known & PROCESS_KNOWS_STAT) && !process->privilege_used)
		verdict_why(verdict,
			    "it has not used a privilege since it was started: likely it can do without "
			    "all of them");
	return SEVERITY_LOW;
}

/* ---- capability.ambient ------------------------------------------------------------------------ */

static capability_set process_ambient(const struct process *process)
{
	capability_set ambient = 0;

	for (size_t i = 0; i <= process->differing_count; i++)
		ambient |= task_at(process, i)->ambient;
	return ambient;
}

static enum severity judge_ambient(const struct subject *subject, struct verdict *verdict)
{
	capability_set ambient = process_ambient(subject->process);
	struct power power;

	if (!ambient)
		return SEVERITY_NONE;
	verdict_capabilities(verdict, "ambient", ambient);
	if (in_host_user_namespace(subject->process) == NO)
		return SEVERITY_INFO;
	if (subject_is_host(subject))
		return ambient & CAPABILITY_ROOT_EQUIVALENT ? SEVERITY_MEDIUM : SEVERITY_LOW;
	if (ambient == CAPABILITY_MASK(CAP_NET_BIND_SERVICE))
		return SEVERITY_INFO;
	power = power_judge(subject, ambient, SEVERITY_HIGH, verdict);
	if (power.severity >= SEVERITY_HIGH) {
		verdict->why = power.why;
		return power.severity;
	}
	return ambient & ~CAPABILITY_DOCKER_DEFAULT ? SEVERITY_MEDIUM : SEVERITY_LOW;
}

/* ---- capability.inheritable -------------------------------------------------------------------- */

static enum severity judge_inheritable(const struct subject *subject, struct verdict *verdict)
{
	const struct process *process = subject->process;
	capability_set more = process->credentials.inheritable & ~process_held(process);

	if (!process->credentials.inheritable)
		return SEVERITY_NONE;
	verdict_capabilities(verdict, "inheritable", process->credentials.inheritable);
	verdict_capabilities(verdict, "inheritable_not_held", more);
	if (subject_is_host(subject) || !more || process->credentials.no_new_privs ||
	    in_host_user_namespace(process) == NO)
		return SEVERITY_INFO;
	verdict_why(verdict,
		    "it has not these capabilities, but gets them from any file that has them "
		    "inheritable; runtimes before CVE-2022-24769 was mended left the set so by mistake");
	return SEVERITY_LOW;
}

/* ---- capability.bounding-open ------------------------------------------------------------------ */

static enum severity judge_bounding_open(const struct subject *subject, struct verdict *verdict)
{
	const struct process *process = subject->process;
	capability_set open = process->credentials.bounding & ~process_held(process);
	bool root = process_rootness(subject->snapshot, process) != ROOT_NONE;

	if (!open || subject_is_host(subject))
		return SEVERITY_NONE;
	verdict_capabilities(verdict, "bounding_not_held", open);
	verdict_boolean(verdict, "no_new_privs", process->credentials.no_new_privs);
	if (process->credentials.no_new_privs) {
		verdict_why(verdict,
			    "no_new_privs keeps it from ever getting them; an empty bounding set would "
			    "say the same twice");
		return SEVERITY_INFO;
	}
	if (in_host_user_namespace(process) == NO)
		return SEVERITY_INFO;
	if (root)
		verdict_why(verdict,
			    "it is uid 0: unless its securebits say otherwise, any execve(2) gives it "
			    "the whole bounding set back");
	return root || (open & ~CAPABILITY_DOCKER_DEFAULT) ? SEVERITY_MEDIUM : SEVERITY_LOW;
}

/* ---- what was learned --------------------------------------------------------------------------- */

/* The worst that the capabilities of `set` give here. */
static enum severity worth_of(const struct subject *subject, capability_set set, enum severity least,
			      struct verdict *verdict)
{
	struct power power = {0};

	if (subject->process && process_is_judged(subject->process))
		power = power_judge(subject, set, SEVERITY_LOW, verdict);
	if (power.severity <= least)
		return least;
	verdict->why = power.why;
	return power.severity;
}

static capability_set granted_to(const struct subject *subject)
{
	const struct process *init = subject->container ? subject->container->init : NULL;

	return init && init->known & PROCESS_KNOWS_STATUS ? init->credentials.bounding : 0;
}

/* ---- capability.unused ------------------------------------------------------------------------- */

static enum severity judge_unused(const struct subject *subject, struct verdict *verdict)
{
	const struct learning_facts *facts = subject->container ? subject->container->learning : NULL;
	const struct context *context = subject->context;
	capability_set unused;

	if (!facts || facts->seconds < context->unused_seconds || facts->starts < context->unused_starts)
		return SEVERITY_NONE;
	unused = granted_to(subject) & ~(facts->required | facts->optional);
	if (!unused)
		return SEVERITY_NONE;
	verdict_capabilities(verdict, "unused", unused);
	verdict_capabilities(verdict, "required", facts->required);
	verdict_incidental(verdict);
	verdict_capabilities(verdict, "optional", facts->optional);
	verdict_incidental(verdict);
	verdict_number(verdict, "watched_days", (int64_t)(facts->seconds / 86400));
	verdict_incidental(verdict);
	verdict_number(verdict, "starts_seen", (int64_t)facts->starts);
	verdict_incidental(verdict);
	if (subject->process && in_host_user_namespace(subject->process) == NO) {
		verdict->why = in_user_namespace;
		return SEVERITY_INFO;
	}
	return worth_of(subject, unused, SEVERITY_LOW, verdict);
}

/* ---- capability.denied and newly-denied --------------------------------------------------------- */

static const char *program_of(const struct learning_facts *facts, capability_set set)
{
	for (unsigned i = 0; i < 64; i++)
		if (set & CAPABILITY_MASK(i) && facts->refused_to[i])
			return facts->refused_to[i];
	return NULL;
}

static void tell_refused(const struct learning_facts *facts, capability_set set, struct verdict *verdict)
{
	verdict_capabilities(verdict, "refused", set);
	verdict_text(verdict, "program", program_of(facts, set));
	verdict_incidental(verdict);
}

/* What its image or family used, and what it was not granted this time. */
static capability_set newly_refused(const struct subject *subject, const struct learning_facts *facts)
{
	return facts->refused & facts->required & ~granted_to(subject);
}

static enum severity judge_denied(const struct subject *subject, struct verdict *verdict)
{
	const struct learning_facts *facts = subject->container ? subject->container->learning : NULL;
	capability_set refused = facts ? facts->refused & ~newly_refused(subject, facts) : 0;

	if (!refused)
		return SEVERITY_NONE;
	tell_refused(facts, refused, verdict);
	if (!(refused & ~granted_to(subject))) {
		verdict_why(verdict, "the container has it, and the program had given it up, or runs as a "
				     "user without it");
		return SEVERITY_INFO;
	}
	return refused & ~granted_to(subject) & CAPABILITY_ROOT_EQUIVALENT ? SEVERITY_MEDIUM : SEVERITY_LOW;
}

static enum severity judge_newly_denied(const struct subject *subject, struct verdict *verdict)
{
	const struct learning_facts *facts = subject->container ? subject->container->learning : NULL;
	capability_set refused = facts ? newly_refused(subject, facts) : 0;

	if (!refused)
		return SEVERITY_NONE;
	tell_refused(facts, refused, verdict);
	return SEVERITY_HIGH;
}

/* ---- the table --------------------------------------------------------------------------------- */

#define DROP_ALL_DOCKER "--cap-drop ALL"
#define DROP_ALL_ECS "{\"linuxParameters\": {\"capabilities\": {\"drop\": [\"ALL\"]}}}"
#define DROP_ALL_KUBERNETES "securityContext:\n  capabilities:\n    drop: [\"ALL\"]"

const struct rule rules_capability[] = {
	{
		.id = "capability.beyond-default",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_PROCESS,
		.of_container = true,
		.good = "Capabilities stay within the runtimes' default set",
		.bad = "Has capabilities beyond the runtimes' default set",
		.why = "more of root's power was granted than containers get by default",
		.attack = "What each added capability gives is told by `proctor explain CAPABILITY`. The "
			  "worst lead "
			  "out of the container: CAP_SYS_ADMIN by mounts and release_agent, CAP_SYS_MODULE "
			  "by a "
			  "kernel module, CAP_SYS_PTRACE with the host's pid namespace by a process of the "
			  "host, "
			  "CAP_DAC_READ_SEARCH by open_by_handle_at on any mount of a host's file system.",
		.remedy = {.text = "Take --privileged and the added ones away; best drop all and add what "
				   "the program fails without. Fargate has no `privileged` and allows no "
				   "addition but SYS_PTRACE.",
			   .docker = DROP_ALL_DOCKER,
			   .ecs = "{\"privileged\": false, \"linuxParameters\": {\"capabilities\": {\"add\": "
				  "[], "
				  "\"drop\": [\"ALL\"]}}}",
			   .kubernetes = "securityContext:\n  privileged: false\n  capabilities:\n    drop: "
					 "[\"ALL\"]"},
		.references = REFERENCES(CIS_DOCKER("5.4"), CIS_KUBERNETES("5.2.9"), PSS_BASELINE,
					 ECS_GUIDANCE, ECS_FARGATE, T1611, "capabilities(7)"),
		.judge = judge_beyond_default,
	},
	{
		.id = "capability.default-set",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_PROCESS,
		.of_container = true,
		.good = "Unneeded capabilities of the default set are dropped",
		.bad = "Holds capabilities of the runtimes' default set",
		.why = "the default set is made so that any image runs; hardly any program needs more than "
		       "one or "
		       "two of it",
		.attack =
			"CAP_NET_RAW forges packets and reads neighbours' traffic on the same bridge, "
			"CAP_SETUID and CAP_SETGID become any user, CAP_DAC_OVERRIDE and CAP_CHOWN take any "
			"file of image and mounts, CAP_MKNOD makes device nodes.",
		.remedy = {.text = "Drop all and add what the program fails without; CAP_NET_BIND_SERVICE is "
				   "not "
				   "needed for ports from 1024 on. `drop` works on Fargate too.",
			   .docker = DROP_ALL_DOCKER,
			   .ecs = DROP_ALL_ECS,
			   .kubernetes = DROP_ALL_KUBERNETES},
		.references = REFERENCES(CIS_DOCKER("5.4"), CIS_KUBERNETES("5.2.10"), CIS_KUBERNETES("5.2.8"),
					 PSS_RESTRICTED, ECS_GUIDANCE, "capabilities(7)"),
		.judge = judge_default_set,
	},
	{
		.id = "capability.ambient",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_PROCESS,
		.good = "No capability is ambient",
		.bad = "Has ambient capabilities",
		.why = "every program that it starts gets them too, a shell as well as the one they were "
		       "meant "
		       "for",
		.attack =
			"Code execution that ends in execve(2) of a shell or a downloaded program keeps the "
			"capabilities; without the ambient set a user that is not root would lose them "
			"there.",
		.remedy = {.text = "Give the one program file capabilities instead, or let it clear its "
				   "ambient set "
				   "at its start (prctl PR_CAP_AMBIENT_CLEAR_ALL); in a unit of systemd keep "
				   "AmbientCapabilities= to what is needed.",
			   .dockerfile = "RUN setcap cap_net_bind_service=ep /usr/local/bin/app",
			   .docker = DROP_ALL_DOCKER,
			   .ecs = DROP_ALL_ECS,
			   .kubernetes = DROP_ALL_KUBERNETES},
		.references = REFERENCES("capabilities(7)", "prctl(2)", "systemd.exec(5)"),
		.judge = judge_ambient,
	},
	{
		.id = "capability.inheritable",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_PROCESS,
		.of_container = true,
		.good = "No capability is inheritable",
		.bad = "Has inheritable capabilities",
		.why = "a file that has a capability inheritable gives it to this process on execve",
		.attack =
			"A program with inheritable file capabilities, harmless to others, raises them for a "
			"process whose inheritable set has them.",
		.remedy = {.text = "Use a runtime that leaves the set empty (Docker 20.10.14, containerd "
				   "1.6.2, "
				   "podman 4.0.3 and later), or drop the capabilities.",
			   .docker = DROP_ALL_DOCKER,
			   .ecs = DROP_ALL_ECS,
			   .kubernetes = DROP_ALL_KUBERNETES},
		.references = REFERENCES("CVE-2022-24769", "capabilities(7)"),
		.judge = judge_inheritable,
	},
	{
		.id = "capability.bounding-open",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_PROCESS,
		.of_container = true,
		.good = "The bounding set is no larger than what the process holds",
		.bad = "Could gain capabilities: its bounding set is open",
		.why = "a setuid-root file or one with capabilities gives it whatever the bounding set "
		       "leaves open",
		.attack = "An intruder in an unprivileged process needs one privileged program with a flaw; "
			  "the "
			  "bounding set decides what it ends up with.",
		.remedy = {.text = "Drop all capabilities: that empties the bounding set as well. Set "
				   "no_new_privs "
				   "beside it.",
			   .docker = DROP_ALL_DOCKER " --security-opt no-new-privileges",
			   .ecs = DROP_ALL_ECS,
			   .kubernetes = "securityContext:\n  allowPrivilegeEscalation: false\n  "
					 "capabilities:\n    drop: [\"ALL\"]"},
		.references = REFERENCES(CIS_DOCKER("5.4"), CIS_KUBERNETES("5.2.10"), PSS_RESTRICTED,
					 ECS_GUIDANCE, "capabilities(7)"),
		.judge = judge_bounding_open,
	},
	{
		.id = "capability.unused",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_CONTAINER,
		.good = "Every capability that was granted is used",
		.bad = "Was granted capabilities that it does not use",
		.why = "the agent watched for days, starts among them, what containers of this image ask the "
		       "kernel for: these they never did",
		.attack = "Whoever takes the program over uses what it does not: each capability is a way on "
			  "that nobody would miss.",
		.remedy = {.text = "Drop all capabilities and add those that are required; watch for "
				   "capability.newly-denied then. What is optional can go, too: without it "
				   "the kernel takes another way.",
			   .docker = DROP_ALL_DOCKER " --cap-add REQUIRED",
			   .ecs = "{\"linuxParameters\": {\"capabilities\": {\"drop\": [\"ALL\"], "
				  "\"add\": [\"REQUIRED\"]}}}",
			   .kubernetes = DROP_ALL_KUBERNETES "\n    add: [\"REQUIRED\"]"},
		.references = REFERENCES(CIS_DOCKER("5.4"), CIS_KUBERNETES("5.2.9"), PSS_RESTRICTED,
					 ECS_GUIDANCE, "capabilities(7)"),
		.judge = judge_unused,
	},
	{
		.id = "capability.denied",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_CONTAINER,
		.good = "No capability is asked for and refused",
		.bad = "Asked for capabilities that it was refused",
		.why = "the program may need them, and fails where nobody looks; or somebody tries what the "
		       "program never does",
		.attack = "Exploits and tools try what root could do: mounts, raw sockets, other users, "
			  "devices. What was refused tells that somebody is there.",
		.remedy = {.text = "When the program needs it, add it; when it does without, keep it from "
				   "asking; when it never asked before, look who does."},
		.references = REFERENCES("capabilities(7)", T1611),
		.judge = judge_denied,
	},
	{
		.id = "capability.newly-denied",
		.severity = SEVERITY_HIGH,
		.scope = SCOPE_CONTAINER,
		.good = "What was used before is still granted",
		.bad = "Is refused capabilities that its image used before",
		.why = "it was started with less than before, and a call of it failed that had succeeded: "
		       "the program may be broken",
		.attack = "None: this is the alarm that a change went too far.",
		.remedy = {.text = "Add the capability again, or let the program do without.",
			   .docker = "--cap-add REFUSED",
			   .ecs = "{\"linuxParameters\": {\"capabilities\": {\"add\": [\"REFUSED\"]}}}",
			   .kubernetes = "securityContext:\n  capabilities:\n    add: [\"REFUSED\"]"},
		.references = REFERENCES("capabilities(7)", ECS_GUIDANCE),
		.judge = judge_newly_denied,
	},
	{0},
};
