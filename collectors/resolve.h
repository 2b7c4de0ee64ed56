/* Where a path that the user named lies, found without touching what may never answer. */
#ifndef COLLECTORS_RESOLVE_H
#define COLLECTORS_RESOLVE_H

#include "collectors/walk_plan.h"

/* A path with its links resolved. Starts zeroed but for `directory`, -1; freed by resolved_free. */
struct resolved {
	char *path;     /* absolute, of the directory that is to be walked */
	int directory;  /* its descriptor (O_PATH) */
	char *only;     /* the name in it that was meant; NULL: the directory itself */
	bool reachable; /* every directory above it lets others search */
};

/* Resolves `path`, through links, by the mounts of the plan. -1 and *error: it does not exist, may not be
 * looked at, or lies on a file system that is left alone. */
int resolve(const char *path, const struct walk_plan *plan, struct resolved *resolved, struct error **error);

/* The same from another root than ours, open as `root`, whose mounts are those of the plan. `path` is
 * absolute.
 */
int resolve_from(int root, const char *path, const struct walk_plan *plan, struct resolved *resolved,
		 struct error **error);

/* The whole path; NULL when memory is exhausted. */
char *resolved_whole(const struct resolved *resolved, struct arena *arena);

void resolved_free(struct resolved *resolved);

#define _cleanup_resolved_ __attribute__((cleanup(resolved_free)))

#endif
