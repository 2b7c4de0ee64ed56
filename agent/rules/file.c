/* Files that give privilege to who executes them, and whether they can do so where they lie. */
#include <ctype.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/rules/context.h"
#include "agent/rules/remedy.h"

/* ---- places and names -------------------------------------------------------------------------- */

enum location {
	LOCATION_SYSTEM, /* where distributions put programs */
	LOCATION_OTHER,
	LOCATION_OPEN, /* where users write */
};

static const char *const location_words[] = {
	[LOCATION_SYSTEM] = "where the distribution puts programs",
	[LOCATION_OTHER] = "outside the distribution's directories",
	[LOCATION_OPEN] = "where users can write",
};

static bool lies_in(const char *path, const char *const *directories)
{
	for (; *directories; directories++) {
		size_t length = strlen(*directories);
		if (!strncmp(path, *directories, length) && path[length] == '/')
			return true;
	}
	return false;
}

static enum location location_of(const struct file *file)
{
	static const char *const system[] = {"/bin",       "/sbin",       "/lib",         "/lib64",
					     "/usr/bin",   "/usr/sbin",   "/usr/lib",     "/usr/lib64",
					     "/usr/lib32", "/usr/libx32", "/usr/libexec", "/snap",
					     NULL};
	static const char *const open[] = {"/tmp", "/var/tmp", "/dev/shm", "/home", "/run/user", NULL};

	if (file->writable_directory || lies_in(file->path, open))
		return LOCATION_OPEN;
	return lies_in(file->path, system) ? LOCATION_SYSTEM : LOCATION_OTHER;
}

/* True for programs that run commands or write files of one's choice: with privilege they give it to anyone,
 * by what they are made for. A version behind the name does not matter. */
static bool obeys_anyone(const char *path)
{
	static const char *const names[] = {
		"ash",    "awk",  "bash",   "busybox", "cat",  "chmod", "chown",  "cp",   "csh",
		"dash",   "dd",   "docker", "ed",      "env",  "find",  "gawk",   "gdb",  "ksh",
		"lua",    "mawk", "more",   "mv",      "nano", "nc",    "nice",   "nmap", "node",
		"perl",   "php",  "python", "rsync",   "ruby", "sed",   "setcap", "sh",   "socat",
		"strace", "tar",  "tee",    "tclsh",   "vi",   "vim",   "xargs",  "zsh",
	};
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t length = 0;

	while (isalpha((unsigned char)name[length]))
		length++;
	for (const char *rest = name + length; *rest; rest++)
		if (!isdigit((unsigned char)*rest) && *rest != '.')
			return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == length && !strncmp(names[i], name, length))
			return true;
	return false;
}

/* Whom the file could give something: on the host its users, in a container its processes that are not root.
 */
static bool has_takers(const struct subject *subject)
{
	return subject_is_host(subject) || subject_group(subject)->has_user;
}

static const char nobody_gains[] =
	"every process of the container is root already: it gives them nothing new";

enum {
	LINKS_TOLD_MAX = 16, /* paths of one file in the evidence */
};

/* Its other paths, parted by commas; NULL: none was found. Those of hostile trees may be many. */
static const char *other_paths(const struct links *links, const struct file *first, struct verdict *verdict)
{
	const char *paths = NULL;
	size_t count = 0;

	for (const struct file *link = links_next(links, first); link; link = links_next(links, link)) {
		if (count++ < LINKS_TOLD_MAX)
			paths = paths ? verdict_format(verdict, "%s, %s", paths, link->path) : link->path;
	}
	if (count <= LINKS_TOLD_MAX)
		return paths;
	return verdict_format(verdict, "%s and %zu more", paths, count - LINKS_TOLD_MAX);
}

/* All paths of one file are one finding, which goes by the first of them. The worst of them speaks: where it
 * is another, that is told. */
static void file_evidence(const struct subject *subject, struct verdict *verdict)
{
	const struct file *file = subject->file;
	const struct file *first = links_first(subject->context->links, file);

	verdict->path = first->path;
	verdict_text(verdict, "mode", verdict_format(verdict, "%04o", file->mode & 07777));
	verdict_number(verdict, "uid", file->uid);
	verdict_number(verdict, "gid", file->gid);
	if (file->links > 1)
		verdict_number(verdict, "hard_links", (int64_t)file->links);
	if (first != file)
		verdict_text(verdict, "worst_path", file->path);
	if (links_next(subject->context->links, first)) {
		verdict_text(verdict, "other_paths", other_paths(subject->context->links, first, verdict));
		verdict_incidental(verdict);
	}
	verdict_text(verdict, "location", location_words[location_of(file)]);
	verdict_text(verdict, "origin", file_origin_words[file->origin]);
	verdict_text(verdict, "layer", file->layer);
}

