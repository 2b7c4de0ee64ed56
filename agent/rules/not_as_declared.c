#include "agent/rules/not_as_declared.h"

#include <string.h>

#include "agent/rules/context.h"

/* ---- what may differ: each says how bad it is, and leaves both sides as evidence ----------------- */

/* True for a user that is named and is not root; a name other than root's may still have uid 0. */
static bool is_declared_user(const char *user)
{
	size_t length = strcspn(user, ":");

	if (!length || (length == 4 && !strncmp(user, "root", length)))
		return false;
	return strspn(user, "0") != length;
}

/* Judged by the uid inside the container, which is the one that was declared. */
static enum severity check_user(const struct subject *subject, struct verdict *verdict)
{
	const char *user = subject->container->declared->user;
	const struct process *init = subject->process;
	uint32_t uid;

	if (!user || !is_declared_user(user) || !init->user_namespace || !init->user_namespace->mapped ||
	    !user_namespace_inside(init->user_namespace->uids, init->user_namespace->uid_count,
				   init->credentials.uid[ID_EFFECTIVE], &uid) ||
	    uid != 0)
		return SEVERITY_NONE;
	verdict_text(verdict, "declared_user", user);
	verdict_number(verdict, "uid", uid);
	return process_rootness(subject->snapshot, init) >= ROOT_MAPPED ? SEVERITY_HIGH : SEVERITY_LOW;
}

static enum severity check_read_only(const struct subject *subject, struct verdict *verdict)
{
	const struct declared *declared = subject->container->declared;
	const struct mount_namespace *mounts = subject->container->mount_namespace;

	if (!(declared->known & DECLARED_READ_ONLY) || !declared->read_only || !mounts || !mounts->root ||
	    (mounts->root->options & MOUNT_READ_ONLY))
		return SEVERITY_NONE;
	verdict_boolean(verdict, "declared_readonly", true);
	verdict_boolean(verdict, "root_read_only", false);
	return SEVERITY_MEDIUM;
}

static enum severity check_privileged(const struct subject *subject, struct verdict *verdict)
{
	const struct declared *declared = subject->container->declared;
	const struct process *init = subject->process;

	if (!(declared->known & DECLARED_PRIVILEGED) || declared->privileged ||
	    !process_lacks_seccomp(init) || !is_full_set(subject->context, process_held(init)))
		return SEVERITY_NONE;
	verdict_boolean(verdict, "declared_privileged", false);
	verdict_text(verdict, "seccomp", "off");
	return in_host_user_namespace(init) == NO ? SEVERITY_LOW : SEVERITY_HIGH;
}

static enum severity check_capabilities(const struct subject *subject, struct verdict *verdict)
{
	const struct declared *declared = subject->container->declared;
	const struct process *init = subject->process;
	capability_set more = (process_held(init) | init->credentials.bounding) & ~declared->capabilities;

	if (!(declared->known & DECLARED_CAPABILITIES) || !more)
		return SEVERITY_NONE;
	verdict_capabilities(verdict, "undeclared_capabilities", more);
	if (in_host_user_namespace(init) == NO)
		return SEVERITY_LOW;
	return process_held(init) & more & CAPABILITY_ROOT_EQUIVALENT ? SEVERITY_HIGH : SEVERITY_MEDIUM;
}

/* ---- limits ------------------------------------------------------------------------------------ */

/* The kernel rounds: a limit that is hardly more is the same. */
static bool is_looser(const struct limit *declared, const struct limit *limit)
{
	return declared->state == LIMIT_SET &&
	       (limit->state == LIMIT_NONE ||
		(limit->state == LIMIT_SET && limit->value > declared->value + declared->value / 100 + 1));
}

static enum severity check_limit(const struct limit *declared, const struct limit *limit,
				 const char *const names[2], struct verdict *verdict)
{
	if (!is_looser(declared, limit))
		return SEVERITY_NONE;
	verdict_number(verdict, names[0], (int64_t)declared->value);
	if (limit->state == LIMIT_SET)
		verdict_number(verdict, names[1], (int64_t)limit->value);
	else
		verdict_text(verdict, names[1], "unlimited");
	return SEVERITY_MEDIUM;
}

static enum severity check_memory(const struct subject *subject, struct verdict *verdict)
{
	static const char *const names[] = {"declared_memory", "memory"};

	return check_limit(&subject->container->declared->memory, &subject->container->limits.memory, names,
			   verdict);
}

static enum severity check_cpu(const struct subject *subject, struct verdict *verdict)
{
	static const char *const names[] = {"declared_cpu", "cpu"};

	return check_limit(&subject->container->declared->cpu, &subject->container->limits.cpu, names,
			   verdict);
}

static enum severity check_pids(const struct subject *subject, struct verdict *verdict)
{
	static const char *const names[] = {"declared_pids", "pids"};

	return check_limit(&subject->container->declared->pids, &subject->container->limits.pids, names,
			   verdict);
}

/* ---- all of them ------------------------------------------------------------------------------- */

static const struct {
	const char *what;
	bool of_process; /* needs the first process, with its status read */
	enum severity (*check)(const struct subject *subject, struct verdict *verdict);
} checks[] = {
	{"its user", true, check_user},
	{"privileged", true, check_privileged},
	{"its capabilities", true, check_capabilities},
	{"a read-only root", false, check_read_only},
	{"its memory limit", false, check_memory},
	{"its CPU limit", false, check_cpu},
	{"its limit of processes", false, check_pids},
};

enum severity judge_not_as_declared(const struct subject *subject, struct verdict *verdict)
{
	bool judged = subject->process && process_is_judged(subject->process);
	enum severity worst = SEVERITY_NONE;
	const char *differs = "";

	if (!subject->container->declared)
		return SEVERITY_NONE;
	for (size_t i = 0; differs && i < sizeof(checks) / sizeof(checks[0]); i++) {
		enum severity severity =
			checks[i].of_process && !judged ? SEVERITY_NONE : checks[i].check(subject, verdict);
		if (!severity)
			continue;
		differs = verdict_format(verdict, "%s%s%s", differs, *differs ? ", " : "", checks[i].what);
		worst = severity > worst ? severity : worst;
	}
	if (worst)
		verdict_why(verdict,
			    "who reads its definition takes it for safer than it is: what differs is %s",
			    differs ? differs : "");
	return worst;
}
