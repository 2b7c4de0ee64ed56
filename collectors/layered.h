/* The root of a container, walked by the layers of its overlay in place of the merged mount. */
#ifndef COLLECTORS_LAYERED_H
#define COLLECTORS_LAYERED_H

#include "collectors/file_memory.h"
#include "collectors/layer.h"
#include "collectors/overlay.h"
#include "collectors/read.h"

/* The root that was to be walked as it is merged last: what it takes to remember what is found there. */
struct merged_root {
	const struct mount *mount; /* NULL: it cannot be remembered */
	struct file_memory_key key;
	struct layer *upper; /* NULL: nothing is written to it */
	bool makes_redirects;
};

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
	struct merged_root merged;
};

/* Walks the layers of a container's root, a descriptor of the caller's, whose mounts the plan has, and keeps
 * the files that show there.
 * Where their marks may not be read the files are those that are remembered of it, in request->file_memory.
 * Returns 1, with container->files_walked and, of layers, written set; 0: its merged mount is to be walked,
 * and why is in coverage; -1: no memory. */
int layered_walk(struct layered *layered, struct container *container, int root,
		 const struct walk_plan *plan);

/* Remembers what was found in the root at `mount`, if the last layered_walk left that to be walked as it is
 * merged, and it has not changed just now. `left_out`: directories, as asked. -1: no memory. */
int layered_remember_merged(struct layered *layered, const struct mount *mount,
			    struct found_file *const *files, size_t count, uint64_t left_out);

/* Sets snapshot->layers_to_remember where that was asked for. -1: no memory. */
int layered_remember(struct layered *layered);

void layered_end(struct layered *layered);

#endif
