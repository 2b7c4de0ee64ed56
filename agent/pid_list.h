/* Lists of process ids as options take them: `1,7,42`. */
#ifndef AGENT_PID_LIST_H
#define AGENT_PID_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "proctor/error.h"
#include "proctor/snapshot.h"

/* Starts zeroed; freed by pid_list_free. */
struct pid_list {
	pid_t *pids;
	size_t count, capacity;
};

/* Adds the ids of `text`, parted by commas or blanks. -1 and *error for what is none. */
int pid_list_add(struct pid_list *list, const char *text, struct error **error);

/* False when processes are asked for and none of them is in the snapshot: there is nothing to show. */
bool pid_list_has_any(const struct pid_list *list, const struct snapshot *snapshot);

/* -1 and *error, which names them, when some of the processes are not in the snapshot. */
int pid_list_check(const struct pid_list *list, const struct snapshot *snapshot, struct error **error);

void pid_list_free(struct pid_list *list);

#define _cleanup_pid_list_ __attribute__((cleanup(pid_list_free)))

#endif
