/* Tools in a container's image: what an intruder finds there to go on with. */
#include <string.h>

#include "agent/rules/context.h"
#include "agent/rules/remedy.h"

enum { TOOLS_NAMED_MAX = 8 }; /* in the evidence */

/* ---- what decides ------------------------------------------------------------------------------ */

static bool has_writable_root(const struct container *container)
{
	const struct mount_namespace *namespace = container->mount_namespace;

	return !namespace || !namespace->root || mount_is_writable(namespace->root);
}

/* True when it is known that no process there is root, has or may gain a capability, or may write to the
 * root: a tool then does nothing that the program that was broken into could not do by itself. */
static bool is_confined(const struct subject *subject)
{
	const struct group_facts *group = subject_group(subject);

	return group_is_root(group) == NO && !group->held &&
	       (!group->may_gain_privilege || !group->bounding) && !has_writable_root(subject->container);
}

/* The names that gave the tool one of the kinds, as `/bin/busybox (/bin/sh, /bin/nc)`. */
static const char *tool_text(const struct tool *tool, struct verdict *verdict)
{
	const char *text = tool->path;
	const char *opening = " (";
	size_t told = 0;

	for (size_t i = 0; text && i < tool->name_count && told < TOOLS_NAMED_MAX; i++) {
		if (!strcmp(tool->names[i], tool->path))
			continue;
		text = verdict_format(verdict, "%s%s%s", text, opening, tool->names[i]);
		opening = ", ";
		told++;
	}
	if (text && told)
		text = verdict_format(verdict, "%s%s)", text, told + 1 < tool->name_count ? ", …" : "");
	return text;
}

/* Leaves the tools of that kind as evidence, and tells how many there are. */
static size_t tool_evidence(const struct container *container, enum tool_kind kind, struct verdict *verdict)
{
	const char *list = NULL;
	size_t count = 0;

	for (size_t i = 0; i < container->tool_count; i++) {
		const struct tool *tool = &container->tools[i];
		if (!(tool->kinds & kind) || ++count > TOOLS_NAMED_MAX)
			continue;
		const char *text = tool_text(tool, verdict);
		if (text)
			list = list ? verdict_format(verdict, "%s; %s", list, text) : text;
	}
	if (count)
		verdict_number(verdict, "count", (int64_t)count);
	verdict_text(verdict, "tools", list);
	return count;
}

/* NONE without such a tool; INFO, with the reason, where it gives an intruder nothing; else `usual`. */
static enum severity judge_kind(const struct subject *subject, enum tool_kind kind, enum severity usual,
				struct verdict *verdict)
{
	if (!tool_evidence(subject->container, kind, verdict))
		return SEVERITY_NONE;
	verdict_boolean(verdict, "writable_root", has_writable_root(subject->container));
	if (!is_confined(subject))
		return usual;
	verdict_why(verdict, "no process here is root or may become it, and the root is read-only: it only "
			     "saves an intruder the trouble of bringing his own");
	return SEVERITY_INFO;
}

/* ---- the rules --------------------------------------------------------------------------------- */

static enum severity judge_shell(const struct subject *subject, struct verdict *verdict)
{
	return judge_kind(subject, TOOL_SHELL, SEVERITY_LOW, verdict);
}

static enum severity judge_package_manager(const struct subject *subject, struct verdict *verdict)
{
	enum severity severity = judge_kind(subject, TOOL_PACKAGE_MANAGER, SEVERITY_LOW, verdict);

	if (severity != SEVERITY_LOW)
		return severity;
	if (!has_writable_root(subject->container)) {
		verdict_why(verdict, "the root is read-only: it cannot install anything there");
		return SEVERITY_INFO;
	}
	if (!subject_group(subject)->has_root)
		return SEVERITY_LOW;
	verdict_why(verdict, "a process here is root and the root can be written to: one command installs "
			     "whatever an intruder lacks");
	return SEVERITY_MEDIUM;
}

static enum severity judge_network_tool(const struct subject *subject, struct verdict *verdict)
{
	const capability_set raw = CAPABILITY_MASK(CAP_NET_RAW) | CAPABILITY_MASK(CAP_NET_ADMIN);
	enum severity severity = judge_kind(subject, TOOL_NETWORK, SEVERITY_LOW, verdict);
	const struct process *init = subject->process;

