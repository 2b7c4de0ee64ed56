#include <string.h>

#include "agent/formats/field.h"

/* Beside enum process_fact: known is whether the ids of its user namespace were read. */
enum { KNOWS_USER_MAPS = 1u << 30 };

static uint32_t known(const void *record)
{
	const struct process *process = record;
	const struct user_namespace *space = process->user_namespace;

	return process->known | (space && space->mapped ? KNOWS_USER_MAPS : 0);
}

/* ---- what a process and a thread share ---------------------------------------------------------- */

#define ID(index, id_name, text)                                                                             \
	{                                                                                                    \
		.name = (id_name), .type = FIELD_INTEGER, .description = (text), .get = field_number,        \
		.offset = (index) * sizeof(uint32_t), .size = sizeof(uint32_t),                              \
	}

static const struct field id_fields[] = {
	ID(ID_REAL, "real", "Whose it is."),
	ID(ID_EFFECTIVE, "effective", "What permission is checked by."),
	ID(ID_SAVED, "saved", "What it can change back to."),
	ID(ID_FILESYSTEM, "filesystem", "What access to files is checked by."),
	{0},
};

/* Fields of the struct credentials that is the member `credentials` of struct `owner`. */
#define CREDENTIALS(owner, bits)                                                                             \
	{.name = "uids",                                                                                     \
	 .type = FIELD_OBJECT,                                                                               \
	 .optional = (bits) != 0,                                                                            \
	 .known = (bits),                                                                                    \
	 .description = "User ids, as the auditor's user namespace sees them.",                              \
	 .members = id_fields,                                                                               \
	 .item = item_member,                                                                                \
	 MEMBER(owner, credentials.uid)},                                                                    \
		{.name = "gids",                                                                             \
		 .type = FIELD_OBJECT,                                                                       \
		 .optional = (bits) != 0,                                                                    \
		 .known = (bits),                                                                            \
		 .description = "Group ids, as the auditor's user namespace sees them.",                     \
		 .members = id_fields,                                                                       \
		 .item = item_member,                                                                        \
		 MEMBER(owner, credentials.gid)},                                                            \
		{.name = "capabilities",                                                                     \
		 .type = FIELD_OBJECT,                                                                       \
		 .optional = (bits) != 0,                                                                    \
		 .known = (bits),                                                                            \
		 .description = "Its capability sets, capabilities(7).",                                     \
		 .members = field_capability_sets,                                                           \
		 .item = item_member,                                                                        \
		 MEMBER(owner, credentials)},                                                                \
		{.name = "no_new_privs",                                                                     \
		 .type = FIELD_BOOLEAN,                                                                      \
		 .optional = (bits) != 0,                                                                    \
		 .known = (bits),                                                                            \
		 .description = "Whether executing a file can never give it privilege.",                     \
		 .get = field_boolean,                                                                       \
		 MEMBER(owner, credentials.no_new_privs)},                                                   \
		{.name = "seccomp",                                                                          \
		 .type = FIELD_STRING,                                                                       \
		 .optional = true,                                                                           \
		 .known = (bits),                                                                            \
		 .description = "Which system calls it may make: all, the few of strict mode, what a "       \
				"filter lets through.",                                                      \
		 .values = field_seccomp_modes,                                                              \
		 .get = field_seccomp,                                                                       \
		 MEMBER(owner, credentials.seccomp)},                                                        \
	{                                                                                                    \
		.name = "seccomp_filters", .type = FIELD_INTEGER, .optional = true, .known = (bits),         \
		.description = "How many seccomp filters it has; not known before Linux 5.9.",               \
		.get = field_seccomp_filters, MEMBER(owner, credentials)                                     \
	}

/* ---- threads and maps of ids -------------------------------------------------------------------- */

static const void *thread_item(const void *record, const struct field *field, size_t index)
{
	const struct process *process = record;

	(void)field;
	return index < process->differing_count ? &process->threads[index] : NULL;
}

static const struct field thread_fields[] = {
	{.name = "tid",
	 .type = FIELD_INTEGER,
	 .description = "Its thread id.",
	 .get = field_number,
	 MEMBER(struct thread, tid)},
	CREDENTIALS(struct thread, 0),
	{0},
};

