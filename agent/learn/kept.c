#include "agent/learn/kept.h"

#include <string.h>

static bool are_same(const char *left, const char *right)
{
	return left && right && !strcmp(left, right);
}

/* Whether the state keeps them together (agent/store/learned.c): by the first that is known of the image's
 * digest, its reference, the container's name and its id; those of a task by its family and their names in it
 * as well. */
static bool is_same_image(const struct watched *watched, const struct watched *kept)
{
	if ((watched->family || kept->family) &&
	    !(are_same(watched->family, kept->family) && are_same(watched->name, kept->name)))
		return false;
	if (watched->image_digest || kept->image_digest)
		return are_same(watched->image_digest, kept->image_digest);
	if (watched->image || kept->image)
		return are_same(watched->image, kept->image);
	if (watched->name || kept->name)
		return are_same(watched->name, kept->name);
	return are_same(watched->id, kept->id);
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