/* INFO, with the reason why the file gives nothing; NONE when nothing is in the way. */
static enum severity judge_obstacle(const char *obstacle, struct verdict *verdict)
{
	if (!obstacle)
		return SEVERITY_NONE;
	verdict_text(verdict, "obstacle", obstacle);
	verdict_why(verdict, "it cannot give privilege here: %s", obstacle);
	return SEVERITY_INFO;
}

/* True, with the reason, for a file that is not as the image brought it. */
static bool came_at_run_time(const struct file *file, struct verdict *verdict)
{
	if (file->origin != ORIGIN_RUN_TIME)
		return false;
	verdict_why(verdict,
		    "it was put there, or changed, since the container was started: the image did not "
		    "bring it so");
	return true;
}

/* ---- file.setuid ------------------------------------------------------------------------------- */

static enum severity judge_setuid_root(const struct subject *subject, struct verdict *verdict)
{
	const struct file *file = subject->file;

	if (obeys_anyone(file->path)) {
		verdict_why(verdict, "it does what it is told, as root: whoever starts it is root");
		return SEVERITY_HIGH;
	}
	if (came_at_run_time(file, verdict))
		return SEVERITY_HIGH;
	switch (location_of(file)) {
	case LOCATION_OPEN:
		verdict_why(verdict,
			    "it runs as root whoever starts it, and lies where users can write, where no "
			    "package puts such a file");
		return SEVERITY_HIGH;
	case LOCATION_OTHER:
		return SEVERITY_MEDIUM;
	case LOCATION_SYSTEM:
		break;
	}
	if (!subject_is_host(subject))
		return SEVERITY_LOW;
	verdict_why(verdict, "usual for a distribution; one more way to root for every flaw in it");
	return SEVERITY_INFO;
}

/* Root of a user namespace may do to its container what root may, and nothing to the host. */
static enum severity severity_inside(const struct file *file)
{
	return location_of(file) == LOCATION_SYSTEM && !obeys_anyone(file->path) ? SEVERITY_INFO
										 : SEVERITY_LOW;
}

static enum severity judge_setuid_namespace_root(const struct file *file, struct verdict *verdict)
{
	verdict_text(verdict, "owner", "root of the container's user namespace");
	verdict_why(verdict,
		    "it runs as root of the container's user namespace only, another uid to the host");
	return severity_inside(file);
}

static enum severity judge_setuid(const struct subject *subject, struct verdict *verdict)
{
	const struct file *file = subject->file;
	enum severity severity;

	if (!(file->mode & S_ISUID))
		return SEVERITY_NONE;
	file_evidence(subject, verdict);
	severity = judge_obstacle(set_id_obstacle(subject->context, file), verdict);
	if (severity != SEVERITY_NONE)
		return severity;
	if (!has_takers(subject)) {
		verdict->why = nobody_gains;
		return SEVERITY_INFO;
	}
	switch (file_user(subject->context, file)) {
	case OWNER_ROOT:
		return judge_setuid_root(subject, verdict);
	case OWNER_NAMESPACE_ROOT:
		return judge_setuid_namespace_root(file, verdict);
	case OWNER_OTHER:
	case OWNER_UNMAPPED:
		break;
	}
	verdict_why(verdict, "it runs as uid %u, not as the host's root, whoever starts it", file->uid);
	return location_of(file) == LOCATION_SYSTEM ? SEVERITY_INFO : SEVERITY_LOW;
}

/* ---- file.setgid ------------------------------------------------------------------------------- */

static enum severity judge_setgid(const struct subject *subject, struct verdict *verdict)
{
	const struct file *file = subject->file;
	enum severity severity;

	/* Without the group's execute bit it asked for mandatory locking, on kernels that had it. */
	if (!(file->mode & S_ISGID) || !(file->mode & S_IXGRP))
		return SEVERITY_NONE;
	file_evidence(subject, verdict);
	severity = judge_obstacle(set_id_obstacle(subject->context, file), verdict);
	if (severity != SEVERITY_NONE)
		return severity;
	if (!has_takers(subject)) {
		verdict->why = nobody_gains;
		return SEVERITY_INFO;
	}
	if (location_of(file) == LOCATION_SYSTEM)
		return SEVERITY_INFO;
	if (file_group(subject->context, file) == OWNER_NAMESPACE_ROOT)
		return SEVERITY_LOW;
	return file->gid == 0 || location_of(file) == LOCATION_OPEN ? SEVERITY_MEDIUM : SEVERITY_LOW;
}

/* ---- file.capabilities ------------------------------------------------------------------------- */

