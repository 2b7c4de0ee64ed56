#include "collectors/process_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "collectors/cgroup.h"
#include "collectors/namespace.h"
#include "collectors/process_text.h"
#include "collectors/process_thread.h"
#include "collectors/process_told.h"
#include "collectors/user_namespace.h"
#include "proctor/cleanup.h"

enum {
	CGROUP_LIMIT = 256 * 1024,
	COMMAND_LINE_LIMIT = 128 * 1024,  /* MAX_ARG_STRLEN */
	FLAG_KERNEL_THREAD = 0x00200000,  /* PF_KTHREAD, include/linux/sched.h */
	FLAG_PRIVILEGE_USED = 0x00000100, /* PF_SUPERPRIV */
};

static const struct denial denied_namespaces = {"namespaces", "ns", COVERAGE_REMEDY_PTRACE};
static const struct denial denied_executable = {"executable", "exe", COVERAGE_REMEDY_PTRACE};
static const struct denial denied_root = {"root directory", "root", COVERAGE_REMEDY_PTRACE};

/* ---- what could not be read --------------------------------------------------------------------- */

bool reader_wants(const struct process_reader *reader, uint32_t fact)
{
	return (reader->facts & fact) != 0;
}

/* ---- files that may never answer ------------------------------------------------------------------ */

/* The result of a call that was watched, and its errno. */
static int watched(struct process_reader *reader, int result)
{
	int number = errno;

	if (!watch_leave(reader->watch)) {
		number = EOWNERDEAD;
		result = -1;
	}
	errno = number;
	return result;
}

int reader_read(struct process_reader *reader, int directory, const char *file, size_t limit)
{
	watch_enter(reader->watch, file);
	return watched(reader, buffer_read(&reader->buffer, directory, file, limit));
}

int reader_readlink(struct process_reader *reader, int directory, const char *file)
{
	watch_enter(reader->watch, file);
	return watched(reader, buffer_readlink(&reader->buffer, directory, file));
}

void reader_note_denied(struct process_reader *reader, pid_t pid, const struct denial *denial, int number)
{
	char reason[128], example[64];

	snprintf(reason, sizeof(reason), "%s on %s of a process", strerrorname_np(number), denial->what);
	snprintf(example, sizeof(example), "%s/%d/%s", reader->request->proc, (int)pid, denial->file);
	coverage_note(&reader->coverage, reader->arena, reason, example, denial->remedy);
}

void reader_note_malformed(struct process_reader *reader, pid_t pid, const char *file)
{
	char reason[128], example[64];

	snprintf(reason, sizeof(reason), "%s of a process is not as proc(5) has it", file);
	snprintf(example, sizeof(example), "%s/%d/%s", reader->request->proc, (int)pid, file);
	coverage_note(&reader->coverage, reader->arena, reason, example, NULL);
}

bool reader_is_vanished(int number)
{
	return number == ESRCH || number == ENOENT;
}

enum outcome reader_outcome(struct process_reader *reader, const struct denial *denial)
{
	if (errno == EOWNERDEAD)
		return READ_LEFT;
	if (errno == ENOMEM)
		reader->out_of_memory = true;
	if (reader_is_vanished(errno))
		return READ_VANISHED;
	reader_note_denied(reader, reader->pid, denial, errno);
	return READ_MISSED;
}

static char *keep(struct process_reader *reader, const void *data, size_t length)
{
	char *copy = arena_copy(reader->arena, data, length);

	reader->out_of_memory |= !copy;
	return copy;
}

/* ---- status --------------------------------------------------------------------------------- */

static void keep_groups(struct process_reader *reader, struct process *process, const struct status *status)
{
	uint32_t few[64];
	size_t count = status_groups(status, few, sizeof(few) / sizeof(few[0]));

	if (!count)
		return;
	process->groups = arena_array(reader->arena, count, sizeof(*process->groups));
	if (!process->groups) {
		reader->out_of_memory = true;
		return;
	}
	process->group_count = status_groups(status, process->groups, count);
}

static enum outcome read_status(struct process_reader *reader, int directory, struct process *process,
				struct status *status)
{
	static const struct denial denied = {"status", "status",
					     "mount procfs without hidepid, or with gid="};
	struct buffer *buffer = &reader->buffer;

