/* A part of a snapshot, for printing: what belongs to one container, or to some processes. */
#ifndef AGENT_SELECTION_H
#define AGENT_SELECTION_H

#include "proctor/snapshot.h"

struct selection {
	const char *container; /* as container_is_called takes it; NULL: all */
	const pid_t *pids;     /* these processes and their containers; NULL: all */
	size_t pid_count;
};

/* True when the processes or files of `container` (NULL: the host) belong to the selection. */
bool selection_has_container(const struct selection *selection, const struct snapshot *snapshot,
			     const struct container *container);

/* Makes *part a snapshot of what belongs to the selection. Its arrays come from `arena`; all else is the
 * snapshot's. -1 when memory is exhausted. */
int selection_make(const struct selection *selection, const struct snapshot *snapshot, struct arena *arena,
		   struct snapshot *part);

#endif
