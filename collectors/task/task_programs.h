/* The BPF program of collectors/task/task.bpf.c in the kernel, by the functions that bpftool(8) generates. */
#ifndef COLLECTORS_TASK_TASK_PROGRAMS_H
#define COLLECTORS_TASK_TASK_PROGRAMS_H

#include <sys/types.h>

#include "collectors/read.h"

struct task_programs;

/* Loads it. Owned by the caller; NULL with errno: the kernel does not let us, or cannot, or it was not built.
 */
struct task_programs *task_programs_load(void);
void task_programs_unload(struct task_programs *programs);

/* Reads the records of all tasks in our own pid namespace into the buffer, or those of one; before Linux 6.1
 * they are of all even then. -1 with errno when they cannot be read whole. */
int task_programs_read(const struct task_programs *programs, pid_t only, struct buffer *buffer);

#endif
