/* The root of a container and, when it is an overlay, the layer that it writes to: opened once for all that
 * is looked up in them. */
#ifndef COLLECTORS_CONTAINER_VIEW_H
#define COLLECTORS_CONTAINER_VIEW_H

#include "collectors/beneath.h"
#include "collectors/read.h"

struct container_view {
	const struct mount_namespace *mounts;
	struct beneath beneath; /* .root -1: the root could not be opened, for the reason `error` */
	int error;
	int upper;               /* -1: none, or not to be seen from here: then `unseen` says why */
	const char *unseen;      /* NULL: it is open */
	const char *upper_above; /* the root's path in the overlay: "" but where a part of one is mounted */
};

/* Where the host keeps the layers. */
struct host_view {
	int root; /* its root directory; -1: it cannot be opened, and upper layers are not seen */
	const struct mount_namespace *mounts;
};

/* Opens both. What fails stands in the view. -1: no memory. */
int container_view_open(struct container_view *view, int proc, const struct host_view *host,
			const struct snapshot *snapshot, const struct mount_namespace *mounts);

void container_view_close(struct container_view *view);

/* Where the regular file at `path`, which lies on `mount`, comes from. ORIGIN_UNKNOWN also when it is on the
 * root and view->unseen. */
enum file_origin container_view_origin(const struct container_view *view, const struct mount *mount,
				       const char *path);

#endif
