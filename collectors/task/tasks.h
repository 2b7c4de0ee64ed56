/* Every process of the machine as the kernel tells of all in one read (BPF, iter/task), in the place of a
 * file for each. */
#ifndef COLLECTORS_TASK_TASKS_H
#define COLLECTORS_TASK_TASKS_H

#include "collectors/task/task_cgroups.h"

struct tasks {
	struct buffer bytes; /* of the records */
	struct task_records records;
	struct task_cgroups cgroups;
};

/* Looks at all processes, and reads their cgroups when those are wanted, into the arena; `proc` is a
 * descriptor of procfs. Owned by the caller; NULL: it is not to be had here, for want of a privilege, of a
 * kernel that can, of being in the initial namespaces, in which alone ids, pids and times are as the kernel
 * has them, or of memory. */
struct tasks *tasks_look(int proc, bool with_cgroups, struct arena *arena);

void tasks_free(struct tasks *tasks);

#endif
