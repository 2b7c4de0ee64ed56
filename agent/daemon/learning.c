#include "agent/daemon/learning.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/learn/seen.h"
#include "proctor/cleanup.h"
#include "proctor/clock.h"
#include "proctor/collector.h"

enum {
	UNSEEN_MS = 30000,             /* after that no look shows any more whose check it was */
	REFUSED_MS = 24 * 3600 * 1000, /* as long a refusal is told */
	NAMED_MS = 3000,               /* within that the image of a new container becomes known */
	WAITING_MAX = 65536,           /* checks that are not told */
	/* At most of what a message holds of a container, and of a capability with its programs: */
	CONTAINER_BYTES = 24 * 1024,
	CAPABILITY_BYTES = 1024 + MESSAGE_EXECUTABLES_MAX * 520,
};

/* What is known of a container beside what `seen` has. */
struct pupil {
	char *id;
	int64_t since;      /* milliseconds since 1970: from when on it was watched */
	int64_t told_until; /* and up to when the shipper knows that it was */
	bool saw_start, told_start, answered;
	int64_t refused_at[CAPABILITY_BITS]; /* the last time; 0: never */
	char *refused_to[CAPABILITY_BITS];   /* the program; NULL: not known */
	struct learned_history history;      /* when it is answered; without the id */
	bool there;
};

struct learning {
	struct usage_watch *watch;
	struct seen *seen;
	struct pupil **pupils; /* ascending by id */
	size_t count, capacity;
	struct usage *waiting; /* checks that the shipper does not have; NULL: none */
	size_t waits;          /* the first of them, which stay when it has the others */
	struct learned *told;  /* what it was told and has not answered; NULL: nothing */
	size_t told_count;     /* the first of its containers */
	bool whole;            /* it is also of those that asked for nothing */
	bool cut;  /* some are left for the next time: by room, or by want of memory or an image */
	bool news; /* something that may be judged otherwise */
	bool behind, nameless;
	uint64_t refusals;      /* that were known of at the last look */
	uint64_t lost, dropped; /* checks: in the kernel, and of those that waited */
	uint64_t lost_noted;    /* at the last pass */
	struct message_counters counters;
};

struct learning *learning_new(struct usage_watch *watch)
{
	struct learning *learning = calloc(1, sizeof(*learning));

	if (!learning)
		return NULL;
	learning->watch = watch;
	learning->seen = seen_new(clock_ms_of(CLOCK_BOOTTIME), NULL);
	if (learning->seen)
		return learning;
	free(learning);
	return NULL;
}

/* ---- containers --------------------------------------------------------------------------------- */

static void pupil_free(struct pupil *pupil)
{
	for (unsigned i = 0; i < CAPABILITY_BITS; i++)
		free(pupil->refused_to[i]);
	free(pupil->id);
	free(pupil);
}

void learning_free(struct learning *learning)
{
	if (!learning)
		return;
	for (size_t i = 0; i < learning->count; i++)
		pupil_free(learning->pupils[i]);
	free(learning->pupils);
	seen_free(learning->seen);
	usage_free(learning->waiting);
	learned_free(learning->told);
	free(learning);
}

