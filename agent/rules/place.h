/* Where things are mounted: mounts found by their point and by their propagation peer group, without looking
 * at all of them each time. */
#ifndef AGENT_RULES_PLACE_H
#define AGENT_RULES_PLACE_H

#include "proctor/snapshot.h"

struct places;

/* The mounts of a namespace that are not covered. NULL when memory is exhausted. */
const struct places *places_new(const struct mount_namespace *namespace, struct arena *arena);

/* The mount at that very point; NULL: none. */
const struct mount *places_at(const struct places *places, const char *point);

/* True when a mount of the namespace is in that propagation peer group. */
bool places_has_peer(const struct places *places, uint32_t peer_group);

/* Neither the mount nor its file system is read-only. */
bool mount_is_writable(const struct mount *mount);

#endif
