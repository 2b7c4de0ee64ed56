/* What a walk does with each mount of a mount namespace, decided from the mount table before any is touched.
 */
#ifndef COLLECTORS_WALK_PLAN_H
#define COLLECTORS_WALK_PLAN_H

#include "collectors/mount_index.h"
#include "collectors/walk.h"

/* The parts of file systems that are walked, so that each is walked once. Starts zeroed; freed by
 * walked_parts_free. */
struct walked_parts {
	void *tree; /* tsearch(3) */
};

/* The mounts of a namespace that a path leads to, one for each mount point, by path. */
struct walk_plan {
	struct mount_index points;
	struct walk_mount *mounts; /* one for each entry of points, in their order */
};

/* What there is to a plan. */
struct walk_plan_setting {
	const struct request *request;
	const struct mount_namespace *mounts;
	const char *path; /* where the walk begins: what is mounted elsewhere is not told of; NULL: nowhere */
	struct walked_parts *parts;
	struct arena *arena;
	struct coverage *coverage; /* what is left out and why */
	/* The host's mounts by path: what the layers of an overlay lie on. NULL: not known. */
	const struct mount_index *host;
};

/* Makes the plan; freed by walk_plan_free, also after -1: no memory. */
int walk_plan_make(struct walk_plan *plan, const struct walk_plan_setting *setting);

void walk_plan_free(struct walk_plan *plan);

#define _cleanup_walk_plan_ __attribute__((cleanup(walk_plan_free)))

/* The mount that a path lies on; NULL when there is none. */
struct walk_mount *walk_plan_find(const struct walk_plan *plan, const char *path);

/* Those mounted beneath `path`, as the members of a walk's root. */
void walk_plan_beneath(const struct walk_plan *plan, const char *path, struct walk_root *root);

/* Whether anything is to be listed. */
bool walk_plan_lists(const struct walk_plan *plan);

/* Tells of mounts that were to be listed beneath `path` and were not met. */
void walk_plan_note_missed(const struct walk_plan *plan, const struct walk_plan_setting *setting);

/* Leaves the parts that the walk did not get to for walks of other plans. */
void walk_plan_release(const struct walk_plan *plan, struct walked_parts *parts);

/* Keeps the part of a file system that is mounted at `mount` for the walk of another namespace. -1: no
 * memory. */
int walked_parts_reserve(struct walked_parts *parts, const struct mount *mount);

void walked_parts_free(struct walked_parts *parts);

#endif
