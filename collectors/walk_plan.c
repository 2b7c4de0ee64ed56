#include "collectors/walk_plan.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/filesystem_type.h"
#include "collectors/mountinfo.h"
#include "collectors/overlay.h"
#include "proctor/cleanup.h"

/* ---- parts of file systems --------------------------------------------------------------------- */

/* A directory of a file system with all beneath it, and where it is walked. */
struct part {
	const struct mount *mount;          /* its device and root, its options */
	const struct mount_namespace *walk; /* of which; NULL: one to come */
	bool covered; /* something is mounted beneath it there, and hides what lies below */
};

static int compare_parts(const void *a, const void *b)
{
	const struct mount *left = ((const struct part *)a)->mount, *right = ((const struct part *)b)->mount;

	if (left->major != right->major)
		return left->major > right->major ? 1 : -1;
	if (left->minor != right->minor)
		return left->minor > right->minor ? 1 : -1;
	return strcmp(left->root, right->root);
}

static struct part *part_find(const struct walked_parts *parts, const struct mount *mount)
{
	struct part *const *found = tfind(&(struct part){.mount = mount}, &parts->tree, compare_parts);

	return found ? *found : NULL;
}

static int part_keep(struct walked_parts *parts, struct part kept)
{
	struct part *part = part_find(parts, kept.mount);

	if (!part) {
		part = malloc(sizeof(*part));
		if (!part)
			return -1;
		part->mount = kept.mount;
		if (!tsearch(part, &parts->tree, compare_parts)) {
			free(part);
			return -1;
		}
	}
	*part = kept;
	return 0;
}

/* Leaves it to others when its walk never came there. */
static void part_drop(struct walked_parts *parts, const struct mount *mount)
{
	struct part *part = part_find(parts, mount);

	if (!part || part->mount != mount)
		return;
	tdelete(part, &parts->tree, compare_parts);
	free(part);
}

int walked_parts_reserve(struct walked_parts *parts, const struct mount *mount)
{
	return part_keep(parts, (struct part){.mount = mount});
}

void walked_parts_free(struct walked_parts *parts)
{
	tdestroy(parts->tree, free);
	parts->tree = NULL;
}

/* ---- finding mounts by path -------------------------------------------------------------------- */

struct walk_mount *walk_plan_find(const struct walk_plan *plan, const char *path)
{
	const struct mount_index_entry *entry = mount_index_find(&plan->points, 0, path);

	return entry ? &plan->mounts[entry - plan->points.entries] : NULL;
}

static bool is_beneath(const char *point, const char *path)
{
	size_t length = strcmp(path, "/") != 0 ? strlen(path) : 0;

	return !strncmp(point, path, length) && point[length] == '/' && point[length + 1];
}

void walk_plan_beneath(const struct walk_plan *plan, const char *path, struct walk_root *root)
{
	size_t first = 0;

	while (first < plan->points.count && !is_beneath(plan->mounts[first].mount->point, path))
		first++;
	root->mounts = plan->mounts + first;
	for (root->mount_count = 0; first < plan->points.count; first++, root->mount_count++)
		if (!is_beneath(plan->mounts[first].mount->point, path))
			break;
}

/* ---- what is done with them -------------------------------------------------------------------- */

static void note(const struct walk_plan_setting *setting, const char *reason, const char *example,
		 const char *remedy)
{
	coverage_note(setting->coverage, setting->arena, reason, example, remedy);
}

static bool is_wanted(const struct walk_plan_setting *setting, const struct mount *mount)
{
	if (!setting->path)
		return false;
	return !strcmp(mount->point, setting->path) || is_beneath(mount->point, setting->path);
}

static void note_left(const struct walk_plan_setting *setting, const struct mount *mount)
{
	const char *why = "not known to be a local file system";
	char reason[128];

	if (!is_wanted(setting, mount))
		return;
	if (mount->foreign)
		why = "mounted in a user namespace, a layer of it may not be on a local file system";
	else if (filesystem_kind(mount->type) == FILESYSTEM_LOCAL)
		why = "a layer of it is not on a local file system";
	snprintf(reason, sizeof(reason), "%.*s: %s, not entered", (int)strcspn(mount->type, "."), mount->type,
		 why);
	setting->coverage->missed++;
	note(setting, reason, mount->point, "'proctor files --cross-file-systems' walks it as well");
}

/* Whether the overlay waits for FUSE or the network, as where an image is loaded while it is read. Its layers
 * are named as on the host, where container runtimes mount them. `layer` has room for any of them. */
