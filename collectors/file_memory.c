#include "collectors/file_memory.h"

#include <stdlib.h>
#include <string.h>

enum {
	UNMET_MAX = 2,
	ALL_SIZE_MAX = 16 * 1024 * 1024, /* bytes: what is more is walked again each time */
};

struct file_memory {
	struct remembered_root *first;
	size_t size;
};

struct file_memory *file_memory_new(void)
{
	return calloc(1, sizeof(struct file_memory));
}

static void forget(struct file_memory *memory, struct remembered_root **place)
{
	struct remembered_root *root = *place;

	*place = root->next;
	memory->size -= root->size;
	free(root);
}

void file_memory_free(struct file_memory *memory)
{
	while (memory && memory->first)
		forget(memory, &memory->first);
	free(memory);
}

/* ---- finding ----------------------------------------------------------------------------------- */

static bool is_of(const struct remembered_root *root, const struct mount *mount)
{
	return root->major == mount->major && root->minor == mount->minor;
}

static bool has_key(const struct remembered_root *root, const struct file_memory_key *key)
{
	return !memcmp(&root->key, key, sizeof(*key));
}

struct remembered_root *file_memory_next(const struct file_memory *memory, const struct file_memory_key *key,
					 const struct mount *mount, const struct remembered_root *after)
{
	struct remembered_root *root;

	if (!after || is_of(after, mount)) {
		for (root = after ? after->next : memory->first; root; root = root->next)
			if (is_of(root, mount) && has_key(root, key))
				return root;
		after = NULL;
	}
	for (root = after ? after->next : memory->first; root; root = root->next)
		if (!is_of(root, mount) && !root->elsewhere && has_key(root, key))
			return root;
	return NULL;
}

/* ---- keeping ----------------------------------------------------------------------------------- */

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_own(const struct found_file *found)
{
	return found->file.origin != ORIGIN_MOUNT;
}

/* Bytes for all that is kept of the files. */
static size_t size_of(struct found_file *const *files, size_t count)
{
	size_t size = sizeof(struct remembered_root);

	for (size_t i = 0; i < count; i++) {
		if (!is_own(files[i]))
			continue;
		size += sizeof(struct found_file) + sizeof(char *) + strlen(files[i]->file.path) + 1;
		size += files[i]->link ? strlen(files[i]->link) + 1 : 0;
	}
	return size;
}

/* Copies a text to *room, which is moved behind it. */
static const char *copy_text(char **room, const char *text)
{
	char *copy = *room;

	*room = stpcpy(copy, text) + 1;
	return copy;
}

static void copy_file(struct remembered_root *root, const struct found_file *from, char **room)
{
	struct found_file *copy = &root->files[root->file_count];

	*copy = *from;
	copy->next = NULL;
	copy->file.container = NULL;
	copy->file.path = copy_text(room, from->file.path);
	copy->link = from->link ? copy_text(room, from->link) : NULL;
	root->elsewhere |= from->file.device_major != root->major || from->file.device_minor != root->minor;
	root->paths[root->file_count++] = copy->file.path;
}

struct remembered_root *remembered_root_new(const struct mount *mount, struct found_file *const *files,
					    size_t count)
{
	size_t size = size_of(files, count), own = 0;
	struct remembered_root *root = malloc(size);
	char *room;

	if (!root)
		return NULL;
	for (size_t i = 0; i < count; i++)
		own += is_own(files[i]);
	*root = (struct remembered_root){.size = size, .major = mount->major, .minor = mount->minor};
	root->files = (struct found_file *)(root + 1);
	root->paths = (const char **)(root->files + own);
	room = (char *)(root->paths + own);
	for (size_t i = 0; i < count; i++)
		if (is_own(files[i]))
			copy_file(root, files[i], &room);
	if (own)
		qsort(root->paths, own, sizeof(*root->paths), compare_paths);
	return root;
}

static void forget_overlay(struct file_memory *memory, uint32_t major, uint32_t minor)
{
	for (struct remembered_root **place = &memory->first; *place;)
		if ((*place)->major == major && (*place)->minor == minor)
			forget(memory, place);
		else
			place = &(*place)->next;
}

void file_memory_add(struct file_memory *memory, struct remembered_root *root)
{
	forget_overlay(memory, root->major, root->minor);
	if (memory->size + root->size > ALL_SIZE_MAX) {
		free(root);
		return;
	}
	memory->size += root->size;
	root->next = memory->first;
	memory->first = root;
}

void file_memory_age(struct file_memory *memory)
{
	for (struct remembered_root **place = &memory->first; *place;)
		if ((*place)->unmet++ >= UNMET_MAX)
			forget(memory, place);
		else
			place = &(*place)->next;
}