	if (severity != SEVERITY_LOW || !init || !(subject_group(subject)->held & raw) ||
	    shares_with_host(subject->snapshot, init, NAMESPACE_NET) != YES)
		return severity;
	verdict_capabilities(verdict, "capabilities", subject_group(subject)->held & raw);
	verdict_why(verdict, "with the host's network and these capabilities it sees or changes the traffic "
			     "of the host");
	return SEVERITY_MEDIUM;
}

static enum severity judge_compiler(const struct subject *subject, struct verdict *verdict)
{
	return judge_kind(subject, TOOL_COMPILER, SEVERITY_LOW, verdict);
}

static enum severity judge_debugger(const struct subject *subject, struct verdict *verdict)
{
	enum severity severity = judge_kind(subject, TOOL_DEBUGGER, SEVERITY_LOW, verdict);
	const struct process *init = subject->process;

	if (severity != SEVERITY_LOW || !(subject_group(subject)->held & CAPABILITY_MASK(CAP_SYS_PTRACE)))
		return severity;
	verdict_capabilities(verdict, "capabilities", CAPABILITY_MASK(CAP_SYS_PTRACE));
	if (init && shares_with_host(subject->snapshot, init, NAMESPACE_PID) == YES) {
		verdict_why(verdict, "with CAP_SYS_PTRACE and the host's pid namespace it takes over any "
				     "process of the host");
		return SEVERITY_HIGH;
	}
	verdict_why(verdict, "with CAP_SYS_PTRACE it reads and changes the memory of every process that the "
			     "container sees");
	return SEVERITY_MEDIUM;
}

static enum severity judge_minimal(const struct subject *subject, struct verdict *verdict)
{
	(void)verdict;
	return subject->container->files_walked && !subject->container->tool_count ? SEVERITY_INFO
										   : SEVERITY_NONE;
}

/* ---- the table --------------------------------------------------------------------------------- */

#define MINIMAL_TEXT                                                                                         \
	"Build the program in one stage and copy it alone into an image without a distribution in the next."
#define MINIMAL_DOCKERFILE "FROM scratch\nCOPY --from=build /app /app\nUSER 10001\nENTRYPOINT [\"/app\"]"
#define CONFINED_DOCKER "--read-only --user 10001:10001 --cap-drop ALL --security-opt no-new-privileges"
#define CONFINED_ECS                                                                                         \
	"{\"readonlyRootFilesystem\": true, \"user\": \"10001:10001\", \"linuxParameters\": "                \
	"{\"capabilities\": {\"drop\": [\"ALL\"]}}}"
#define CONFINED_KUBERNETES                                                                                  \
	"securityContext:\n  readOnlyRootFilesystem: true\n  runAsNonRoot: true\n  runAsUser: 10001\n"       \
	"  allowPrivilegeEscalation: false\n  capabilities:\n    drop: [\"ALL\"]"
#define CONFINED .docker = CONFINED_DOCKER, .ecs = CONFINED_ECS, .kubernetes = CONFINED_KUBERNETES

