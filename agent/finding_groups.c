#include "agent/finding_groups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/fingerprint.h"
#include "proctor/cleanup.h"

/* A finding under construction, and what its subjects have in common. */
struct finding_group {
	struct fingerprint key;        /* by which it is found in the table */
	struct fingerprint fault;      /* the fault and who has it, as its owner calls it */
	struct finding *finding;       /* NULL: a free place of the table */
	const struct process *speaker; /* of the worst subject so far; NULL: none */
	size_t container_capacity;
	bool several_executables;
};

/* ---- groups ------------------------------------------------------------------------------------ */

/* The place of the key in the table: its group, or the free one where it belongs. */
static struct finding_group *group_place(struct finding_group *table, size_t capacity,
					 const struct fingerprint *key)
{
	size_t index;

	memcpy(&index, key->bytes, sizeof(index));
	for (index &= capacity - 1; table[index].finding; index = (index + 1) & (capacity - 1))
		if (fingerprint_equal(&table[index].key, key))
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
			*group_place(table, capacity, &groups->table[i].key) = groups->table[i];
	free(groups->table);
	groups->table = table;
	groups->capacity = capacity;
	return 0;
}

/* The group of that key, whose finding is NULL when it is new. NULL: no memory. */
static struct finding_group *group_of(struct finding_groups *groups, const struct fingerprint *key)
{
	struct finding_group *group;

	if (groups_grow(groups))
		return NULL;
	group = group_place(groups->table, groups->capacity, key);
	if (!group->finding) {
		group->key = *key;
		groups->count++;
	}
	return group;
}

/* ---- who shows it ------------------------------------------------------------------------------ */

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
		[SCOPE_PROCESS] = "process", [SCOPE_CONTAINER] = "container", [SCOPE_MOUNT] = "mount",
		[SCOPE_FILE] = "file",       [SCOPE_PROGRAM] = "file",        [SCOPE_HOST] = "host",
		[SCOPE_SYSCTL] = "host",     [SCOPE_EXCEPTION] = "exception",
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

/* The worst speaks; of equally bad ones the container's first process, then the one met first. */
static bool speaks(const struct finding_group *group, const struct subject *subject, enum severity severity)
{
	const struct process *init = subject->container ? subject->container->init : NULL;

	if (severity != group->finding->severity)
		return severity > group->finding->severity;
	return init && subject->process == init && group->speaker != init;
}

int finding_groups_add(struct finding_groups *groups, const struct rule *rule, const struct subject *subject,
		       const struct verdict *verdict, enum severity severity)
{
	struct fingerprint fault = fingerprint_of(rule, subject, verdict), key = fault;
	struct finding_group *group;

	if (subject->container)
		key = fingerprint_within(&fault, subject->container);
	group = group_of(groups, &key);
	if (!group)
		return -1;
	if (!group->finding)
		group->finding = arena_alloc(groups->arena, sizeof(*group->finding));
	if (!group->finding || add_subject(groups, group, subject))
		return -1;
	group->fault = fault;
	if (!speaks(group, subject, severity))
		return 0;
	group->finding->severity = severity;
	group->speaker = subject->process;
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

/* A sentence that is true of one container only gives way to that of the rule. */
static const char *common_text(const char *left, const char *right, const char *of_rule)
{
	return strcmp(left, right) ? of_rule : left;
}

/* Takes in what another container shows of the same fault. */
static int merge(struct finding_groups *merged, struct finding_group *into, const struct finding_group *from)
{
	struct finding *finding = into->finding, *other = from->finding;

	into->several_executables |= from->several_executables || !finding->executable ||
				     !other->executable ||
				     strcmp(finding->executable, other->executable) != 0;
	finding->count += other->count;
	for (size_t i = 0; i < other->pid_count; i++)
		add_pid(finding, other->pids[i]);
	for (size_t i = 0; i < other->container_count; i++)
		if (add_container(merged, into, other->containers[i]))
			return -1;
	/* Whatever order they came in; the host's have one group each. */
	if (finding->container && other->container &&
	    strcmp(finding->container->id, other->container->id) > 0) {
		finding->container = other->container;
		finding->evidence = other->evidence;
	}
	finding->title = common_text(finding->title, other->title, finding->rule->bad);
	finding->why = common_text(finding->why, other->why, finding->rule->why);
	return 0;
}

static int merge_group(struct finding_groups *merged, const struct finding_group *from)
{
	struct fingerprint id = from->fault;
	struct finding_group *into;

	if (from->finding->container)
		id = fingerprint_decided(&from->fault, from->finding->severity, from->finding->evidence);
	into = group_of(merged, &id);
	if (!into)
		return -1;
	if (into->finding)
		return merge(merged, into, from);
	into->finding = from->finding;
	into->container_capacity = from->container_capacity;
	into->several_executables = from->several_executables;
	for (size_t i = 0; i < FINDING_ID_SIZE / 2; i++)
		snprintf(into->finding->id + 2 * i, 3, "%02x", id.bytes[i]);
	return 0;
}

int finding_groups_merge(struct finding_groups *groups)
{
	struct finding_groups merged = {.arena = groups->arena};
	int result = 0;

	for (size_t i = 0; !result && i < groups->capacity; i++)
		if (groups->table[i].finding)
			result = merge_group(&merged, &groups->table[i]);
	finding_groups_free(groups);
	*groups = merged;
	return result;
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
