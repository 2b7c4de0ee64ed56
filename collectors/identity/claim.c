/* What sources say of containers, joined: what an earlier one said stands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/identity/identity.h"

/* ---- texts ------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	size_t offset;
} texts[] = {
	{"name of the task's", offsetof(struct claim, task_name)},
	{"name of the runtime's", offsetof(struct claim, runtime_name)},
	{"image", offsetof(struct claim, image)},
	{"image_id", offsetof(struct claim, image_id)},
	{"image_digest", offsetof(struct claim, image_digest)},
	{"runtime", offsetof(struct claim, runtime)},
	{"task.arn", offsetof(struct claim, task.arn)},
	{"task.family", offsetof(struct claim, task.family)},
	{"task.revision", offsetof(struct claim, task.revision)},
	{"task.cluster", offsetof(struct claim, task.cluster)},
	{"task.launch_type", offsetof(struct claim, task.launch_type)},
	{"task.availability_zone", offsetof(struct claim, task.availability_zone)},
	{"pod.name", offsetof(struct claim, pod.name)},
	{"pod.namespace", offsetof(struct claim, pod.name_space)},
	{"pod.uid", offsetof(struct claim, pod.uid)},
	{"pod.container", offsetof(struct claim, pod.container)},
	{"declared.user", offsetof(struct claim, declared.user)},
};

static void note_disagreement(struct identification *identification, const struct container *container,
			      const char *what)
{
	const char *example = arena_printf(identification->snapshot->arena, "%s of %s", what, container->id);

	identity_note(identification,
		      "two sources say different things of a container: the one that is nearer to its "
		      "definition is believed",
		      example, NULL);
}

/* A cluster is told by its name or by its ARN, which ends in it. */
static bool is_same(const char *left, const char *right)
{
	size_t length = strlen(left), size = strlen(right);
	const char *longer = length > size ? left : right, *shorter = length > size ? right : left;
	size_t more = length > size ? length - size : size - length;

	return !strcmp(longer + more, shorter) &&
	       (!more || (longer[more - 1] == '/' && !strncmp(longer, "arn:", 4)));
}

static void merge_texts(struct identification *identification, const struct container *container,
			struct claim *into, const struct claim *claim)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char **had = (const char **)((char *)into + texts[i].offset);
		const char *said = *(const char *const *)((const char *)claim + texts[i].offset);
		if (!*had)
			*had = said;
		else if (said && !is_same(*had, said))
			note_disagreement(identification, container, texts[i].name);
	}
}

/* ---- labels ------------------------------------------------------------------------------------ */

static const struct label *label_of(const struct claim *claim, const char *name)
{
	for (size_t i = 0; i < claim->label_count; i++)
		if (!strcmp(claim->labels[i].name, name))
			return &claim->labels[i];
	return NULL;
}

static void merge_labels(struct identification *identification, const struct container *container,
			 struct claim *into, const struct claim *claim)
{
	struct label *all;

	if (!claim->label_count)
		return;
	all = arena_array(identification->snapshot->arena, into->label_count + claim->label_count,
			  sizeof(*all));
	if (!all) {
		identification->failed = true;
		return;
	}
	if (into->label_count)
		memcpy(all, into->labels, into->label_count * sizeof(*all));
	size_t count = into->label_count;
	for (size_t i = 0; i < claim->label_count; i++) {
		const struct label *had = label_of(into, claim->labels[i].name);
		if (!had)
			all[count++] = claim->labels[i];
		else if (strcmp(had->value, claim->labels[i].value) != 0)
			note_disagreement(identification, container, had->name);
	}
	into->labels = all;
	into->label_count = count;
}

/* ---- what was declared ------------------------------------------------------------------------- */

static void merge_limit(struct identification *identification, const struct container *container,
			struct limit *into, const struct limit *limit, const char *what)
{
	if (into->state == LIMIT_UNKNOWN)
		*into = *limit;
	else if (limit->state != LIMIT_UNKNOWN &&
		 (limit->state != into->state || limit->value != into->value))
		note_disagreement(identification, container, what);
}

static void merge_declared(struct identification *identification, const struct container *container,
			   struct declared *into, const struct declared *declared)
{
	uint32_t fresh = declared->known & ~into->known;

	if (fresh & DECLARED_PRIVILEGED)
		into->privileged = declared->privileged;
	if (fresh & DECLARED_READ_ONLY)
		into->read_only = declared->read_only;
	if (fresh & DECLARED_CAPABILITIES)
		into->capabilities = declared->capabilities;
	into->known |= fresh;
	merge_limit(identification, container, &into->memory, &declared->memory, "declared.limits.memory");
	merge_limit(identification, container, &into->cpu, &declared->cpu, "declared.limits.cpu");
	merge_limit(identification, container, &into->pids, &declared->pids, "declared.limits.pids");
}

/* ---- joining ----------------------------------------------------------------------------------- */

static size_t container_place(const struct snapshot *snapshot, const struct container *container)
{
	size_t low = 0, high = snapshot->container_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(snapshot->containers[middle]->id, container->id) <= 0)
			low = middle;
		else
			high = middle;
	}
	return low;
}

const struct container *identity_container(const struct identification *identification, const char *id)
{
	const struct snapshot *snapshot = identification->snapshot;
	struct container wanted = {.id = id};
	const struct container *found;

	if (!snapshot->container_count)
		return NULL;
	found = snapshot->containers[container_place(snapshot, &wanted)];
	return strcmp(found->id, id) ? NULL : found;
}

static struct merged *merged_of(const struct identification *identification,
				const struct container *container)
{
	return &identification->merged[container_place(identification->snapshot, container)];
}

bool identity_is_told(const struct identification *identification, const struct container *container,
		      const struct source *source)
{
	const struct merged *merged = merged_of(identification, container);

	for (size_t i = 0; i < merged->source_count; i++)
		if (!strcmp(merged->sources[i], source->name))
			return true;
	return false;
}

/* True, and noted, when the current source has told of the container before. */
static bool has_spoken(struct identification *identification, const struct container *container)
{
	const struct merged *merged = merged_of(identification, container);

	if (!merged->source_count ||
	    strcmp(merged->sources[merged->source_count - 1], identification->source->name) != 0)
		return false;
	identity_note(identification, "a source tells of one container twice: the first is believed",
		      container->id, NULL);
	return true;
}

void identity_claim(struct identification *identification, const struct container *container,
		    struct claim *claim)
{
	struct merged *merged = merged_of(identification, container);

	if (has_spoken(identification, container))
		return;
	claim_read_labels(claim);
	merged->sources[merged->source_count++] = identification->source->name;
	merge_texts(identification, container, &merged->claim, claim);
	merge_labels(identification, container, &merged->claim, claim);
	merge_declared(identification, container, &merged->claim.declared, &claim->declared);
}

const struct container *identity_subject(struct identification *identification, const char *id)
{
	const struct container *container = id ? identity_container(identification, id) : NULL;

	if (container)
		return has_spoken(identification, container) ? NULL : container;
	if (id)
		identity_note(identification,
			      "a source tells of a container of which no process is to be seen here", id,
			      identification->snapshot->host.view == VIEW_HOST
				      ? NULL
				      : "share the pid namespace of the task (pidMode: task)");
	return NULL;
}

void identity_claim_id(struct identification *identification, const char *id, struct claim *claim)
{
	const struct container *container = identity_subject(identification, id);

	if (container)
		identity_claim(identification, container, claim);
}
