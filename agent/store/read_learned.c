/* What an agent learned of the capabilities that containers use, as it is kept. */
#include <errno.h>
#include <string.h>

#include "agent/store/learned.h"
#include "agent/store/read_private.h"

enum { CONTAINER_ID_MIN = 12 /* characters that name a container */ };

struct take {
	struct store_reader *reader;
	struct learned *learned;
	size_t capacity;
	sqlite3_stmt *images, *uses;
	const char *container; /* that is asked for; NULL: any */
};

static int out_of_memory(struct error **error)
{
	return error_set(error, ENOMEM, "reading what was learned");
}

static int damaged(struct error **error)
{
	return error_set(error, 0, "reading the state: what was learned is damaged");
}

/* ---- columns ------------------------------------------------------------------------------------ */

/* NULL is NULL. -1 without memory. */
static int take_text(sqlite3_stmt *row, int column, struct arena *arena, const char **text)
{
	const char *data = (const char *)sqlite3_column_text(row, column);

	*text = data ? arena_string(arena, data) : NULL;
	return data && !*text ? -1 : 0;
}

/* Whether the columns are numbers that are not negative. */
static bool are_counts(sqlite3_stmt *row, int first, int last)
{
	for (int i = first; i <= last; i++)
		if (sqlite3_column_type(row, i) != SQLITE_INTEGER || sqlite3_column_int64(row, i) < 0)
			return false;
	return true;
}

static size_t count_texts(const char *const *texts)
{
	size_t count = 0;

	while (texts && texts[count])
		count++;
	return count;
}

static bool has_text(const char *const *texts, const char *text)
{
	for (; texts && *texts; texts++)
		if (!strcmp(*texts, text))
			return true;
	return false;
}

/* Adds to *texts those of the column, each ended by NUL. -1 without memory. */
static int take_texts(sqlite3_stmt *row, int column, struct arena *arena, const char *const **texts)
{
	const char *data = sqlite3_column_blob(row, column), *stop;
	const char *end = data ? data + sqlite3_column_bytes(row, column) : NULL;
	size_t count = count_texts(*texts), more = 0;
	const char **longer;

	for (const char *place = data; place && place < end; place++)
		more += !*place;
	longer = arena_array(arena, count + more + 1, sizeof(*longer));
	if (!longer)
		return -1;
	if (count)
		memcpy(longer, *texts, count * sizeof(*longer));
	*texts = longer;
	for (; data && data < end && (stop = memchr(data, '\0', (size_t)(end - data))); data = stop + 1) {
		if (has_text(longer, data))
			continue;
		longer[count] = arena_string(arena, data);
		if (!longer[count++])
			return -1;
	}
	return 0;
}

/* ---- capabilities ------------------------------------------------------------------------------- */

/* In the order of the query. */
enum use_column { CAPABILITY, KIND, COUNT, FIRST, LAST, AT_START, REASON, EXECUTABLES };

static const char uses_text[] =
	"SELECT capability, kind, count, first, last, at_start, reason, executables FROM learned_use "
	"WHERE (image, family, name) = (?1, ?2, ?3) ORDER BY capability, kind";

static uint64_t sum(uint64_t left, uint64_t right)
{
	return left > INT64_MAX - right ? INT64_MAX : left + right;
}

/* What was sometimes required and sometimes not stands in two rows: the first says that it is. */
static int take_use(sqlite3_stmt *row, struct arena *arena, struct learned_container *container)
{
	unsigned capability = (unsigned)sqlite3_column_int(row, CAPABILITY);
	bool again =
		container->use_count && container->uses[container->use_count - 1].capability == capability;
	struct learned_use *use = &container->uses[again ? container->use_count - 1 : container->use_count++];
	int64_t first = sqlite3_column_int64(row, FIRST), last = sqlite3_column_int64(row, LAST);
	int result = 0;

	if (!again) {
		*use = (struct learned_use){.capability = capability,
					    .first = first,
					    .required = sqlite3_column_int(row, KIND) == LEARNED_REQUIRED};
		result = take_text(row, REASON, arena, &use->reason);
	}
	use->count = sum(use->count, (uint64_t)sqlite3_column_int64(row, COUNT));
	use->first = first < use->first ? first : use->first;
	use->last = last > use->last ? last : use->last;
	use->at_start |= sqlite3_column_int64(row, AT_START) != 0;
	if (use->required)
		container->recommended |= CAPABILITY_MASK(capability);
	return take_texts(row, EXECUTABLES, arena, &use->executables) || result ? -1 : 0;
}

static int take_denial(sqlite3_stmt *row, struct arena *arena, struct learned_container *container)
{
	struct learned_denial *denial = &container->denials[container->denial_count++];

	*denial = (struct learned_denial){.capability = (unsigned)sqlite3_column_int(row, CAPABILITY),
					  .count = (uint64_t)sqlite3_column_int64(row, COUNT),
					  .first = sqlite3_column_int64(row, FIRST),
					  .last = sqlite3_column_int64(row, LAST)};
	return take_text(row, REASON, arena, &denial->reason) ||
			       take_texts(row, EXECUTABLES, arena, &denial->executables)
		       ? -1
		       : 0;
}

static bool is_use(sqlite3_stmt *row)
{
	return are_counts(row, CAPABILITY, AT_START) &&
	       sqlite3_column_int64(row, CAPABILITY) < CAPABILITY_BITS &&
	       sqlite3_column_int64(row, KIND) < LEARNED_KINDS;
}

