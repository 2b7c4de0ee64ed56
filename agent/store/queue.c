/* The queue: what is to go out, in the order it was made, and where each sink is in it.
 *
 * Each sink's row counts what it waits for, so that nobody has to count a long queue. A record goes when
 * every sink has had it. While the store is in memory the older part of the queue is still read from the
 * disk. */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "agent/store/record.h"
#include "proctor/cleanup.h"

enum { MEMORY_BYTES = 8 << 20 /* of the queue, while the disk is not there */ };

/* A sink's row: where it is, and what it wants. */
struct place {
	const char *sink;
	int64_t behind; /* the sequence that it had last */
	int64_t minimum, wants;
};

/* ---- the place of a sink ------------------------------------------------------------------------- */

static int find_place(struct store *store, const char *sink, struct place *place, struct error **error)
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
	*place = (struct place){.sink = sink,
				.behind = sqlite3_column_int64(row, 0),
				.minimum = sqlite3_column_int64(row, 1),
				.wants = sqlite3_column_int64(row, 2)};
	query_end(row);
	return 0;
}

static sqlite3_stmt *for_place(struct database *database, enum query query, const struct place *place)
{
	sqlite3_stmt *rows = query_start(database, query);

	sqlite3_bind_int64(rows, 1, place->behind);
	sqlite3_bind_int64(rows, 2, place->minimum);
	sqlite3_bind_int64(rows, 3, place->wants);
	return rows;
}

/* Whether the queue that failed is the one on a disk that fails: sinks go on with what is in memory. */
static bool is_passed_over(struct store *store, const struct database *queue)
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

struct amount {
	int64_t count, bytes;
};

/* Adds the count and bytes that a query of one row tells. */
static int add_amount(struct store *store, struct database *database, sqlite3_stmt *row,
		      struct amount *amount)
{
	if (store_step(store, database, row) != 1)
		return -1;
	amount->count += sqlite3_column_int64(row, 0);
	amount->bytes += sqlite3_column_int64(row, 1);
	query_end(row);
	return 0;
}

