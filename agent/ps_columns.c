#include "agent/ps_columns.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "proctor/collector.h"

enum { CELL_SIZE = 2048 };

/* ---- cells ------------------------------------------------------------------------------------- */

const struct credentials *ps_row_credentials(const struct ps_row *row)
{
	return row->thread ? &row->thread->credentials : &row->process->credentials;
}

static void cell_pid(struct ps_table *ps, const struct ps_row *row)
{
	table_number(ps->table, STYLE_PLAIN, (uint64_t)row->process->pid);
}

static void cell_ppid(struct ps_table *ps, const struct ps_row *row)
{
	table_number(ps->table, STYLE_PLAIN, (uint64_t)row->process->ppid);
}

static void cell_tid(struct ps_table *ps, const struct ps_row *row)
{
	table_number(ps->table, STYLE_PLAIN, (uint64_t)(row->thread ? row->thread->tid : row->process->pid));
}

/* The name of a user of the host; a container's users have numbers here, for their names are its own affair.
 */
static void cell_user(struct ps_table *ps, const struct ps_row *row)
{
	uint32_t uid = ps_row_credentials(row)->uid[ID_EFFECTIVE];
	const char *name = uid && row->process->container ? "" : names_of_user(ps->names, uid);

	if (*name)
		table_text(ps->table, STYLE_PLAIN, name);
	else
		table_number(ps->table, STYLE_PLAIN, uid);
}

static void cell_uid(struct ps_table *ps, const struct ps_row *row)
{
	table_number(ps->table, STYLE_PLAIN, ps_row_credentials(row)->uid[ID_EFFECTIVE]);
}

static void cell_ruid(struct ps_table *ps, const struct ps_row *row)
{
	table_number(ps->table, STYLE_PLAIN, ps_row_credentials(row)->uid[ID_REAL]);
}

static void cell_suid(struct ps_table *ps, const struct ps_row *row)
{
	table_number(ps->table, STYLE_PLAIN, ps_row_credentials(row)->uid[ID_SAVED]);
}

static void cell_fsuid(struct ps_table *ps, const struct ps_row *row)
{
	table_number(ps->table, STYLE_PLAIN, ps_row_credentials(row)->uid[ID_FILESYSTEM]);
}

static void cell_gid(struct ps_table *ps, const struct ps_row *row)
{
	table_number(ps->table, STYLE_PLAIN, ps_row_credentials(row)->gid[ID_EFFECTIVE]);
}

static void cell_groups(struct ps_table *ps, const struct ps_row *row)
{
	char text[CELL_SIZE] = "";
	size_t length = 0;

	for (size_t i = 0; i < row->process->group_count && length + 12 < sizeof(text); i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%u", i ? "," : "",
					   row->process->groups[i]);
	table_text(ps->table, STYLE_PLAIN, length ? text : NULL);
}

static void cell_command(struct ps_table *ps, const struct ps_row *row)
{
	char text[80];
	const struct process *process = row->process;

	if (*row->branch)
		table_prefix(ps->table, row->branch);
	if (!process->kernel_thread || !process->comm) {
		table_text(ps->table, STYLE_PLAIN, process->comm);
		return;
	}
	snprintf(text, sizeof(text), "[%s]", process->comm);
	table_text(ps->table, STYLE_FAINT, text);
}

static void cell_container(struct ps_table *ps, const struct ps_row *row)
{
	char label[80];
	const struct container *container = row->process->container;

	if (!container)
		table_text(ps->table, STYLE_PLAIN, NULL);
	else
		table_text(ps->table, STYLE_PLAIN, container_label(container, label, sizeof(label)));
}

static void cell_runtime(struct ps_table *ps, const struct ps_row *row)
{
	table_text(ps->table, STYLE_PLAIN, row->process->container ? row->process->container->runtime : NULL);
}

static void cell_set(struct ps_table *ps, capability_set set)
{
	char words[CELL_SIZE];

	capability_words(words, sizeof(words), set, capability_all(ps->snapshot->host.last_capability));
	table_text(ps->table, STYLE_PLAIN, words);
}

/* A process in another user namespace than the auditor's. Where that is not readable, the maps tell. */
static bool in_other_user_namespace(const struct snapshot *snapshot, const struct process *process)
{
	uint64_t theirs = process->namespaces[NAMESPACE_USER],
		 ours = snapshot->self.namespaces[NAMESPACE_USER];

	if (theirs && ours)
		return theirs != ours;
	return process->user_namespace && !process->user_namespace->initial;
}

