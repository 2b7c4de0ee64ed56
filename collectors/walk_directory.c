/* What a walk does with one directory. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collectors/walk.h"

enum {
	CHILDREN_AT_ONCE = 512, /* after so many the rest of a directory waits: memory stays bounded */
	DEPTH_MAX = 32768,      /* levels; what lies deeper is told by coverage */
};

/* What is being listed. */
struct listing {
	struct walk_worker *worker;
	struct directory *directory;
	int descriptor;
};

/* ---- mounts ------------------------------------------------------------------------------------ */

/* Compares the first component of `path` with a name, in the order of mountinfo_compare_paths. */
static int compare_component(const char *path, const char *name)
{
	while (*name && *path == *name) {
		path++;
		name++;
	}
	int left = *path && *path != '/' ? (unsigned char)*path : 0;
	return left - (unsigned char)*name;
}

/* A part of the root's mounts. */
struct mounts {
	size_t from, to;
};

/* The mount point's path behind that of the directory, which it is beneath. */
static const char *rest_of_point(const struct listing *listing, size_t index)
{
	return listing->worker->walk->root->mounts[index].mount->point + listing->directory->path_length + 1;
}

/* Of the mounts beneath the directory those on or beneath `name` in it. */
static struct mounts mounts_at(const struct listing *listing, const char *name)
{
	size_t low = listing->directory->mounts_from, high = listing->directory->mounts_to;
	struct mounts found;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare_component(rest_of_point(listing, middle), name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (found.from = found.to = low; found.to < listing->directory->mounts_to; found.to++)
		if (compare_component(rest_of_point(listing, found.to), name) != 0)
			break;
	return found;
}

/* ---- entries ----------------------------------------------------------------------------------- */

static struct directory *add_child(struct listing *listing, const char *name, struct mounts beneath)
{
	struct walk_worker *worker = listing->worker;
	struct directory *child;

	if (listing->directory->depth >= DEPTH_MAX) {
		walk_note(worker, listing->directory, name, "a directory 32,768 levels deep", ENAMETOOLONG);
		return NULL;
	}
	child = directory_new(listing->directory, name, strlen(name));
	if (!child) {
		worker->out_of_memory = true;
		return NULL;
	}
	child->mounts_from = beneath.from;
	child->mounts_to = beneath.to;
	directory_list_add(&worker->found, child);
	return child;
}

static bool wants_link(const struct listing *listing, const char *name)
{
	const struct walk_root *root = listing->worker->walk->root;

	return root->links && root->links(name);
}

static void visit(struct listing *listing, const struct walk_file *file)
{
	listing->worker->coverage.seen += S_ISREG(file->facts.stx_mode);
	listing->worker->walk->visitor(listing->worker, file);
}

/* What is not known to be a directory. The file system is not asked anew for what it told before: what may
 * have been mounted on a file a moment ago may never answer. */
static void meet_file(struct listing *listing, const char *name, struct mounts beneath)
{
	struct walk_file file = {.directory = listing->directory,
				 .name = name,
				 .mount = listing->directory->on->mount,
				 .at = listing->descriptor,
				 .descriptor = -1};

	if (statx(file.at, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
		  STATX_BASIC_STATS, &file.facts))
		walk_note(listing->worker, file.directory, name, "a file", errno);
	else if (file.facts.stx_attributes & STATX_ATTR_MOUNT_ROOT)
		walk_note(listing->worker, file.directory, name, "a file", EXDEV);
	else if (S_ISREG(file.facts.stx_mode) || (S_ISLNK(file.facts.stx_mode) && wants_link(listing, name)))
		visit(listing, &file);
	else if (S_ISDIR(file.facts.stx_mode))
		add_child(listing, name, beneath);
	else if (listing->worker->walk->root->only)
		walk_note_reason(listing->worker, file.directory, name,
				 "neither a directory nor a regular file: not looked at", NULL);
}

/* What lies on a mount point of the table. */
static void meet_mount(struct listing *listing, const char *name, struct mounts beneath)
{
	struct walk_mount *on = &listing->worker->walk->root->mounts[beneath.from];
	struct walk_file file = {.directory = listing->directory, .name = name, .mount = on->mount, .at = -1};
	struct directory *child = NULL;

	if (on->treatment == WALK_LEAVE)
		return;
	file.descriptor = directory_cross(listing->descriptor, name, on->mount, &file.facts);
	if (file.descriptor < 0) {
		walk_note(listing->worker, listing->directory, name, "a mount point", errno);
		return;
	}
	atomic_store(&on->reached, true);
	if (S_ISDIR(file.facts.stx_mode))
		child = add_child(listing, name, (struct mounts){beneath.from + 1, beneath.to});
	else if (S_ISREG(file.facts.stx_mode) && on->treatment == WALK_LIST)
		visit(listing, &file);
	if (child) {
		child->on = on;
		child->mounted = true;
	}
	close(file.descriptor);
}

static void meet(struct listing *listing, const char *name, unsigned char type)
{
	const struct directory *directory = listing->directory;
	struct mounts beneath = {0};

	if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2])))
		return;
	if (directory->mounts_from < directory->mounts_to)
		beneath = mounts_at(listing, name);
	if (beneath.from < beneath.to && !rest_of_point(listing, beneath.from)[strlen(name)])
		meet_mount(listing, name, beneath);
	else if (type == DT_DIR)
		add_child(listing, name, beneath);
	else if (type == DT_REG || type == DT_UNKNOWN || (type == DT_LNK && wants_link(listing, name)))
		meet_file(listing, name, beneath);
}

