/* A directory that a walk is to list: its name, its place, and from where it can be opened.
 *
 * A tree may be deeper than a path can be long and than descriptors can be many. So a directory is opened
 * from its anchor: the nearest one above it that is still open. An anchor stays open until all that are
 * opened from it are done. While descriptors are plenty every directory with children is one; then each 64th
 * level. */
#ifndef COLLECTORS_DIRECTORY_H
#define COLLECTORS_DIRECTORY_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "proctor/snapshot.h"

struct walk_mount;

struct directory {
	struct directory *parent;      /* NULL: where the walk began */
	struct directory *anchor;      /* itself, where the walk began and while it is suspended */
	struct directory *next;        /* in a list */
	struct walk_mount *on;         /* the mount it is on */
	size_t mounts_from, mounts_to; /* those mounted beneath it: a part of the root's */
	atomic_uint references;        /* of children, and of whoever has it in hand */
	atomic_uint users;             /* of the descriptor: those whose anchor it is */
	int descriptor;                /* -1: not open */
	uint32_t depth;                /* 0: where the walk began */
	uint32_t path_length;          /* of its path; 0 for `/` */
	bool mounted;                  /* `on` lies on it */
	bool suspended;                /* listed in part, by a descriptor that knows how far */
	bool reachable;                /* it and every directory above let others search */
	bool writable;                 /* group or others may replace what is in it: no sticky bit */
	char name[];                   /* where the walk began: its path, "" for `/` */
};

struct directory_list {
	struct directory *first, *last;
	unsigned count;
};

/* Descriptors that may stay open, of all workers together. */
struct descriptors {
	atomic_uint held;
	unsigned most;
};

/* Where a walk begins: its own anchor, with one reference. Takes `descriptor`. NULL when memory is exhausted.
 */
struct directory *directory_root(struct descriptors *descriptors, const char *path, int descriptor);

/* A directory in `parent`, with one reference, without an anchor yet. NULL when memory is exhausted. */
struct directory *directory_new(struct directory *parent, const char *name, size_t length);

/* Drops a reference. */
void directory_release(struct directory *directory);

/* Its anchor is no longer needed for it, and the reference in hand is dropped. */
void directory_end(struct directory *directory, struct descriptors *descriptors);

/* Opens it by `flags` (open(2)) from its anchor. -1 with errno; ESTALE: another mount than expected is there.
 */
int directory_open(const struct directory *directory, int flags);

/* Gives the children that were found in it their anchor: itself, held open as `descriptor`, or its own. A
 * descriptor that is not kept is closed. */
void directory_anchor(struct directory *directory, int descriptor, const struct directory_list *found,
		      struct descriptors *descriptors);

/* Keeps it open as `descriptor`, its own anchor, so that its listing can go on later. False when descriptors
 * run short. */
bool directory_suspend(struct directory *directory, int descriptor, struct descriptors *descriptors);

/* Opens the mount on `name` in the directory `at` for its facts only, and looks whether it is the expected
 * one, as far as the kernel tells (5.8 and later). -1 with errno; ESTALE: another. */
int directory_cross(int at, const char *name, const struct mount *mount, struct statx *facts);

/* The path of `name` in it (NULL: its own); NULL when memory is exhausted. */
char *directory_path(struct arena *arena, const struct directory *directory, const char *name);

/* The same into `path`, which has room for directory_path_length and a NUL. */
size_t directory_path_length(const struct directory *directory, const char *name);
void directory_write_path(char *path, const struct directory *directory, const char *name);

void directory_list_add(struct directory_list *list, struct directory *directory);    /* as the first */
void directory_list_append(struct directory_list *list, struct directory *directory); /* as the last */

#endif