enum { MARKS_SIZE = 8 };

/* pscap's marks, and `!` for threads: * user namespace, @ ambient, + bounding; a space before them. */
static void write_marks(char marks[MARKS_SIZE], const struct ps_table *ps, const struct ps_row *row)
{
	const struct credentials *credentials = ps_row_credentials(row);
	char *end = marks;

	*end++ = ' ';

	if (in_other_user_namespace(ps->snapshot, row->process))
		*end++ = '*';
	if (credentials->ambient)
		*end++ = '@';
	if (credentials->bounding)
		*end++ = '+';
	if (!row->thread && row->process->differing_count)
		*end++ = '!';
	end[end == marks + 1 ? -1 : 0] = '\0'; /* without marks, without the space */
}

static enum table_style style_of(const struct ps_table *ps, const struct credentials *credentials)
{
	capability_set all = capability_all(ps->snapshot->host.last_capability);

	if (credentials->effective & ~CAPABILITY_DOCKER_DEFAULT & all)
		return STYLE_STRONG;
	return credentials->effective || credentials->permitted ? STYLE_PLAIN : STYLE_FAINT;
}

static void cell_effective(struct ps_table *ps, const struct ps_row *row)
{
	const struct credentials *credentials = ps_row_credentials(row);
	capability_set all = capability_all(ps->snapshot->host.last_capability);
	char text[CELL_SIZE + MARKS_SIZE], permitted[CELL_SIZE];
	size_t length = capability_words(text, CELL_SIZE, credentials->effective, all);

	if (credentials->permitted != credentials->effective && length < CELL_SIZE) {
		capability_words(permitted, sizeof(permitted), credentials->permitted, all);
		snprintf(text + length, CELL_SIZE - length, " (permitted: %.*s)", (int)(CELL_SIZE / 2),
			 permitted);
	}
	write_marks(text + strlen(text), ps, row);
	table_text(ps->table, style_of(ps, credentials), text);
}

static void cell_permitted(struct ps_table *ps, const struct ps_row *row)
{
	cell_set(ps, ps_row_credentials(row)->permitted);
}

static void cell_inheritable(struct ps_table *ps, const struct ps_row *row)
{
	cell_set(ps, ps_row_credentials(row)->inheritable);
}

static void cell_bounding(struct ps_table *ps, const struct ps_row *row)
{
	cell_set(ps, ps_row_credentials(row)->bounding);
}

static void cell_ambient(struct ps_table *ps, const struct ps_row *row)
{
	cell_set(ps, ps_row_credentials(row)->ambient);
}

static void cell_no_new_privs(struct ps_table *ps, const struct ps_row *row)
{
	table_text(ps->table, STYLE_PLAIN, ps_row_credentials(row)->no_new_privs ? "yes" : "no");
}

static void cell_seccomp(struct ps_table *ps, const struct ps_row *row)
{
	static const char *const modes[] = {"off", "strict", "filter"};
	uint8_t mode = ps_row_credentials(row)->seccomp;

	table_text(ps->table, STYLE_PLAIN, mode < 3 ? modes[mode] : NULL);
}

static void cell_lsm(struct ps_table *ps, const struct ps_row *row)
{
	table_text(ps->table, STYLE_PLAIN, row->process->lsm);
}

static void cell_threads(struct ps_table *ps, const struct ps_row *row)
{
	table_number(ps->table, STYLE_PLAIN, row->process->thread_count);
}

static void cell_used(struct ps_table *ps, const struct ps_row *row)
{
	const struct process *process = row->process;

	table_text(ps->table, STYLE_PLAIN,
		   !(process->known & PROCESS_KNOWS_STAT) ? NULL
		   : process->privilege_used              ? "yes"
							  : "no");
}

static void cell_cgroup(struct ps_table *ps, const struct ps_row *row)
{
	table_text(ps->table, STYLE_PLAIN, row->process->cgroup);
}

static void cell_executable(struct ps_table *ps, const struct ps_row *row)
{
	table_text(ps->table, row->process->executable_deleted ? STYLE_STRONG : STYLE_PLAIN,
		   row->process->executable);
}

