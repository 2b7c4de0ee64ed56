/* What walks of containers' roots found, remembered by the process between its passes.
 *
 * For overlays whose layers cannot be merged without the kernel, for want of the right to read their marks.
 * What was found is found again as long as the layers below are the same directories, the same paths are
 * mounted over, and the upper layer bears the same sign. So containers of one image share it while they write
 * no programs. */
#ifndef COLLECTORS_FILE_MEMORY_H
#define COLLECTORS_FILE_MEMORY_H

#include "collectors/found.h"
#include "collectors/upper.h"

/* What an overlay is made of but for its upper layer. */
struct file_memory_key {
	uint8_t sum[SHA256_DIGEST_SIZE];
};

/* What was found in one root. */
struct remembered_root {
	struct remembered_root *next;
	size_t size; /* bytes of all of it: it is one piece of memory */
	struct file_memory_key key;
	struct upper_sign sign;
	bool has_upper;
	uint32_t major, minor; /* of the overlay */
	bool elsewhere;        /* files are on another device: it stands for this overlay only */
	struct found_file *files;
	size_t file_count;
	const char **paths; /* of the files, in order */
	uint64_t left_out;  /* directories, as asked */
	unsigned unmet;     /* full passes in which no one had it */
};

/* The next root with that key that may stand for the overlay, behind `after` (NULL: the first): the overlay's
 * own before those of others. NULL: there is none. */
struct remembered_root *file_memory_next(const struct file_memory *memory, const struct file_memory_key *key,
					 const struct mount *mount, const struct remembered_root *after);

/* Copies of the files that were found in the overlay that is mounted at `mount`, but for those of what is
 * mounted in it. Its other members are for the caller to set. Freed by free(3) unless it is added. NULL: no
 * memory. */
struct remembered_root *remembered_root_new(const struct mount *mount, struct found_file *const *files,
					    size_t count);

/* Adds it, in the place of what was remembered of the same overlay; or frees it where there is too much
 * already. */
void file_memory_add(struct file_memory *memory, struct remembered_root *root);

/* Forgets, at the end of a pass that met all there are, what was not met in several. */
void file_memory_age(struct file_memory *memory);

#endif
