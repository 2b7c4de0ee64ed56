/* Which kinds of processes are known: those that differ in nothing that is judged share a profile. A process
 * of a known one that comes and goes, as a health check does, is no reason to judge again. */
#ifndef AGENT_DAEMON_PROFILE_H
#define AGENT_DAEMON_PROFILE_H

#include "proctor/snapshot.h"

struct profiles;

/* An empty set, owned by the caller; NULL when memory is exhausted. */
struct profiles *profiles_new(void);
void profiles_free(struct profiles *profiles);

/* Adds the profile of the process. 1: it was not known; 0: it was; -1: memory is exhausted. */
int profiles_add(struct profiles *profiles, const struct process *process);

/* Begins another round, and forgets what neither this nor the last one had. */
void profiles_age(struct profiles *profiles);

size_t profiles_count(const struct profiles *profiles);

#endif