/* Version 3 counts in the user namespace whose root it names, and in those below it. */
static bool acts_here(const struct subject *subject)
{
	const struct file_capability *capability = &subject->file->capability;
	const struct process *init = subject->container ? subject->container->init : NULL;
	uint32_t root;

	if (capability->version != 3 || capability->root_id == 0)
		return true;
	return init && init->user_namespace && init->user_namespace->mapped &&
	       user_namespace_outside(init->user_namespace->uids, init->user_namespace->uid_count, 0,
				      &root) &&
	       root == capability->root_id;
}

static enum severity judge_no_effect(const struct subject *subject, capability_set given,
				     struct verdict *verdict)
{
	const struct file_capability *capability = &subject->file->capability;
	const struct group_facts *group = subject_group(subject);
	enum severity severity = judge_obstacle(file_obstacle(subject->context, subject->file), verdict);

	if (severity != SEVERITY_NONE)
		return severity;
	if (!acts_here(subject)) {
		verdict_why(verdict, "it counts only in a user namespace whose root is uid %u",
			    capability->root_id);
		return SEVERITY_INFO;
	}
	if (!capability->permitted) {
		verdict_why(verdict, "it gives only what the inheritable set of who starts it has as well");
		return SEVERITY_INFO;
	}
	if (!given && group->processes && !group->unread) {
		verdict_why(verdict, "it cannot give them here: no bounding set in the container has them");
		return SEVERITY_INFO;
	}
	return SEVERITY_NONE;
}

static enum severity judge_capabilities(const struct subject *subject, struct verdict *verdict)
{
	const struct file *file = subject->file;
	const struct file_capability *capability = &file->capability;
	capability_set given = capability->permitted;
	enum severity severity;
	bool strong;

	if (!capability->version || capability->version > 3)
		return SEVERITY_NONE;
	file_evidence(subject, verdict);
	verdict_capabilities(verdict, "permitted", capability->permitted);
	verdict_capabilities(verdict, "inheritable", capability->inheritable);
	verdict_boolean(verdict, "effective", capability->effective);
	if (!subject_is_host(subject) && subject_group(subject)->processes)
		given &= subject_group(subject)->bounding;
	severity = judge_no_effect(subject, given, verdict);
	if (severity != SEVERITY_NONE)
		return severity;
	strong = (given & CAPABILITY_ROOT_EQUIVALENT) != 0;
	if (!has_takers(subject)) {
		verdict->why = nobody_gains;
		return SEVERITY_INFO;
	}
	if (file_acts_inside(subject->context, file)) {
		verdict_why(
			verdict,
			"its capabilities act on what the container's user namespace owns, not on the host");
		return severity_inside(file);
	}
	if (obeys_anyone(file->path)) {
		verdict_why(verdict, "it does what it is told: whoever starts it has these capabilities");
		return strong ? SEVERITY_HIGH : SEVERITY_MEDIUM;
	}
	if (came_at_run_time(file, verdict))
		return strong ? SEVERITY_HIGH : SEVERITY_MEDIUM;
	if (location_of(file) == LOCATION_SYSTEM)
		return !subject_is_host(subject) ? strong ? SEVERITY_MEDIUM : SEVERITY_LOW : SEVERITY_INFO;
	return strong ? SEVERITY_HIGH : SEVERITY_LOW;
}

/* ---- file.world-writable-privileged ------------------------------------------------------------ */

static bool has_mark(const struct file *file)
{
	return (file->mode & S_ISUID) || ((file->mode & S_ISGID) && (file->mode & S_IXGRP)) ||
	       file->capability.version;
}

static enum severity judge_world_writable(const struct subject *subject, struct verdict *verdict)
{
	const struct file *file = subject->file;
	bool written = file->mode & S_IWOTH;

	if (!has_mark(file) || (!written && !file->writable_directory))
		return SEVERITY_NONE;
	file_evidence(subject, verdict);
	verdict_boolean(verdict, "writable_by_others", written);
	verdict_boolean(verdict, "writable_directory", file->writable_directory);
	if (!written) {
		verdict->title = "A privileged program can be replaced";
		verdict_why(verdict,
			    "its directory is writable for its group or for others and not sticky: they "
			    "put another program in its place, which who trusts it then runs");
	}
	if (!file->reachable || !has_takers(subject))
		return SEVERITY_LOW;
	return written ? SEVERITY_HIGH : SEVERITY_MEDIUM;
}

/* ---- the table --------------------------------------------------------------------------------- */

#define STRIP_DOCKERFILE "RUN find / -xdev -perm /6000 -type f -exec chmod a-s {} +"
#define HARMLESS_DOCKER "--security-opt no-new-privileges --cap-drop ALL"
#define HARMLESS_ECS                                                                                         \
	"{\"dockerSecurityOptions\": [\"no-new-privileges\"], \"linuxParameters\": {\"capabilities\": "      \
	"{\"drop\": "                                                                                        \
	"[\"ALL\"]}}}"