static const void *uid_map_item(const void *record, const struct field *field, size_t index)
{
	const struct user_namespace *space = ((const struct process *)record)->user_namespace;

	(void)field;
	return index < space->uid_count ? &space->uids[index] : NULL;
}

static const void *gid_map_item(const void *record, const struct field *field, size_t index)
{
	const struct user_namespace *space = ((const struct process *)record)->user_namespace;

	(void)field;
	return index < space->gid_count ? &space->gids[index] : NULL;
}

static const struct field range_fields[] = {
	{.name = "inside",
	 .type = FIELD_INTEGER,
	 .description = "First id in the user namespace.",
	 .get = field_number,
	 MEMBER(struct id_range, inside)},
	{.name = "outside",
	 .type = FIELD_INTEGER,
	 .description = "What it is in the auditor's.",
	 .get = field_number,
	 MEMBER(struct id_range, outside)},
	{.name = "count",
	 .type = FIELD_INTEGER,
	 .description = "How many ids follow each other so.",
	 .get = field_number,
	 MEMBER(struct id_range, count)},
	{0},
};

/* ---- the process -------------------------------------------------------------------------------- */

/* A process may write its title over its arguments, as one string: without arguments all ends at the first
 * blank. */
static json_t *command_line(const void *record, const struct field *field, struct record_context *context)
{
	const struct process *process = record;
	const char *at = process->command_line.data, *end = bytes_end(process->command_line);
	json_t *array = json_made(json_array(), context);

	(void)field;
	for (size_t length; array && at < end; at += length + 1) {
		length = strnlen(at, (size_t)(end - at));
		if (context->with_arguments) {
			json_append(array, json_of_bytes(at, length, context), context);
			continue;
		}
		const char *blank = memchr(at, ' ', length);
		json_append(array, json_of_bytes(at, blank ? (size_t)(blank - at) : length, context),
			    context);
		break;
	}
	return array;
}

static json_t *container_id(const void *record, const struct field *field, struct record_context *context)
{
	const struct process *process = record;

	(void)field;
	return process->container ? json_of_text(process->container->id, context) : NULL;
}

static json_t *groups(const void *record, const struct field *field, struct record_context *context)
{
	const struct process *process = record;
	json_t *array = json_made(json_array(), context);

	(void)field;
	for (size_t i = 0; array && i < process->group_count; i++)
		json_append(array, json_of_number(process->groups[i], context), context);
	return array;
}

static const struct field executable_mount_fields[] = {
	{.name = "id",
	 .type = FIELD_INTEGER,
	 .description = "Its id in the mount namespace.",
	 .get = field_number,
	 MEMBER(struct mount, id)},
	{.name = "point",
	 .type = FIELD_STRING,
	 .description = "Where it is mounted.",
	 .get = field_text,
	 MEMBER(struct mount, point)},
	{.name = "file_system",
	 .type = FIELD_STRING,
	 .description = "Type of its file system.",
	 .get = field_text,
	 MEMBER(struct mount, type)},
	{0},
};

