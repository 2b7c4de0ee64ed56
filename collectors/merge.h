/* Layers one on the other, merged as the kernel does it
 * (Documentation/filesystems/overlayfs.rst, fs/overlayfs/namei.c).
 *
 * A stack is its top layer and the stack below. So what the image of many containers has is merged once, and
 * each of them adds its own layer to it. */
#ifndef COLLECTORS_MERGE_H
#define COLLECTORS_MERGE_H

#include "collectors/layer.h"

/* A file that a layer keeps, where the stack shows it. */
struct merged_file {
	const char *path;
	const struct found_file *found;
	struct layer *layer;
};

struct merged {
	struct layer *layer;        /* the top */
	const struct merged *below; /* NULL: it is the last */
	struct merged *next;        /* another stack with the same top */
	struct merged_file *files;  /* by path */
	size_t count;
	size_t total; /* of `count` here and in all stacks below */
};

/* The stack of a layer, which was walked and is open like all below, on another one. NULL with errno: E2BIG:
 * more files than are merged, EXDEV and others: a layer could not be looked into. */
const struct merged *merge(struct layers *layers, struct layer *layer, const struct merged *below);

/* What a stack has at an absolute path without a slash at its end ("": its root). NULL with errno. */
const struct place *merged_find(struct layers *layers, const struct merged *merged, const char *path);

#endif
