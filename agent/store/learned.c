#include "agent/store/learned.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/private.h"

enum {
	KEPT_DAYS = 366,
	IMAGES_MAX = 4096,    /* of families; the one that was not seen longest is forgotten */
	TEXT_MAX = 512,       /* bytes of a name or reason: of longer ones the begin is kept */
	EXECUTABLES_MAX = 16, /* of a capability; the first ones are kept */
};

static const uint64_t count_max = INT64_MAX / 2; /* two of them can be added */

struct learning_work {
	const struct learned_container *list;
	size_t count;
	struct learned_history *histories;
};

/* NULL is NULL. */
static void bind_begin(sqlite3_stmt *row, int place, const char *text)
{
	sqlite3_bind_text(row, place, text, text ? (int)strnlen(text, TEXT_MAX) : 0, SQLITE_STATIC);
}

/* The query with ?1 and ?2 bound to image and family. */
static sqlite3_stmt *query_of(struct store *store, enum query query, const struct watched *watched)
{
	sqlite3_stmt *row = query_start(store_database(store), query);

	bind_begin(row, 1, watched_key_of(watched).image);
	bind_begin(row, 2, watched_key_of(watched).family);
	return row;
}

/* ---- executables -------------------------------------------------------------------------------- */

/* Texts, each ended by NUL. */
struct texts {
	char *data;
	size_t length, count;
};

static bool has_text(const struct texts *texts, const char *text, size_t length)
{
	const char *end = texts->data ? texts->data + texts->length : NULL, *place = texts->data;

	for (; place && place < end; place += strlen(place) + 1)
		if (strlen(place) == length && !memcmp(place, text, length))
			return true;
	return false;
}

/* Adds what is not there yet, as long as there is room. -1 without memory. */
static int add_text(struct texts *texts, const char *text)
{
	size_t length = strnlen(text, TEXT_MAX);
	char *grown;

	if (texts->count == EXECUTABLES_MAX || has_text(texts, text, length))
		return 0;
	grown = realloc(texts->data, texts->length + length + 1);
	if (!grown)
		return -1;
	memcpy(grown + texts->length, text, length);
	grown[texts->length + length] = '\0';
	texts->data = grown;
	texts->length += length + 1;
	texts->count++;
	return 0;
}

/* Adds those of a column of a row, which whoever may have written. */
static int add_column(struct texts *texts, sqlite3_stmt *row)
{
	const char *place = sqlite3_column_blob(row, 0);
	const char *end = place ? place + sqlite3_column_bytes(row, 0) : NULL, *stop;
	int result = 0;

	for (; place && place < end && !result; place = stop + 1) {
		stop = memchr(place, '\0', (size_t)(end - place));
		if (!stop)
			break;
		result = add_text(texts, place);
	}
	return result;
}

/* ---- adding ------------------------------------------------------------------------------------- */

struct use {
	const struct watched *watched;
	unsigned capability;
	enum learned_kind kind;
	uint64_t count;
	int64_t first, last;
	const char *reason;
	const char *const *executables;
};

static sqlite3_stmt *query_of_use(struct store *store, enum query query, const struct use *use)
{
	sqlite3_stmt *row = query_of(store, query, use->watched);

	bind_begin(row, 3, watched_key_of(use->watched).name);
	sqlite3_bind_int64(row, 4, use->capability);
	sqlite3_bind_int64(row, 5, use->kind);
	return row;
}

static int out_of_memory(struct error **error)
{
	return error_set(error, ENOMEM, "keeping what was learned");
}

/* Those that are kept, and those that are new. */
static int join_executables(struct store *store, const struct use *use, struct texts *texts,
			    struct error **error)
{
	sqlite3_stmt *row = query_of_use(store, QUERY_LEARNED_EXECUTABLES, use);
	int found = store_step(store, store_database(store), row), result = 0;

	if (found == 1)
		result = add_column(texts, row);
	query_end(row);
	if (found < 0)
		return -1;
	for (size_t i = 0; use->executables && use->executables[i] && !result; i++)
		result = add_text(texts, use->executables[i]);
	return result ? out_of_memory(error) : 0;
}

static int add_use(struct store *store, const struct use *use, struct error **error)
{
	struct texts texts = {0};
	sqlite3_stmt *row;
	int result = join_executables(store, use, &texts, error);

	if (!result) {
		row = query_of_use(store, QUERY_LEARNED_USE_ADD, use);
		sqlite3_bind_int64(row, 6, (int64_t)(use->count < count_max ? use->count : count_max));
		sqlite3_bind_int64(row, 7, use->first);
		sqlite3_bind_int64(row, 8, use->last);
		sqlite3_bind_int64(row, 9, use->watched->saw_start);
		bind_begin(row, 10, use->reason);
		sqlite3_bind_blob(row, 11, texts.data ? texts.data : "", (int)texts.length, SQLITE_STATIC);
		result = store_run(store, row);
	}
	free(texts.data);
	return result;
}

