/* Mounts found by a path, also where there are very many of them. */
#ifndef COLLECTORS_MOUNT_INDEX_H
#define COLLECTORS_MOUNT_INDEX_H

#include "proctor/snapshot.h"

struct mount_index_entry {
	uint64_t device;
	const char *path;
	const struct mount *mount;
	size_t above; /* the next entry further up on the same device; SIZE_MAX: none */
};

/* Entries in the order of their device and path. Starts zeroed; freed by mount_index_free. */
struct mount_index {
	struct mount_index_entry *entries;
	size_t count;
};

/* What is reached by path in a mount namespace: its mounts that are not covered, by their point. -1: no
 * memory. */
int mount_index_points(struct mount_index *index, const struct mount_namespace *namespace);

/* Which part of which file system is mounted: all mounts, by device and root. Of several with the same ones
 * it is the first that is not covered. -1: no memory. */
int mount_index_roots(struct mount_index *index, const struct mount_namespace *namespace);

/* The innermost entry whose path is `path` or lies above it; NULL when there is none. `device` is
 * mount_device() of what is looked for among roots, and 0 among points. */
const struct mount_index_entry *mount_index_find(const struct mount_index *index, uint64_t device,
						 const char *path);

/* Major and minor number of a mount's file system in one. */
uint64_t mount_device(const struct mount *mount);

void mount_index_free(struct mount_index *index);

#define _cleanup_mount_index_ __attribute__((cleanup(mount_index_free)))

#endif