/* What waits for the sink, up to `last`; INT64_MAX: all. */
static int count_waiting(struct store *store, const struct place *place, int64_t last, struct amount *amount)
{
	struct database *queues[2];
	size_t count = store_queues(store, queues);
	bool all = last == INT64_MAX;

	*amount = (struct amount){0};
	for (size_t i = 0; i < count; i++) {
		sqlite3_stmt *row =
			for_place(queues[i], all ? QUERY_QUEUE_COUNT : QUERY_QUEUE_COUNT_TO, place);
		if (!all)
			sqlite3_bind_int64(row, 4, last);
		if (add_amount(store, queues[i], row, amount) && !is_passed_over(store, queues[i]))
			return -1;
	}
	return 0;
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

static int delete_others(struct store *store, const struct sinks *sinks)
{
	struct database *database = store_database(store);
	sqlite3_stmt *rows = query_start(database, QUERY_SINKS), *gone;
	int found;

	while ((found = store_step(store, database, rows)) == 1) {
		const char *name = (const char *)sqlite3_column_text(rows, 0);
		if (name && is_listed(sinks, name))
			continue;
		gone = query_start(database, QUERY_SINK_DELETE);
		query_bind_text(gone, 1, name);
		if (store_run(store, gone)) {
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
		if (found < 0 && !is_passed_over(store, queues[i]))
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
	if (store_run(store, row) || find_place(store, options->sink, &place, error) ||
	    count_waiting(store, &place, INT64_MAX, &amount))
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

	if (delete_others(store, sinks))
		return -1;
	for (size_t i = 0; i < sinks->count; i++)
		if (set_sink(store, &sinks->list[i], error))
			return -1;
	return 0;
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
	queue_forget_sinks(store);
	store->sinks = list;
	store->sink_count = count;
	return list && count == sinks->count ? 0 : -1;
}

void queue_forget_sinks(struct store *store)
{
	for (size_t i = 0; i < store->sink_count; i++)
		free((char *)store->sinks[i].sink);
	free(store->sinks);
	store->sinks = NULL;
	store->sink_count = 0;
}

void queue_restore_sinks(struct store *store)
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

/* ---- in ------------------------------------------------------------------------------------------ */

static int is_wanted(struct store *store, enum queued_kind kind, enum severity severity, bool *wanted)
{
	struct database *database = store_database(store);
	sqlite3_stmt *row = query_start(database, QUERY_SINKS_WANT);

	sqlite3_bind_int(row, 1, (int)kind);
	sqlite3_bind_int(row, 2, (int)severity);
	if (store_step(store, database, row) != 1)
		return -1;
	*wanted = sqlite3_column_int64(row, 0) > 0;
	query_end(row);
	return 0;
}

static int count_in(struct store *store, int64_t sequence, size_t length, enum queued_kind kind,
		    enum severity severity)
{
	sqlite3_stmt *rows = query_start(store_database(store), QUERY_SINKS_COUNT_IN);

	sqlite3_bind_int64(rows, 1, sequence);
	sqlite3_bind_int64(rows, 2, (int64_t)length);
	sqlite3_bind_int(rows, 3, (int)kind);
	sqlite3_bind_int(rows, 4, (int)severity);
	return store_run(store, rows);
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
	int64_t sequence = (int64_t)record->sequence;
	size_t length;
	bool wanted;

	if (is_wanted(store, kind, severity, &wanted))
		return -1;
	if (!wanted)
		return 0;
	text = record_text(agent_kinds[kind], record, error);
	if (!text)
		return -1;
	length = strlen(text);
	if (count_in(store, sequence, length, kind, severity) ||
	    put(store, kind, severity, sequence, text, length))
		return -1;
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
	sqlite3_stmt *rows = for_place(database, QUERY_QUEUE_NEXT, place);
	size_t bytes = 0;
	int found = 0;

	sqlite3_bind_int64(rows, 4, (int64_t)next->count);
	while (bytes < next->bytes && (found = store_step(store, database, rows)) == 1) {
		if (!take(next->batch, rows)) {
			query_end(rows);
			return error_set(error, ENOMEM, "reading the queue");
		}
		bytes += next->batch->records[next->batch->count - 1].length;
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

	if (find_place(store, next->sink, &place, error))
		return -1;
	for (size_t i = 0; i < count && !next->batch->count; i++)
		if (take_rows(store, queues[i], &place, next, error) && !is_passed_over(store, queues[i]))
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

/* ---- done ---------------------------------------------------------------------------------------- */

struct done {
	const char *sink;
	int64_t sequence;
	uint64_t sent;
};

static int mark_done(struct store *store, void *context, struct error **error)
{
	const struct done *done = context;
	struct place place = {0};
	struct amount amount;
	sqlite3_stmt *row;

	if (find_place(store, done->sink, &place, error) ||
	    count_waiting(store, &place, done->sequence, &amount))
		return -1;
	row = query_start(store_database(store), QUERY_SINK_DONE);
	query_bind_text(row, 1, done->sink);
	sqlite3_bind_int64(row, 2, done->sequence);
	sqlite3_bind_int64(row, 3, amount.count);
	sqlite3_bind_int64(row, 4, amount.bytes);
	sqlite3_bind_int64(row, 5, (int64_t)done->sent);
	return store_run(store, row);
}

/* A place that a power failure takes back sends records twice, and loses none. */
int store_done(struct store *store, const char *sink, int64_t sequence, uint64_t sent, struct error **error)
{
	struct done done = {.sink = sink, .sequence = sequence, .sent = sent};

	return store_do(store, SAFETY_LATER, mark_done, &done, error);
}

/* ---- bounds -------------------------------------------------------------------------------------- */

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

/* Deletes what every sink has had. */
static int delete_had(struct store *store)
{
	int64_t last = INT64_MAX;
	struct amount amount = {0};
	sqlite3_stmt *row;
	int found = ask(store, QUERY_QUEUE_HAD, &row);

	if (found < 0)
		return -1;
	if (found)
		last = sqlite3_column_int64(row, 0);
	query_end(row);
	row = query_start(store_database(store), QUERY_QUEUE_HAD_AMOUNT);
	sqlite3_bind_int64(row, 1, last);
	if (add_amount(store, store_database(store), row, &amount))
		return -1;
	if (!amount.count)
		return 0;
	store->figures.queue_bytes -= amount.bytes;
	row = query_start(store_database(store), QUERY_QUEUE_DELETE_HAD);
	sqlite3_bind_int64(row, 1, last);
	return store_run(store, row);
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

static int64_t bytes_bound(const struct store *store)
{
	int64_t bound = store->options.queue_bytes && store->options.queue_bytes < INT64_MAX
				? (int64_t)store->options.queue_bytes
				: INT64_MAX;

	return store->memory && bound > MEMORY_BYTES ? MEMORY_BYTES : bound;
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

int queue_trim(struct store *store)
{
	return delete_had(store) || drop_old(store) || drop_least(store) ? -1 : 0;
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
