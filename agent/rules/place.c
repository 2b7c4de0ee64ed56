#include "agent/rules/place.h"

#include <stdlib.h>
#include <string.h>

struct places {
	const struct mount **by_point; /* ascending by mount point */
	uint32_t *peers;               /* ascending */
	size_t count, peer_count;
};

static int compare_peers(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

static int compare_points(const void *a, const void *b)
{
	const struct mount *const *left = a, *const *right = b;

	return strcmp((*left)->point, (*right)->point);
}

const struct places *places_new(const struct mount_namespace *namespace, struct arena *arena)
{
	struct places *places = arena_alloc(arena, sizeof(*places));

	if (!places)
		return NULL;
	places->by_point = arena_array(arena, namespace->mount_count, sizeof(const struct mount *));
	places->peers = arena_array(arena, namespace->mount_count, sizeof(*places->peers));
	if (!places->by_point || !places->peers)
		return NULL;
	for (size_t i = 0; i < namespace->mount_count; i++) {
		const struct mount *mount = &namespace->mounts[i];
		if (mount->shared)
			places->peers[places->peer_count++] = mount->shared;
		if (!mount->covered)
			places->by_point[places->count++] = mount;
	}
	qsort(places->peers, places->peer_count, sizeof(*places->peers), compare_peers);
	qsort(places->by_point, places->count, sizeof(const struct mount *), compare_points);
	return places;
}

const struct mount *places_at(const struct places *places, const char *point)
{
	const struct mount wanted = {.point = point}, *key = &wanted;
	const struct mount *const *found =
		bsearch(&key, places->by_point, places->count, sizeof(const struct mount *), compare_points);

	return found ? *found : NULL;
}

bool places_has_peer(const struct places *places, uint32_t peer_group)
{
	return peer_group &&
	       bsearch(&peer_group, places->peers, places->peer_count, sizeof(*places->peers), compare_peers);
}

bool mount_is_writable(const struct mount *mount)
{
	return !((mount->options | mount->super_options) & MOUNT_READ_ONLY);
}