	if (buffer_read(buffer, directory, "status", PROCESS_TEXT_LIMIT) < 0)
		return reader_outcome(reader, &denied);
	if (!status_parse(buffer->data, buffer->length, status)) {
		reader_note_malformed(reader, process->pid, "status");
		return READ_MISSED;
	}
	process->ppid = status->ppid;
	process->credentials = status->credentials;
	process->thread_count = status->threads;
	process->zombie = status->state == 'Z' || status->state == 'X';
	process->comm = keep(reader, status->comm, strlen(status->comm));
	process->kernel_thread =
		status->kernel_thread_known ? status->kernel_thread : !status->has_memory && !process->zombie;
	keep_groups(reader, process, status);
	process->known |= PROCESS_KNOWS_STATUS;
	return READ_DONE;
}

pid_t process_parse_pid(const char *name)
{
	const char *cursor = name, *end = name + strlen(name);
	uint64_t value;

	if (!text_read_number(&cursor, end, 10, &value) || cursor != end || value > INT_MAX)
		return 0;
	return (pid_t)value;
}

/* ---- namespaces -------------------------------------------------------------------------------- */

static enum outcome read_namespaces(struct process_reader *reader, int directory, struct process *process)
{
	for (unsigned kind = 0; kind < NAMESPACE_COUNT; kind++) {
		if (!reader_wants(reader, (uint32_t)REQUEST_NAMESPACE << kind))
			continue;
		watch_enter(reader->watch, "ns");
		uint64_t inode = namespace_read(directory, kind);
		if (watched(reader, inode ? 0 : -1) && errno == EOWNERDEAD)
			return READ_LEFT;
		process->namespaces[kind] = inode;
		if (inode || (kind == NAMESPACE_TIME && errno == ENOENT))
			continue; /* before Linux 5.6 there are no time namespaces */
		return reader_outcome(reader, &denied_namespaces);
	}
	process->known |= PROCESS_KNOWS_NAMESPACES;
	return READ_DONE;
}

/* Where the kernel does not tell it, nothing is missed: it is more than the inode tells. */
static enum outcome read_mount_id(struct process_reader *reader, int directory, struct process *process)
{
	watch_enter(reader->watch, "ns");
	process->mount_id = namespace_read_mount_id(directory, process->namespaces[NAMESPACE_MNT]);
	return watched(reader, 0) ? READ_LEFT : READ_DONE;
}

/* ---- the other files --------------------------------------------------------------------------- */

static enum outcome read_stat(struct process_reader *reader, int directory, struct process *process)
{
	static const struct denial denied = {"stat", "stat", "mount procfs without hidepid, or with gid="};
	struct stat_line stat;

	if (reader_read(reader, directory, "stat", PROCESS_TEXT_LIMIT) < 0)
		return reader_outcome(reader, &denied);
	if (!stat_parse(reader->buffer.data, reader->buffer.length, &stat)) {
		reader_note_malformed(reader, process->pid, "stat");
		return READ_MISSED;
	}
	process->start_time = stat.start_time;
	process->privilege_used = stat.flags & FLAG_PRIVILEGE_USED;
	process->kernel_thread = stat.flags & FLAG_KERNEL_THREAD;
	process->known |= PROCESS_KNOWS_STAT;
	return READ_DONE;
}

static enum outcome read_cgroup(struct process_reader *reader, int directory, struct process *process)
{
	static const struct denial denied = {"cgroup", "cgroup", NULL};
	const struct buffer *text = &reader->buffer;
	struct cgroup_part path;

	if (buffer_read(&reader->buffer, directory, "cgroup", CGROUP_LIMIT) < 0)
		return reader_outcome(reader, &denied);
	if (!cgroup_choose(text->data, text->length, &path))
		return READ_MISSED; /* a kernel without cgroups */
	if (!reader->cgroup || reader->cgroups.length != text->length ||
	    memcmp(reader->cgroups.data, text->data, text->length) != 0) {
		reader->cgroup = keep(reader, path.data, path.length);
		reader->cgroups = (struct bytes){keep(reader, text->data, text->length), text->length};
		if (!reader->cgroups.data)
			reader->cgroups.length = 0;
	}
	process->cgroup = reader->cgroup;
	process->cgroups = reader->cgroups;
	process->known |= PROCESS_KNOWS_CGROUP;
	return READ_DONE;
}