static bool has_other_layer(const struct walk_plan_setting *setting, const struct mount *mount, char *layer)
{
	for (const char *left = mount->lower; *left;) {
		char *end = layer;
		left = overlay_next_layer(left, &end);
		const struct mount_index_entry *on = mount_index_find(setting->host, 0, layer);
		if (on && filesystem_kind(on->mount->type) == FILESYSTEM_OTHER)
			return true;
	}
	return false;
}

/* -1: no memory. */
static int treat_local(struct walk_mount *member, const struct walk_plan_setting *setting)
{
	const struct mount *mount = member->mount;
	_cleanup_free_ char *layer = NULL;

	member->treatment = WALK_LIST;
	if (mount->foreign && !setting->request->cross_file_systems) {
		member->treatment = WALK_LEAVE;
		note_left(setting, mount);
		return 0;
	}
	if (!mount->lower || !setting->host || setting->request->cross_file_systems)
		return 0;
	layer = malloc(strlen(mount->lower) + 1);
	if (!layer)
		return -1;
	if (has_other_layer(setting, mount, layer)) {
		member->treatment = WALK_LEAVE;
		note_left(setting, mount);
	}
	return 0;
}

static int treat(struct walk_mount *member, const struct walk_plan_setting *setting)
{
	switch (filesystem_kind(member->mount->type)) {
	case FILESYSTEM_LOCAL:
		return treat_local(member, setting);
	case FILESYSTEM_KERNEL:
		member->treatment = WALK_PASS;
		if (setting->path && is_beneath(member->mount->point, setting->path))
			note(setting, "file system of the kernel's own: holds no programs, not listed", NULL,
			     NULL);
		return 0;
	default:
		member->treatment = setting->request->cross_file_systems ? WALK_LIST : WALK_LEAVE;
		if (member->treatment == WALK_LEAVE)
			note_left(setting, member->mount);
		return 0;
	}
}

/* By what is known of each, and of those that it lies on. -1: no memory. */
static int treat_all(struct walk_plan *plan, const struct walk_plan_setting *setting)
{
	const struct mount *left = NULL; /* the last one that is left alone */

	for (size_t i = 0; i < plan->points.count; i++) {
		struct walk_mount *member = &plan->mounts[i];
		if (left && mount_holds(left, member->mount->point)) {
			member->treatment = WALK_LEAVE;
			if (filesystem_kind(member->mount->type) != FILESYSTEM_KERNEL)
				note_left(setting, left);
			continue;
		}
		if (treat(member, setting))
			return -1;
		left = member->treatment == WALK_LEAVE ? member->mount : NULL;
	}
	return 0;
}

/* Whether what is walked at `first` gives no less to whoever runs it than `second` would. */
static bool stands_for(const struct mount *first, const struct mount *second)
{
	return !(first->options & ~second->options & (MOUNT_NOSUID | MOUNT_NOEXEC));
}

/* The kernel's mark on the root of a mount whose directory was deleted. */
static bool is_deleted(const struct mount *mount)
{
	size_t length = strlen(mount->root), mark = strlen("//deleted");

	return length >= mark && !strcmp(mount->root + length - mark, "//deleted");
}

/* Whether `other` of the same plan, whose root lies above that of `mount` in their file system, shows it as a
 * directory further down, with nothing mounted over it. */
static bool is_seen_through(const struct walk_plan *plan, const struct mount *mount,
			    const struct mount *other)
{
	const char *rest = mount->root + (strcmp(other->root, "/") != 0 ? strlen(other->root) : 0);
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s%s", strcmp(other->point, "/") != 0 ? other->point : "", rest) < 0) {
		path = NULL;
		return false;
	}
	return walk_plan_find(plan, path)->mount == other;
}

/* Whether the walk of a part meets all that is to be met in it. What a container has mounted over a volume
 * hides that from its own walk, and must not hide it from those of others. What lies beneath the mounts of
 * its root is reached by no one. */
static bool is_met_whole(const struct part *part, const struct walk_plan_setting *setting)
{
	return !part->covered || part->walk == setting->mounts || part->mount == part->walk->root;
}

