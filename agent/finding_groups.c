#include "agent/finding_groups.h"

#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proctor/cleanup.h"

/* A finding under construction, and the digest that its subjects have in common. */
struct finding_group {
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct finding *finding; /* NULL: a free place of the table */
	size_t container_capacity;
	bool several_executables;
};

/* ---- fingerprint ------------------------------------------------------------------------------- */

/* Each part with what it is and its end, so that no two sequences of parts are the same bytes. */
static void digest_part(struct sha256_ctx *hash, char what, const char *text)
{
	if (!text)
		what = '-';
	sha256_update(hash, 1, (const uint8_t *)&what);
	if (text)
		sha256_update(hash, strlen(text) + 1, (const uint8_t *)text);
}

static void digest_container(struct sha256_ctx *hash, const struct container *container)
{
	if (!container)
		digest_part(hash, 'h', "");
	else if (container->name)
		digest_part(hash, 'n', container->name);
	else if (container->image)
		digest_part(hash, 'i', container->image);
	else if (container->init && container->init->executable)
		digest_part(hash, 'e', container->init->executable);
	else
		digest_part(hash, 'c', container->id);
}

/* The executable that parts the findings of a rule; NULL where it does not. */
static const struct process *parting_process(const struct rule *rule, const struct subject *subject)
{
	if (rule->scope != SCOPE_PROCESS || (rule->of_container && subject->container))
		return NULL;
	return subject->process;
}

static void fingerprint(uint8_t digest[SHA256_DIGEST_SIZE], const struct rule *rule,
			const struct subject *subject, const struct verdict *verdict)
{
	const struct process *process = parting_process(rule, subject);
	struct sha256_ctx hash;

	sha256_init(&hash);
	digest_part(&hash, 'r', rule->id);
	digest_container(&hash, subject->container);
	if (process && !process->executable)
		digest_part(&hash, 'm', process->comm);
	else
		digest_part(&hash, 'x', process ? process->executable : NULL);
	digest_part(&hash, 'p', verdict->path);
	digest_part(&hash, 'k', verdict->key);
	sha256_digest(&hash, SHA256_DIGEST_SIZE, digest);
}

/* ---- groups ------------------------------------------------------------------------------------ */

/* The place of the digest in the table: its group, or the free one where it belongs. */
static struct finding_group *group_place(struct finding_group *table, size_t capacity,
					 const uint8_t digest[SHA256_DIGEST_SIZE])
{
	size_t index;

	memcpy(&index, digest, sizeof(index));
	for (index &= capacity - 1; table[index].finding; index = (index + 1) & (capacity - 1))
		if (!memcmp(table[index].digest, digest, SHA256_DIGEST_SIZE))
			break;
	return &table[index];
}

/* Keeps the table at most half full. */
static int groups_grow(struct finding_groups *groups)
{
	size_t capacity = groups->capacity ? groups->capacity * 2 : 64;
	struct finding_group *table;

	if (groups->count < groups->capacity / 2)
		return 0;
	table = calloc(capacity, sizeof(*table));
	if (!table)
		return -1;
	for (size_t i = 0; i < groups->capacity; i++)
		if (groups->table[i].finding)
			*group_place(table, capacity, groups->table[i].digest) = groups->table[i];
	free(groups->table);
	groups->table = table;
	groups->capacity = capacity;
	return 0;
}

static struct finding_group *group_of(struct finding_groups *groups, const uint8_t digest[SHA256_DIGEST_SIZE])
{
	struct finding_group *group;

	if (groups_grow(groups))
		return NULL;
	group = group_place(groups->table, groups->capacity, digest);
	if (group->finding)
		return group;
	group->finding = arena_alloc(groups->arena, sizeof(*group->finding));
	if (!group->finding)
		return NULL;
	memcpy(group->digest, digest, sizeof(group->digest));
	for (size_t i = 0; i < FINDING_ID_SIZE / 2; i++)
		snprintf(group->finding->id + 2 * i, 3, "%02x", digest[i]);
	groups->count++;
	return group;
}

/* Keeps the lowest pids, ascending. */
static void add_pid(struct finding *finding, pid_t pid)
{
	size_t at = finding->pid_count;

	while (at > 0 && finding->pids[at - 1] > pid)
		at--;
	if (at == FINDING_PIDS_MAX || (at > 0 && finding->pids[at - 1] == pid))
		return;
	if (finding->pid_count < FINDING_PIDS_MAX)
		finding->pid_count++;
	memmove(&finding->pids[at + 1], &finding->pids[at],
		(finding->pid_count - at - 1) * sizeof(*finding->pids));
	finding->pids[at] = pid;
}

