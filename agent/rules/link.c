#include "agent/rules/link.h"

#include <stdlib.h>

/* Both by the index of a file in the snapshot. */
struct links {
	const struct snapshot *snapshot;
	const struct file **first, **next;
};

/* Ascending; the snapshot's order, that of their paths, among those that are one. */
static int compare(const void *a, const void *b)
{
	const struct file *left = *(const struct file *const *)a, *right = *(const struct file *const *)b;

	if (left->container != right->container)
		return left->container < right->container ? -1 : 1;
	if (left->device_major != right->device_major)
		return left->device_major < right->device_major ? -1 : 1;
	if (left->device_minor != right->device_minor)
		return left->device_minor < right->device_minor ? -1 : 1;
	if (left->inode != right->inode)
		return left->inode < right->inode ? -1 : 1;
	return (left > right) - (left < right);
}

static bool are_one(const struct file *left, const struct file *right)
{
	return left->container == right->container && left->device_major == right->device_major &&
	       left->device_minor == right->device_minor && left->inode == right->inode;
}

static void connect(struct links *links, const struct file **sorted, size_t count)
{
	const struct file *files = links->snapshot->files;

	for (size_t i = 1; i < count; i++) {
		const struct file *before = sorted[i - 1], *file = sorted[i];
		if (!are_one(before, file))
			continue;
		links->first[file - files] = links_first(links, before);
		links->next[before - files] = file;
	}
}

const struct links *links_new(const struct snapshot *snapshot, struct arena *arena)
{
	struct links *links = arena_alloc(arena, sizeof(*links));
	const struct file **sorted = arena_array(arena, snapshot->file_count, sizeof(*sorted));
	size_t count = 0;

	if (!links || !sorted)
		return NULL;
	links->snapshot = snapshot;
	links->first = arena_array(arena, snapshot->file_count, sizeof(*links->first));
	links->next = arena_array(arena, snapshot->file_count, sizeof(*links->next));
	if (!links->first || !links->next)
		return NULL;
	for (size_t i = 0; i < snapshot->file_count; i++)
		if (snapshot->files[i].links > 1)
			sorted[count++] = &snapshot->files[i];
	if (count)
		qsort(sorted, count, sizeof(*sorted), compare);
	connect(links, sorted, count);
	return links;
}

const struct file *links_first(const struct links *links, const struct file *file)
{
	const struct file *first = links->first[file - links->snapshot->files];

	return first ? first : file;
}

const struct file *links_next(const struct links *links, const struct file *file)
{
	return links->next[file - links->snapshot->files];
}
