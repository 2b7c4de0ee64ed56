#include "agent/learn/seen.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proctor/clock.h"

enum {
	MOUNTS_MAX = 16384, /* of a container */
	TICK_MS = 10,       /* in which times of a start are told, at most */
};

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
	struct seen *seen = calloc(1, sizeof(*seen));

	if (seen)
		*seen = (struct seen){.arena = arena_new(), .since = since, .only = only};
	if (seen && seen->arena)
		return seen;
	free(seen);
	return NULL;
}

void seen_free(struct seen *seen)
{
	if (seen)
		arena_free(seen->arena);
	free(seen);
}

/* From the last one on: those that are there now came last. */
static struct watched *find(const struct seen *seen, const char *id)
{
	for (size_t i = seen->count; i-- > 0;)
		if (!strcmp(seen->list[i].id, id))
			return &seen->list[i];
	return NULL;
}

/* When it was started, in milliseconds by CLOCK_BOOTTIME; 0: not known. */
static int64_t start_of(const struct process *init)
{
	int64_t ticks = sysconf(_SC_CLK_TCK);

	return init && init->known & PROCESS_KNOWS_STAT && ticks > 0
		       ? (int64_t)init->start_time * 1000 / ticks
		       : 0;
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
	grown[seen->count] = (struct watched){
		.id = id, .since = now, .saw_start = start_of(container->init) >= seen->since};
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

static const char *digest_of(const struct container *container)
{
	return container->image_digest ? container->image_digest : container->image_id;
}

static int learn_facts(struct seen *seen, struct watched *watched, const struct container *container)
{
	const struct process *init = container->init;

	if (init && init->known & PROCESS_KNOWS_STATUS)
		watched->granted = init->credentials.bounding; /* at first that of the runtime */
	if (init && init->namespaces[NAMESPACE_USER])
		watched->user_namespace = init->namespaces[NAMESPACE_USER]; /* likewise */
	return learn_text(seen->arena, &watched->name, container->name) ||
			       learn_text(seen->arena, &watched->image, container->image) ||
			       learn_text(seen->arena, &watched->image_digest, digest_of(container)) ||
			       learn_text(seen->arena, &watched->family,
					  container->task ? container->task->family : NULL)
		       ? -1
		       : 0;
}

static bool is_there(const struct seen *seen, const struct mounts_span *span)
{
	return span->last && span->last >= seen->before;
}

/* Whether the process is in it. Without an id, it is if it was there at the look before, or is. */
static bool is_in(const struct seen *seen, const struct process *process, const struct mounts_span *span)
{
	if (span->id && process->mount_id)
		return span->id == process->mount_id;
	return span->inode == process->namespaces[NAMESPACE_MNT] && is_there(seen, span);
}

static struct mounts_span *span_of(const struct seen *seen, const struct mounts_seen *mounts,
				   const struct process *process)
{
	for (size_t i = mounts->count; i-- > 0;)
		if (is_in(seen, process, &mounts->list[i]))
			return &mounts->list[i];
	return NULL;
}

/* Takes note that the namespace is there now. It began after `from`, and ends before the next look,
 * which may be late. Of more than MOUNTS_MAX the checks count as unseen. */
static int learn_mounts(struct seen *seen, struct mounts_seen *mounts, const struct process *process,
			int64_t from, int64_t now)
{
	int64_t pause = seen->before && now - seen->before > SEEN_LOOK_MS ? now - seen->before : SEEN_LOOK_MS;
	int64_t until = now + 2 * pause;
	struct mounts_span *span = span_of(seen, mounts, process);

	if (span) {
		span->until = until;
		span->last = now;
		return 0;
	}
	if (mounts->count == MOUNTS_MAX)
		return 0;
	span = arena_grow(seen->arena, mounts->list, mounts->count, &mounts->capacity, sizeof(*span));
	if (!span)
		return -1;
	mounts->list = span;
	span[mounts->count++] = (struct mounts_span){.inode = process->namespaces[NAMESPACE_MNT],
						     .id = process->mount_id,
						     .from = from,
						     .until = until,
						     .last = now};
	return 0;
}

/* The look before, or the start of the container's first process: what had the numbers of its namespaces
 * before that was another one. */
static int64_t began_after(const struct seen *seen, const struct container *container, int64_t now)
{
	int64_t start = container ? start_of(container->init) : 0;

	start += now - clock_ms_of(CLOCK_BOOTTIME);
	return container && start > seen->before && seen->before ? start - TICK_MS : seen->before;
}

/* A process on its way into a container, of its cgroup already, is still in its runtime's namespace: one that
 * was there at the first look, and still has processes that are in no container. */
static bool is_of_runtime(const struct seen *seen, const struct process *process, int64_t now)
{
	const struct mounts_span *other = span_of(seen, &seen->others, process);

	return other && !other->from && other->last == now;
}

static int take_process(struct seen *seen, const struct process *process, struct watched *watched,
			int64_t now)
{
	if (!process->namespaces[NAMESPACE_MNT] || (watched && is_of_runtime(seen, process, now)))
		return 0;
	return learn_mounts(seen, watched ? &watched->mounts : &seen->others, process,
			    began_after(seen, watched ? process->container : NULL, now), now);
}

/* Of the containers of this look all are, unless only one is asked for. */
static bool is_watched(const struct seen *seen, const struct process *process)
{
	return process->container && (!seen->only || find(seen, process->container->id));
}

/* Those that are in no container first. */
static int take_processes(struct seen *seen, const struct snapshot *snapshot, int64_t now)
{
	for (int of_containers = 0; of_containers < 2; of_containers++)
		for (size_t i = 0; i < snapshot->process_count; i++) {
			const struct process *process = &snapshot->processes[i];
			struct watched *watched;
			if (is_watched(seen, process) != of_containers)
				continue;
			watched = of_containers ? find(seen, process->container->id) : NULL;
			if (take_process(seen, process, watched, now))
				return -1;
		}
	return 0;
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

static void close_mounts(struct mounts_seen *mounts, int64_t before, int64_t now)
{
	for (size_t i = 0; i < mounts->count; i++)
		if (mounts->list[i].last == before && mounts->list[i].until > now)
			mounts->list[i].until = now;
}

static void close_those_that_went(struct seen *seen, int64_t now)
{
	close_mounts(&seen->others, seen->before, now);
	for (size_t i = 0; i < seen->count; i++)
		close_mounts(&seen->list[i].mounts, seen->before, now);
}

int seen_take(struct seen *seen, const struct snapshot *snapshot, int64_t now)
{
	if (take_containers(seen, snapshot, now) || take_processes(seen, snapshot, now))
		return -1;
	close_those_that_went(seen, now);
	seen->before = now;
	return 0;
}

/* ---- between looks, and over many ------------------------------------------------------------------ */

static void stretch(const struct seen *seen, struct mounts_seen *mounts, int64_t now)
{
	for (size_t i = 0; i < mounts->count; i++)
		if (is_there(seen, &mounts->list[i]) && mounts->list[i].until < now)
			mounts->list[i].until = now;
}

void seen_stretch(struct seen *seen, int64_t now)
{
	stretch(seen, &seen->others, now);
	for (size_t i = 0; i < seen->count; i++)
		stretch(seen, &seen->list[i].mounts, now);
}

void seen_end(struct seen *seen, const char *id, int64_t now)
{
	const struct watched *watched = find(seen, id);

	for (size_t i = 0; watched && i < watched->mounts.count; i++) {
		struct mounts_span *span = &watched->mounts.list[i];
		if (!is_there(seen, span))
			continue;
		span->last = 0;
		span->until = now;
	}
}

static int keep_mounts(const struct seen *seen, const struct mounts_seen *mounts, struct arena *arena,
		       struct mounts_seen *kept)
{
	*kept = (struct mounts_seen){0};
	for (size_t i = 0; i < mounts->count; i++) {
		struct mounts_span *grown;
		if (!is_there(seen, &mounts->list[i]))
			continue;
		grown = arena_grow(arena, kept->list, kept->count, &kept->capacity, sizeof(*grown));
		if (!grown)
			return -1;
		kept->list = grown;
		grown[kept->count++] = mounts->list[i];
	}
	return 0;
}

/* Copies the container, without what it shares with the old arena. */
static int keep_watched(const struct seen *seen, const struct watched *watched, struct seen *kept)
{
	struct watched *copy = &kept->list[kept->count];
	const char **const texts[] = {&copy->id, &copy->name, &copy->image, &copy->image_digest,
				      &copy->family};

	*copy = *watched;
	if (keep_mounts(seen, &watched->mounts, kept->arena, &copy->mounts))
		return -1;
	if (!copy->mounts.count)
		return 0;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *text = *texts[i];
		*texts[i] = text ? arena_string(kept->arena, text) : NULL;
		if (text && !*texts[i])
			return -1;
	}
	kept->count++;
	return 0;
}

int seen_prune(struct seen *seen)
{
	struct seen kept = *seen;
	int result;

	kept.count = 0;
	kept.capacity = seen->count + 1;
	kept.arena = arena_new();
	kept.list = kept.arena ? arena_array(kept.arena, kept.capacity, sizeof(*kept.list)) : NULL;
	result = kept.list ? keep_mounts(seen, &seen->others, kept.arena, &kept.others) : -1;
	for (size_t i = 0; i < seen->count && !result; i++)
		result = keep_watched(seen, &seen->list[i], &kept);
	if (result) {
		arena_free(kept.arena);
		return -1;
	}
	arena_free(seen->arena);
	*seen = kept;
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
