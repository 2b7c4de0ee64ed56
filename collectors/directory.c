#include "collectors/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/open.h"
#include "collectors/walk.h"
#include "proctor/cleanup.h"

enum { ANCHOR_LEVELS = 64 };

/* ---- making and freeing ------------------------------------------------------------------------ */

static struct directory *directory_alloc(const char *name, size_t length)
{
	struct directory *directory = calloc(1, sizeof(*directory) + length + 1);

	if (!directory)
		return NULL;
	memcpy(directory->name, name, length);
	atomic_init(&directory->references, 1);
	directory->descriptor = -1;
	return directory;
}

struct directory *directory_root(struct descriptors *descriptors, const char *path, int descriptor)
{
	size_t length = strcmp(path, "/") != 0 ? strlen(path) : 0;
	struct directory *directory = directory_alloc(path, length);

	if (!directory)
		return NULL;
	directory->path_length = (uint32_t)length;
	directory->descriptor = descriptor;
	directory->anchor = directory;
	atomic_init(&directory->users, 1);
	atomic_fetch_add(&descriptors->held, 1);
	return directory;
}

struct directory *directory_new(struct directory *parent, const char *name, size_t length)
{
	struct directory *directory = directory_alloc(name, length);

	if (!directory)
		return NULL;
	directory->parent = parent;
	directory->on = parent->on;
	directory->depth = parent->depth + 1;
	directory->path_length = parent->path_length + 1 + (uint32_t)length;
	atomic_fetch_add(&parent->references, 1);
	return directory;
}

void directory_release(struct directory *directory)
{
	while (directory && atomic_fetch_sub(&directory->references, 1) == 1) {
		struct directory *parent = directory->parent;
		free(directory);
		directory = parent;
	}
}

void directory_list_add(struct directory_list *list, struct directory *directory)
{
	directory->next = list->first;
	list->first = directory;
	if (!list->last)
		list->last = directory;
	list->count++;
}

void directory_list_append(struct directory_list *list, struct directory *directory)
{
	directory->next = NULL;
	if (list->last)
		list->last->next = directory;
	else
		list->first = directory;
	list->last = directory;
	list->count++;
}

/* ---- paths ------------------------------------------------------------------------------------- */

size_t directory_path_length(const struct directory *directory, const char *name)
{
	size_t length = directory->path_length + (name ? 1 + strlen(name) : 0);

	return length ? length : 1; /* the root itself */
}

void directory_write_path(char *path, const struct directory *directory, const char *name)
{
	char *end = path + directory_path_length(directory, name);

	*end = '\0';
	if (name) {
		size_t last = strlen(name);
		end -= last;
		memcpy(end, name, last);
		*--end = '/';
	}
	for (; directory->parent; directory = directory->parent) {
		size_t part = strlen(directory->name);
		end -= part;
		memcpy(end, directory->name, part);
		*--end = '/';
	}
	if (directory->path_length)
		memcpy(path, directory->name, directory->path_length);
	else
		path[0] = '/';
}

char *directory_path(struct arena *arena, const struct directory *directory, const char *name)
{
	char *path = arena_alloc(arena, directory_path_length(directory, name) + 1);

	if (path)
		directory_write_path(path, directory, name);
	return path;
}

/* ---- anchors ----------------------------------------------------------------------------------- */

/* Whether one more may stay open: near the root any, further down one in so many levels. */
static bool may_hold(const struct directory *directory, struct descriptors *descriptors)
{
	unsigned held = atomic_load(&descriptors->held);

	return held < descriptors->most / 2 ||
	       (held < descriptors->most && directory->depth - directory->anchor->depth >= ANCHOR_LEVELS);
}

static void unuse(struct directory *anchor, struct descriptors *descriptors)
{
	if (atomic_fetch_sub(&anchor->users, 1) != 1)
		return;
	close(anchor->descriptor);
	atomic_fetch_sub(&descriptors->held, 1);
}

bool directory_suspend(struct directory *directory, int descriptor, struct descriptors *descriptors)
{
	if (directory->suspended)
		return true;
	if (directory->anchor == directory) { /* where the walk began: no one uses it yet */
		close(directory->descriptor);
	} else {
		if (!may_hold(directory, descriptors))
			return false;
		atomic_fetch_add(&descriptors->held, 1);
		atomic_fetch_add(&directory->users, 1);
		unuse(directory->anchor, descriptors);
		directory->anchor = directory;
	}
	directory->descriptor = descriptor;
	directory->suspended = true;
	return true;
}

