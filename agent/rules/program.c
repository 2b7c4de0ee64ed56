/* Programs in use: whether they are the image's, and whether who runs them could replace them. */
#include <string.h>
#include <sys/stat.h>

#include "agent/rules/context.h"
#include "agent/rules/remedy.h"

static void program_evidence(const struct program *program, struct verdict *verdict)
{
	verdict->path = program->path;
	verdict_text(verdict, "used_as", program->executable ? "program" : "library");
	verdict_number(verdict, "processes", (int64_t)program->process_count);
}

/* ---- file.drift -------------------------------------------------------------------------------- */

static bool is_in_memory(const struct mount *mount)
{
	return !strcmp(mount->type, "tmpfs") || !strcmp(mount->type, "ramfs");
}

static enum severity judge_memfd(const struct program *program, struct verdict *verdict)
{
	if (program->executable) {
		verdict_why(verdict,
			    "it was started out of memory: no file of it was ever on a disk, where a "
			    "scanner would have met it");
		return SEVERITY_HIGH;
	}
	verdict_why(verdict, "a process executes code from a memfd: some runtimes compile so, and so is a "
			     "library loaded that is to leave no trace");
	return SEVERITY_MEDIUM;
}

static enum severity judge_mounted(const struct program *program, struct verdict *verdict)
{
	const struct mount *mount = program->mount;

	if (mount->kind == MOUNT_RUNTIME_FILE)
		return SEVERITY_NONE;
	verdict_text(verdict, "mount", mount->point);
	verdict_text(verdict, "type", mount->type);
	verdict_boolean(verdict, "writable", mount_is_writable(mount));
	if (!mount_is_writable(mount)) {
		verdict_why(verdict,
			    "it lies on %s, which the container cannot write to: whoever fills that "
			    "decides what runs here",
			    mount->point);
		return SEVERITY_INFO;
	}
	if (is_in_memory(mount)) {
		verdict_why(verdict,
			    "it lies on %s, which was empty when the container was started: someone "
			    "put it there and runs it",
			    mount->point);
		return SEVERITY_HIGH;
	}
	verdict_why(verdict, "it lies on %s, which can be written to from here and outlives the container",
		    mount->point);
	return SEVERITY_MEDIUM;
}

/* Whose it was is not to be told of a file without a name; an intruder removes what he started. */
static enum severity judge_removed(struct verdict *verdict)
{
	verdict->title = "A program in use was removed or replaced";
	verdict_why(verdict,
		    "its file was removed, or replaced, while it is executed: what runs is not what lies "
		    "in the image, or cannot be compared with it any more");
	return SEVERITY_MEDIUM;
}

static bool may_have_drifted(const struct program *program)
{
	switch (program->origin) {
	case ORIGIN_RUN_TIME:
		return true;
	case ORIGIN_MOUNT:
		return program->mount;
	default:
		return program->memfd || (program->deleted && program->mount);
	}
}

static enum severity judge_drift(const struct subject *subject, struct verdict *verdict)
{
	const struct program *program = subject->program;

	if (!may_have_drifted(program))
		return SEVERITY_NONE;
	program_evidence(program, verdict);
	verdict_text(verdict, "origin", program->memfd ? "memory" : file_origin_words[program->origin]);
	if (program->deleted)
		verdict_boolean(verdict, "deleted", true);
	if (program->memfd)
		return judge_memfd(program, verdict);
	if (program->origin == ORIGIN_MOUNT)
		return judge_mounted(program, verdict);
	return program->deleted ? judge_removed(verdict) : SEVERITY_MEDIUM;
}

/* ---- file.writable-executable ------------------------------------------------------------------ */

/* What decides who may write to a file or a directory. */
struct permission {
	uint32_t mode, uid, gid;
};

static bool is_in_group(const struct process *process, uint32_t gid)
{
	if (process->credentials.gid[ID_FILESYSTEM] == gid)
		return true;
	for (size_t i = 0; i < process->group_count; i++)
		if (process->groups[i] == gid)
			return true;
	return false;
}

/* As whom the process may write: path_resolution(7). The owner can always give himself the right. NULL: it
 * may not. `needed` are the bits of others that it takes. */
static const char *writes_as(const struct process *process, struct permission permission, uint32_t needed)
{
	if (process->credentials.uid[ID_FILESYSTEM] == permission.uid)
		return "owner";
	if (is_in_group(process, permission.gid))
		return (permission.mode >> 3 & needed) == needed ? "group" : NULL;
	return (permission.mode & needed) == needed ? "others" : NULL;
}

/* In a sticky directory only its owner, and the file's, may replace what is in it. */
static const char *replaces_as(const struct process *process, const struct program *program)
{
	const struct permission directory = {program->directory_mode, program->directory_uid,
					     program->directory_gid};
	const char *as = writes_as(process, directory, S_IWOTH | S_IXOTH);

	if (as && (program->directory_mode & S_ISVTX) && strcmp(as, "owner") != 0)
		return NULL;
	return as;
}