/* ---- listing ----------------------------------------------------------------------------------- */

/* Meets what leads on to the mounts beneath a directory that is not listed. */
static void pass(struct listing *listing)
{
	char name[NAME_MAX + 1];

	for (size_t i = listing->directory->mounts_from; i < listing->directory->mounts_to;) {
		const char *rest = rest_of_point(listing, i);
		size_t length = strcspn(rest, "/");
		if (length > NAME_MAX)
			return;
		memcpy(name, rest, length);
		name[length] = '\0';
		meet(listing, name, DT_DIR);
		i = mounts_at(listing, name).to;
	}
}

/* Meets what one read brings. 0 at the end; -1 with errno. */
static ssize_t list_part(struct listing *listing)
{
	char *buffer = listing->worker->buffer;
	ssize_t got = getdents64(listing->descriptor, buffer, WALK_BUFFER_SIZE);

	for (ssize_t at = 0; at < got;) {
		const struct dirent64 *entry = (const struct dirent64 *)(buffer + at);
		meet(listing, entry->d_name, entry->d_type);
		at += entry->d_reclen;
	}
	return got;
}

/* Lists it, or a part of it when so much was found that the rest is to wait. False: a part. */
static bool list(struct listing *listing)
{
	struct walk_worker *worker = listing->worker;
	ssize_t got;

	if (listing->directory->on->treatment != WALK_LIST) {
		pass(listing);
		return true;
	}
	if (!listing->directory->depth && worker->walk->root->only) {
		uint64_t seen = worker->coverage.seen;
		meet(listing, worker->walk->root->only, DT_UNKNOWN);
		if (worker->coverage.seen > seen)
			atomic_store(&worker->walk->listed, true);
		return true;
	}
	do {
		got = list_part(listing);
		if (got > 0 && worker->found.count >= CHILDREN_AT_ONCE &&
		    directory_suspend(listing->directory, listing->descriptor, &worker->walk->descriptors))
			return false;
	} while (got > 0 && !worker->out_of_memory);
	if (got < 0)
		walk_note(worker, listing->directory, NULL, "a directory", errno);
	else if (!atomic_load_explicit(&worker->walk->listed, memory_order_relaxed))
		atomic_store(&worker->walk->listed, true);
	return true;
}

/* ---- opening ----------------------------------------------------------------------------------- */

/* The directory's path in memory that is used again; NULL when there is none. */
static const char *path_of(struct walk_worker *worker, const struct directory *directory)
{
	size_t size = directory_path_length(directory, NULL) + 1;

	if (worker->path_size < size) {
		char *larger = realloc(worker->path, 2 * size);
		if (!larger) {
			worker->out_of_memory = true;
			return NULL;
		}
		worker->path = larger;
		worker->path_size = 2 * size;
	}
	directory_write_path(worker->path, directory, NULL);
	return worker->path;
}

static bool is_excluded(struct walk_worker *worker, const struct directory *directory)
{
	const struct request *request = worker->walk->request;
	const char *path = request->excluded_count ? path_of(worker, directory) : NULL;

	for (size_t i = 0; path && i < request->excluded_count; i++)
		if (text_glob(request->excluded_paths[i], path)) {
			worker->left_out += directory->on == worker->walk->root->on;
			coverage_note(&worker->coverage, worker->arena, WALK_LEFT_OUT, path, NULL);
			return true;
		}
	return false;
}

/* Opens the directory, without a trace in its access time where that is allowed, and looks at its mode. */
static int open_listing(struct listing *listing)
{
	struct directory *directory = listing->directory;
	int how = directory->on->treatment == WALK_LIST ? O_RDONLY | O_DIRECTORY : O_PATH | O_DIRECTORY;
	struct stat facts;

	listing->descriptor = directory_open(directory, how & O_PATH ? how : how | O_NOATIME);
	if (listing->descriptor < 0 && errno == EPERM)
		listing->descriptor = directory_open(directory, how);
	if (listing->descriptor < 0)
		return -1;
	if (fstat(listing->descriptor, &facts)) {
		close(listing->descriptor);
		return -1;
	}
	if (directory->parent)
		directory->reachable = directory->parent->reachable;
	directory->reachable = directory->reachable && (facts.st_mode & S_IXOTH);
	directory->writable = (facts.st_mode & (S_IWGRP | S_IWOTH)) && !(facts.st_mode & S_ISVTX);
	return 0;
}

void walk_directory(struct walk_worker *worker, struct directory *directory)
{
	struct listing listing = {worker, directory, directory->descriptor};
	struct descriptors *descriptors = &worker->walk->descriptors;
	bool whole;

	if (!directory->suspended && is_excluded(worker, directory)) {
		directory_end(directory, descriptors);
		return;
	}
	if (!directory->suspended && open_listing(&listing)) {
		walk_note(worker, directory, NULL, "a directory", errno);
		directory_end(directory, descriptors);
		return;
	}
	if (worker->walk->entrance && !directory->suspended)
		worker->walk->entrance(worker, directory, listing.descriptor);
	whole = list(&listing);
	directory_anchor(directory, listing.descriptor, &worker->found, descriptors);
	if (whole)
		directory_end(directory, descriptors);
	else
		directory_list_append(&worker->found, directory);
}
