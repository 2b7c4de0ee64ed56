/* The containers that were there while capabilities were watched, also those that are gone by now. */
#ifndef AGENT_LEARN_SEEN_H
#define AGENT_LEARN_SEEN_H

#include "proctor/learned.h"
#include "proctor/snapshot.h"

struct seen;

enum { SEEN_LOOK_MS = 250 }; /* between two looks */

/* Nothing was seen yet of what is watched since `since` (milliseconds by CLOCK_BOOTTIME). `only`: the one
 * container that counts, by its name or the begin of its id; NULL: all. Owned by the caller; NULL without
 * memory.
 */
struct seen *seen_new(int64_t since, const char *only);
void seen_free(struct seen *seen);

/* Takes note of the containers of the snapshot, at least once in SEEN_LOOK_MS, at `now` (milliseconds since
 * 1970). Nothing of the snapshot is kept. -1 without memory. */
int seen_take(struct seen *seen, const struct snapshot *snapshot, int64_t now);

/* Those that were there at the last look are there still. */
void seen_stretch(struct seen *seen, int64_t now);

/* The container has ended, before the next look would tell: what has its numbers from now on is another one.
 */
void seen_end(struct seen *seen, const char *id, int64_t now);

/* Forgets those that were not there at the last look. -1 without memory: none is forgotten. */
int seen_prune(struct seen *seen);

/* All of them, which live until the next seen_take or seen_prune. */
const struct watched *seen_list(const struct seen *seen, size_t *count);

/* The mount namespaces of all other processes; they live as long. */
const struct mounts_seen *seen_others(const struct seen *seen);

#endif