static void cell_namespace(struct ps_table *ps, const struct ps_row *row, enum namespace_kind kind)
{
	uint64_t inode = row->process->namespaces[kind];

	if (inode)
		table_number(ps->table, STYLE_PLAIN, inode);
	else
		table_text(ps->table, STYLE_PLAIN, NULL);
}

#define NAMESPACE_CELL(kind, constant)                                                                       \
	static void cell_##kind##_namespace(struct ps_table *ps, const struct ps_row *row)                   \
	{                                                                                                    \
		cell_namespace(ps, row, constant);                                                           \
	}

NAMESPACE_CELL(cgroup, NAMESPACE_CGROUP)
NAMESPACE_CELL(ipc, NAMESPACE_IPC)
NAMESPACE_CELL(mnt, NAMESPACE_MNT)
NAMESPACE_CELL(net, NAMESPACE_NET)
NAMESPACE_CELL(pid, NAMESPACE_PID)
NAMESPACE_CELL(time, NAMESPACE_TIME)
NAMESPACE_CELL(user, NAMESPACE_USER)
NAMESPACE_CELL(uts, NAMESPACE_UTS)

static const struct ps_detail_row *detail_of(const struct ps_table *ps, const struct ps_row *row)
{
	return ps->detail ? ps_detail_find(ps->detail, row->process->pid) : NULL;
}

static void cell_arguments(struct ps_table *ps, const struct ps_row *row)
{
	const struct ps_detail_row *detail = detail_of(ps, row);

	table_text(ps->table, STYLE_PLAIN, detail ? detail->arguments : NULL);
}

static void cell_terminal(struct ps_table *ps, const struct ps_row *row)
{
	const struct ps_detail_row *detail = detail_of(ps, row);

	table_text(ps->table, STYLE_PLAIN, detail ? detail->terminal : NULL);
}

static void cell_started(struct ps_table *ps, const struct ps_row *row)
{
	const struct ps_detail_row *detail = detail_of(ps, row);
	time_t boot = ps->snapshot->host.boot_time, when;
	struct tm parts;
	char text[32];

	when = detail && boot ? boot + (time_t)detail->started : 0;
	if (!when || !gmtime_r(&when, &parts) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts))
		table_text(ps->table, STYLE_PLAIN, NULL);
	else
		table_text(ps->table, STYLE_PLAIN, text);
}

/* ---- the table --------------------------------------------------------------------------------- */

#define NAMESPACE_FACT(kind) ((uint32_t)REQUEST_NAMESPACE << (kind))
#define MARK_FACTS (NAMESPACE_FACT(NAMESPACE_USER) | REQUEST_USER_MAPS | REQUEST_THREADS)

#define NUMBER(header)                                                                                       \
	{                                                                                                    \
		header, true, 0, 0, KEEP_IF_ROOM                                                             \
	}
#define TEXT(header)                                                                                         \
	{                                                                                                    \
		header, false, 0, 0, KEEP_IF_ROOM                                                            \
	}
#define WIDE(header, weight, minimum)                                                                        \
	{                                                                                                    \
		header, false, weight, minimum, KEEP_IF_ROOM                                                 \
	}
/* What says which process it is, and what it may do. */
#define PROCESS_ID(header)                                                                                   \
	{                                                                                                    \
		header, true, 0, 0, KEEP_LONGER                                                              \
	}
#define COMMAND(header, weight, minimum)                                                                     \
	{                                                                                                    \
		header, false, weight, minimum, KEEP_LONGER                                                  \
	}
#define ANSWER(header, weight, minimum)                                                                      \
	{                                                                                                    \
		header, false, weight, minimum, KEEP_ALWAYS                                                  \
	}