/* What d_path appends to the name of a file without a link (fs/d_path.c). A file may also be named so. */
static enum outcome judge_deleted(struct process_reader *reader, struct process *process, int directory,
				  char *path, size_t length)
{
	static const char mark[] = " (deleted)";
	const size_t mark_length = sizeof(mark) - 1;
	struct statx facts;

	if (length <= mark_length || memcmp(path + length - mark_length, mark, mark_length) != 0)
		return READ_DONE;
	watch_enter(reader->watch, "exe");
	int result = watched(reader, statx(directory, "exe", AT_STATX_DONT_SYNC, STATX_NLINK, &facts));
	if (result && errno == EOWNERDEAD)
		return READ_LEFT;
	if (!result && facts.stx_nlink > 0)
		return READ_DONE;
	path[length - mark_length] = '\0';
	process->executable_deleted = true;
	process->executable_memfd = !strncmp(path, "/memfd:", 7);
	return READ_DONE;
}

static enum outcome read_executable(struct process_reader *reader, int directory, struct process *process)
{
	char *path;

	if (reader_readlink(reader, directory, "exe"))
		return reader_outcome(reader, &denied_executable);
	path = keep(reader, reader->buffer.data, reader->buffer.length);
	if (!path)
		return READ_MISSED;
	if (judge_deleted(reader, process, directory, path, reader->buffer.length) == READ_LEFT)
		return READ_LEFT;
	process->executable = path;
	process->known |= PROCESS_KNOWS_EXECUTABLE;
	return READ_DONE;
}

static enum outcome read_command_line(struct process_reader *reader, int directory, struct process *process)
{
	static const struct denial denied = {"command line", "cmdline", "run as root"};
	int cut = reader_read(reader, directory, "cmdline", COMMAND_LINE_LIMIT);

	if (cut < 0)
		return reader_outcome(reader, &denied);
	if (cut) {
		char example[64];
		snprintf(example, sizeof(example), "%s/%d/cmdline", reader->request->proc, (int)process->pid);
		coverage_note(&reader->coverage, reader->arena,
			      "command line is longer than 128 KiB: cut there", example, NULL);
	}
	process->command_line.data = keep(reader, reader->buffer.data, reader->buffer.length);
	process->command_line.length = process->command_line.data ? reader->buffer.length : 0;
	process->known |= PROCESS_KNOWS_COMMAND_LINE;
	return READ_DONE;
}

/* The label an LSM put on it (proc_pid_attr(5)). EINVAL: no LSM that labels. That is the answer of
 * security_getprocattr (security/security.c) when it has no one to ask, so it is the same for every process.
 */
static enum outcome read_lsm(struct process_reader *reader, int directory, struct process *process)
{
	static const struct denial denied = {"LSM label", "attr/current", "run as root with CAP_SYS_PTRACE"};
	struct buffer *buffer = &reader->buffer;

	if (!reader->no_labels && reader_read(reader, directory, "attr/current", PROCESS_TEXT_LIMIT) < 0) {
		if (errno != EINVAL && errno != ENOENT)
			return reader_outcome(reader, &denied);
		reader->no_labels = errno == EINVAL;
		buffer->length = 0;
	} else if (reader->no_labels) {
		buffer->length = 0;
	}
	while (buffer->length &&
	       (buffer->data[buffer->length - 1] == '\n' || !buffer->data[buffer->length - 1]))
		buffer->length--;
	if (buffer->length)
		process->lsm = keep(reader, buffer->data, buffer->length);
	process->known |= PROCESS_KNOWS_LSM;
	return READ_DONE;
}

static enum outcome read_root(struct process_reader *reader, int directory, struct process *process)
{
	if (reader_readlink(reader, directory, "root"))
		return reader_outcome(reader, &denied_root);
	process->root_changed = strcmp(reader->buffer.data, "/") != 0;
	process->known |= PROCESS_KNOWS_ROOT;
	return READ_DONE;
}

/* What a process has that a kernel thread or a zombie has not, in the order it is read. */
static const struct {
	uint32_t fact;
	enum outcome (*read)(struct process_reader *reader, int directory, struct process *process);
} readers[] = {
	{REQUEST_CGROUP, read_cgroup},
	{REQUEST_NAMESPACES_ALL, read_namespaces},
	{REQUEST_MOUNT_ID, read_mount_id},
	{REQUEST_EXECUTABLE, read_executable},
	{REQUEST_LSM, read_lsm},
	{REQUEST_ROOT, read_root},
	{REQUEST_COMMAND_LINE, read_command_line},
};

enum outcome process_read_details(struct process_reader *reader, int directory, struct process *process)
{
	enum outcome worst = READ_DONE;

	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		if (!reader_wants(reader, readers[i].fact))
			continue;
		enum outcome outcome = readers[i].read(reader, directory, process);
		if (outcome == READ_VANISHED || outcome == READ_LEFT)
			return outcome;
		if (outcome == READ_MISSED)
			worst = READ_MISSED;
	}
	if (reader_wants(reader, REQUEST_USER_MAPS))
		user_namespace_read(reader, directory, process);
	return worst;
}

