/* Paths opened in the root of a container, without following its links and without waiting for it.
 *
 * A container may mount a file system that never answers (FUSE) at any time. So a path is walked one
 * component after the other, each looked up only in a directory whose mount is in the table that was read and
 * is not of that kind. */
#ifndef COLLECTORS_BENEATH_H
#define COLLECTORS_BENEATH_H

#include <sys/stat.h>

#include "proctor/snapshot.h"

/* A root and the mounts in it. Freed by beneath_close. */
struct beneath {
	int root;
	const struct mount **by_id; /* ascending */
	size_t count;
};

/* Takes over the root (O_PATH) of a process whose mount table is `namespace`, also when it fails: -1 with
 * errno, EREMOTE when it may hang. */
int beneath_open_at(struct beneath *beneath, int root, const struct mount_namespace *namespace);

void beneath_close(struct beneath *beneath);

/* Opens the absolute `path` with O_PATH; *mount, unless NULL, is set to the mount that it lies on. Returns -1
 * with errno: EREMOTE when it leads over a mount that may hang or is not in the table, ELOOP when a component
 * is a symbolic link, ENOENT, ENOTDIR… */
int beneath_path(const struct beneath *beneath, const char *path, const struct mount **mount);

/* The same for one component `name` of the directory `fd`, which came from beneath_path or from here and lies
 * on *mount, which is set to the one that the result lies on. The result may be a symbolic link itself. */
int beneath_component(const struct beneath *beneath, int fd, const char *name, const struct mount **mount,
		      struct statx *facts);

/* True when listing a directory on that mount always ends. */
bool beneath_may_list(const struct mount *mount);

#define _cleanup_beneath_ __attribute__((cleanup(beneath_close)))

#endif
