/* Hard links: files of the snapshot that are one, under several paths of one container or of the host. */
#ifndef AGENT_RULES_LINK_H
#define AGENT_RULES_LINK_H

#include "proctor/snapshot.h"

struct links;

/* NULL when memory is exhausted. */
const struct links *links_new(const struct snapshot *snapshot, struct arena *arena);

/* The first of the paths that were found of a file of the snapshot, in its order; itself when it is the only
 * one. */
const struct file *links_first(const struct links *links, const struct file *file);

/* The path after this one; NULL: it is the last. */
const struct file *links_next(const struct links *links, const struct file *file);

#endif
