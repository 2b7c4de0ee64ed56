#include "collectors/task/task_records.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
	STATE_ZOMBIE = 0x00000020,        /* EXIT_ZOMBIE, include/linux/sched.h, as are all of these */
	FLAG_EXITING = 0x00000004,        /* PF_EXITING */
	FLAG_WORKER = 0x00000020,         /* PF_WQ_WORKER */
	FLAG_PRIVILEGE_USED = 0x00000100, /* PF_SUPERPRIV */
	FLAG_KERNEL_THREAD = 0x00200000,  /* PF_KTHREAD */
	NANOSECONDS_A_TICK = 10000000,    /* NSEC_PER_SEC / USER_HZ: include/linux/jiffies.h */
};

_Static_assert((int)TASK_NAMESPACES == (int)NAMESPACE_COUNT && (int)TASK_IDS == (int)ID_COUNT,
	       "records are in the order of the snapshot");

/* ---- all of them -------------------------------------------------------------------------------- */

/* A record's kind and pid, when it is one that may follow one of the pid `last`. */
static bool is_well_formed(const struct task_process *record, uint32_t last)
{
	if (record->kind == TASK_THREAD_DIFFERS)
		return true;
	return record->kind == TASK_PROCESS && record->pid > last && record->pid <= INT_MAX &&
	       record->parent <= INT_MAX && !record->differing;
}

/* Lists those of processes. */
static int list_processes(struct task_records *records, struct task_process *all, size_t count)
{
	uint32_t last = 0;

	for (size_t i = 0; i < count; i++) {
		if (!is_well_formed(&all[i], last))
			return -1;
		if (all[i].kind != TASK_PROCESS)
			continue;
		last = all[i].pid;
		records->list[records->count++] = &all[i];
	}
	return 0;
}

/* A thread may be told of before its process. */
static void mark_differing(const struct task_records *records, const struct task_process *all, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct task_thread *thread = (const void *)&all[i];
		struct task_process *process = NULL;
		if (thread->kind == TASK_THREAD_DIFFERS && thread->process <= INT_MAX)
			process = task_records_find(records, (pid_t)thread->process);
		if (process)
			process->differing = 1;
	}
}

int task_records_parse(struct task_records *records, void *bytes, size_t length)
{
	struct task_process *all = bytes;
	size_t count = length / sizeof(*all);

	*records = (struct task_records){.list = calloc(count + 1, sizeof(struct task_process *))};
	if (!records->list)
		return -1;
	if (length % sizeof(*all) || list_processes(records, all, count)) {
		task_records_free(records);
		errno = EBADMSG;
		return -1;
	}
	mark_differing(records, all, count);
	return 0;
}

static int compare_pid(const void *key, const void *member)
{
	uint32_t pid = *(const uint32_t *)key, other = (*(const struct task_process *const *)member)->pid;

	return (pid > other) - (pid < other);
}

struct task_process *task_records_find(const struct task_records *records, pid_t pid)
{
	uint32_t key = (uint32_t)pid;
	struct task_process **found = NULL;

	if (records->count)
		found = bsearch(&key, records->list, records->count, sizeof(struct task_process *),
				compare_pid);
	return found ? *found : NULL;
}

void task_records_free(struct task_records *records)
{
	free(records->list);
	*records = (struct task_records){0};
}

/* ---- one of them -------------------------------------------------------------------------------- */

/* The name of a kernel thread may go on in memory of its own, and a worker's tells what it works on
 * (proc_task_name in fs/proc/array.c). */
static bool has_its_name(const struct task_process *record)
{
	size_t length = strnlen(record->comm, TASK_COMM_SIZE);

	if (record->flags & FLAG_KERNEL_THREAD)
		return length < TASK_COMM_SIZE - 1 && !(record->flags & FLAG_WORKER);
	return length < TASK_COMM_SIZE;
}

static bool has_namespaces(const struct task_process *record)
{
	for (unsigned kind = 0; kind < TASK_NAMESPACES; kind++)
		if (!record->namespaces[kind])
			return false;
	return true;
}

/* It is alive, or it has ended as a whole, and nobody has asked for its exit status yet. */
static bool has_a_state(const struct task_process *record)
{
	if (record->exit_state)
		return record->exit_state == STATE_ZOMBIE && record->threads == 1 &&
		       !(record->flags & FLAG_KERNEL_THREAD);
	return !(record->flags & FLAG_EXITING) && record->threads && has_namespaces(record);
}

bool task_record_is_whole(const struct task_process *record)
{
	return has_a_state(record) && record->group_count <= TASK_GROUPS && has_its_name(record);
}

static void take_credentials(const struct task_credentials *told, struct credentials *credentials)
{
	*credentials = (struct credentials){
		.effective = told->effective,
		.permitted = told->permitted,
		.inheritable = told->inheritable,
		.bounding = told->bounding,
		.ambient = told->ambient,
		.no_new_privs = told->no_new_privs,
		.seccomp = (uint8_t)told->seccomp,
		.seccomp_filters_known = true,
		.seccomp_filters = told->seccomp_filters,
	};
	memcpy(credentials->uid, told->uid, sizeof(credentials->uid));
	memcpy(credentials->gid, told->gid, sizeof(credentials->gid));
}

void task_record_take(const struct task_process *record, struct process *process)
{
	process->ppid = (pid_t)record->parent;
	process->thread_count = record->threads;
	process->kernel_thread = record->flags & FLAG_KERNEL_THREAD;
	process->zombie = record->exit_state;
	take_credentials(&record->credentials, &process->credentials);
	process->known |= PROCESS_KNOWS_STATUS;
}

void task_record_take_stat(const struct task_process *record, struct process *process)
{
	process->start_time = record->start / NANOSECONDS_A_TICK;
	process->privilege_used = record->flags & FLAG_PRIVILEGE_USED;
	process->known |= PROCESS_KNOWS_STAT;
}
