/* The records of processes that task.bpf.c writes, checked before they are believed. */
#ifndef COLLECTORS_TASK_TASK_RECORDS_H
#define COLLECTORS_TASK_TASK_RECORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "collectors/task/task_form.h"
#include "proctor/snapshot.h"

/* Ascending by pid. Freed by task_records_free; the bytes are the caller's. */
struct task_records {
	struct task_process **list;
	size_t count;
};

/* Takes the records that the program wrote, in the memory that it marks them in. -1 with errno: ENOMEM, or
 * EBADMSG when they are not as the program writes them. */
int task_records_parse(struct task_records *records, void *bytes, size_t length);

/* The record of the process; NULL: there is none. */
struct task_process *task_records_find(const struct task_records *records, pid_t pid);

void task_records_free(struct task_records *records);

/* Whether the record has all that /proc/PID/status tells of the process, and ns, which a zombie has not. */
bool task_record_is_whole(const struct task_process *record);

/* Fills in what status tells of the process, but for its name and groups, which need memory, and what stat
 * tells. Ids and times are those of the initial user and time namespace. */
void task_record_take(const struct task_process *record, struct process *process);
void task_record_take_stat(const struct task_process *record, struct process *process);

#endif