const struct rule rules_tool[] = {
	{
		.id = "image.shell",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_CONTAINER,
		.good = "There is no shell in the image",
		.bad = "There is a shell in the image",
		.why = "a flaw that lets one start a program becomes any command, typed or sent",
		.attack =
			"Most injected commands are lines for /bin/sh: without one they end in an error, and "
			"an intruder has to bring a program of his own, past what is read-only or noexec.",
		.remedy = {.text = MINIMAL_TEXT
			   " Where a script has to start it, let the program do what the "
			   "script did. ECS Exec needs a shell to be useful.",
			   .dockerfile = MINIMAL_DOCKERFILE,
			   CONFINED},
		.references =
			REFERENCES(ECS_GUIDANCE, CIS_DOCKER("4.3"),
				   ATTACK("T1059.004", "Command and Scripting Interpreter: Unix Shell")),
		.judge = judge_shell,
	},
	{
		.id = "image.package-manager",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_CONTAINER,
		.good = "There is no package manager in the image",
		.bad = "There is a package manager in the image",
		.why = "it brings every other tool, and what it installs was not in the image that was "
		       "scanned",
		.attack = "One command as root fetches compilers, scanners and debuggers from the "
			  "distribution's own servers, which filters of outgoing traffic let through.",
		.remedy = {.text = "Install in one stage of the build, and copy what the program needs into "
				   "the "
				   "next. Where the distribution has to stay, take its package manager away "
				   "at the end.",
			   .dockerfile = "RUN rm -rf /usr/bin/apt* /usr/bin/dpkg* /var/lib/apt /var/lib/dpkg "
					 "/sbin/apk /lib/apk",
			   CONFINED},
		.references =
			REFERENCES(ECS_GUIDANCE, CIS_DOCKER("4.3"), ATTACK("T1105", "Ingress Tool Transfer")),
		.judge = judge_package_manager,
	},
	{
		.id = "image.network-tool",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_CONTAINER,
		.good = "There are no network tools in the image",
		.bad = "There are network tools in the image",
		.why = "they fetch an intruder's programs, carry data out and reach what else is on the "
		       "network",
		.attack = "curl or wget fetch the next stage, ask the metadata service for the task's "
			  "credentials, and nc or ssh keep a way back open.",
		.remedy = {.text = "Take them out of the image. A health check can be a call of the program "
				   "itself; let the orchestrator probe the port instead of curl.",
			   .dockerfile = "RUN rm -f /bin/nc /usr/bin/nc /usr/bin/curl /usr/bin/wget "
					 "/usr/bin/ssh /usr/bin/scp /usr/bin/telnet",
			   CONFINED},
		.references =
			REFERENCES(ECS_GUIDANCE, CIS_DOCKER("4.3"), ATTACK("T1105", "Ingress Tool Transfer"),
				   ATTACK("T1046", "Network Service Discovery")),
		.judge = judge_network_tool,
	},
	{
		.id = "image.compiler",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_CONTAINER,
		.good = "There is no compiler in the image",
		.bad = "There is a compiler in the image",
		.why = "exploits are built on the spot, for this very kernel and these libraries, and no "
		       "scanner knows the result",
		.attack =
			"Source code passes filters that look for programs; it is built in /tmp and started.",
		.remedy = {.text = "Compile in one stage of the build, and copy the result into the next.",
			   .dockerfile = MINIMAL_DOCKERFILE,
			   CONFINED},
		.references = REFERENCES(ECS_GUIDANCE, CIS_DOCKER("4.3"),
					 ATTACK("T1027.004", "Compile After Delivery")),
		.judge = judge_compiler,
	},
	{
		.id = "image.debugger",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_CONTAINER,
		.good = "There is no debugger in the image",
		.bad = "There is a debugger in the image",
		.why = "it reads secrets out of the memory of processes of the same user, and changes what "
		       "they "
		       "do",
		.attack =
			"Keys and passwords are read from the program's memory, or code is written into it, "
			"without a file being touched.",
		.remedy = {.text = "Take it out of the image, and debug from a container that is started for "
				   "that and shares the pid namespace.",
			   .dockerfile = "RUN rm -f /usr/bin/gdb /usr/bin/gdbserver /usr/bin/strace "
					 "/usr/bin/ltrace /usr/bin/perf",
			   CONFINED},
		.references = REFERENCES(ECS_GUIDANCE, CIS_DOCKER("4.3"),
					 ATTACK("T1055.008", "Process Injection: Ptrace System Calls")),
		.judge = judge_debugger,
	},
	{
		.id = "image.minimal",
		.severity = SEVERITY_INFO,
		.scope = SCOPE_CONTAINER,
		.good = "The image has tools beside the program",
		.bad = "The image has no shell and no tools",
		.why = "an intruder finds nothing there to go on with: this is as it should be",
		.attack = "What is needed has to be brought along, and a read-only root leaves no place for "
			  "it.",
		.remedy = {.text = "Keep it so."},
		.references = REFERENCES(ECS_GUIDANCE, CIS_DOCKER("4.3")),
		.judge = judge_minimal,
	},
	{0},
};
