#include "proctor/coverage.h"

#include <string.h>

static struct coverage_reason *coverage_reason(struct coverage *coverage, struct arena *arena,
					       const char *reason, const char *example, const char *remedy)
{
	struct coverage_reason **end = &coverage->reasons, *new;

	for (; *end; end = &(*end)->next)
		if (!strcmp((*end)->reason, reason))
			return *end;
	new = arena_alloc(arena, sizeof(*new));
	if (!new)
		return NULL;
	new->reason = arena_string(arena, reason);
	new->example = example ? arena_string(arena, example) : NULL;
	new->remedy = remedy ? arena_string(arena, remedy) : NULL;
	if (!new->reason)
		return NULL;
	*end = new;
	return new;
}

void coverage_note_count(struct coverage *coverage, struct arena *arena, const char *reason, uint64_t count,
			 const char *example, const char *remedy)
{
	struct coverage_reason *found = coverage_reason(coverage, arena, reason, example, remedy);

	if (found)
		found->count += count;
}

void coverage_note(struct coverage *coverage, struct arena *arena, const char *reason, const char *example,
		   const char *remedy)
{
	coverage_note_count(coverage, arena, reason, 1, example, remedy);
}

void coverage_merge(struct coverage *into, struct arena *arena, const struct coverage *from)
{
	into->seen += from->seen;
	into->missed += from->missed;
	for (const struct coverage_reason *reason = from->reasons; reason; reason = reason->next)
		coverage_note_count(into, arena, reason->reason, reason->count, reason->example,
				    reason->remedy);
}
