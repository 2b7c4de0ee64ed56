#include "proctor/learned.h"

#include <string.h>

/* ---- what is known together -------------------------------------------------------------------- */

struct watched_key watched_key_of(const struct watched *watched)
{
	const char *const names[] = {watched->image_digest, watched->image, watched->name, watched->id};
	struct watched_key key = {.image = "", .family = "", .name = ""};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !*key.image; i++)
		if (names[i])
			key.image = names[i];
	if (watched->family)
		key.family = watched->family;
	if (watched->family && watched->name)
		key.name = watched->name;
	return key;
}

/* ---- whose check it is -------------------------------------------------------------------------- */

enum mounts_match mounts_match(const struct mounts_span *span, const struct usage_check *check)
{
	if (span->id && check->mount_id)
		return span->id == check->mount_id ? MOUNTS_SAME : MOUNTS_OTHER;
	return span->inode == check->mount_namespace && check->last >= span->from &&
			       check->first <= span->until
		       ? MOUNTS_MAYBE
		       : MOUNTS_OTHER;
}

bool mounts_have(const struct mounts_seen *mounts, const struct usage_check *check)
{
	for (size_t i = 0; i < mounts->count; i++)
		if (mounts_match(&mounts->list[i], check) != MOUNTS_OTHER)
			return true;
	return false;
}

bool watched_have(const struct watched *watched, size_t count, const struct usage_check *check)
{
	for (size_t i = 0; i < count; i++)
		if (mounts_have(&watched[i].mounts, check))
			return true;
	return false;
}

/* A check in another user namespace than the container's own is about what that owns: capabilities there are
 * not the container's to be granted. */
static bool is_own(const struct usage_check *check, const struct watched *watched)
{
	return mounts_have(&watched->mounts, check) &&
	       (!watched->user_namespace || check->user_namespace == watched->user_namespace);
}

bool check_tells_need(const struct usage_check *check)
{
	return check->capability < CAPABILITY_BITS &&
	       (check->asking == ASKING_NEED || check->asking == ASKING_OPTIONAL ||
		check->asking == ASKING_UNKNOWN);
}

/* ---- lists -------------------------------------------------------------------------------------- */

struct judge {
	const struct usage *usage;
	struct learned *learned;
	bool failed; /* memory ran out */
};

static void add_executable(struct judge *judge, const char *const **list, const char *executable)
{
	size_t count = 0;
	const char **longer;

	if (!executable)
		return;
	for (; *list && (*list)[count]; count++)
		if (!strcmp((*list)[count], executable))
			return;
	longer = arena_array(judge->learned->arena, count + 2, sizeof(*longer));
	if (!longer) {
		judge->failed = true;
		return;
	}
	if (count)
		memcpy(longer, *list, count * sizeof(*longer));
	longer[count] = executable;
	*list = longer;
}

static struct learned_use *use_of(struct learned_container *container, unsigned capability)
{
	for (size_t i = 0; i < container->use_count; i++)
		if (container->uses[i].capability == capability)
			return &container->uses[i];
	container->uses[container->use_count] =
		(struct learned_use){.capability = capability, .first = INT64_MAX};
	return &container->uses[container->use_count++];
}

static struct learned_denial *denial_of(struct learned_container *container, unsigned capability)
{
	for (size_t i = 0; i < container->denial_count; i++)
		if (container->denials[i].capability == capability)
			return &container->denials[i];
	container->denials[container->denial_count] =
		(struct learned_denial){.capability = capability, .first = INT64_MAX};
	return &container->denials[container->denial_count++];
}

/* ---- judging ------------------------------------------------------------------------------------ */

static const char unknown[] = "who in the kernel asked could not be told: it may be no need";

static void note_use(struct judge *judge, struct learned_container *container,
		     const struct usage_check *check)
{
	struct learned_use *use = use_of(container, check->capability);

	use->count += check->count;
	use->first = check->first < use->first ? check->first : use->first;
	use->last = check->last > use->last ? check->last : use->last;
	add_executable(judge, &use->executables, check->executable);
	if (check->asking == ASKING_NEED) {
		use->required = true;
		use->reason = NULL;
	} else if (check->asking == ASKING_UNKNOWN && !(use->required && !use->reason)) {
		use->required = true;
		use->reason = unknown;
	} else if (!use->required) {
		use->reason = check->reason;
	}
}

/* Refused the first, the kernel asks for the second in the same call, and goes on where that is granted
 * (generic_permission() in fs/namei.c; bpf_capable() and the like in include/linux/capability.h). */
