#include "collectors/process_told.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "collectors/process_thread.h"
#include "collectors/task/tasks.h"
#include "collectors/user_namespace.h"
#include "proctor/cleanup.h"

/* ---- what was told ----------------------------------------------------------------------------- */

static void take_status(struct process_reader *reader, const struct task_process *record,
			struct process *process)
{
	task_record_take(record, process);
	process->comm = arena_copy(reader->arena, record->comm, strnlen(record->comm, TASK_COMM_SIZE));
	reader->out_of_memory |= !process->comm;
	if (!record->group_count)
		return;
	process->groups = arena_array(reader->arena, record->group_count, sizeof(*process->groups));
	if (!process->groups) {
		reader->out_of_memory = true;
		return;
	}
	process->group_count = record->group_count;
	memcpy(process->groups, record->groups, record->group_count * sizeof(*process->groups));
}

static bool take_stat(struct process_reader *reader, const struct task_process *record,
		      struct process *process)
{
	(void)reader;
	task_record_take_stat(record, process);
	return true;
}

/* Which of its threads differ, and in what, their own files tell. */
static bool take_threads(struct process_reader *reader, const struct task_process *record,
			 struct process *process)
{
	(void)reader;
	if (record->differing)
		return false;
	process->known |= PROCESS_KNOWS_THREADS;
	return true;
}

static bool take_cgroup(struct process_reader *reader, const struct task_process *record,
			struct process *process)
{
	const struct task_cgroup *cgroup = task_cgroups_find(&reader->tasks->cgroups, record);

	if (!cgroup)
		return false;
	process->cgroup = cgroup->path;
	process->cgroups = cgroup->text;
	process->known |= PROCESS_KNOWS_CGROUP;
	return true;
}

static bool take_namespaces(struct process_reader *reader, const struct task_process *record,
			    struct process *process)
{
	for (unsigned kind = 0; kind < NAMESPACE_COUNT; kind++)
		if (reader_wants(reader, (uint32_t)REQUEST_NAMESPACE << kind))
			process->namespaces[kind] = record->namespaces[kind];
	process->known |= PROCESS_KNOWS_NAMESPACES;
	return true;
}

static bool take_mount_id(struct process_reader *reader, const struct task_process *record,
			  struct process *process)
{
	(void)reader;
	process->mount_id = record->mount_id;
	return true;
}

static bool take_user_maps(struct process_reader *reader, const struct task_process *record,
			   struct process *process)
{
	(void)record;
	process->user_namespace =
		user_namespace_find(reader->user_namespaces, process->namespaces[NAMESPACE_USER]);
	return process->user_namespace;
}

enum { TAKEN_OF_KERNEL_THREADS = 1, TAKEN_OF_ZOMBIES = 2 };

/* What records tell, in the order it is taken; of a kernel thread and of a zombie only the first. */
static const struct {
	uint32_t facts;
	bool (*take)(struct process_reader *reader, const struct task_process *record,
		     struct process *process);
} takers[] = {
	{REQUEST_STAT, take_stat},         {REQUEST_THREADS, take_threads},
	{REQUEST_CGROUP, take_cgroup},     {REQUEST_NAMESPACES_ALL, take_namespaces},
	{REQUEST_MOUNT_ID, take_mount_id}, {REQUEST_USER_MAPS, take_user_maps},
};

/* Returns which of the wanted facts are still to be read. */
static uint32_t take_record(struct process_reader *reader, const struct task_process *record,
			    struct process *process)
{
	size_t count = sizeof(takers) / sizeof(takers[0]);
	uint32_t left = reader->facts & ~(uint32_t)REQUEST_MACHINE;

	take_status(reader, record, process);
	if (process->kernel_thread)
		count = TAKEN_OF_KERNEL_THREADS;
	else if (process->zombie)
		count = TAKEN_OF_ZOMBIES;
	for (size_t i = 0; i < count; i++)
		if (reader_wants(reader, takers[i].facts) && takers[i].take(reader, record, process))
			left &= ~takers[i].facts;
	return process->kernel_thread || process->zombie ? 0 : left;
}

/* ---- the process -------------------------------------------------------------------------------- */

/* Whether the kernel would let us read the wanted files of the process in /proc, and answer: it asks itself
 * the same about its list of robust futexes (ptrace_may_access in kernel/futex/syscalls.c), which costs a
 * microsecond. READ_MISSED: no. */
static enum outcome ask_access(struct process_reader *reader, pid_t pid)
{
	void *list;
	size_t length;
	long result;

	if (!(reader->facts & ~(uint32_t)PROCESS_FACTS_AT_ONCE))
		return READ_DONE;
	watch_enter(reader->watch, reader_wants(reader, REQUEST_STAT) ? "stat" : "ns");
	result = syscall(SYS_get_robust_list, pid, &list, &length);
	if (!watch_leave(reader->watch))
		return READ_LEFT;
	return result ? READ_MISSED : READ_DONE;
}

/* Opens its directory in /proc, when it is the process that /proc listed, and so the one that was told of
 * between then and now. */
static int open_listed(const struct process_reader *reader, const struct process *process)
{
	char name[16];
	struct stat facts;
	int directory;

	snprintf(name, sizeof(name), "%d", (int)process->pid);
	directory = openat(reader->proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (directory >= 0 && (fstat(directory, &facts) || facts.st_ino != process->entry)) {
		close(directory);
		return -1;
	}
	return directory;
}

static bool read_rest(struct process_reader *reader, struct process *process, uint32_t left,
		      enum outcome *outcome)
{
	_cleanup_close_ int directory = open_listed(reader, process);
	pid_t thread = 0;

	if (directory < 0) {
		*process = (struct process){.pid = process->pid, .entry = process->entry};
		return false;
	}
	reader->facts = left;
	if (left & REQUEST_THREADS)
		process_read_threads(reader, directory, process, &thread);
	*outcome = process_read_details(reader, directory, process);
	return true;
}

bool process_read_told(struct process_reader *reader, struct process *process, enum outcome *outcome)
{
	const struct task_process *record =
		reader->tasks ? task_records_find(&reader->tasks->records, process->pid) : NULL;
	uint32_t left;

	if (!record || process->silent || !task_record_is_whole(record))
		return false;
	*outcome = ask_access(reader, process->pid);
	if (*outcome == READ_MISSED)
		return false;
	if (*outcome == READ_LEFT)
		return true;
	left = take_record(reader, record, process);
	return !left || read_rest(reader, process, left, outcome);
}
