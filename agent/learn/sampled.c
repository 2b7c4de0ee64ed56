#include "agent/learn/sampled.h"

#include <string.h>

struct samples {
	struct arena *arena;
	struct sampled *list;
	size_t count, capacity;
};

struct samples *samples_new(void)
{
	struct arena *arena = arena_new();
	struct samples *samples = arena ? arena_alloc(arena, sizeof(*samples)) : NULL;

	if (samples)
		*samples = (struct samples){.arena = arena};
	else
		arena_free(arena);
	return samples;
}

void samples_free(struct samples *samples)
{
	if (samples)
		arena_free(samples->arena);
}

static struct sampled *find(const struct samples *samples, const char *id)
{
	for (size_t i = samples->count; i-- > 0;)
		if (!strcmp(samples->list[i].id, id))
			return &samples->list[i];
	return NULL;
}

static struct sampled *add(struct samples *samples, const char *id)
{
	struct sampled *grown =
		arena_grow(samples->arena, samples->list, samples->count, &samples->capacity, sizeof(*grown));
	const char *copy = arena_string(samples->arena, id);

	if (grown)
		samples->list = grown;
	if (!grown || !copy)
		return NULL;
	grown[samples->count] = (struct sampled){.id = copy};
	return &grown[samples->count++];
}

/* The kernel sets PF_SUPERPRIV in a task that is granted a capability (ns_capable_common() in
 * kernel/capability.c), clears it in what is forked (copy_process() in kernel/fork.c), and keeps it over
 * execve(2). So a flag that is not there tells that this task was granted none since it was forked. One that
 * is there tells nothing in the container's first process, and in others that its runtime puts in: it is the
 * runtime's, which becomes them. It is each thread's own, and that of the first one is read. */
static enum sampled_use use_of(const struct process *process, const struct process *parent)
{
	if (!(process->known & PROCESS_KNOWS_STAT))
		return SAMPLED_UNKNOWN;
	if (process->privilege_used)
		return parent && parent->container == process->container ? SAMPLED_USED : SAMPLED_NOBODY;
	return process->known & PROCESS_KNOWS_STATUS && process->thread_count == 1 ? SAMPLED_UNUSED
										   : SAMPLED_UNKNOWN;
}

static void take_process(struct sampled *sampled, const struct process *process, const struct process *parent)
{
	enum sampled_use use = use_of(process, parent);

	if (process->known & PROCESS_KNOWS_STATUS)
		sampled->held |= process->credentials.effective;
	sampled->use = use > sampled->use ? use : sampled->use;
}

int samples_take(struct samples *samples, const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->process_count; i++) {
		const struct process *process = &snapshot->processes[i];
		struct sampled *sampled;
		if (!process->container)
			continue;
		sampled = find(samples, process->container->id);
		if (!sampled)
			sampled = add(samples, process->container->id);
		if (!sampled)
			return -1;
		take_process(sampled, process, snapshot_process(snapshot, process->ppid));
	}
	return 0;
}

void samples_join(const struct samples *samples, struct learned *learned)
{
	static const struct sampled nothing = {0};

	for (size_t i = 0; i < learned->count; i++) {
		struct learned_container *container = &learned->containers[i];
		const struct sampled *sampled = find(samples, container->watched->id);
		container->sampled = sampled ? sampled : &nothing;
		container->complete = false;
	}
}
