#include "agent/learn/seen.h"

#include <string.h>
#include <unistd.h>

enum { MOUNTS_MAX = 16384 }; /* of a container */

struct seen {
	struct arena *arena;
	struct watched *list;
	size_t count, capacity;
	struct mounts_seen others; /* of processes that are in none of the list */
	int64_t since;             /* milliseconds by CLOCK_BOOTTIME */
	int64_t before;            /* milliseconds since 1970: the look before; 0: none */
	const char *only;          /* NULL: all */
};

struct seen *seen_new(int64_t since, const char *only)
{
	struct arena *arena = arena_new();
	struct seen *seen = arena ? arena_alloc(arena, sizeof(*seen)) : NULL;

	if (seen)
		*seen = (struct seen){.arena = arena, .since = since, .only = only};
	else
		arena_free(arena);
	return seen;
}

void seen_free(struct seen *seen)
{
	if (seen)
		arena_free(seen->arena);
}

/* From the last one on: those that are there now came last. */
static struct watched *find(const struct seen *seen, const char *id)
{
	for (size_t i = seen->count; i-- > 0;)
		if (!strcmp(seen->list[i].id, id))
			return &seen->list[i];
	return NULL;
}

static bool started_since(const struct seen *seen, const struct process *init)
{
	int64_t ticks = sysconf(_SC_CLK_TCK);

	return init && init->known & PROCESS_KNOWS_STAT && ticks > 0 &&
	       (int64_t)init->start_time * 1000 / ticks >= seen->since;
}

static struct watched *add(struct seen *seen, const struct container *container, int64_t now)
{
	struct watched *grown =
		arena_grow(seen->arena, seen->list, seen->count, &seen->capacity, sizeof(*grown));
	char *id = arena_string(seen->arena, container->id);

	if (grown)
		seen->list = grown;
	if (!grown || !id)
		return NULL;
	grown[seen->count] =
		(struct watched){.id = id, .since = now, .saw_start = started_since(seen, container->init)};
	return &grown[seen->count++];
}

/* A text that is known now, and was not before. */
static int learn_text(struct arena *arena, const char **known, const char *text)
{
	if (*known || !text)
		return 0;
	*known = arena_string(arena, text);
	return *known ? 0 : -1;
}

static int learn_facts(struct seen *seen, struct watched *watched, const struct container *container)
{
	const struct process *init = container->init;

	if (init && init->known & PROCESS_KNOWS_STATUS)
		watched->granted = init->credentials.bounding; /* at first that of the runtime */
	if (init && init->namespaces[NAMESPACE_USER])
		watched->user_namespace = init->namespaces[NAMESPACE_USER]; /* likewise */
	return learn_text(seen->arena, &watched->name, container->name) ||
			       learn_text(seen->arena, &watched->image, container->image)
		       ? -1
		       : 0;
}

/* The namespace, if it was there at the look before, or is. */
static struct mounts_span *there(const struct seen *seen, const struct mounts_seen *mounts, uint64_t inode)
{
	for (size_t i = mounts->count; i-- > 0;)
		if (mounts->list[i].inode == inode && mounts->list[i].until >= seen->before)
			return &mounts->list[i];
	return NULL;
}

/* Takes note that the namespace is there now. It began after the look before, and ends before the next one,
 * which may be late. Of more than MOUNTS_MAX the checks count as unseen. */
static int learn_mounts(struct seen *seen, struct mounts_seen *mounts, uint64_t inode, int64_t now)
{
	int64_t pause = seen->before && now - seen->before > SEEN_LOOK_MS ? now - seen->before : SEEN_LOOK_MS;
	int64_t until = now + 2 * pause;
	struct mounts_span *span = there(seen, mounts, inode);

	if (span) {
		span->until = until;
		return 0;
	}
	if (mounts->count == MOUNTS_MAX)
		return 0;
	span = arena_grow(seen->arena, mounts->list, mounts->count, &mounts->capacity, sizeof(*span));
	if (!span)
		return -1;
	mounts->list = span;
	span[mounts->count++] = (struct mounts_span){.inode = inode, .from = seen->before, .until = until};
	return 0;
}

/* A process on its way into a container, of its cgroup already, is still in its runtime's namespace, which
 * was there at the first look. */
static int take_process(struct seen *seen, const struct process *process, int64_t now)
{
	struct watched *watched = process->container ? find(seen, process->container->id) : NULL;
	uint64_t inode = process->namespaces[NAMESPACE_MNT];
	const struct mounts_span *other = there(seen, &seen->others, inode);

	if (!inode || (watched && other && !other->from))
		return 0;
	return learn_mounts(seen, watched ? &watched->mounts : &seen->others, inode, now);
}

static int take_containers(struct seen *seen, const struct snapshot *snapshot, int64_t now)
{
	for (size_t i = 0; i < snapshot->container_count; i++) {
		const struct container *container = snapshot->containers[i];
		struct watched *watched = find(seen, container->id);
		if (!watched && seen->only && !container_is_called(container, seen->only))
			continue;
		if (!watched)
			watched = add(seen, container, now);
		if (!watched || learn_facts(seen, watched, container))
			return -1;
	}
	return 0;
}

int seen_take(struct seen *seen, const struct snapshot *snapshot, int64_t now)
{
	if (take_containers(seen, snapshot, now))
		return -1;
	for (size_t i = 0; i < snapshot->process_count; i++)
		if (take_process(seen, &snapshot->processes[i], now))
			return -1;
	seen->before = now;
	return 0;
}

const struct mounts_seen *seen_others(const struct seen *seen)
{
	return &seen->others;
}

const struct watched *seen_list(const struct seen *seen, size_t *count)
{
	*count = seen->count;
	return seen->list;
}
