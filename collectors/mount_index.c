#include "collectors/mount_index.h"

#include <stdlib.h>
#include <string.h>

#include "collectors/mountinfo.h"

uint64_t mount_device(const struct mount *mount)
{
	return (uint64_t)mount->major << 32 | mount->minor;
}

static bool path_holds(const char *top, const char *path)
{
	size_t length = strlen(top);

	if (length == 1) /* "/" */
		return path[0] == '/';
	return !strncmp(top, path, length) && (path[length] == '/' || path[length] == '\0');
}

static int compare_keys(uint64_t device, const char *path, const struct mount_index_entry *entry)
{
	if (device != entry->device)
		return device > entry->device ? 1 : -1;
	return mountinfo_compare_paths(path, entry->path);
}

/* Of equal ones the one to be kept comes first. */
static int compare_entries(const void *a, const void *b)
{
	const struct mount_index_entry *left = a, *right = b;
	int order = compare_keys(left->device, left->path, right);

	if (order)
		return order;
	if (left->mount->covered != right->mount->covered)
		return left->mount->covered ? 1 : -1;
	return (left->mount > right->mount) - (left->mount < right->mount);
}

/* The first of `from` and what lies above it that holds the path. */
static size_t climb(const struct mount_index *index, size_t from, uint64_t device, const char *path)
{
	while (from != SIZE_MAX &&
	       (index->entries[from].device != device || !path_holds(index->entries[from].path, path)))
		from = index->entries[from].above;
	return from;
}

static void finish(struct mount_index *index)
{
	struct mount_index_entry *entries = index->entries;
	size_t kept = 0;

	if (index->count)
		qsort(entries, index->count, sizeof(*entries), compare_entries);
	for (size_t i = 0; i < index->count; i++) {
		if (kept && !compare_keys(entries[i].device, entries[i].path, &entries[kept - 1]))
			continue;
		entries[kept] = entries[i];
		entries[kept].above =
			climb(index, kept ? kept - 1 : SIZE_MAX, entries[kept].device, entries[kept].path);
		kept++;
	}
	index->count = kept;
}

static int start(struct mount_index *index, const struct mount_namespace *namespace)
{
	*index = (struct mount_index){0};
	if (!namespace->mount_count)
		return 0;
	index->entries = calloc(namespace->mount_count, sizeof(*index->entries));
	return index->entries ? 0 : -1;
}

int mount_index_points(struct mount_index *index, const struct mount_namespace *namespace)
{
	if (start(index, namespace))
		return -1;
	for (size_t i = 0; i < namespace->mount_count; i++) {
		const struct mount *mount = &namespace->mounts[i];
		if (!mount->covered)
			index->entries[index->count++] =
				(struct mount_index_entry){.path = mount->point, .mount = mount};
	}
	finish(index);
	return 0;
}

int mount_index_roots(struct mount_index *index, const struct mount_namespace *namespace)
{
	if (start(index, namespace))
		return -1;
	for (size_t i = 0; i < namespace->mount_count; i++) {
		const struct mount *mount = &namespace->mounts[i];
		index->entries[index->count++] = (struct mount_index_entry){
			.device = mount_device(mount), .path = mount->root, .mount = mount};
	}
	finish(index);
	return 0;
}

const struct mount_index_entry *mount_index_find(const struct mount_index *index, uint64_t device,
						 const char *path)
{
	size_t low = 0, high = index->count, found;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare_keys(device, path, &index->entries[middle]) < 0)
			high = middle;
		else
			low = middle + 1;
	}
	found = climb(index, low ? low - 1 : SIZE_MAX, device, path);
	return found == SIZE_MAX ? NULL : &index->entries[found];
}

void mount_index_free(struct mount_index *index)
{
	free(index->entries);
	*index = (struct mount_index){0};
}
