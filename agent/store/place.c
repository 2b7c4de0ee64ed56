/* The sinks: a row for each, which tells where it is in the queue, what it wants, and what waits for it. */
#include <errno.h>
#include <string.h>

#include "agent/store/private.h"

/* ---- one sink ------------------------------------------------------------------------------------ */

static void read_row(sqlite3_stmt *row, const char *sink, struct place *place)
{
	*place = (struct place){.sink = sink,
				.behind = sqlite3_column_int64(row, 0),
				.minimum = sqlite3_column_int64(row, 1),
				.wants = sqlite3_column_int64(row, 2),
				.waiting = sqlite3_column_int64(row, 3),
				.waiting_bytes = sqlite3_column_int64(row, 4)};
	for (int severity = SEVERITY_INFO; severity < SEVERITY_COUNT; severity++)
		place->past[severity] = sqlite3_column_int64(row, 4 + severity);
}

int place_find(struct store *store, const char *sink, struct place *place, struct error **error)
{
	struct database *database = store_database(store);
	sqlite3_stmt *row = query_start(database, QUERY_SINK);
	int found;

	query_bind_text(row, 1, sink);
	found = store_step(store, database, row);
	if (found < 0)
		return -1;
	if (!found)
		return error_set(error, 0, "no sink is called %s", sink);
	read_row(row, sink, place);
	query_end(row);
	return 0;
}

sqlite3_stmt *place_query(struct database *database, enum query query, const struct place *place)
{
	sqlite3_stmt *rows = query_start(database, query);

	sqlite3_bind_int64(rows, 1, place->behind);
	sqlite3_bind_int64(rows, 2, place->minimum);
	sqlite3_bind_int64(rows, 3, place->wants);
	query_bind_text(rows, 4, place->sink);
	for (int severity = SEVERITY_INFO; severity < SEVERITY_COUNT; severity++)
		sqlite3_bind_int64(rows, 4 + severity, place->past[severity]);
	return rows;
}

int place_count(struct store *store, const struct place *place, int64_t last, struct amount *amount)
{
	struct database *queues[2];
	size_t count = store_queues(store, queues);
	bool all = last == INT64_MAX;

	*amount = (struct amount){0};
	for (size_t i = 0; i < count; i++) {
		sqlite3_stmt *row =
			place_query(queues[i], all ? QUERY_QUEUE_COUNT : QUERY_QUEUE_COUNT_TO, place);
		if (!all)
			sqlite3_bind_int64(row, 10, last);
		if (add_amount(store, queues[i], row, amount) && !queue_is_passed_over(store, queues[i]))
			return -1;
	}
	return 0;
}

/* `waited`: of the records, those that waited still. What fell out on its way there was counted then. */
static int move(struct store *store, const struct done *done, const struct amount *waited)
{
	sqlite3_stmt *row = query_start(store_database(store), QUERY_SINK_DONE);

	query_bind_text(row, 1, done->sink);
	sqlite3_bind_int64(row, 2, done->records[done->count - 1].sequence);
	sqlite3_bind_int64(row, 3, waited->count);
	sqlite3_bind_int64(row, 4, waited->bytes);
	sqlite3_bind_int64(row, 5, done->refused ? 0 : waited->count);
	sqlite3_bind_int64(row, 6, done->refused ? (int64_t)done->count : 0);
	sqlite3_bind_int64(row, 7, (int64_t)done->dropped);
	return store_run(store, row);
}

/* Records that could not be read when these were taken, and now can, are not passed over: these are sent once
 * more behind them. */
int place_done(struct store *store, const struct done *done, struct error **error)
{
	int64_t first = done->records[0].sequence, last = done->records[done->count - 1].sequence;
	struct place place = {0};
	struct amount before, waited;

	if (place_find(store, done->sink, &place, error) || place_count(store, &place, first - 1, &before))
		return -1;
	if (before.count)
		return 0;
	if (place_count(store, &place, last, &waited) || move(store, done, &waited))
		return -1;
	return queue_delete_unwanted(store, place.behind, last);
}

/* ---- the sinks there are ------------------------------------------------------------------------- */

struct sinks {
	const struct queue_options *list;
	size_t count;
};

static bool is_listed(const struct sinks *sinks, const char *name)
{
	for (size_t i = 0; i < sinks->count; i++)
		if (!strcmp(sinks->list[i].sink, name))
			return true;
	return false;
}

/* Whether there is something that the sink is to keep. -1 */
static int keeps(struct store *store, const char *name, bool waits)
{
	int64_t letters;

	if (!store->options.keep_sinks || waits)
		return store->options.keep_sinks;
	return letters_count(store, name, &letters) ? -1 : letters > 0;
}

/* Takes the sink out, or lets it keep what waits for it and want nothing more. Of a disk that is not written
 * to the queue was not taken apart: it waits for whoever wants it. */
