/* The SQL of the store, each statement once: prepared when it is first asked for, and kept. */
#ifndef AGENT_STORE_QUERY_H
#define AGENT_STORE_QUERY_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

enum query {
	QUERY_BEGIN,
	QUERY_COMMIT,
	QUERY_ROLLBACK,
	QUERY_SYNCHRONOUS_FULL,
	QUERY_SYNCHRONOUS_NORMAL,
	QUERY_FIGURES,
	QUERY_FIGURES_SET,
	QUERY_FIGURES_GO_ON,
	QUERY_HOST_SET,
	QUERY_STATUS_SET,
	QUERY_FINDINGS_UNRESOLVED,
	QUERY_FINDING,
	QUERY_FINDING_SET,
	QUERY_FINDINGS_FORGET,
	QUERY_FINDINGS_FORGET_OLD,
	QUERY_FINDINGS_FORGET_MANY,
	QUERY_DETAILS_FORGET,
	QUERY_FINDING_COUNTS,
	QUERY_DETAIL,
	QUERY_DETAIL_SET,
	QUERY_DETAIL_SET_PLACES,
	QUERY_CONTAINERS,
	QUERY_SINKS,
	QUERY_SINK,
	QUERY_SINK_SET,
	QUERY_SINK_RETIRE,
	QUERY_SINK_DELETE,
	QUERY_SINKS_RECOUNT,
	QUERY_SINK_WAITS,
	QUERY_SINKS_WANT,
	QUERY_SINKS_COUNT_IN,
	QUERY_SINKS_DROP,
	QUERY_SINK_DROP,
	QUERY_SINK_PLACE,
	QUERY_SINK_DONE,
	QUERY_QUEUE_ADD,
	QUERY_QUEUE_NEXT,
	QUERY_QUEUE_OLDEST_WANTED,
	QUERY_QUEUE_COUNT_TO,
	QUERY_QUEUE_COUNT,
	QUERY_QUEUE_FIRST_OF,
	QUERY_QUEUE_DELETE_UNWANTED,
	QUERY_QUEUE_DELETE_ALL_UNWANTED,
	QUERY_QUEUE_SHARED,
	QUERY_QUEUE_COPY_SHARED,
	QUERY_QUEUE_DELETE_SHARED,
	QUERY_QUEUE_DELETE,
	QUERY_QUEUE_LEAST,
	QUERY_QUEUE_OLDEST,
	QUERY_QUEUE_FIRST,
	QUERY_LETTER_ADD,
	QUERY_LETTERS_OF_SINK,
	QUERY_LETTER_OLDEST,
	QUERY_LETTER_DELETE,
	QUERY_LETTERS_TO_RETRY,
	QUERY_LETTERS_RETRY,
	QUERY_LETTERS_COUNT_IN,
	QUERY_LETTERS_DELETE_RETRIED,
	QUERY_LETTERS_DELETE,
	QUERY_LETTERS_PAGE,
	QUERY_LEARNED_ADD,
	QUERY_LEARNED_EXECUTABLES,
	QUERY_LEARNED_USE_ADD,
	QUERY_LEARNED_FORGET,
	QUERY_LEARNED_USES_FORGET,
	QUERY_LEARNED_USES,
	QUERY_LEARNED_TIMES,
	QUERY_COUNT
};

/* An open database and its statements. */
struct database {
	sqlite3 *handle;
	sqlite3_stmt *prepared[QUERY_COUNT];
	bool full; /* synchronous=FULL is in force */
};

/* The statement, ready to be bound; NULL when it cannot be prepared: sqlite3_errcode tells why. It is
 * to be reset by query_end, or by the next call for the same. */
sqlite3_stmt *query_start(struct database *database, enum query query);

/* A row is there: SQLITE_ROW, SQLITE_DONE, or an error. SQLITE_NOMEM for a NULL statement whose preparing
 * left no other error. */
int query_step(struct database *database, sqlite3_stmt *statement);

/* Resets the statement. NULL is allowed. */
void query_end(sqlite3_stmt *statement);

/* Steps a statement that gives no rows, and resets it: SQLITE_OK or an error. */
int query_run(struct database *database, sqlite3_stmt *statement);

/* Binds text that lives until the statement has run; NULL is NULL. */
void query_bind_text(sqlite3_stmt *statement, int place, const char *text);

#endif
