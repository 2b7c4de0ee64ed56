/* What a container has written to its root, told from the uppermost layer. */
#ifndef COLLECTORS_WRITTEN_H
#define COLLECTORS_WRITTEN_H

#include "collectors/merge.h"

enum { WRITTEN_MAX = 256 }; /* paths of one container */

/* One container's. Zeroed but for what the caller sets. */
struct written {
	struct layers *layers;
	const struct merged *merged; /* its stack; the top is what it writes to, and open */
	const struct walk_plan *plan;
	const struct mount *mount; /* its root */
	struct arena *arena;
	struct coverage *coverage;

	const char **paths; /* ended by NULL, in order */
	size_t count;
	size_t looked; /* entries */
};

/* Fills `paths`: files that were made, changed or removed, directories that were made, as a whole, and those
 * in which much was written. A directory ends in `/`. What was made for mounts to lie on is not told. -1: no
 * memory. */
int written_list(struct written *written);

#endif
