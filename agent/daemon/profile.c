#include "agent/daemon/profile.h"

#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEY_SIZE = 16, /* of a SHA-256: names come from containers, and nobody is to hide behind another's */
	ROOM_MIN = 256,
};

struct profile {
	uint8_t key[KEY_SIZE];
	uint32_t round; /* the last that had it; 0: a free place */
};

struct profiles {
	struct profile *table;
	size_t capacity, count;
	uint32_t round;
};

/* ---- what is judged of a process ---------------------------------------------------------------- */

static void digest_bytes(struct sha256_ctx *hash, const void *data, size_t length)
{
	uint64_t size = length;

	sha256_update(hash, sizeof(size), (const uint8_t *)&size);
	if (length)
		sha256_update(hash, length, data);
}

static void digest_text(struct sha256_ctx *hash, const char *text)
{
	digest_bytes(hash, text ? text : "", text ? strlen(text) + 1 : 0);
}

static void digest_credentials(struct sha256_ctx *hash, const struct credentials *credentials)
{
	const uint64_t sets[] = {credentials->effective, credentials->permitted, credentials->inheritable,
				 credentials->bounding, credentials->ambient};
	const uint8_t modes[] = {credentials->no_new_privs, credentials->seccomp};

	digest_bytes(hash, credentials->uid, sizeof(credentials->uid));
	digest_bytes(hash, credentials->gid, sizeof(credentials->gid));
	digest_bytes(hash, sets, sizeof(sets));
	digest_bytes(hash, modes, sizeof(modes));
}

static void digest_process(const struct process *process, uint8_t key[KEY_SIZE])
{
	const uint8_t marks[] = {process->kernel_thread, process->executable_deleted,
				 process->executable_memfd, process->root_changed};
	struct sha256_ctx hash;

	sha256_init(&hash);
	digest_text(&hash, process->executable ? process->executable : process->comm);
	digest_text(&hash, process->cgroup);
	digest_text(&hash, process->lsm);
	digest_bytes(&hash, &process->known, sizeof(process->known));
	digest_bytes(&hash, marks, sizeof(marks));
	digest_bytes(&hash, process->namespaces, sizeof(process->namespaces));
	digest_bytes(&hash, process->groups, process->group_count * sizeof(*process->groups));
	digest_credentials(&hash, &process->credentials);
	for (size_t i = 0; i < process->differing_count; i++)
		digest_credentials(&hash, &process->threads[i].credentials);
	sha256_digest(&hash, KEY_SIZE, key);
}

/* ---- the set ------------------------------------------------------------------------------------ */

struct profiles *profiles_new(void)
{
	struct profiles *profiles = calloc(1, sizeof(*profiles));

	if (profiles)
		profiles->round = 1;
	return profiles;
}

void profiles_free(struct profiles *profiles)
{
	if (profiles)
		free(profiles->table);
	free(profiles);
}

/* The place of the key: its profile, or the free one where it belongs. */
static struct profile *place_of(struct profile *table, size_t capacity, const uint8_t key[KEY_SIZE])
{
	size_t index;

	memcpy(&index, key, sizeof(index));
	for (index &= capacity - 1; table[index].round; index = (index + 1) & (capacity - 1))
		if (!memcmp(table[index].key, key, KEY_SIZE))
			break;
	return &table[index];
}

/* Moves those of `oldest` and later rounds into a table of that capacity. */
static int rebuild(struct profiles *profiles, size_t capacity, uint32_t oldest)
{
	struct profile *table = calloc(capacity, sizeof(*table));
	size_t count = 0;

	if (!table)
		return -1;
	for (size_t i = 0; i < profiles->capacity; i++)
		if (profiles->table[i].round && profiles->table[i].round >= oldest) {
			*place_of(table, capacity, profiles->table[i].key) = profiles->table[i];
			count++;
		}
	free(profiles->table);
	profiles->table = table;
	profiles->capacity = capacity;
	profiles->count = count;
	return 0;
}

int profiles_add(struct profiles *profiles, const struct process *process)
{
	uint8_t key[KEY_SIZE];
	struct profile *profile;
	bool known;

	if (profiles->count >= profiles->capacity / 2 &&
	    rebuild(profiles, profiles->capacity ? profiles->capacity * 2 : ROOM_MIN, 1))
		return -1;
	digest_process(process, key);
	profile = place_of(profiles->table, profiles->capacity, key);
	known = profile->round != 0;
	memcpy(profile->key, key, KEY_SIZE);
	profile->round = profiles->round;
	profiles->count += !known;
	return !known;
}

void profiles_age(struct profiles *profiles)
{
	size_t capacity = ROOM_MIN;

	while (capacity < profiles->count * 4)
		capacity *= 2;
	/* Without memory they stay a round longer. */
	rebuild(profiles, capacity, profiles->round);
	profiles->round++;
}

size_t profiles_count(const struct profiles *profiles)
{
	return profiles->count;
}