#define HARMLESS_KUBERNETES                                                                                  \
	"securityContext:\n  allowPrivilegeEscalation: false\n  capabilities:\n    drop: [\"ALL\"]"

const struct rule rules_file[] = {
	{
		.id = "file.setuid",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_FILE,
		.good = "No setuid file can give privilege",
		.bad = "A setuid file runs as its owner whoever starts it",
		.why = "a flaw in it gives its owner's rights to any user who can start it",
		.attack = "An intruder without rights starts it with crafted arguments, environment or files "
			  "until a "
			  "flaw makes it do what he wants as root.",
		.remedy = {.text = "Take the bit away where nothing needs it, and set no_new_privs, which "
				   "makes it "
				   "void. dockerSecurityOptions does not exist on Fargate: take the bit out "
				   "of "
				   "the image there.",
			   .dockerfile = STRIP_DOCKERFILE,
			   .docker = HARMLESS_DOCKER,
			   .ecs = HARMLESS_ECS,
			   .kubernetes = HARMLESS_KUBERNETES},
		.references = REFERENCES(CIS_DOCKER("4.8"), ATTACK("T1548.001", "Setuid and Setgid"),
					 ECS_GUIDANCE, ECS_FARGATE, "execve(2)"),
		.judge = judge_setuid,
	},
	{
		.id = "file.setgid",
		.severity = SEVERITY_INFO,
		.scope = SCOPE_FILE,
		.good = "No setgid file can give privilege",
		.bad = "A setgid file runs as its group whoever starts it",
		.why = "a flaw in it gives its group's rights to any user who can start it",
		.attack = "What the group may read or write (password hashes, terminals, mail) is reached "
			  "through "
			  "it.",
		.remedy = {.text = "Take the bit away where nothing needs it, and set no_new_privs, which "
				   "makes it void. dockerSecurityOptions does not exist on Fargate.",
			   .dockerfile = STRIP_DOCKERFILE,
			   .docker = HARMLESS_DOCKER,
			   .ecs = HARMLESS_ECS,
			   .kubernetes = HARMLESS_KUBERNETES},
		.references = REFERENCES(CIS_DOCKER("4.8"), ATTACK("T1548.001", "Setuid and Setgid"),
					 ECS_GUIDANCE, "execve(2)"),
		.judge = judge_setgid,
	},
	{
		.id = "file.capabilities",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_FILE,
		.good = "No file can give capabilities",
		.bad = "A file gives capabilities to who starts it",
		.why = "it hands out a part of root's power, and searches for setuid files do not show it",
		.attack = "An interpreter or archiver with cap_setuid or cap_dac_override is root by one "
			  "command; "
			  "others need a flaw.",
		.remedy = {.text = "Take them away with `setcap -r FILE` where nothing needs them, and set "
				   "no_new_privs, which makes them void. dockerSecurityOptions does not "
				   "exist on Fargate.",
			   .dockerfile =
				   "RUN getcap -r / 2>/dev/null | cut -d' ' -f1 | xargs -r -n1 setcap -r",
			   .docker = HARMLESS_DOCKER,
			   .ecs = HARMLESS_ECS,
			   .kubernetes = HARMLESS_KUBERNETES},
		.references = REFERENCES("capabilities(7)",
					 ATTACK("T1548", "Abuse Elevation Control Mechanism"), ECS_GUIDANCE),
		.judge = judge_capabilities,
	},
	{
		.id = "file.world-writable-privileged",
		.severity = SEVERITY_HIGH,
		.scope = SCOPE_FILE,
		.good = "No privileged program can be changed by others",
		.bad = "A privileged program is writable by others",
		.why = "whoever writes to it decides what it does; writing takes the mark off, but root and "
		       "services "
		       "that start it run what was written",
		.attack = "The program is changed, and an administrator, a timer or another user runs it.",
		.remedy = {.text = "Take the write permission away, and look at whether the file is still "
				   "the "
				   "package's (dpkg --verify, rpm -V).",
			   .dockerfile =
				   "RUN find / -xdev -perm /6000 -perm -0002 -type f -exec chmod o-w {} +",
			   .docker = "--read-only",
			   .ecs = "{\"readonlyRootFilesystem\": true}",
			   .kubernetes = "securityContext:\n  readOnlyRootFilesystem: true"},
		.references = REFERENCES(ATTACK("T1222.002", "Linux and Mac File and Directory Permissions "
							     "Modification"),
					 ATTACK("T1574", "Hijack Execution Flow"), "chmod(2)"),
		.judge = judge_world_writable,
	},
	{0},
};
