#include "agent/store/private.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "proctor/cleanup.h"

/* ---- clocks -------------------------------------------------------------------------------------- */

static int64_t milliseconds(const struct timespec *time)
{
	return (int64_t)time->tv_sec * 1000 + time->tv_nsec / 1000000;
}

int64_t store_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return milliseconds(&now);
}

static int64_t monotonic(const struct store *store)
{
	struct timespec now;

	if (store->options.clock)
		return store->options.clock();
	clock_gettime(CLOCK_MONOTONIC, &now);
	return milliseconds(&now);
}

static void tick(struct store *store)
{
	store->figures.clock = store->clock_then + (monotonic(store) - store->opened);
}

/* ---- statements ---------------------------------------------------------------------------------- */

static int step(struct store *store, struct database *database, sqlite3_stmt *statement)
{
	int code = query_step(database, statement);

	if (code != SQLITE_ROW)
		query_end(statement);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		store->code = code;
	return code;
}

int store_step(struct store *store, struct database *database, sqlite3_stmt *statement)
{
	int code = step(store, database, statement);

	if (code == SQLITE_ROW)
		return 1;
	return code == SQLITE_DONE ? 0 : -1;
}

int store_run(struct store *store, sqlite3_stmt *statement)
{
	return step(store, store_database(store), statement) == SQLITE_DONE ? 0 : -1;
}

size_t store_queues(const struct store *store, struct database *queues[2])
{
	size_t count = 0;

	if (store->memory && store->disk)
		queues[count++] = store->disk;
	queues[count++] = store_database(store);
	return count;
}

/* ---- figures ------------------------------------------------------------------------------------- */

int store_load(struct store *store, struct database *database)
{
	sqlite3_stmt *row = query_start(database, QUERY_FIGURES);
	struct figures *figures = &store->figures;

	if (store_step(store, database, row) != 1)
		return -1;
	figures->sequence = sqlite3_column_int64(row, 0);
	figures->clock = sqlite3_column_int64(row, 1);
	figures->passed = sqlite3_column_type(row, 2) != SQLITE_NULL;
	figures->pass_time = sqlite3_column_int64(row, 2);
	figures->queue_bytes = sqlite3_column_int64(row, 3);
	free(store->host);
	store->host = NULL;
	if (sqlite3_column_text(row, 4))
		store->host = strdup((const char *)sqlite3_column_text(row, 4));
	query_end(row);
	store->clock_then = figures->clock;
	store->opened = monotonic(store);
	return 0;
}

static int save(struct store *store)
{
	const struct figures *figures = &store->figures;
	sqlite3_stmt *row = query_start(store_database(store), QUERY_FIGURES_SET);

	sqlite3_bind_int64(row, 1, figures->sequence);
	sqlite3_bind_int64(row, 2, figures->clock);
	if (figures->passed)
		sqlite3_bind_int64(row, 3, figures->pass_time);
	sqlite3_bind_int64(row, 4, figures->queue_bytes);
	return store_run(store, row);
}

/* ---- transactions -------------------------------------------------------------------------------- */

/* SQLite takes it between transactions only. */
static int set_safety(struct store *store, enum safety safety)
{
	struct database *database = store_database(store);
	bool full = safety == SAFETY_NOW;

	if (database->full == full)
		return 0;
	if (store_run(store, query_start(database, full ? QUERY_SYNCHRONOUS_FULL : QUERY_SYNCHRONOUS_NORMAL)))
		return -1;
	database->full = full;
	return 0;
}

static int transact(struct store *store, enum safety safety, store_work work, void *context,
		    struct error **error)
{
	struct database *database = store_database(store);

	if (safety == SAFETY_NONE) {
		tick(store);
		return work(store, context, error);
	}
	if (!sqlite3_get_autocommit(
		    database->handle)) /* for want of memory the last one could not be undone */
		query_run(database, query_start(database, QUERY_ROLLBACK));
	if (set_safety(store, safety) || store_run(store, query_start(database, QUERY_BEGIN)))
		return -1;
	tick(store);
	if (work(store, context, error) || queue_count_in(store) || queue_trim(store) || save(store))
		return -1;
	return store_run(store, query_start(database, QUERY_COMMIT));
}

/* As if the transaction had not begun; what went wrong is told in *error. */
static void undo(struct store *store, const struct figures *before, struct error **error)
{
	struct database *database = store_database(store);

	if (store->code != SQLITE_OK)
		database_error(error, database, store->code, "the state");
	if (!sqlite3_get_autocommit(database->handle))
		query_run(database, query_start(database, QUERY_ROLLBACK));
	store->figures = *before;
}

