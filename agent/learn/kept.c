#include "agent/learn/kept.h"

#include <string.h>

static bool is_same_image(const struct watched *watched, const struct watched *kept)
{
	const struct watched_key key = watched_key_of(watched), other = watched_key_of(kept);

	return !strcmp(key.image, other.image) && !strcmp(key.family, other.family) &&
	       !strcmp(key.name, other.name);
}

static void join(struct learned_container *container, const struct learned_container *kept, bool lost)
{
	for (size_t i = 0; i < kept->use_count; i++)
		if (kept->uses[i].required && kept->uses[i].at_start)
			container->of_starts |= CAPABILITY_MASK(kept->uses[i].capability);
	container->of_starts &= ~container->recommended;
	container->recommended |= container->of_starts;
	container->complete = kept->complete && !lost;
}

void kept_join(struct learned *learned, const struct learned *kept)
{
	for (size_t i = 0; i < learned->count; i++) {
		struct learned_container *container = &learned->containers[i];
		if (container->watched->saw_start)
			continue;
		for (size_t k = 0; k < kept->count; k++)
			if (is_same_image(container->watched, kept->containers[k].watched))
				join(container, &kept->containers[k], learned->lost > 0);
	}
}
