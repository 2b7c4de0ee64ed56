#include "agent/learn/tally.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "proctor/learned.h"

struct tally {
	struct arena *arena;
	void *tree; /* of struct usage_check *, by what compare() compares */
	struct usage_check **list;
	size_t count, capacity;
	struct usage usage;
};

struct tally *tally_new(void)
{
	struct tally *tally = calloc(1, sizeof(*tally));

	if (tally)
		tally->arena = arena_new();
	if (tally && tally->arena)
		return tally;
	free(tally);
	return NULL;
}

static void keep(void *node)
{
	(void)node; /* it is the arena's */
}

void tally_free(struct tally *tally)
{
	if (!tally)
		return;
	tdestroy(tally->tree, keep);
	arena_free(tally->arena);
	free(tally);
}

/* ---- adding ------------------------------------------------------------------------------------- */

static int compare_text(const char *a, const char *b)
{
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

/* Whether two checks were counted together, by all that is told of them. */
static int compare(const void *left, const void *right)
{
	const struct usage_check *a = left, *b = right;
	const uint64_t numbers[][2] = {
		{a->mount_id, b->mount_id},
		{a->mount_namespace, b->mount_namespace},
		{a->user_namespace, b->user_namespace},
		{a->cgroup, b->cgroup},
		{a->capability, b->capability},
		{a->asking, b->asking},
		{a->denied, b->denied},
	};
	int order;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i][0] != numbers[i][1])
			return numbers[i][0] < numbers[i][1] ? -1 : 1;
	order = compare_text(a->executable, b->executable);
	return order ? order : compare_text(a->reason, b->reason);
}

static struct usage_check *copy_of(struct tally *tally, const struct usage_check *check)
{
	struct usage_check *copy = arena_alloc(tally->arena, sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *check;
	if (check->executable)
		copy->executable = arena_string(tally->arena, check->executable);
	return check->executable && !copy->executable ? NULL : copy;
}

static int add_new(struct tally *tally, const struct usage_check *check)
{
	struct usage_check *copy = copy_of(tally, check);
	struct usage_check **grown = copy ? arena_grow(tally->arena, tally->list, tally->count,
						       &tally->capacity, sizeof(struct usage_check *))
					  : NULL;

	if (!grown || !tsearch(copy, &tally->tree, compare))
		return -1;
	tally->list = grown;
	grown[tally->count++] = copy;
	return 0;
}

static void add_up(struct usage_check *known, const struct usage_check *check)
{
	known->count += check->count;
	known->first = check->first < known->first ? check->first : known->first;
	known->last = check->last > known->last ? check->last : known->last;
}

int tally_add(struct tally *tally, const struct usage *taken)
{
	tally->usage = *taken;
	for (size_t i = 0; i < taken->count; i++) {
		const struct usage_check *check = &taken->checks[i];
		struct usage_check **known;
		if (!check_tells_need(check))
			continue;
		known = tfind(check, &tally->tree, compare);
		if (known)
			add_up(*known, check);
		else if (add_new(tally, check))
			return -1;
	}
	return 0;
}

/* ---- all of it ---------------------------------------------------------------------------------- */

const struct usage *tally_usage(struct tally *tally)
{
	struct usage_check *checks = arena_array(tally->arena, tally->count + 1, sizeof(*checks));

	if (!checks)
		return NULL;
	for (size_t i = 0; i < tally->count; i++)
		checks[i] = *tally->list[i];
	tally->usage.arena = NULL; /* that of what was taken last */
	tally->usage.checks = checks;
	tally->usage.count = tally->count;
	return &tally->usage;
}