/* Appends the container; one that is not the last is met again and dropped at the end. */
static int add_container(struct finding_groups *groups, struct finding_group *group,
			 const struct container *container)
{
	struct finding *finding = group->finding;
	const struct container **grown;

	if (!container ||
	    (finding->container_count && finding->containers[finding->container_count - 1] == container))
		return 0;
	grown = arena_grow(groups->arena, finding->containers, finding->container_count,
			   &group->container_capacity, sizeof(*grown));
	if (!grown)
		return -1;
	finding->containers = grown;
	grown[finding->container_count++] = container;
	return 0;
}

/* ---- keeping a verdict ------------------------------------------------------------------------- */

/* A copy of what may be the scratch arena's; NULL stays NULL. */
static int keep_text(struct arena *arena, const char **to, const char *text)
{
	*to = text ? arena_string(arena, text) : NULL;
	return text && !*to ? -1 : 0;
}

static int keep_evidence(struct arena *arena, const struct evidence **to, const struct evidence *from)
{
	struct evidence *first = NULL, **end = &first;

	for (; from; from = from->next) {
		struct evidence *copy = arena_alloc(arena, sizeof(*copy));
		if (!copy)
			return -1;
		*copy = *from;
		copy->next = NULL;
		if (keep_text(arena, &copy->text, from->text))
			return -1;
		*end = copy;
		end = &copy->next;
	}
	*to = first;
	return 0;
}

static const char *scope_kind(enum scope scope)
{
	static const char *const kinds[] = {
		[SCOPE_PROCESS] = "process",     [SCOPE_CONTAINER] = "container", [SCOPE_MOUNT] = "mount",
		[SCOPE_FILE] = "file",           [SCOPE_HOST] = "host",           [SCOPE_SYSCTL] = "host",
		[SCOPE_EXCEPTION] = "exception",
	};

	return kinds[scope];
}

/* Makes the finding say what the verdict on its worst subject so far says. */
static int keep_verdict(struct arena *arena, struct finding *finding, const struct rule *rule,
			const struct subject *subject, const struct verdict *verdict)
{
	finding->rule = rule;
	finding->kind = scope_kind(rule->scope);
	finding->container = subject->container;
	if (keep_text(arena, &finding->title, verdict->title ? verdict->title : rule->bad) ||
	    keep_text(arena, &finding->why, verdict->why ? verdict->why : rule->why) ||
	    keep_text(arena, &finding->path, verdict->path))
		return -1;
	return keep_evidence(arena, &finding->evidence, verdict->evidence);
}

/* Notes who shows the finding: pid, container, executable. */
static int add_subject(struct finding_groups *groups, struct finding_group *group,
		       const struct subject *subject)
{
	struct finding *finding = group->finding;
	const char *executable = subject->process ? subject->process->executable : NULL;

	if (!finding->count)
		finding->executable = executable;
	else if (!executable || !finding->executable || strcmp(executable, finding->executable) != 0)
		group->several_executables = true;
	finding->count++;
	if (subject->process)
		add_pid(finding, subject->process->pid);
	return add_container(groups, group, subject->container);
}

int finding_groups_add(struct finding_groups *groups, const struct rule *rule, const struct subject *subject,
		       const struct verdict *verdict, enum severity severity)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct finding_group *group;

	fingerprint(digest, rule, subject, verdict);
	group = group_of(groups, digest);
	if (!group || add_subject(groups, group, subject))
		return -1;
	if (severity <= group->finding->severity)
		return 0;
	group->finding->severity = severity;
	return keep_verdict(groups->arena, group->finding, rule, subject, verdict);
}

/* ---- all of them ------------------------------------------------------------------------------- */

static int compare_containers(const void *a, const void *b)
{
	const struct container *const *left = a, *const *right = b;

	return strcmp((*left)->id, (*right)->id);
}

/* Drops the containers that were met again. */
static void sort_containers(struct finding *finding)
{
	size_t kept = 0;

	if (finding->container_count)
		qsort(finding->containers, finding->container_count, sizeof(*finding->containers),
		      compare_containers);
	for (size_t i = 0; i < finding->container_count; i++)
		if (!i || finding->containers[i] != finding->containers[i - 1])
			finding->containers[kept++] = finding->containers[i];
	finding->container_count = kept;
}

size_t finding_groups_take(struct finding_groups *groups, struct finding **list)
{
	size_t count = 0;

	for (size_t i = 0; i < groups->capacity; i++) {
		struct finding_group *group = &groups->table[i];
		if (!group->finding)
			continue;
		sort_containers(group->finding);
		if (group->several_executables || group->finding->rule->scope != SCOPE_PROCESS)
			group->finding->executable = NULL;
		list[count++] = group->finding;
	}
	return count;
}

void finding_groups_free(struct finding_groups *groups)
{
	free(groups->table);
}