static const struct field fields[] = {
	{.name = "pid",
	 .type = FIELD_INTEGER,
	 .description = "Its process id.",
	 .get = field_number,
	 MEMBER(struct process, pid)},
	{.name = "ppid",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .known = PROCESS_KNOWS_STATUS,
	 .description = "Its parent's; 0: none, or outside the pid namespace.",
	 .get = field_number,
	 MEMBER(struct process, ppid)},
	{.name = "start_time",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .known = PROCESS_KNOWS_STAT,
	 .description = "When it started, in clock ticks since boot: with the pid it names one process.",
	 .get = field_number,
	 MEMBER(struct process, start_time)},
	{.name = "comm",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Its name of at most 15 bytes, which it can choose.",
	 .get = field_text,
	 MEMBER(struct process, comm)},
	{.name = "executable",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Path of the file it runs, in its own root.",
	 .get = field_text,
	 MEMBER(struct process, executable)},
	{.name = "executable_mount",
	 .type = FIELD_OBJECT,
	 .optional = true,
	 .description =
		 "The mount that its executable lies on: of those of its mount namespace the one with that "
		 "id. Left out where mounts were not read, and for a program in memory.",
	 .members = executable_mount_fields,
	 .item = item_pointer,
	 MEMBER(struct process, executable_mount)},
	{.name = "executable_deleted",
	 .type = FIELD_BOOLEAN,
	 .optional = true,
	 .known = PROCESS_KNOWS_EXECUTABLE,
	 .description = "Whether no link to that file is left.",
	 .get = field_boolean,
	 MEMBER(struct process, executable_deleted)},
	{.name = "executable_memfd",
	 .type = FIELD_BOOLEAN,
	 .optional = true,
	 .known = PROCESS_KNOWS_EXECUTABLE,
	 .description = "Whether that file never was on a file system: memfd_create(2).",
	 .get = field_boolean,
	 MEMBER(struct process, executable_memfd)},
	{.name = "command_line",
	 .type = FIELD_STRINGS,
	 .optional = true,
	 .known = PROCESS_KNOWS_COMMAND_LINE,
	 .description = "Its arguments; without --with-arguments the first word only.",
	 .get = command_line},
	{.name = "container_id",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "The container it is in; left out for the host's.",
	 .get = container_id},
	{.name = "cgroup",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Path of its cgroup.",
	 .get = field_text,
	 MEMBER(struct process, cgroup)},
	CREDENTIALS(struct process, PROCESS_KNOWS_STATUS),
	{.name = "groups",
	 .type = FIELD_INTEGERS,
	 .optional = true,
	 .known = PROCESS_KNOWS_STATUS,
	 .description = "Supplementary group ids.",
	 .get = groups},
	{.name = "lsm",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Its label under the Linux security module.",
	 .get = field_text,
	 MEMBER(struct process, lsm)},
	{.name = "namespaces",
	 .type = FIELD_OBJECT,
	 .optional = true,
	 .known = PROCESS_KNOWS_NAMESPACES,
	 .description = "The namespaces it is in.",
	 .members = field_namespaces,
	 .item = item_member,
	 MEMBER(struct process, namespaces)},
	{.name = "uid_map",
	 .type = FIELD_OBJECTS,
	 .optional = true,
	 .known = KNOWS_USER_MAPS,
	 .description = "User ids of its user namespace.",
	 .members = range_fields,
	 .item = uid_map_item},
	{.name = "gid_map",
	 .type = FIELD_OBJECTS,
	 .optional = true,
	 .known = KNOWS_USER_MAPS,
	 .description = "Group ids of its user namespace.",
	 .members = range_fields,
	 .item = gid_map_item},
	{.name = "thread_count",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .description = "How many threads it has.",
	 .get = field_number_known,
	 MEMBER(struct process, thread_count)},
	{.name = "threads",
	 .type = FIELD_OBJECTS,
	 .optional = true,
	 .known = PROCESS_KNOWS_THREADS,
	 .description = "Those whose ids or sets differ from the process's.",
	 .members = thread_fields,
	 .item = thread_item},
	{.name = "kernel_thread",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether it is a thread of the kernel.",
	 .get = field_boolean,
	 MEMBER(struct process, kernel_thread)},
	{.name = "zombie",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether it has ended and waits for its parent.",
	 .get = field_boolean,
	 MEMBER(struct process, zombie)},
	{.name = "privilege_used",
	 .type = FIELD_BOOLEAN,
	 .optional = true,
	 .known = PROCESS_KNOWS_STAT,
	 .description =
		 "Whether the kernel ever granted it something for a capability (PF_SUPERPRIV): a hint, "
		 "no proof of need.",
	 .get = field_boolean,
	 MEMBER(struct process, privilege_used)},
	{.name = "root_changed",
	 .type = FIELD_BOOLEAN,
	 .optional = true,
	 .known = PROCESS_KNOWS_ROOT,
	 .description = "Whether its root is not that of its mount namespace: chroot(2).",
	 .get = field_boolean,
	 MEMBER(struct process, root_changed)},
	{0},
};

static const void *at(struct record_context *context, size_t index)
{
	const struct snapshot *snapshot = context->snapshot;

	return index < snapshot->process_count ? &snapshot->processes[index] : NULL;
}

const struct record_kind record_process = {
	.type = "process",
	.member = "processes",
	.description = "A process and what it is allowed to do.",
	.fields = fields,
	.at = at,
	.known = known,
};