/* The first that does not come before the id. */
static size_t place_of(const struct learning *learning, const char *id)
{
	size_t low = 0, high = learning->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(learning->pupils[middle]->id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct pupil *find(const struct learning *learning, const char *id)
{
	size_t place = place_of(learning, id);

	return place < learning->count && !strcmp(learning->pupils[place]->id, id) ? learning->pupils[place]
										   : NULL;
}

static int make_room(struct learning *learning)
{
	size_t capacity = learning->capacity ? 2 * learning->capacity : 64;
	struct pupil **grown;

	if (learning->count < learning->capacity)
		return 0;
	grown = reallocarray(learning->pupils, capacity, sizeof(struct pupil *));
	if (!grown)
		return -1;
	learning->pupils = grown;
	learning->capacity = capacity;
	return 0;
}

/* Finds it, or makes it; NULL without memory. */
static struct pupil *pupil_of(struct learning *learning, const struct watched *watched)
{
	struct pupil *pupil = find(learning, watched->id);
	size_t place = place_of(learning, watched->id);

	if (pupil || make_room(learning))
		return pupil;
	pupil = calloc(1, sizeof(*pupil));
	if (!pupil)
		return NULL;
	pupil->id = strdup(watched->id);
	pupil->since = pupil->told_until = watched->since;
	pupil->saw_start = watched->saw_start;
	if (!pupil->id) {
		free(pupil);
		return NULL;
	}
	memmove(learning->pupils + place + 1, learning->pupils + place,
		(learning->count++ - place) * sizeof(struct pupil *));
	learning->pupils[place] = pupil;
	return pupil;
}

/* Forgets those that have gone, of which all is told. */
static void forget(struct learning *learning)
{
	const struct watched *list;
	size_t count, kept = 0;

	if (seen_prune(learning->seen))
		return;
	list = seen_list(learning->seen, &count);
	for (size_t i = 0; i < learning->count; i++)
		learning->pupils[i]->there = false;
	for (size_t i = 0; i < count; i++) {
		struct pupil *pupil = find(learning, list[i].id);
		if (pupil)
			pupil->there = true;
	}
	for (size_t i = 0; i < learning->count; i++)
		if (learning->pupils[i]->there)
			learning->pupils[kept++] = learning->pupils[i];
		else
			pupil_free(learning->pupils[i]);
	learning->count = kept;
}

/* ---- what rules are given ----------------------------------------------------------------------- */

/* The programs to which capabilities were refused within the last day, parted by commas. */
static int take_refusals(const struct pupil *pupil, int64_t now, struct arena *arena,
			 struct learning_facts *facts)
{
	for (unsigned i = 0; i < CAPABILITY_BITS; i++) {
		const char *program = pupil->refused_to[i];
		if (!pupil->refused_at[i] || pupil->refused_at[i] + REFUSED_MS < now)
			continue;
		facts->refused |= CAPABILITY_MASK(i);
		facts->refused_to[i] = program ? arena_string(arena, program) : NULL;
		if (program && !facts->refused_to[i])
			return -1;
	}
	return 0;
}

static int give(const struct learning *learning, struct container *container, int64_t now,
		struct arena *arena)
{
	const struct pupil *pupil = find(learning, container->id);
	struct learning_facts *facts = pupil ? arena_alloc(arena, sizeof(*facts)) : NULL;

	if (!pupil || !pupil->answered)
		return 0;
	if (!facts || take_refusals(pupil, now, arena, facts))
		return -1;
	facts->required = pupil->history.required;
	facts->optional = pupil->history.optional;
	facts->seconds = pupil->history.seconds;
	facts->starts = pupil->history.starts;
	facts->whole = pupil->saw_start || pupil->since + REFUSED_MS <= now;
	container->learning = facts;
	return 0;
}

static void note(struct learning *learning, struct snapshot *snapshot)
{
	struct coverage *coverage = snapshot_coverage(snapshot, collector_container.name);
	uint64_t lost = learning->counters.checks_lost - learning->lost_noted;

	if (coverage && lost)
		coverage_note_count(coverage, snapshot->arena,
				    "check of a capability was not counted: there was no more room", lost,
				    NULL, NULL);
	if (coverage && learning->nameless)
		coverage_note(
			coverage, snapshot->arena,
			"the kernel hides where its functions lie: which capabilities are needed is not "
			"certain",
			NULL, "give the agent CAP_SYSLOG, and let kernel.kptr_restrict be 1");
	learning->lost_noted = learning->counters.checks_lost;
}

int learning_see(struct learning *learning, struct snapshot *snapshot, int64_t now)
{
	if (seen_take(learning->seen, snapshot, now))
		return -1;
	note(learning, snapshot);
	for (size_t i = 0; i < snapshot->container_count; i++)
		if (give(learning, snapshot->containers[i], now, snapshot->arena))
			return -1;
	return 0;
}

void learning_exit(struct learning *learning, const struct snapshot *snapshot, pid_t pid, int64_t now)
{
	const struct process *process = snapshot ? snapshot_process(snapshot, pid) : NULL;

	if (process && process->container && process->container->init == process)
		seen_end(learning->seen, process->container->id, now);
}

/* ---- checks ------------------------------------------------------------------------------------- */

bool learning_is_urgent(struct learning *learning)
{
	uint64_t refusals = learning->refusals;
	bool refused =
		!usage_watch_refusals(learning->watch, &refusals, NULL) && refusals != learning->refusals;

	learning->refusals = refusals;
	return refused || usage_watch_is_filling(learning->watch);
}

static bool is_of_container(const struct learning *learning, const struct usage_check *check)
{
	size_t count;
	const struct watched *list = seen_list(learning->seen, &count);

	return watched_have(list, count, check);
}

/* Whether it is certain that the check was made in a namespace that stays that of others: one that was theirs
 * at the first look, or of which a look after the check showed it, where only its inode is known, which may
 * be a new container's later. Any other one may be a container's that is not seen as one yet. */
static bool is_of_others(const struct learning *learning, const struct usage_check *check)
{
	const struct mounts_seen *others = seen_others(learning->seen);

	for (size_t i = 0; i < others->count; i++) {
		const struct mounts_span *span = &others->list[i];
		enum mounts_match match = mounts_match(span, check);
		if (match == MOUNTS_SAME && !span->from)
			return true;
		if (match == MOUNTS_MAYBE && check->last >= span->from &&
		    check->last <= (span->last ? span->last : span->until))
			return true;
	}
	return false;
}

/* Puts those that waited behind what was taken now. -1 without memory: they stay. */
static int join(struct learning *learning, struct usage *taken)
{
	size_t waiting = learning->waiting ? learning->waiting->count : 0, count = taken->count;
	struct usage_check *all = arena_array(taken->arena, count + waiting + 1, sizeof(*all));

	if (!all)
		return -1;
	if (count)
		memcpy(all, taken->checks, count * sizeof(*all));
	for (size_t i = 0; i < waiting; i++) {
		struct usage_check *check = &all[count + i];
		*check = learning->waiting->checks[i];
		check->executable = check->executable ? arena_string(taken->arena, check->executable) : NULL;
	}
	taken->checks = all;
	taken->count = count + waiting;
	return 0;
}

static int take(struct learning *learning, struct error **error)
{
	struct usage *taken = usage_watch_take(learning->watch, error);
	size_t waiting = learning->waiting ? learning->waiting->count : 0;

	if (!taken)
		return -1;
	if (waiting + taken->count > WAITING_MAX || join(learning, taken))
		learning->dropped += waiting;
	learning->counters.checks_lost = taken->lost + learning->dropped;
	learning->nameless = taken->nameless;
	taken->lost -= learning->lost;
	learning->lost += taken->lost;
	usage_free(learning->waiting);
	learning->waiting = taken;
	return 0;
}

/* ---- telling ------------------------------------------------------------------------------------ */

/* What it takes of a message, at most. */
static size_t size_of(const struct learned_container *container)
{
	size_t capabilities = container->use_count + container->denial_count;

	return CONTAINER_BYTES + capabilities * CAPABILITY_BYTES;
}

/* Turns what was counted since the last answer into what is to be told. False: nothing. */
static bool shape(struct learning *learning, struct learned_container *container, bool whole, int64_t now)
{
	struct pupil *pupil = pupil_of(learning, container->watched);
	struct watched *watched = arena_alloc(learning->told->arena, sizeof(*watched));

	if (!pupil || !watched) {
		learning->cut = true;
		return false; /* the next time */
	}
	*watched = *container->watched;
	watched->saw_start &= !pupil->told_start;
	container->watched = watched;
	container->observed_seconds =
		now > pupil->told_until ? (uint64_t)(now - pupil->told_until) / 1000 : 0;
	if (!watched->image && !watched->image_digest && now - pupil->since < NAMED_MS) {
		learning->cut = true;
		return false; /* what it asked for at its start is its image's */
	}
	return whole || !pupil->answered || container->use_count || container->denial_count;
}

/* Moves those that are to be told to the front, as many as a message holds. */
static void choose(struct learning *learning, bool whole, int64_t now)
{
	struct learned *told = learning->told;
	size_t size = 0;

	learning->told_count = 0;
	learning->cut = told->count > MESSAGE_LEARNED_MAX;
	for (size_t i = 0; i < told->count && learning->told_count < MESSAGE_LEARNED_MAX; i++) {
		struct learned_container container = told->containers[i];
		if (!shape(learning, &container, whole, now))
			continue;
		size += size_of(&container);
		if (size > MESSAGE_LEARNED_BYTES) {
			learning->cut = true;
			break;
		}
		told->containers[learning->told_count++] = container;
	}
}

static bool is_told(const struct learning *learning, const struct usage_check *check)
{
	for (size_t i = 0; i < learning->told_count; i++)
		if (mounts_have(&learning->told->containers[i].watched->mounts, check))
			return true;
	return false;
}

/* Whether the check waits for another look or message: whose it is may be seen then. */
static bool waits(struct learning *learning, const struct usage_check *check, int64_t now)
{
	bool unseen, others;

	if (is_told(learning, check) || is_of_others(learning, check))
		return false;
	others = mounts_have(seen_others(learning->seen), check);
	unseen = !others && !is_of_container(learning, check); /* whose it was is not known yet */
	if (!unseen && !others)
		return learning->cut;
	if (check->last + UNSEEN_MS < now) {
		learning->counters.checks_unseen += unseen ? check->count : 0;
		return false;
	}
	if (others)
		return true;
	learning->behind |= check->denied && check->asking == ASKING_NEED;
	return true;
}

/* Which checks wait on is decided now: by the time of the answer other looks have been taken. */
static void sort_out(struct learning *learning, int64_t now)
{
	size_t kept = 0;

	learning->behind = false;
	for (size_t i = 0; i < learning->waiting->count; i++) {
		struct usage_check check = learning->waiting->checks[i];
		if (!waits(learning, &check, now))
			continue;
		learning->waiting->checks[i] = learning->waiting->checks[kept];
		learning->waiting->checks[kept++] = check;
	}
	learning->waits = kept;
}

static void note_refusals(struct learning *learning, const struct learned_container *container)
{
	struct pupil *pupil = find(learning, container->watched->id);

	for (size_t i = 0; i < container->denial_count; i++) {
		const struct learned_denial *denial = &container->denials[i];
		const char *program = denial->executables ? denial->executables[0] : NULL;
		if (denial->reason)
			continue; /* it may have failed nobody */
		learning->news |= !pupil->refused_at[denial->capability];
		pupil->refused_at[denial->capability] = denial->last;
		if (program) {
			free(pupil->refused_to[denial->capability]);
			pupil->refused_to[denial->capability] = strdup(program);
		}
	}
}

/* What was told is known to the shipper. */
static void settle(struct learning *learning)
{
	learning->waiting->count = learning->waits;
	learned_free(learning->told);
	learning->told = NULL;
	learning->told_count = 0;
}

int learning_tell(struct learning *learning, bool whole, int64_t now, struct message *message,
		  struct error **error)
{
	const struct watched *list;
	size_t count;

	if (learning->told)
		return 0; /* it is not answered yet */
	seen_stretch(learning->seen, now);
	if (take(learning, error))
		return -1;
	list = seen_list(learning->seen, &count);
	learning->told = learned_make(learning->waiting, list, count, seen_others(learning->seen), now);
	if (!learning->told)
		return error_set(error, ENOMEM, "judging what was counted");
	choose(learning, whole, now);
	sort_out(learning, now);
	for (size_t i = 0; i < learning->told_count; i++)
		note_refusals(learning, &learning->told->containers[i]);
	learning->whole = whole;
	if (!learning->told_count) {
		settle(learning);
		return 0;
	}
	*message = (struct message){.kind = MESSAGE_LEARNED};
	message->learned.list = learning->told->containers;
	message->learned.count = learning->told_count;
	return 1;
}

/* ---- the answer --------------------------------------------------------------------------------- */

static void take_history(struct learning *learning, const struct learned_container *told,
			 const struct learned_history *history)
{
	struct pupil *pupil = find(learning, told->watched->id);

	if (!pupil || strcmp(history->id, told->watched->id) != 0)
		return;
	learning->news |= !pupil->answered;
	pupil->answered = true;
	pupil->told_start |= told->watched->saw_start;
	pupil->told_until += (int64_t)told->observed_seconds * 1000;
	for (size_t i = 0; i < told->use_count; i++)
		learning->counters.checks += told->uses[i].count;
	pupil->history = *history;
	pupil->history.id = NULL;
}

void learning_again(struct learning *learning)
{
	learned_free(learning->told);
	learning->told = NULL;
	learning->told_count = 0;
}

bool learning_answer(struct learning *learning, const struct message *message)
{
	bool news;

	if (!learning->told)
		return false;
	if (message->history.count != learning->told_count) {
		learning_again(learning); /* it could not be kept */
		return false;
	}
	for (size_t i = 0; i < learning->told_count; i++)
		take_history(learning, &learning->told->containers[i], &message->history.list[i]);
	settle(learning);
	if (learning->whole)
		forget(learning);
	news = learning->news;
	learning->news = false;
	return news;
}

bool learning_is_behind(const struct learning *learning)
{
	return learning->behind;
}

void learning_count(const struct learning *learning, struct message_counters *counters)
{
	counters->checks = learning->counters.checks;
	counters->checks_lost = learning->counters.checks_lost;
	counters->checks_unseen = learning->counters.checks_unseen;
}
