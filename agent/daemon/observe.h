/* From a snapshot and its findings to the pass that is sent. */
#ifndef AGENT_DAEMON_OBSERVE_H
#define AGENT_DAEMON_OBSERVE_H

#include "proctor/pass.h"

enum { OBSERVED_MAX = 10000 }; /* findings of a pass of the agent */

/* Fills *pass in the arena: with the `whole` of it, for a store in this process, or as far as one message
 * holds it. What is left out is told in the snapshot's coverage, and so in the pass. It points into the
 * snapshot for ids of containers, and to nothing else of it. -1 and *error when memory is exhausted. */
int observe(struct snapshot *snapshot, const struct findings *findings, bool whole, bool full,
	    struct arena *arena, struct pass *pass, struct error **error);

/* Everything of the snapshot, as the members of record_inventory: JSON in the arena. NULL data when memory is
 * exhausted. */
struct bytes observe_inventory(const struct snapshot *snapshot, struct arena *arena);

#endif
