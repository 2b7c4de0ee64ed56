/* The text of /proc/PID/cgroup, read once for all processes that have all their cgroups in common. */
#ifndef COLLECTORS_TASK_TASK_CGROUPS_H
#define COLLECTORS_TASK_TASK_CGROUPS_H

#include "collectors/task/task_programs.h"
#include "collectors/task/task_records.h"

struct task_cgroup {
	uint64_t cgroups; /* as the record of a process has it */
	pid_t pid;        /* of the process it is read of */
	struct bytes text;
	const char *path; /* that tells most; NULL: it could not be read */
};

/* Ascending by `cgroups`. Starts zeroed; freed by task_cgroups_free. */
struct task_cgroups {
	struct task_cgroup *list;
	size_t count;
};

/* Reads them of one process each beneath `proc`, a descriptor of procfs, into the arena. What a process may
 * have moved away from meanwhile is not kept. -1: no memory. */
int task_cgroups_read(struct task_cgroups *cgroups, const struct task_programs *programs,
		      const struct task_records *records, int proc, struct arena *arena);

/* Those of a record; NULL: they were not read. */
const struct task_cgroup *task_cgroups_find(const struct task_cgroups *cgroups,
					    const struct task_process *record);

void task_cgroups_free(struct task_cgroups *cgroups);

#endif
