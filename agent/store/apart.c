/* Records that wait for several sinks, taken apart: one for each, which no sink that comes later has part in.
 */
#include "agent/store/private.h"

/* Copies each, behind all that is there, for each sink that waits for it. */
static int copy_shared(struct store *store)
{
	struct database *database = store_database(store);
	struct amount amount = {0};
	sqlite3_stmt *row;

	if (add_amount(store, database, query_start(database, QUERY_QUEUE_SHARED), &amount))
		return -1;
	row = query_start(database, QUERY_QUEUE_COPY_SHARED);
	sqlite3_bind_int64(row, 1, store->figures.sequence);
	store->figures.sequence += amount.count;
	store->figures.queue_bytes += amount.bytes;
	return store_run(store, row);
}

static int take_apart(struct store *store, void *context, struct error **error)
{
	struct database *database = store_database(store);
	sqlite3_stmt *rows;
	int found;

	(void)context, (void)error;
	if (copy_shared(store))
		return -1;
	rows = query_start(database, QUERY_QUEUE_DELETE_SHARED);
	while ((found = store_step(store, database, rows)) == 1)
		store->figures.queue_bytes -= sqlite3_column_int64(rows, 0);
	return found;
}

int store_take_apart(struct store *store, struct error **error)
{
	return store_do(store, SAFETY_LATER, take_apart, NULL, error);
}