/* The part that `mount` would be walked a second time with; NULL when there is none. */
static const struct part *walked_before(const struct walk_plan *plan, const struct walk_plan_setting *setting,
					const struct mount *mount)
{
	struct mount above = *mount;
	_cleanup_free_ char *root = strdup(mount->root);
	const struct part *part = part_find(setting->parts, mount);

	if (part && part->mount != mount && stands_for(part->mount, mount) && is_met_whole(part, setting))
		return part;
	if (setting->request->excluded_count || is_deleted(mount)) /* not seen further down, perhaps */
		return NULL;
	above.root = root;
	for (char *slash; root && root[1] && (slash = strrchr(root, '/'));) {
		slash[slash == root] = '\0';
		part = part_find(setting->parts, &above);
		if (part && part->walk == setting->mounts && stands_for(part->mount, mount) &&
		    is_seen_through(plan, mount, part->mount))
			return part;
	}
	return NULL;
}

/* The whole of a file system before its parts, what acts before what does not. */
static int compare_scope(const void *a, const void *b)
{
	const struct mount *left = (*(struct walk_mount *const *)a)->mount;
	const struct mount *right = (*(struct walk_mount *const *)b)->mount;
	size_t left_length = strlen(left->root), right_length = strlen(right->root);
	uint32_t left_limits = left->options & (MOUNT_NOSUID | MOUNT_NOEXEC);
	uint32_t right_limits = right->options & (MOUNT_NOSUID | MOUNT_NOEXEC);

	if (left_length != right_length)
		return left_length > right_length ? 1 : -1;
	if (left_limits != right_limits)
		return left_limits > right_limits ? 1 : -1;
	return mountinfo_compare_paths(left->point, right->point);
}

static bool is_covered(const struct walk_plan *plan, const struct walk_mount *member)
{
	const struct walk_mount *next = member + 1; /* by path: one beneath it comes first */

	return next < plan->mounts + plan->points.count &&
	       is_beneath(next->mount->point, member->mount->point);
}

/* Passes through what is walked elsewhere. */
static int walk_once(struct walk_plan *plan, const struct walk_plan_setting *setting)
{
	_cleanup_free_ struct walk_mount **order =
		calloc(plan->points.count + 1, sizeof(struct walk_mount *));

	if (!order)
		return -1;
	for (size_t i = 0; i < plan->points.count; i++)
		order[i] = &plan->mounts[i];
	qsort(order, plan->points.count, sizeof(struct walk_mount *), compare_scope);
	for (size_t i = 0; i < plan->points.count; i++) {
		struct walk_mount *member = order[i];
		if (member->treatment != WALK_LIST || !is_wanted(setting, member->mount))
			continue;
		if (walked_before(plan, setting, member->mount)) {
			member->treatment = WALK_PASS;
			note(setting, "mounted at several places: walked at one of them", NULL, NULL);
		} else if (part_keep(setting->parts, (struct part){member->mount, setting->mounts,
								   is_covered(plan, member)})) {
			return -1;
		}
	}
	return 0;
}

/* ---- the plan ---------------------------------------------------------------------------------- */

int walk_plan_make(struct walk_plan *plan, const struct walk_plan_setting *setting)
{
	*plan = (struct walk_plan){0};
	if (mount_index_points(&plan->points, setting->mounts))
		return -1;
	plan->mounts = calloc(plan->points.count + 1, sizeof(*plan->mounts));
	if (!plan->mounts)
		return -1;
	for (size_t i = 0; i < plan->points.count; i++)
		plan->mounts[i].mount = plan->points.entries[i].mount;
	if (treat_all(plan, setting))
		return -1;
	return walk_once(plan, setting);
}

void walk_plan_free(struct walk_plan *plan)
{
	free(plan->mounts);
	mount_index_free(&plan->points);
}

bool walk_plan_lists(const struct walk_plan *plan)
{
	for (size_t i = 0; i < plan->points.count; i++)
		if (plan->mounts[i].treatment == WALK_LIST)
			return true;
	return false;
}

void walk_plan_release(const struct walk_plan *plan, struct walked_parts *parts)
{
	for (size_t i = 0; i < plan->points.count; i++)
		if (plan->mounts[i].treatment == WALK_LIST && !atomic_load(&plan->mounts[i].reached))
			part_drop(parts, plan->mounts[i].mount);
}

void walk_plan_note_missed(const struct walk_plan *plan, const struct walk_plan_setting *setting)
{
	for (size_t i = 0; i < plan->points.count; i++) {
		const struct walk_mount *member = &plan->mounts[i];
		if (member->treatment != WALK_LIST || !is_beneath(member->mount->point, setting->path) ||
		    atomic_load(&member->reached))
			continue;
		setting->coverage->missed++;
		note(setting, "mount that the walk did not get to", member->mount->point, NULL);
	}
}
