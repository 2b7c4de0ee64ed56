/* The queue: what is to go out, in the order it was made.
 *
 * Each sink's row counts what it waits for, so that nobody has to count a long queue. A record goes when it
 * waits for no sink any more. While the store is in memory the older part of the queue is still read from the
 * disk. */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "agent/store/record.h"
#include "proctor/cleanup.h"

/* ---- what is there ------------------------------------------------------------------------------- */

bool queue_is_passed_over(struct store *store, const struct database *queue)
{
	if (!store->memory || queue != store->disk || store->code == SQLITE_OK)
		return false;
	if (!store->unread)
		store_notice(store, "what waits in %s cannot be read: %s", store->path,
			     sqlite3_errstr(store->code));
	store->unread = true;
	store->code = SQLITE_OK;
	return true;
}

int add_amount(struct store *store, struct database *database, sqlite3_stmt *row, struct amount *amount)
{
	if (store_step(store, database, row) != 1)
		return -1;
	amount->count += sqlite3_column_int64(row, 0);
	amount->bytes += sqlite3_column_int64(row, 1);
	query_end(row);
	return 0;
}

int queue_delete_unwanted(struct store *store, int64_t after, int64_t last)
{
	struct database *database = store_database(store);
	bool all = last == INT64_MAX;
	sqlite3_stmt *rows =
		query_start(database, all ? QUERY_QUEUE_DELETE_ALL_UNWANTED : QUERY_QUEUE_DELETE_UNWANTED);
	int found;

	if (!all) {
		sqlite3_bind_int64(rows, 1, after);
		sqlite3_bind_int64(rows, 2, last);
	}
	while ((found = store_step(store, database, rows)) == 1)
		store->figures.queue_bytes -= sqlite3_column_int64(rows, 0);
	return found;
}

/* ---- in ------------------------------------------------------------------------------------------ */

/* Asked once in a transaction: 1, 0, or -1. */
static int is_wanted(struct store *store, enum queued_kind kind, enum severity severity)
{
	struct database *database = store_database(store);
	struct arrival *arrival = &store->arrived[kind][severity];
	sqlite3_stmt *row;

	if (arrival->wanted)
		return arrival->wanted == WANTED_BY_SOME;
	row = query_start(database, QUERY_SINKS_WANT);
	sqlite3_bind_int(row, 1, (int)kind);
	sqlite3_bind_int(row, 2, (int)severity);
	if (store_step(store, database, row) != 1)
		return -1;
	arrival->wanted = sqlite3_column_int64(row, 0) ? WANTED_BY_SOME : WANTED_BY_NONE;
	query_end(row);
	return arrival->wanted == WANTED_BY_SOME;
}

static int count_in(struct store *store, enum queued_kind kind, enum severity severity)
{
	const struct arrival *arrival = &store->arrived[kind][severity];
	sqlite3_stmt *rows;

	if (!arrival->count)
		return 0;
	rows = query_start(store_database(store), QUERY_SINKS_COUNT_IN);
	sqlite3_bind_int64(rows, 1, store->began);
	sqlite3_bind_int64(rows, 2, arrival->count);
	sqlite3_bind_int64(rows, 3, arrival->bytes);
	sqlite3_bind_int(rows, 4, (int)kind);
	sqlite3_bind_int(rows, 5, (int)severity);
	return store_run(store, rows);
}

int queue_count_in(struct store *store)
{
	for (enum queued_kind kind = 0; kind < QUEUED_KINDS; kind++)
		for (enum severity severity = 0; severity < SEVERITY_COUNT; severity++)
			if (count_in(store, kind, severity))
				return -1;
	return 0;
}

static int put(struct store *store, enum queued_kind kind, enum severity severity, int64_t sequence,
	       const char *text, size_t length)
{
	sqlite3_stmt *row = query_start(store_database(store), QUERY_QUEUE_ADD);

	sqlite3_bind_int64(row, 1, sequence);
	sqlite3_bind_int(row, 2, (int)kind);
	sqlite3_bind_int(row, 3, (int)severity);
	sqlite3_bind_int64(row, 4, store->figures.clock);
	sqlite3_bind_int64(row, 5, (int64_t)length);
	sqlite3_bind_text64(row, 6, text, length, SQLITE_STATIC, SQLITE_UTF8);
	return store_run(store, row);
}

int queue_add(struct store *store, enum queued_kind kind, enum severity severity,
	      const struct agent_record *record, struct error **error)
{
	_cleanup_free_ char *text = NULL;
	struct arrival *arrival = &store->arrived[kind][severity];
	int wanted = is_wanted(store, kind, severity);
	size_t length;

	if (wanted <= 0)
		return wanted;
	text = record_text(agent_kinds[kind], record, error);
	if (!text)
		return -1;
	length = strlen(text);
	if (put(store, kind, severity, (int64_t)record->sequence, text, length))
		return -1;
	arrival->count++;
	arrival->bytes += (int64_t)length;
	store->figures.queue_bytes += (int64_t)length;
	store->appended = true;
	return 0;
}

/* ---- out ----------------------------------------------------------------------------------------- */

struct batch {
	struct arena *arena;
	struct queued *records;
	size_t count, capacity;
};

struct next {
	const char *sink;
	size_t count, bytes;
	struct batch *batch;
};

