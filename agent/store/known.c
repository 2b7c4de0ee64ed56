#include "agent/store/known.h"

#include <string.h>

enum { RESOLVED_MAX = 10000 };
static const int64_t resolved_keep_ms = INT64_C(30) * 24 * 3600 * 1000;

static const char *const standings[] = {
	[STANDING_NONE] = NULL,
	[STANDING_OPEN] = "open",
	[STANDING_SUPPRESSED] = "suppressed",
	[STANDING_RESOLVED] = "resolved",
};

static enum standing standing_parse(const char *text)
{
	for (size_t i = STANDING_OPEN; text && i <= STANDING_RESOLVED; i++)
		if (!strcmp(standings[i], text))
			return (enum standing)i;
	return STANDING_NONE;
}

/* ---- reading ------------------------------------------------------------------------------------- */

sqlite3_stmt *known_unresolved(struct store *store)
{
	return query_start(store_database(store), QUERY_FINDINGS_UNRESOLVED);
}

/* What is in a row, from whoever wrote it. */
static void read_row(sqlite3_stmt *row, struct known *known)
{
	const char *id = (const char *)sqlite3_column_text(row, 0);
	int severity = sqlite3_column_int(row, 1);

	*known = (struct known){
		.severity = severity > SEVERITY_NONE && severity < SEVERITY_COUNT ? (enum severity)severity
										  : SEVERITY_INFO,
		.standing = standing_parse((const char *)sqlite3_column_text(row, 2)),
		.digest = (uint64_t)sqlite3_column_int64(row, 3),
		.places = (uint64_t)sqlite3_column_int64(row, 4),
		.needs = (uint64_t)sqlite3_column_int64(row, 5),
		.first_seen = sqlite3_column_int64(row, 6),
		.last_seen = sqlite3_column_int64(row, 7),
		.present = sqlite3_column_type(row, 7) == SQLITE_NULL,
		.missed_at = sqlite3_column_int64(row, 8),
		.held_until = sqlite3_column_int64(row, 9),
	};
	for (int i = 0; i < FLAP_OPENINGS; i++)
		known->opened[i] = sqlite3_column_int64(row, 10 + i);
	if (id)
		strncpy(known->id, id, sizeof(known->id) - 1);
}

int known_next(struct store *store, sqlite3_stmt *rows, struct known *known)
{
	int found = store_step(store, store_database(store), rows);

	if (found == 1)
		read_row(rows, known);
	return found;
}

int known_find(struct store *store, const char *id, struct known *known)
{
	sqlite3_stmt *row = query_start(store_database(store), QUERY_FINDING);
	int found;

	query_bind_text(row, 1, id);
	found = known_next(store, row, known);
	query_end(row);
	return found;
}

/* ---- writing ------------------------------------------------------------------------------------- */

/* 0 stands for NULL. */
static void bind_time(sqlite3_stmt *row, int place, int64_t time)
{
	if (time)
		sqlite3_bind_int64(row, place, time);
}

int known_save(struct store *store, const struct known *known, const struct told *told)
{
	sqlite3_stmt *row = query_start(store_database(store), QUERY_FINDING_SET);

	query_bind_text(row, 1, known->id);
	sqlite3_bind_int(row, 2, (int)known->severity);
	query_bind_text(row, 3, standings[known->standing]);
	sqlite3_bind_int64(row, 4, (int64_t)known->digest);
	sqlite3_bind_int64(row, 5, (int64_t)known->places);
	sqlite3_bind_int64(row, 6, (int64_t)known->needs);
	sqlite3_bind_int64(row, 7, known->first_seen);
	if (!known->present)
		sqlite3_bind_int64(row, 8, known->last_seen);
	bind_time(row, 9, known->missed_at);
	bind_time(row, 10, known->held_until);
	for (int i = 0; i < FLAP_OPENINGS; i++)
		bind_time(row, 11 + i, known->opened[i]);
	query_bind_text(row, 14, told->rule);
	query_bind_text(row, 15, told->status);
	bind_time(row, 16, told->time);
	bind_time(row, 17, told->sequence);
	query_bind_text(row, 18, told->record_id);
	if (known->standing == STANDING_RESOLVED)
		sqlite3_bind_int64(row, 19, store->figures.clock);
	return store_run(store, row);
}

int known_forget(struct store *store)
{
	struct database *database = store_database(store);
	int before = sqlite3_total_changes(database->handle);
	sqlite3_stmt *rows = query_start(database, QUERY_FINDINGS_FORGET_OLD);

	sqlite3_bind_int64(rows, 1, store->figures.clock - resolved_keep_ms);
	if (store_run(store, rows))
		return -1;
	rows = query_start(database, QUERY_FINDINGS_FORGET_MANY);
	sqlite3_bind_int64(rows, 1, RESOLVED_MAX);
	if (store_run(store, rows))
		return -1;
	if (sqlite3_total_changes(database->handle) == before)
		return 0;
	return store_run(store, query_start(database, QUERY_DETAILS_FORGET));
}
