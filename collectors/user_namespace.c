#include "collectors/user_namespace.h"

#include <stdlib.h>

#include "collectors/namespace.h"
#include "collectors/process_text.h"

static int read_map(struct process_reader *reader, int directory, const char *file, struct id_range **ranges,
		    size_t *count)
{
	struct buffer *buffer = &reader->buffer;

	if (buffer_read(buffer, directory, file, PROCESS_TEXT_LIMIT) < 0) {
		reader_outcome(reader, &(struct denial){"user namespace's ids", file, "run as root"});
		return -1;
	}
	if (id_map_parse(buffer->data, buffer->length, reader->arena, ranges, count)) {
		reader->out_of_memory = true;
		return -1;
	}
	return 0;
}

/* True for the map of the initial user namespace: every id stands for itself. */
static bool map_is_identity(const struct id_range *ranges, size_t count)
{
	return count == 1 && ranges[0].inside == 0 && ranges[0].outside == 0 && ranges[0].count == UINT32_MAX;
}

static struct user_namespace *new_user_namespace(struct process_reader *reader, int directory, uint64_t inode)
{
	struct user_namespace *space = arena_alloc(reader->arena, sizeof(*space));

	if (!space) {
		reader->out_of_memory = true;
		return NULL;
	}
	space->inode = inode;
	space->mapped = !read_map(reader, directory, "uid_map", &space->uids, &space->uid_count) &&
			!read_map(reader, directory, "gid_map", &space->gids, &space->gid_count);
	if (inode)
		space->initial = inode == NAMESPACE_INITIAL_USER;
	else
		space->initial = space->mapped && map_is_identity(space->uids, space->uid_count);
	return space;
}

static struct user_namespace *table_find(const struct user_namespace_table *table, uint64_t inode,
					 bool initial)
{
	for (size_t i = table->count; i-- > 0;)
		if (table->list[i]->inode == inode && (inode || (initial && table->list[i]->initial)))
			return table->list[i];
	return NULL;
}

int user_namespace_table_add(struct user_namespace_table *table, struct user_namespace *space)
{
	size_t capacity = table->capacity ? table->capacity * 2 : 16;

	if (table->count == table->capacity) {
		struct user_namespace **grown =
			reallocarray(table->list, capacity, sizeof(struct user_namespace *));
		if (!grown)
			return -1;
		table->list = grown;
		table->capacity = capacity;
	}
	table->list[table->count++] = space;
	return 0;
}

const struct user_namespace *user_namespace_find(struct user_namespace_table *table, uint64_t inode)
{
	const struct user_namespace *space;

	pthread_mutex_lock(&table->lock);
	space = inode ? table_find(table, inode, false) : NULL;
	pthread_mutex_unlock(&table->lock);
	return space;
}

void user_namespace_read(struct process_reader *reader, int directory, struct process *process)
{
	struct user_namespace_table *table = reader->user_namespaces;
	uint64_t inode = process->namespaces[NAMESPACE_USER];
	struct user_namespace *space;

	pthread_mutex_lock(&table->lock);
	space = inode ? table_find(table, inode, false) : NULL;
	if (!space) {
		space = new_user_namespace(reader, directory, inode);
		if (space && !inode && !space->mapped)
			space = NULL;
		struct user_namespace *same =
			space && !inode && space->initial ? table_find(table, 0, true) : NULL;
		if (same)
			space = same;
		else if (space)
			reader->out_of_memory |= user_namespace_table_add(table, space) != 0;
	}
	pthread_mutex_unlock(&table->lock);
	process->user_namespace = space;
}

void user_namespace_table_init(struct user_namespace_table *table)
{
	*table = (struct user_namespace_table){0};
	pthread_mutex_init(&table->lock, NULL);
}

void user_namespace_table_free(struct user_namespace_table *table)
{
	pthread_mutex_destroy(&table->lock);
	free(table->list);
}