/* ---- whether all was read ---------------------------------------------------------------------- */

/* Which bit of process.known tells that a fact was read; those of a kernel thread stop at the first two. */
static const struct {
	uint32_t fact, known;
} wanted_facts[] = {
	{REQUEST_STAT, PROCESS_KNOWS_STAT},
	{REQUEST_CGROUP, PROCESS_KNOWS_CGROUP},
	{REQUEST_EXECUTABLE, PROCESS_KNOWS_EXECUTABLE},
	{REQUEST_COMMAND_LINE, PROCESS_KNOWS_COMMAND_LINE},
	{REQUEST_LSM, PROCESS_KNOWS_LSM},
	{REQUEST_THREADS, PROCESS_KNOWS_THREADS},
	{REQUEST_ROOT, PROCESS_KNOWS_ROOT},
	{REQUEST_NAMESPACES_ALL, PROCESS_KNOWS_NAMESPACES},
};

static uint32_t known_when_whole(const struct request *request, const struct process *process)
{
	uint32_t known = PROCESS_KNOWS_STATUS;

	for (size_t i = 0; i < sizeof(wanted_facts) / sizeof(wanted_facts[0]); i++)
		if ((request->facts & wanted_facts[i].fact) &&
		    (!process->kernel_thread || wanted_facts[i].fact == REQUEST_STAT))
			known |= wanted_facts[i].known;
	return known;
}

uint32_t process_facts_read(const struct process *process)
{
	uint32_t facts = PROCESS_FACTS_AT_ONCE;

	for (size_t i = 0; i < sizeof(wanted_facts) / sizeof(wanted_facts[0]); i++)
		if (process->known & wanted_facts[i].known)
			facts |= wanted_facts[i].fact;
	return facts;
}

bool process_is_whole(const struct request *request, const struct process *process)
{
	const struct user_namespace *users = process->user_namespace;
	uint32_t known = known_when_whole(request, process);

	if ((process->known & known) != known || process->zombie ||
	    process->command_line.length >= COMMAND_LINE_LIMIT)
		return false;
	if (process->kernel_thread || !(request->facts & REQUEST_USER_MAPS))
		return true;
	return users && users->mapped && users->uid_count && users->gid_count;
}

/* ---- one process ------------------------------------------------------------------------------- */

/* A leader that exited while its threads go on is a zombie whose namespaces and files are gone: they are read
 * of a thread, which shares them. */
static enum outcome read_live_part(struct process_reader *reader, int directory, struct process *process,
				   pid_t thread)
{
	char path[32];

	if (!process->zombie)
		return process_read_details(reader, directory, process);
	if (!thread)
		return READ_DONE;
	snprintf(path, sizeof(path), "task/%d", (int)thread);
	_cleanup_close_ int live = openat(directory, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (live < 0)
		return READ_DONE;
	return process_read_details(reader, live, process);
}

enum outcome process_read(struct process_reader *reader, struct process *process)
{
	char name[16];
	struct status status;
	enum outcome outcome;
	pid_t thread = 0;

	reader->pid = process->pid;
	if (process_read_told(reader, process, &outcome))
		return outcome;
	snprintf(name, sizeof(name), "%d", (int)process->pid);
	_cleanup_close_ int directory = openat(reader->proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0 && errno == ENOENT && reader->request->pids)
		return READ_ABSENT; /* it was asked for, not listed: it may never have been */
	if (directory < 0)
		return reader_outcome(reader, &(struct denial){"directory", "", NULL});
	outcome = read_status(reader, directory, process, &status);
	if (outcome != READ_DONE)
		return outcome;
	if (reader_wants(reader, REQUEST_STAT) ||
	    (!status.kernel_thread_known && process->kernel_thread && !process->silent)) {
		outcome = read_stat(reader, directory, process);
		if (outcome == READ_VANISHED || outcome == READ_LEFT)
			return outcome;
	}
	if (process->kernel_thread)
		return outcome;
	if (status.threads > 1 && (reader_wants(reader, REQUEST_THREADS) || process->zombie))
		process_read_threads(reader, directory, process, &thread);
	else if (reader_wants(reader, REQUEST_THREADS))
		process->known |= PROCESS_KNOWS_THREADS;
	enum outcome live = read_live_part(reader, directory, process, thread);
	return live == READ_DONE ? outcome : live;
}
