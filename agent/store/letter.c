/* Dead letters: what a receiver refused for good, until somebody has it sent again or deleted.
 *
 * While the store is in memory those on the disk stay where they are, out of reach. */
#include <string.h>

#include "agent/store/private.h"

enum {
	LETTER_BYTES = 8 << 20, /* of each sink */
	LETTER_BYTES_IN_MEMORY = 1 << 20,
};

/* ---- in ------------------------------------------------------------------------------------------ */

struct refusal {
	const char *sink, *reason;
	const struct queued *records;
	size_t count;
};

static int put(struct store *store, const struct refusal *refusal, const struct queued *record, int64_t time)
{
	sqlite3_stmt *row = query_start(store_database(store), QUERY_LETTER_ADD);

	query_bind_text(row, 1, refusal->sink);
	sqlite3_bind_int64(row, 2, record->sequence);
	sqlite3_bind_int(row, 3, (int)record->severity);
	sqlite3_bind_int64(row, 4, time);
	sqlite3_bind_int64(row, 5, (int64_t)record->length);
	query_bind_text(row, 6, refusal->reason);
	sqlite3_bind_text64(row, 7, record->text, record->length, SQLITE_STATIC, SQLITE_UTF8);
	return store_run(store, row);
}

static int count_letters(struct store *store, struct database *database, const char *sink,
			 struct amount *amount)
{
	sqlite3_stmt *row = query_start(database, QUERY_LETTERS_OF_SINK);

	query_bind_text(row, 1, sink);
	return add_amount(store, database, row, amount);
}

/* Deletes the oldest of the sink: 1 with its size, 0 when there is none, or -1. */
static int drop_oldest(struct store *store, const char *sink, int64_t *bytes)
{
	struct database *database = store_database(store);
	sqlite3_stmt *row = query_start(database, QUERY_LETTER_OLDEST);
	int64_t sequence;
	int found;

	query_bind_text(row, 1, sink);
	found = store_step(store, database, row);
	if (found <= 0)
		return found;
	sequence = sqlite3_column_int64(row, 0);
	*bytes = sqlite3_column_int64(row, 1);
	query_end(row);
	row = query_start(database, QUERY_LETTER_DELETE);
	query_bind_text(row, 1, sink);
	sqlite3_bind_int64(row, 2, sequence);
	return store_run(store, row) ? -1 : 1;
}

static int trim(struct store *store, const char *sink, uint64_t *dropped)
{
	const int64_t bound = store->memory ? LETTER_BYTES_IN_MEMORY : LETTER_BYTES;
	struct amount amount = {0};
	int found = 1;

	if (count_letters(store, store_database(store), sink, &amount))
		return -1;
	while (amount.bytes > bound && found == 1) {
		int64_t bytes = 0;
		found = drop_oldest(store, sink, &bytes);
		amount.bytes -= bytes;
		*dropped += found == 1;
	}
	return found < 0 ? -1 : 0;
}

static int refuse(struct store *store, void *context, struct error **error)
{
	const struct refusal *refusal = context;
	struct done done = {
		.sink = refusal->sink, .records = refusal->records, .count = refusal->count, .refused = true};
	int64_t time = store_time();

	for (size_t i = 0; i < refusal->count; i++)
		if (put(store, refusal, &refusal->records[i], time))
			return -1;
	if (trim(store, refusal->sink, &done.dropped))
		return -1;
	return place_done(store, &done, error);
}

int store_refuse(struct store *store, const char *sink, const struct queued *records, size_t count,
		 const char *reason, struct error **error)
{
	struct refusal refusal = {.sink = sink, .reason = reason, .records = records, .count = count};

	return count ? store_do(store, SAFETY_NOW, refuse, &refusal, error) : 0;
}

int letters_count(struct store *store, const char *sink, int64_t *count)
{
	struct database *queues[2];
	size_t queue_count = store_queues(store, queues);
	struct amount amount = {0};

	for (size_t i = 0; i < queue_count; i++)
		if (count_letters(store, queues[i], sink, &amount) && !queue_is_passed_over(store, queues[i]))
			return -1;
	*count = amount.count;
	return 0;
}

/* ---- out ----------------------------------------------------------------------------------------- */

struct handling {
	const char *sink; /* NULL: all */
	uint64_t count;
};

static int for_letters(struct store *store, enum query query, const char *sink, int64_t second, int64_t third)
{
	sqlite3_stmt *row = query_start(store_database(store), query);

	query_bind_text(row, 1, sink);
	sqlite3_bind_int64(row, 2, second);
	sqlite3_bind_int64(row, 3, third);
	return store_run(store, row);
}

/* How many are to be tried again, their size, and the number of the last one. */
static int measure(struct store *store, const char *sink, struct amount *amount, int64_t *last)
{
	struct database *database = store_database(store);
	sqlite3_stmt *row = query_start(database, QUERY_LETTERS_TO_RETRY);

	query_bind_text(row, 1, sink);
	if (store_step(store, database, row) != 1)
		return -1;
	*amount = (struct amount){sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1)};
	*last = sqlite3_column_int64(row, 2);
	query_end(row);
	return 0;
}

static int retry(struct store *store, void *context, struct error **error)
{
	struct handling *handling = context;
	const char *sink = handling->sink;
	struct place place = {0};
	struct amount amount;
	int64_t last, sequence = store->figures.sequence;

	if ((sink && place_find(store, sink, &place, error)) || measure(store, sink, &amount, &last))
		return -1;
	if (for_letters(store, QUERY_LETTERS_RETRY, sink, sequence, store->figures.clock) ||
	    for_letters(store, QUERY_LETTERS_COUNT_IN, sink, sequence, 0) ||
	    for_letters(store, QUERY_LETTERS_DELETE_RETRIED, sink, 0, 0))
		return -1;
	store->figures.sequence += last;
	store->figures.queue_bytes += amount.bytes;
	store->appended = true;
	handling->count = (uint64_t)amount.count;
	return 0;
}

int store_retry(struct store *store, const char *sink, uint64_t *count, struct error **error)
{
	struct handling handling = {.sink = sink};
	int result = store_do(store, SAFETY_NOW, retry, &handling, error);

	*count = handling.count;
	return result;
}

static int drop(struct store *store, void *context, struct error **error)
{
	struct handling *handling = context;

	(void)error;
	if (for_letters(store, QUERY_LETTERS_DELETE, handling->sink, 0, 0))
		return -1;
	handling->count = (uint64_t)sqlite3_changes(store_database(store)->handle);
	return 0;
}

int store_drop(struct store *store, const char *sink, uint64_t *count, struct error **error)
{
	struct handling handling = {.sink = sink};
	int result = store_do(store, SAFETY_NOW, drop, &handling, error);

	*count = handling.count;
	return result;
}
