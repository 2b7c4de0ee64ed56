/* The root of a container, walked by the layers of its overlay in place of the merged mount. */
#ifndef COLLECTORS_LAYERED_H
#define COLLECTORS_LAYERED_H

#include "collectors/layer.h"
#include "collectors/overlay.h"
#include "collectors/read.h"

/* What all containers have in common. Zeroed but for what the caller sets; freed by layered_end. */
struct layered {
	struct snapshot *snapshot;
	const struct request *request;
	struct coverage *coverage;
	const struct mount_namespace *host; /* NULL: its mounts are not seen */
	int proc;                           /* descriptor of procfs */
	struct buffer *buffer;              /* to be overwritten */
	struct found_share *share;          /* where files are brought */

	bool begun;
	char boot[64]; /* id of this boot of the machine; "": not known, nothing is remembered */
	struct layers layers;
	struct overlay_defaults defaults;
};

/* Walks the layers of a container's root, a descriptor of the caller's, whose mounts the plan has, and keeps
 * the files that show there.
 * Returns 1, with container->files_walked and written set; 0: its merged mount is to be walked, and why is in
 * coverage; -1: no memory. */
int layered_walk(struct layered *layered, struct container *container, int root,
		 const struct walk_plan *plan);

/* Sets snapshot->layers_to_remember where that was asked for. -1: no memory. */
int layered_remember(struct layered *layered);

void layered_end(struct layered *layered);

#endif