/* True when a process that is root, or another user, executes it as well. */
static bool serves_others(const struct subject *subject)
{
	const struct program *program = subject->program;
	uint32_t own = subject->process->credentials.uid[ID_EFFECTIVE];

	for (size_t i = 0; i < program->process_count; i++)
		if (process_is_judged(program->processes[i]) &&
		    program->processes[i]->credentials.uid[ID_EFFECTIVE] != own)
			return true;
	return false;
}

static enum severity judge_writable(const struct subject *subject, struct verdict *verdict)
{
	const struct program *program = subject->program;
	const struct process *process = subject->process;
	const char *file, *directory;

	if (!program->known || !program->mount || !mount_is_writable(program->mount) ||
	    process_rootness(subject->snapshot, process) != ROOT_NONE)
		return SEVERITY_NONE;
	file = writes_as(process, (struct permission){program->mode, program->uid, program->gid}, S_IWOTH);
	directory = replaces_as(process, program);
	if (!file && !directory)
		return SEVERITY_NONE;
	program_evidence(program, verdict);
	verdict_number(verdict, "user", process->credentials.uid[ID_FILESYSTEM]);
	verdict_text(verdict, "mode", verdict_format(verdict, "%04o", program->mode & 07777));
	verdict_number(verdict, "uid", program->uid);
	verdict_number(verdict, "gid", program->gid);
	verdict_text(verdict, "writes_as", file);
	verdict_text(verdict, "replaces_as", directory);
	if (!serves_others(subject))
		return SEVERITY_MEDIUM;
	verdict_why(verdict, "a process of another user executes it too: who writes to it acts as that user");
	return SEVERITY_HIGH;
}

/* ---- the table --------------------------------------------------------------------------------- */

#define READ_ONLY_ECS "{\"readonlyRootFilesystem\": true}"
#define READ_ONLY_KUBERNETES "securityContext:\n  readOnlyRootFilesystem: true"

const struct rule rules_program[] = {
	{
		.id = "file.drift",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_PROGRAM,
		.good = "All programs in use are the image's",
		.bad = "A program in use is not the image's",
		.why = "it was written or changed since the container was started: no scan of the image has "
		       "seen it",
		.attack = "What an intruder drops and starts, or a library that he has a program load "
			  "(LD_PRELOAD), is such a file; so is a program that was overwritten.",
		.remedy = {.text = "Find out who put it there. What the program needs belongs into the "
				   "image: "
				   "an entry point that installs, downloads or changes the owner of programs "
				   "is to do so in the build. Then mount the root read-only, and what has to "
				   "be writable noexec. Fargate has no tmpfs.",
			   .docker = "--read-only --tmpfs /tmp:rw,noexec,nosuid,nodev",
			   .ecs = "{\"readonlyRootFilesystem\": true, \"linuxParameters\": {\"tmpfs\": "
				  "[{\"containerPath\": \"/tmp\", \"size\": 64, \"mountOptions\": "
				  "[\"noexec\", \"nosuid\", \"nodev\"]}]}}",
			   .kubernetes = READ_ONLY_KUBERNETES},
		.references = REFERENCES(
			CIS_DOCKER("5.13"), SECURITY_HUB("ECS.5"), ATTACK("T1105", "Ingress Tool Transfer"),
			ATTACK("T1574.006", "Hijack Execution Flow: Dynamic Linker Hijacking"),
			ATTACK("T1620", "Reflective Code Loading"), ECS_GUIDANCE, "memfd_create(2)"),
		.judge = judge_drift,
	},
	{
		.id = "file.writable-executable",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_PROGRAM,
		.good = "No program in use can be replaced by its own user",
		.bad = "A program in use can be replaced by its own user",
		.why = "a flaw that writes a file becomes code that runs at the next start, and stays",
		.attack = "The program, or a library of it, is overwritten through a flaw that only writes "
			  "files (an upload, an archive), and is an intruder's from its next start on.",
		.remedy = {.text = "Let root own programs and the directories they are in, without write "
				   "permission for others, and run them as another user. A read-only root "
				   "does "
				   "the same for all of them at once.",
			   .dockerfile = "RUN chown -R root:root /app && chmod -R go-w /app",
			   .docker = "--read-only",
			   .ecs = READ_ONLY_ECS,
			   .kubernetes = READ_ONLY_KUBERNETES},
		.references = REFERENCES(CIS_DOCKER("5.13"), SECURITY_HUB("ECS.5"),
					 ATTACK("T1574", "Hijack Execution Flow"),
					 ATTACK("T1554", "Compromise Host Software Binary"), ECS_GUIDANCE,
					 "path_resolution(7)"),
		.judge = judge_writable,
	},
	{0},
};