/* The key keeps each capability and kind from being there twice. */
static int take_uses(struct take *take, struct learned_container *container, struct error **error)
{
	struct arena *arena = take->learned->arena;
	int code, result = 0;

	for (int i = 0; i < 3; i++)
		sqlite3_bind_value(take->uses, i + 1, sqlite3_column_value(take->images, i));
	container->uses = arena_array(arena, CAPABILITY_BITS, sizeof(*container->uses));
	container->denials = arena_array(arena, CAPABILITY_BITS, sizeof(*container->denials));
	if (!container->uses || !container->denials)
		return out_of_memory(error);
	while ((code = sqlite3_step(take->uses)) == SQLITE_ROW && !result) {
		if (!is_use(take->uses))
			return damaged(error);
		result = sqlite3_column_int(take->uses, KIND) == LEARNED_DENIED
				 ? take_denial(take->uses, arena, container)
				 : take_use(take->uses, arena, container);
	}
	if (result)
		return out_of_memory(error);
	if (code != SQLITE_DONE)
		return reader_failed(take->reader, error);
	sqlite3_reset(take->uses);
	return 0;
}

/* ---- images ------------------------------------------------------------------------------------- */

enum image_column {
	IMAGE,
	FAMILY,
	NAME,
	DIGEST,
	REFERENCE,
	CALLED,
	GRANTED,
	SECONDS,
	STARTS,
	WHOLE,
	IMAGE_FIRST,
	IMAGE_LAST
};

static const char images_text[] =
	"SELECT image, family, name, digest, reference, called, granted, seconds, starts, whole, first, last "
	"FROM learned ORDER BY last DESC, image, family, name";

static bool is_asked_for(const struct take *take, const struct watched *watched)
{
	const char *const names[] = {watched->name, watched->image, watched->image_digest};

	for (size_t i = 0; take->container && i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i] && !strcmp(names[i], take->container))
			return true;
	return !take->container || (watched->id && strlen(take->container) >= CONTAINER_ID_MIN &&
				    !strncmp(watched->id, take->container, strlen(take->container)));
}

static struct watched *watched_of(sqlite3_stmt *row, struct arena *arena)
{
	struct watched *watched = arena_alloc(arena, sizeof(*watched));

	if (!watched || take_text(row, DIGEST, arena, &watched->image_digest) ||
	    take_text(row, REFERENCE, arena, &watched->image) ||
	    take_text(row, CALLED, arena, &watched->name) || take_text(row, FAMILY, arena, &watched->family))
		return NULL;
	if (watched->family && !*watched->family)
		watched->family = NULL;
	watched->granted = (capability_set)sqlite3_column_int64(row, GRANTED);
	watched->since = sqlite3_column_int64(row, IMAGE_FIRST);
	watched->saw_start = sqlite3_column_int64(row, STARTS) > 0;
	return watched;
}

/* Nothing else was known of the container than its id, by which it is kept. */
static bool is_nameless(const struct watched *watched)
{
	return !watched->name && !watched->image && !watched->image_digest;
}

static int take_image(struct take *take, struct error **error)
{
	struct learned *learned = take->learned;
	struct learned_container *container;
	struct learned_kept *kept = arena_alloc(learned->arena, sizeof(*kept));
	struct watched *watched = watched_of(take->images, learned->arena);

	if (!kept || !watched)
		return out_of_memory(error);
	if (!are_counts(take->images, SECONDS, IMAGE_LAST))
		return damaged(error);
	if (is_nameless(watched) && take_text(take->images, IMAGE, learned->arena, &watched->id))
		return out_of_memory(error);
	if (!is_asked_for(take, watched))
		return 0;
	container = arena_grow(learned->arena, learned->containers, learned->count, &take->capacity,
			       sizeof(*container));
	if (!container)
		return out_of_memory(error);
	learned->containers = container;
	container += learned->count++;
	*kept = (struct learned_kept){.starts = (uint64_t)sqlite3_column_int64(take->images, STARTS),
				      .first = watched->since,
				      .last = sqlite3_column_int64(take->images, IMAGE_LAST)};
	*container = (struct learned_container){
		.watched = watched,
		.kept = kept,
		.complete = sqlite3_column_int64(take->images, WHOLE) > 0,
		.observed_seconds = (uint64_t)sqlite3_column_int64(take->images, SECONDS),
	};
	return take_uses(take, container, error);
}

static int take_images(struct take *take, struct error **error)
{
	int code;

	if (reader_prepare(take->reader, images_text, &take->images, error) ||
	    reader_prepare(take->reader, uses_text, &take->uses, error))
		return -1;
	while ((code = sqlite3_step(take->images)) == SQLITE_ROW)
		if (take_image(take, error))
			return -1;
	return code == SQLITE_DONE ? 0 : reader_failed(take->reader, error);
}

struct learned *store_read_learned(struct store_reader *reader, const char *container, struct error **error)
{
	struct arena *arena = arena_new();
	struct take take = {.reader = reader,
			    .learned = arena ? arena_alloc(arena, sizeof(*take.learned)) : NULL,
			    .container = container};
	int result;

	if (!take.learned) {
		arena_free(arena);
		out_of_memory(error);
		return NULL;
	}
	take.learned->arena = arena;
	result = take_images(&take, error);
	sqlite3_finalize(take.images);
	sqlite3_finalize(take.uses);
	if (!result)
		return take.learned;
	arena_free(arena);
	return NULL;
}