static int add_uses(struct store *store, const struct learned_container *container, struct error **error)
{
	int result = 0;

	for (size_t i = 0; i < container->use_count && !result; i++) {
		const struct learned_use *use = &container->uses[i];
		result =
			add_use(store,
				&(struct use){container->watched, use->capability,
					      use->required ? LEARNED_REQUIRED : LEARNED_OPTIONAL, use->count,
					      use->first, use->last, use->reason, use->executables},
				error);
	}
	for (size_t i = 0; i < container->denial_count && !result; i++) {
		const struct learned_denial *denial = &container->denials[i];
		result = add_use(store,
				 &(struct use){container->watched, denial->capability, LEARNED_DENIED,
					       denial->count, denial->first, denial->last, denial->reason,
					       denial->executables},
				 error);
	}
	return result;
}

static int add(struct store *store, const struct learned_container *container, struct error **error)
{
	const struct watched *watched = container->watched;
	uint64_t seconds = container->observed_seconds;
	sqlite3_stmt *row = query_of(store, QUERY_LEARNED_ADD, watched);

	bind_begin(row, 3, watched_key_of(watched).name);
	bind_begin(row, 4, watched->image_digest);
	bind_begin(row, 5, watched->image);
	bind_begin(row, 6, watched->name);
	sqlite3_bind_int64(row, 7, (int64_t)watched->granted);
	sqlite3_bind_int64(row, 8, (int64_t)(seconds < count_max ? seconds : count_max));
	sqlite3_bind_int64(row, 9, watched->saw_start);
	sqlite3_bind_int64(row, 10, watched->saw_start && container->complete);
	sqlite3_bind_int64(row, 11, watched->since);
	sqlite3_bind_int64(row, 12, store_time());
	return store_run(store, row) || add_uses(store, container, error) ? -1 : 0;
}

static int forget(struct store *store)
{
	sqlite3_stmt *row = query_start(store_database(store), QUERY_LEARNED_FORGET);

	sqlite3_bind_int64(row, 1, store_time() - (int64_t)KEPT_DAYS * 24 * 3600 * 1000);
	sqlite3_bind_int64(row, 2, IMAGES_MAX);
	if (store_run(store, row))
		return -1;
	return store_run(store, query_start(store_database(store), QUERY_LEARNED_USES_FORGET));
}

/* ---- telling ------------------------------------------------------------------------------------ */

static int tell_times(struct store *store, const struct watched *watched, struct learned_history *history)
{
	sqlite3_stmt *row = query_of(store, QUERY_LEARNED_TIMES, watched);

	if (store_step(store, store_database(store), row) != 1)
		return -1;
	history->seconds = (uint64_t)sqlite3_column_int64(row, 0);
	history->starts = (uint64_t)sqlite3_column_int64(row, 1);
	query_end(row);
	return 0;
}

static int tell(struct store *store, const struct watched *watched, struct learned_history *history)
{
	sqlite3_stmt *row = query_of(store, QUERY_LEARNED_USES, watched);
	int result;

	*history = (struct learned_history){.id = watched->id};
	while ((result = store_step(store, store_database(store), row)) == 1) {
		int64_t capability = sqlite3_column_int64(row, 0);
		capability_set set = capability >= 0 && capability < 64 ? CAPABILITY_MASK(capability) : 0;
		if (sqlite3_column_int64(row, 1) == LEARNED_REQUIRED)
			history->required |= set;
		else
			history->optional |= set;
	}
	return result ? -1 : tell_times(store, watched, history);
}

static int learn(struct store *store, void *context, struct error **error)
{
	const struct learning_work *work = context;
	int result = 0;

	for (size_t i = 0; i < work->count && !result; i++)
		result = add(store, &work->list[i], error);
	if (!result)
		result = forget(store);
	for (size_t i = 0; i < work->count && !result; i++)
		result = tell(store, work->list[i].watched, &work->histories[i]);
	return result;
}

int store_learn(struct store *store, const struct learned_container *list, size_t count,
		struct learned_history *histories, struct error **error)
{
	struct learning_work work = {list, count, histories};

	return store_do(store, SAFETY_LATER, learn, &work, error);
}
