/* How far a snapshot saw of each container and of the host, and what a rule's findings need to be seen. */
#ifndef AGENT_DAEMON_SIGHT_H
#define AGENT_DAEMON_SIGHT_H

#include "proctor/pass.h"

/* For each container of the snapshot, then the host, in the arena: its id (NULL for the host), which the
 * snapshot keeps, and what was seen of it. NULL when memory is exhausted. */
struct seen *sight_of(const struct snapshot *snapshot, struct arena *arena);

/* Whether every process of the machine (or of our pid namespace) was listed: a container that none was of is
 * gone. */
bool sight_is_complete(const struct snapshot *snapshot);

/* What has to be seen of its containers, or of the host, to say that the finding is gone. */
uint64_t sight_needed(const struct snapshot *snapshot, const struct finding *finding);

#endif
