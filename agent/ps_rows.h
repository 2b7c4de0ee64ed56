/* Which processes `ps` shows, and in which order. */
#ifndef AGENT_PS_ROWS_H
#define AGENT_PS_ROWS_H

#include <stdbool.h>

#include "agent/ps_columns.h"
#include "proctor/arena.h"

struct ps_selection {
	bool all;     /* not only those with a privilege */
	bool threads; /* each thread that differs has a row of its own */
	bool tree;    /* ordered by ancestry, with branches */
};

/* The rows, in the arena; *count is how many. NULL when memory is exhausted. */
struct ps_row *ps_rows_make(const struct snapshot *snapshot, const struct ps_selection *selection,
			    struct arena *arena, size_t *count);

/* True when a process, or one of its threads, has capabilities or is root by any of its uids. Kernel threads
 * are the kernel itself: false. */
bool process_is_privileged(const struct process *process);

#endif
