#include "agent/stage.h"

static size_t position(const struct collector *collector)
{
	size_t i = 0;

	while (collectors[i] && collectors[i] != collector)
		i++;
	return i;
}

bool stage_is_complete(const struct stage *stage, const struct collector *const *enabled,
		       const struct collector *done)
{
	if (!stage->after)
		return false;
	while (*enabled && *enabled != done)
		enabled++;
	if (*enabled)
		enabled++; /* the one that runs next */
	return !*enabled || position(*enabled) > position(stage->after);
}