const struct ps_column ps_columns[] = {
	{"PID", PROCESS_ID("PID"), 0, false, "process id", cell_pid},
	{"PPID", NUMBER("PPID"), 0, false, "process id of its parent", cell_ppid},
	{"TID", PROCESS_ID("TID"), 0, false, "thread id; the process id for its first thread", cell_tid},
	{"USER", TEXT("USER"), PS_CONTAINER_FACTS, false, "effective user; a number in a container",
	 cell_user},
	{"COMMAND", COMMAND("COMMAND", 2, 8), 0, false, "name of the command", cell_command},
	{"CONTAINER", WIDE("CONTAINER", 2, 12), PS_CONTAINER_FACTS, false,
	 "name or short id of its container", cell_container},
	{"EFFECTIVE", ANSWER("EFFECTIVE", 6, 14), MARK_FACTS, false,
	 "effective capabilities, the permitted ones where they differ, and marks", cell_effective},
	{"PERMITTED", WIDE("PERMITTED", 4, 14), 0, false, "permitted capabilities", cell_permitted},
	{"INHERITABLE", WIDE("INHERITABLE", 4, 14), 0, false, "inheritable capabilities", cell_inheritable},
	{"BOUNDING", WIDE("BOUNDING", 4, 14), 0, false, "bounding set", cell_bounding},
	{"AMBIENT", WIDE("AMBIENT", 4, 14), 0, false, "ambient capabilities", cell_ambient},
	{"UID", NUMBER("UID"), 0, false, "effective uid", cell_uid},
	{"RUID", NUMBER("RUID"), 0, false, "real uid", cell_ruid},
	{"SUID", NUMBER("SUID"), 0, false, "saved uid", cell_suid},
	{"FSUID", NUMBER("FSUID"), 0, false, "file system uid", cell_fsuid},
	{"GID", NUMBER("GID"), 0, false, "effective gid", cell_gid},
	{"GROUPS", WIDE("GROUPS", 2, 8), 0, false, "supplementary groups", cell_groups},
	{"NO_NEW_PRIVS", TEXT("NO_NEW_PRIVS"), 0, false, "whether exec cannot add privileges",
	 cell_no_new_privs},
	{"SECCOMP", TEXT("SECCOMP"), 0, false, "seccomp mode: off, strict or filter", cell_seccomp},
	{"LSM", WIDE("LSM", 2, 10), REQUEST_LSM, false, "label of the security module", cell_lsm},
	{"THREADS", NUMBER("THREADS"), 0, false, "number of threads", cell_threads},
	{"USED", TEXT("USED"), REQUEST_STAT, false, "whether it ever used a privilege", cell_used},
	{"RUNTIME", TEXT("RUNTIME"), PS_CONTAINER_FACTS, false, "runtime of its container", cell_runtime},
	{"CGROUP", WIDE("CGROUP", 3, 12), REQUEST_CGROUP, false, "path of its cgroup", cell_cgroup},
	{"EXECUTABLE", WIDE("EXECUTABLE", 3, 12), REQUEST_EXECUTABLE, false, "path of its program",
	 cell_executable},
	{"CGROUPNS", NUMBER("CGROUPNS"), NAMESPACE_FACT(NAMESPACE_CGROUP), false,
	 "inode of its cgroup namespace", cell_cgroup_namespace},
	{"IPCNS", NUMBER("IPCNS"), NAMESPACE_FACT(NAMESPACE_IPC), false, "inode of its ipc namespace",
	 cell_ipc_namespace},
	{"MNTNS", NUMBER("MNTNS"), NAMESPACE_FACT(NAMESPACE_MNT), false, "inode of its mount namespace",
	 cell_mnt_namespace},
	{"NETNS", NUMBER("NETNS"), NAMESPACE_FACT(NAMESPACE_NET), false, "inode of its network namespace",
	 cell_net_namespace},
	{"PIDNS", NUMBER("PIDNS"), NAMESPACE_FACT(NAMESPACE_PID), false, "inode of its pid namespace",
	 cell_pid_namespace},
	{"TIMENS", NUMBER("TIMENS"), NAMESPACE_FACT(NAMESPACE_TIME), false, "inode of its time namespace",
	 cell_time_namespace},
	{"USERNS", NUMBER("USERNS"), NAMESPACE_FACT(NAMESPACE_USER), false, "inode of its user namespace",
	 cell_user_namespace},
	{"UTSNS", NUMBER("UTSNS"), NAMESPACE_FACT(NAMESPACE_UTS), false, "inode of its uts namespace",
	 cell_uts_namespace},
	{"TTY", TEXT("TTY"), 0, true, "its controlling terminal", cell_terminal},
	{"STARTED", TEXT("STARTED"), REQUEST_MACHINE, true, "when it started, UTC", cell_started},
	{"ARGUMENTS", WIDE("ARGUMENTS", 4, 12), 0, true, "its command line, which may hold secrets",
	 cell_arguments},
	{0},
};

const struct ps_column *ps_column_find(const char *name, size_t length)
{
	for (const struct ps_column *column = ps_columns; column->name; column++)
		if (strlen(column->name) == length && !strncasecmp(column->name, name, length))
			return column;
	return NULL;
}