void directory_end(struct directory *directory, struct descriptors *descriptors)
{
	unuse(directory->anchor, descriptors);
	directory_release(directory);
}

void directory_anchor(struct directory *directory, int descriptor, const struct directory_list *found,
		      struct descriptors *descriptors)
{
	struct directory *anchor = directory->anchor;

	if (anchor != directory && found->count && may_hold(directory, descriptors)) {
		atomic_fetch_add(&descriptors->held, 1);
		directory->descriptor = descriptor;
		anchor = directory;
	} else if (descriptor != directory->descriptor) {
		close(descriptor);
	}
	atomic_fetch_add(&anchor->users, found->count);
	for (struct directory *child = found->first; child; child = child->next)
		child->anchor = anchor;
}

/* ---- opening ----------------------------------------------------------------------------------- */

int directory_cross(int at, const char *name, const struct mount *mount, struct statx *facts)
{
	int descriptor = open_mounted(at, name);

	if (descriptor < 0)
		return -1;
	if (statx(descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS | STATX_MNT_ID,
		  facts) == 0) {
		if (!(facts->stx_mask & STATX_MNT_ID) || facts->stx_mnt_id == mount->id)
			return descriptor;
		errno = ESTALE;
	}
	int number = errno;
	close(descriptor);
	errno = number;
	return -1;
}

/* A way down from an anchor, in as few steps as mounts between and PATH_MAX allow. */
struct descent {
	int at; /* the last step's descriptor; the anchor's is not ours */
	bool owned;
	size_t length; /* of `path`, which is still to be gone */
	char path[PATH_MAX];
};

static void descent_step(struct descent *descent, int descriptor)
{
	int number = errno;

	if (descent->owned)
		close(descent->at);
	descent->at = descriptor;
	descent->owned = descriptor >= 0;
	descent->length = 0;
	errno = number;
}

/* Opens what is still to be gone. */
static int descent_go(struct descent *descent, int flags)
{
	if (descent->length)
		descent_step(descent, open_beneath(descent->at, descent->path, flags));
	return descent->at < 0 ? -1 : 0;
}

static int descent_add(struct descent *descent, const struct directory *directory)
{
	size_t length = strlen(directory->name);
	struct statx facts;

	if ((directory->mounted || descent->length + length + 2 > sizeof(descent->path)) &&
	    descent_go(descent, O_PATH | O_DIRECTORY))
		return -1;
	if (directory->mounted) {
		descent_step(descent,
			     directory_cross(descent->at, directory->name, directory->on->mount, &facts));
		return descent->at < 0 ? -1 : 0;
	}
	if (descent->length)
		descent->path[descent->length++] = '/';
	memcpy(descent->path + descent->length, directory->name, length + 1);
	descent->length += length;
	return 0;
}

/* The names between the anchor and the directory, from above. NULL: no memory. */
static const struct directory **way_down(const struct directory *directory, size_t *count)
{
	size_t levels = directory->depth - directory->anchor->depth;
	const struct directory **way = reallocarray(NULL, levels + 1, sizeof(struct directory *));

	*count = levels;
	for (size_t i = levels; way && i-- > 0; directory = directory->parent)
		way[i] = directory;
	return way;
}

static int descend(const struct directory *directory, int flags)
{
	struct descent descent = {.at = directory->anchor->descriptor};
	size_t count;
	_cleanup_free_ const struct directory **way = way_down(directory, &count);

	if (!way)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (descent_add(&descent, way[i]))
			return -1;
	if (!descent.length) { /* where the walk began, or on a mount point */
		descent.path[0] = '.';
		descent.path[1] = '\0';
		descent.length = 1;
	}
	return descent_go(&descent, flags) ? -1 : descent.at;
}

int directory_open(const struct directory *directory, int flags)
{
	if (directory->anchor == directory->parent && !directory->mounted)
		return open_beneath(directory->anchor->descriptor, directory->name, flags);
	return descend(directory, flags);
}
