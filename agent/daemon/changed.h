/* The processes that events told of, each once however often. */
#ifndef AGENT_DAEMON_CHANGED_H
#define AGENT_DAEMON_CHANGED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { CHANGED_MAX = 65536 }; /* processes; more are as good as all */

struct changed {
	pid_t *pids; /* ascending after changed_sort */
	size_t count, capacity, sorted;
};

/* Adds a process. False: there are too many, or memory is exhausted; the caller looks at all. */
bool changed_add(struct changed *changed, pid_t pid);

/* Brings them into order, each once. */
void changed_sort(struct changed *changed);

void changed_clear(struct changed *changed);
void changed_free(struct changed *changed);

#endif
