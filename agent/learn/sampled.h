/* What is told of containers where their checks cannot be counted: by looking at their processes now and
 * then. It is weak: it can tell that no privilege was used, and never that one is needed. */
#ifndef AGENT_LEARN_SAMPLED_H
#define AGENT_LEARN_SAMPLED_H

#include "proctor/learned.h"
#include "proctor/snapshot.h"

struct samples;

/* Owned by the caller; NULL without memory. */
struct samples *samples_new(void);
void samples_free(struct samples *samples);

/* Takes note of the processes of all containers; nothing of the snapshot is kept. -1 without memory. */
int samples_take(struct samples *samples, const struct snapshot *snapshot);

/* Puts it where what was learned is told, which is then never complete. It lives as long as the samples. */
void samples_join(const struct samples *samples, struct learned *learned);

#endif