/* Adds the row; false without memory. */
static bool take(struct batch *batch, sqlite3_stmt *row)
{
	const char *text = (const char *)sqlite3_column_text(row, 2);
	size_t length = (size_t)sqlite3_column_bytes(row, 2);
	struct queued *records =
		arena_grow(batch->arena, batch->records, batch->count, &batch->capacity, sizeof(*records));
	int64_t severity = sqlite3_column_int64(row, 1);
	char *copy;

	if (!records)
		return false;
	batch->records = records;
	copy = arena_copy(batch->arena, text ? text : "", length);
	if (!copy)
		return false;
	records[batch->count++] = (struct queued){
		.sequence = sqlite3_column_int64(row, 0),
		.severity = severity > SEVERITY_NONE && severity < SEVERITY_COUNT ? (enum severity)severity
										  : SEVERITY_INFO,
		.text = copy,
		.length = length};
	return true;
}

static int take_rows(struct store *store, struct database *database, const struct place *place,
		     const struct next *next, struct error **error)
{
	sqlite3_stmt *rows = place_query(database, QUERY_QUEUE_NEXT, place);
	size_t bytes = 0;
	int found;

	sqlite3_bind_int64(rows, 10, (int64_t)next->count);
	while ((found = store_step(store, database, rows)) == 1) {
		bytes += (size_t)sqlite3_column_bytes(rows, 2);
		if (next->batch->count && bytes > next->bytes)
			break;
		if (!take(next->batch, rows)) {
			query_end(rows);
			return error_set(error, ENOMEM, "reading the queue");
		}
	}
	query_end(rows);
	return found < 0 ? -1 : 0;
}

static int take_next(struct store *store, void *context, struct error **error)
{
	const struct next *next = context;
	struct database *queues[2];
	size_t count = store_queues(store, queues);
	struct place place = {0};

	if (place_find(store, next->sink, &place, error))
		return -1;
	for (size_t i = 0; i < count && !next->batch->count; i++)
		if (take_rows(store, queues[i], &place, next, error) &&
		    !queue_is_passed_over(store, queues[i]))
			return -1;
	return 0;
}

struct batch *store_next(struct store *store, const char *sink, size_t count, size_t bytes,
			 struct error **error)
{
	struct batch *batch = calloc(1, sizeof(*batch));
	struct next next = {.sink = sink, .count = count, .bytes = bytes, .batch = batch};

	if (batch)
		batch->arena = arena_new();
	if (batch && batch->arena && !store_do(store, SAFETY_NONE, take_next, &next, error))
		return batch;
	if (!batch || !batch->arena)
		error_set(error, ENOMEM, "reading the queue");
	batch_free(batch);
	return NULL;
}

const struct queued *batch_records(const struct batch *batch, size_t *count)
{
	*count = batch->count;
	return batch->records;
}

void batch_free(struct batch *batch)
{
	if (!batch)
		return;
	arena_free(batch->arena);
	free(batch);
}

struct waiting {
	const char *sink;
	uint64_t count, bytes;
};

static int read_waiting(struct store *store, void *context, struct error **error)
{
	struct waiting *waiting = context;
	struct place place = {0};

	if (place_find(store, waiting->sink, &place, error))
		return -1;
	waiting->count = (uint64_t)place.waiting;
	waiting->bytes = (uint64_t)place.waiting_bytes;
	return 0;
}

int store_waiting(struct store *store, const char *sink, uint64_t *count, uint64_t *bytes,
		  struct error **error)
{
	struct waiting waiting = {.sink = sink};
	int result = store_do(store, SAFETY_NONE, read_waiting, &waiting, error);

	*count = waiting.count;
	*bytes = waiting.bytes;
	return result;
}

/* ---- done ---------------------------------------------------------------------------------------- */

static int mark_done(struct store *store, void *context, struct error **error)
{
	return place_done(store, context, error);
}

/* A place that a power failure takes back sends records twice, and loses none. */
int store_done(struct store *store, const char *sink, const struct queued *records, size_t count,
	       struct error **error)
{
	struct done done = {.sink = sink, .records = records, .count = count};

	return count ? store_do(store, SAFETY_LATER, mark_done, &done, error) : 0;
}

/* ---- wakeups ------------------------------------------------------------------------------------- */

static struct wakeup *make_wakeup(struct store *store, const char *sink)
{
	struct wakeup **wakeups = reallocarray(store->wakeups, store->wakeup_count + 1, sizeof(*wakeups));
	struct wakeup *wakeup = wakeups ? calloc(1, sizeof(*wakeup)) : NULL;

	if (wakeups)
		store->wakeups = wakeups;
	if (!wakeup)
		return NULL;
	wakeup->sink = strdup(sink);
	/* Readable at once: something may wait from before. */
	wakeup->fd = wakeup->sink ? eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
	if (wakeup->fd < 0) {
		free(wakeup->sink);
		free(wakeup);
		return NULL;
	}
	store->wakeups[store->wakeup_count++] = wakeup;
	return wakeup;
}

int store_wakeup(struct store *store, const char *sink)
{
	const struct wakeup *wakeup = NULL;

	pthread_mutex_lock(&store->mutex);
	for (size_t i = 0; i < store->wakeup_count && !wakeup; i++)
		if (!strcmp(store->wakeups[i]->sink, sink))
			wakeup = store->wakeups[i];
	if (!wakeup)
		wakeup = make_wakeup(store, sink);
	pthread_mutex_unlock(&store->mutex);
	return wakeup ? wakeup->fd : -1;
}
