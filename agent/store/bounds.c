/* Bounds of the queue, and of each sink: what falls out is counted, and told in the next heartbeat. */
#include "agent/store/private.h"

enum { MEMORY_BYTES = 8 << 20 /* of the queue, while the disk is not there */ };

/* ---- of the queue -------------------------------------------------------------------------------- */

/* The row of a query of one row that may be empty or NULL: 1, 0, or -1; then the statement is to be ended. */
static int ask(struct store *store, enum query query, sqlite3_stmt **row)
{
	struct database *database = store_database(store);
	int found;

	*row = query_start(database, query);
	found = store_step(store, database, *row);
	if (found == 1 && sqlite3_column_type(*row, 0) == SQLITE_NULL) {
		query_end(*row);
		return 0;
	}
	return found;
}

/* Deletes the record, and counts it for each sink that had not had it. */
static int drop(struct store *store, int64_t sequence, int64_t bytes)
{
	sqlite3_stmt *rows = query_start(store_database(store), QUERY_SINKS_DROP);

	sqlite3_bind_int64(rows, 1, sequence);
	if (store_run(store, rows))
		return -1;
	rows = query_start(store_database(store), QUERY_QUEUE_DELETE);
	sqlite3_bind_int64(rows, 1, sequence);
	store->figures.queue_bytes -= bytes;
	return store_run(store, rows);
}

/* What was to be in memory from the start is bounded as its caller says. */
static int64_t bytes_bound(const struct store *store)
{
	int64_t bound = store->options.queue_bytes && store->options.queue_bytes < INT64_MAX
				? (int64_t)store->options.queue_bytes
				: INT64_MAX;
	bool spare = store->memory && (store->path || store->options.queue_bytes);

	return spare && bound > MEMORY_BYTES ? MEMORY_BYTES : bound;
}

/* The oldest of the lowest severity first, until the rest has room. */
static int drop_least(struct store *store)
{
	sqlite3_stmt *row;

	while (store->figures.queue_bytes > bytes_bound(store)) {
		int found = ask(store, QUERY_QUEUE_LEAST, &row);
		if (found <= 0)
			return found;
		int64_t sequence = sqlite3_column_int64(row, 0), bytes = sqlite3_column_int64(row, 1);
		query_end(row);
		if (drop(store, sequence, bytes))
			return -1;
	}
	return 0;
}

static int drop_old(struct store *store)
{
	int64_t age = (int64_t)store->options.queue_age * 1000;
	sqlite3_stmt *row;
	int found;

	while (age && (found = ask(store, QUERY_QUEUE_OLDEST, &row)) != 0) {
		if (found < 0)
			return -1;
		int64_t sequence = sqlite3_column_int64(row, 0), bytes = sqlite3_column_int64(row, 1);
		bool old = sqlite3_column_int64(row, 2) < store->figures.clock - age;
		query_end(row);
		if (!old)
			return 0;
		if (drop(store, sequence, bytes))
			return -1;
	}
	return 0;
}

/* ---- of a sink ----------------------------------------------------------------------------------- */

/* A record that waits for the sink. */
struct waits {
	int severity;
	int64_t sequence, bytes, made;
};

/* The first of the severity: 1, 0 when there is none, or -1. */
static int first_of(struct store *store, const struct place *place, int severity, struct waits *waits)
{
	struct database *queues[2];
	size_t count = store_queues(store, queues);
	int64_t behind = place->past[severity] > place->behind ? place->past[severity] : place->behind;

	for (size_t i = 0; i < count; i++) {
		sqlite3_stmt *row = place_query(queues[i], QUERY_QUEUE_FIRST_OF, place);
		int found;
		sqlite3_bind_int(row, 10, severity);
		sqlite3_bind_int64(row, 11, behind);
		found = store_step(store, queues[i], row);
		if (found < 0 && !queue_is_passed_over(store, queues[i]))
			return -1;
		if (found != 1)
			continue;
		*waits = (struct waits){.severity = severity,
					.sequence = sqlite3_column_int64(row, 0),
					.bytes = sqlite3_column_int64(row, 1),
					.made = sqlite3_column_int64(row, 2)};
		query_end(row);
		return 1;
	}
	return 0;
}

/* The oldest of the lowest severity. */
static int least_of(struct store *store, const struct place *place, struct waits *waits)
{
	int found = 0;

	for (int severity = SEVERITY_INFO; severity < SEVERITY_COUNT && !found; severity++)
		found = first_of(store, place, severity, waits);
	return found;
}

/* The oldest of all. */
static int oldest_of(struct store *store, const struct place *place, struct waits *oldest)
{
	struct waits waits;
	int any = 0;

	for (int severity = SEVERITY_INFO; severity < SEVERITY_COUNT; severity++) {
		int found = first_of(store, place, severity, &waits);
		if (found < 0)
			return -1;
		if (found && (!any || waits.sequence < oldest->sequence))
			*oldest = waits;
		any |= found;
	}
	return any;
}

/* The record, the first of its severity, waits for the sink no more. */
static int drop_of(struct store *store, struct place *place, const struct waits *waits)
{
	sqlite3_stmt *row = query_start(store_database(store), QUERY_SINK_DROP);

	place->past[waits->severity] = waits->sequence;
	place->waiting--;
	place->waiting_bytes -= waits->bytes;
	query_bind_text(row, 1, place->sink);
	sqlite3_bind_int64(row, 2, waits->bytes);
	for (int severity = SEVERITY_INFO; severity < SEVERITY_COUNT; severity++)
		sqlite3_bind_int64(row, 2 + severity, place->past[severity]);
	if (store_run(store, row))
		return -1;
	return queue_delete_unwanted(store, waits->sequence - 1, waits->sequence);
}

/* So that nobody looks again through what fell out. */
static int move_up(struct store *store, const struct place *place)
{
	struct waits oldest;
	sqlite3_stmt *row;
	int found = oldest_of(store, place, &oldest);

	if (found <= 0)
		return found;
	row = query_start(store_database(store), QUERY_SINK_PLACE);
	query_bind_text(row, 1, place->sink);
	sqlite3_bind_int64(row, 2, oldest.sequence - 1);
	return store_run(store, row);
}

static int trim_sink(struct store *store, const struct queue_options *sink)
{
	int64_t bytes = sink->max_bytes && sink->max_bytes < INT64_MAX ? (int64_t)sink->max_bytes : INT64_MAX;
	int64_t made = sink->max_age ? store->figures.clock - (int64_t)sink->max_age * 1000 : INT64_MIN;
	struct place place = {0};
	struct waits waits;
	int64_t waiting;
	int found = 0;

	if (place_find(store, sink->sink, &place, NULL))
		return store->code ? -1 : 0;
	waiting = place.waiting;
	while (place.waiting > 0 && sink->max_age && (found = oldest_of(store, &place, &waits)) == 1 &&
	       waits.made < made)
		if (drop_of(store, &place, &waits))
			return -1;
	while (found >= 0 && place.waiting_bytes > bytes && (found = least_of(store, &place, &waits)) == 1)
		if (drop_of(store, &place, &waits))
			return -1;
	if (found < 0)
		return -1;
	return place.waiting < waiting ? move_up(store, &place) : 0;
}

static int trim_sinks(struct store *store)
{
	for (size_t i = 0; i < store->sink_count; i++)
		if ((store->sinks[i].max_bytes || store->sinks[i].max_age) &&
		    trim_sink(store, &store->sinks[i]))
			return -1;
	return 0;
}

int queue_trim(struct store *store)
{
	return trim_sinks(store) || drop_old(store) || drop_least(store) ? -1 : 0;
}
