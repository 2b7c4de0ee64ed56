#include "agent/store/learned.h"

#include "agent/store/private.h"

enum {
	KEPT_DAYS = 366,
	IMAGES_MAX = 4096, /* of families; the one that was not seen longest is forgotten */
};

/* As they stand in the table: a lower one is more of a need. */
enum use_kind { USE_REQUIRED, USE_OPTIONAL, USE_DENIED };

struct learning_work {
	const struct learned_container *list;
	size_t count;
	struct learned_history *histories;
};

/* What containers are kept under together: the image by its digest, else by what is known of it. */
static const char *image_of(const struct watched *watched)
{
	const char *const names[] = {watched->image_digest, watched->image, watched->name, watched->id};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i] && *names[i])
			return names[i];
	return "";
}

static const char *family_of(const struct watched *watched)
{
	return watched->family ? watched->family : "";
}

/* The query with ?1 and ?2 bound to image and family. */
static sqlite3_stmt *query_of(struct store *store, enum query query, const struct watched *watched)
{
	sqlite3_stmt *row = query_start(store_database(store), query);

	query_bind_text(row, 1, image_of(watched));
	query_bind_text(row, 2, family_of(watched));
	return row;
}

/* ---- adding ------------------------------------------------------------------------------------- */

struct use {
	unsigned capability;
	enum use_kind kind;
	uint64_t count;
	int64_t first, last;
};

static int add_use(struct store *store, const struct watched *watched, const struct use *use)
{
	sqlite3_stmt *row = query_of(store, QUERY_LEARNED_USE_ADD, watched);

	sqlite3_bind_int64(row, 3, use->capability);
	sqlite3_bind_int64(row, 4, use->kind);
	sqlite3_bind_int64(row, 5, (int64_t)use->count);
	sqlite3_bind_int64(row, 6, use->first);
	sqlite3_bind_int64(row, 7, use->last);
	return store_run(store, row);
}

static int add_uses(struct store *store, const struct learned_container *container)
{
	int result = 0;

	for (size_t i = 0; i < container->use_count && !result; i++) {
		const struct learned_use *use = &container->uses[i];
		result = add_use(store, container->watched,
				 &(struct use){use->capability, use->required ? USE_REQUIRED : USE_OPTIONAL,
					       use->count, use->first, use->last});
	}
	for (size_t i = 0; i < container->denial_count && !result; i++) {
		const struct learned_denial *denial = &container->denials[i];
		result = add_use(store, container->watched,
				 &(struct use){denial->capability, USE_DENIED, denial->count, denial->first,
					       denial->last});
	}
	return result;
}

static int add(struct store *store, const struct learned_container *container)
{
	sqlite3_stmt *row = query_of(store, QUERY_LEARNED_ADD, container->watched);

	sqlite3_bind_int64(row, 3, (int64_t)container->observed_seconds);
	sqlite3_bind_int64(row, 4, container->watched->saw_start);
	sqlite3_bind_int64(row, 5, store_time());
	return store_run(store, row) || add_uses(store, container) ? -1 : 0;
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
		if (sqlite3_column_int64(row, 1) == USE_REQUIRED)
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

	(void)error;
	for (size_t i = 0; i < work->count && !result; i++)
		result = add(store, &work->list[i]);
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