static const struct {
	unsigned first, second;
} asked_first[] = {
	{CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE},
	{CAP_BPF, CAP_SYS_ADMIN},
	{CAP_PERFMON, CAP_SYS_ADMIN},
	{CAP_CHECKPOINT_RESTORE, CAP_SYS_ADMIN},
};

static bool is_granted(const struct judge *judge, const struct watched *watched, unsigned capability,
		       const char *executable)
{
	for (size_t i = 0; i < judge->usage->count; i++) {
		const struct usage_check *check = &judge->usage->checks[i];
		if (check->capability == capability && !check->denied && check_tells_need(check) &&
		    is_own(check, watched) && check->executable && executable &&
		    !strcmp(check->executable, executable))
			return true;
	}
	return false;
}

static bool is_made_up_for(const struct judge *judge, const struct watched *watched,
			   const struct usage_check *check)
{
	for (size_t i = 0; i < sizeof(asked_first) / sizeof(asked_first[0]); i++)
		if (asked_first[i].first == check->capability &&
		    is_granted(judge, watched, asked_first[i].second, check->executable))
			return true;
	return false;
}

static void note_denial(struct judge *judge, struct learned_container *container,
			const struct usage_check *check)
{
	struct learned_denial *denial;

	if (check->asking == ASKING_OPTIONAL || is_made_up_for(judge, container->watched, check))
		return;
	denial = denial_of(container, check->capability);
	if (check->asking == ASKING_NEED)
		denial->reason = NULL;
	else if (!denial->count)
		denial->reason = unknown;
	denial->count += check->count;
	denial->first = check->first < denial->first ? check->first : denial->first;
	denial->last = check->last > denial->last ? check->last : denial->last;
	add_executable(judge, &denial->executables, check->executable);
}

static void judge_container(struct judge *judge, struct learned_container *container)
{
	for (size_t i = 0; i < judge->usage->count && !judge->failed; i++) {
		const struct usage_check *check = &judge->usage->checks[i];
		if (!is_own(check, container->watched) || !check_tells_need(check))
			continue;
		if (check->denied)
			note_denial(judge, container, check);
		else
			note_use(judge, container, check);
	}
	for (size_t i = 0; i < container->use_count; i++)
		if (container->uses[i].required)
			container->recommended |= CAPABILITY_MASK(container->uses[i].capability);
}

static void begin(struct judge *judge, struct learned_container *container, const struct watched *watched,
		  int64_t now)
{
	struct arena *arena = judge->learned->arena;

	*container = (struct learned_container){
		.watched = watched,
		.uses = arena_array(arena, CAPABILITY_BITS, sizeof(*container->uses)),
		.denials = arena_array(arena, CAPABILITY_BITS, sizeof(*container->denials)),
		.complete = watched->saw_start && !judge->usage->lost,
		.observed_seconds = now > watched->since ? (uint64_t)(now - watched->since) / 1000 : 0,
	};
	judge->failed |= !container->uses || !container->denials;
}

static uint64_t count_unseen(const struct usage *usage, const struct watched *watched, size_t count,
			     const struct mounts_seen *others)
{
	uint64_t unseen = 0;

	for (size_t i = 0; i < usage->count; i++)
		if (check_tells_need(&usage->checks[i]) && !mounts_have(others, &usage->checks[i]) &&
		    !watched_have(watched, count, &usage->checks[i]))
			unseen += usage->checks[i].count;
	return unseen;
}

struct learned *learned_make(const struct usage *usage, const struct watched *watched, size_t count,
			     const struct mounts_seen *others, int64_t now)
{
	struct arena *arena = arena_new();
	struct learned *learned = arena ? arena_alloc(arena, sizeof(*learned)) : NULL;
	struct judge judge = {.usage = usage, .learned = learned, .failed = !learned};

	if (learned) {
		*learned = (struct learned){.arena = arena,
					    .lost = usage->lost,
					    .unseen = count_unseen(usage, watched, count, others),
					    .nameless = usage->nameless,
					    .evidence = usage->evidence};
		learned->containers = arena_array(arena, count + 1, sizeof(*learned->containers));
		judge.failed = !learned->containers;
	}
	for (size_t i = 0; i < count && !judge.failed; i++) {
		struct learned_container *container = &learned->containers[learned->count++];
		begin(&judge, container, &watched[i], now);
		if (!judge.failed)
			judge_container(&judge, container);
	}
	if (!judge.failed)
		return learned;
	arena_free(arena);
	return NULL;
}

void learned_free(struct learned *learned)
{
	if (learned)
		arena_free(learned->arena);
}