static int attempt(struct store *store, enum safety safety, store_work work, void *context,
		   struct error **error)
{
	struct figures before = store->figures;
	int result;

	store->code = SQLITE_OK;
	store->appended = false;
	store->began = store->figures.sequence;
	memset(store->arrived, 0, sizeof(store->arrived));
	result = transact(store, safety, work, context, error);
	if (result)
		undo(store, &before, error);
	return result;
}

/* What the failure of a statement says of the disk; TROUBLE_NONE: nothing. */
static enum trouble trouble_of(int code)
{
	switch (database_state_of(code)) {
	case DATABASE_NO_ROOM:
		return TROUBLE_NO_ROOM;
	case DATABASE_DAMAGED:
		return TROUBLE_DAMAGED;
	default:
		return TROUBLE_NONE;
	}
}

static void wake(const struct store *store)
{
	static const uint64_t one = 1;

	for (size_t i = 0; i < store->wakeup_count; i++)
		while (write(store->wakeups[i]->fd, &one, sizeof(one)) < 0 && errno == EINTR)
			;
}

int store_do(struct store *store, enum safety safety, store_work work, void *context, struct error **error)
{
	_cleanup_error_ struct error *first = NULL;
	enum trouble trouble;
	int result;

	pthread_mutex_lock(&store->mutex);
	store_watch(store);
	result = attempt(store, safety, work, context, &first);
	trouble = result ? trouble_of(store->code) : TROUBLE_NONE;
	if (trouble && !store->memory && !store_degrade(store, trouble, error_message(first))) {
		error_free(first);
		first = NULL;
		result = attempt(store, safety, work, context, &first);
	}
	if (!result && store->appended)
		wake(store);
	pthread_mutex_unlock(&store->mutex);
	if (result)
		error_move(error, &first);
	return result;
}

/* ---- opening and closing ------------------------------------------------------------------------- */

void store_notice(const struct store *store, const char *format, ...)
{
	_cleanup_free_ char *line = NULL;
	va_list arguments;
	int length;

	if (!store->options.notice)
		return;
	va_start(arguments, format);
	length = vasprintf(&line, format, arguments);
	va_end(arguments);
	if (length < 0)
		line = NULL;
	store->options.notice(store->options.notice_context,
			      line ? line : "out of memory while telling what became of the state");
}

static int open_memory(struct store *store, struct error **error)
{
	if (database_open(NULL, &store->memory, error) != DATABASE_OPEN)
		return -1;
	if (!store_load(store, store->memory))
		return 0;
	return database_error(error, store->memory, store->code, "reading the state");
}

static int open_directory(struct store *store, struct error **error)
{
	const char *directory = store->options.directory;

	store->directory = strdup(directory);
	if (!store->directory || asprintf(&store->path, "%s/%s", directory, DATABASE_NAME) < 0) {
		store->path = NULL;
		return error_set(error, ENOMEM, "opening the state in %s", directory);
	}
	store->options.directory = store->directory;
	store->lock = database_lock(directory, error);
	return store->lock < 0 ? -1 : store_open_disk(store, error);
}

struct store *store_open(const struct store_options *options, struct error **error)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store) {
		error_set(error, ENOMEM, "opening the state");
		return NULL;
	}
	store->options = *options;
	store->lock = -1;
	pthread_mutex_init(&store->mutex, NULL);
	if (!(options->directory ? open_directory(store, error) : open_memory(store, error)))
		return store;
	store_close(store);
	return NULL;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	store->tried = INT64_MIN / 2; /* what is only in memory has one more chance */
	store_watch(store);
	database_close(store->memory);
	database_close(store->disk);
	for (size_t i = 0; i < store->wakeup_count; i++) {
		close(store->wakeups[i]->fd);
		free(store->wakeups[i]->sink);
		free(store->wakeups[i]);
	}
	free(store->wakeups);
	place_forget(store);
	free(store->host);
	free(store->directory);
	free(store->path);
	pthread_mutex_destroy(&store->mutex);
	if (store->lock >= 0)
		close(store->lock);
	free(store);
}

bool store_is_degraded(struct store *store)
{
	bool degraded;

	pthread_mutex_lock(&store->mutex);
	degraded = store->trouble != TROUBLE_NONE;
	pthread_mutex_unlock(&store->mutex);
	return degraded;
}