static int take_out(struct store *store, const char *name, bool retire)
{
	if (retire && store->memory && store->disk)
		return 0;
	sqlite3_stmt *row =
		query_start(store_database(store), retire ? QUERY_SINK_RETIRE : QUERY_SINK_DELETE);

	query_bind_text(row, 1, name);
	if (retire)
		sqlite3_bind_int(row, 2, SEVERITY_COUNT);
	return store_run(store, row);
}

static int take_out_others(struct store *store, const struct sinks *sinks)
{
	struct database *database = store_database(store);
	sqlite3_stmt *rows = query_start(database, QUERY_SINKS);
	int found;

	while ((found = store_step(store, database, rows)) == 1) {
		const char *name = (const char *)sqlite3_column_text(rows, 0);
		int retire;
		if (name && is_listed(sinks, name))
			continue;
		retire = keeps(store, name ? name : "", sqlite3_column_int64(rows, 1) > 0);
		if (retire < 0 || take_out(store, name, retire > 0)) {
			query_end(rows);
			return -1;
		}
	}
	return found;
}

/* Behind what a new sink begins: the oldest record that is there. */
static int oldest_place(struct store *store, int64_t *behind)
{
	struct database *queues[2];
	size_t count = store_queues(store, queues);

	*behind = store->figures.sequence;
	for (size_t i = 0; i < count; i++) {
		sqlite3_stmt *row = query_start(queues[i], QUERY_QUEUE_FIRST);
		int found = store_step(store, queues[i], row);
		bool any = found == 1 && sqlite3_column_type(row, 0) != SQLITE_NULL;
		if (found < 0 && !queue_is_passed_over(store, queues[i]))
			return -1;
		if (any)
			*behind = sqlite3_column_int64(row, 0) - 1;
		query_end(row);
		if (any)
			return 0;
	}
	return 0;
}

static int set_sink(struct store *store, const struct queue_options *options, struct error **error)
{
	struct database *database = store_database(store);
	int64_t wants = (options->heartbeats ? 1 << QUEUED_HEARTBEAT : 0) |
			(options->inventory ? 1 << QUEUED_INVENTORY : 0);
	struct place place = {0};
	struct amount amount;
	int64_t behind;

	if (oldest_place(store, &behind))
		return -1;
	sqlite3_stmt *row = query_start(database, QUERY_SINK_SET);
	query_bind_text(row, 1, options->sink);
	sqlite3_bind_int64(row, 2, (int64_t)options->minimum);
	sqlite3_bind_int64(row, 3, wants);
	sqlite3_bind_int64(row, 4, behind);
	if (store_run(store, row) || place_find(store, options->sink, &place, error) ||
	    place_count(store, &place, INT64_MAX, &amount))
		return -1;
	row = query_start(database, QUERY_SINK_WAITS);
	query_bind_text(row, 1, options->sink);
	sqlite3_bind_int64(row, 2, amount.count);
	sqlite3_bind_int64(row, 3, amount.bytes);
	return store_run(store, row);
}

static int set_sinks(struct store *store, void *context, struct error **error)
{
	const struct sinks *sinks = context;

	if (take_out_others(store, sinks))
		return -1;
	for (size_t i = 0; i < sinks->count; i++)
		if (set_sink(store, &sinks->list[i], error))
			return -1;
	return queue_delete_unwanted(store, INT64_MIN, INT64_MAX);
}

/* Keeps what the sinks want, for when their rows cannot be read. */
static int remember_sinks(struct store *store, const struct sinks *sinks)
{
	struct queue_options *list = calloc(sinks->count + 1, sizeof(*list));
	size_t count = 0;

	for (; list && count < sinks->count; count++) {
		list[count] = sinks->list[count];
		list[count].sink = strdup(sinks->list[count].sink);
		if (!list[count].sink)
			break;
	}
	place_forget(store);
	store->sinks = list;
	store->sink_count = count;
	return list && count == sinks->count ? 0 : -1;
}

void place_forget(struct store *store)
{
	for (size_t i = 0; i < store->sink_count; i++)
		free((char *)store->sinks[i].sink);
	free(store->sinks);
	store->sinks = NULL;
	store->sink_count = 0;
}

void place_restore(struct store *store)
{
	for (size_t i = 0; i < store->sink_count; i++)
		set_sink(store, &store->sinks[i], NULL);
	store->code = SQLITE_OK;
}

int store_set_sinks(struct store *store, const struct queue_options *sinks, size_t count,
		    struct error **error)
{
	struct sinks list = {.list = sinks, .count = count};
	int result;

	pthread_mutex_lock(&store->mutex);
	result = remember_sinks(store, &list);
	pthread_mutex_unlock(&store->mutex);
	if (result)
		return error_set(error, ENOMEM, "setting the sinks of the queue");
	return store_do(store, SAFETY_NOW, set_sinks, &list, error);
}
