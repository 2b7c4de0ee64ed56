#include "agent/store/query.h"

#include <stddef.h>

/* Whether a sink wants such records: findings from its minimum on, others by the bit of their kind. */
#define WISHED "(CASE kind WHEN 0 THEN severity >= minimum ELSE wants >> kind & 1 END)"

/* The columns of a sink that tell, of each severity, up to where all fell out for it. */
#define PAST "past_1, past_2, past_3, past_4, past_5"

/* Whether the record waits for the sink: it has had neither it nor anything behind it, it did not fall out
 * for it, and it is wanted, or meant for this sink alone. */
#define WANTED                                                                                               \
	"(sequence > place AND sequence > CASE severity WHEN 1 THEN past_1 WHEN 2 THEN past_2 "              \
	"WHEN 3 THEN past_3 WHEN 4 THEN past_4 ELSE past_5 END AND "                                         \
	"CASE WHEN for_sink IS NULL THEN " WISHED " ELSE for_sink = name END)"

/* Half of what there is room for: two of them can be added. */
#define COUNT_MAX "4611686018427387903"

static const char *const texts[QUERY_COUNT] = {
	[QUERY_BEGIN] = "BEGIN IMMEDIATE",
	[QUERY_COMMIT] = "COMMIT",
	[QUERY_ROLLBACK] = "ROLLBACK",
	[QUERY_SYNCHRONOUS_FULL] = "PRAGMA synchronous = FULL",
	[QUERY_SYNCHRONOUS_NORMAL] = "PRAGMA synchronous = NORMAL",

	[QUERY_FIGURES] = "SELECT sequence, clock, pass_time, queue_bytes, host FROM figures",
	[QUERY_FIGURES_SET] =
		"UPDATE figures SET sequence = ?1, clock = ?2, pass_time = ?3, queue_bytes = ?4",
	[QUERY_FIGURES_GO_ON] = "UPDATE figures SET sequence = max(sequence, ?1), clock = max(clock, ?2), "
				"queue_bytes = (SELECT coalesce(sum(bytes), 0) FROM queue INDEXED BY "
				"queue_weight)",
	[QUERY_HOST_SET] = "UPDATE figures SET host = ?1",
	[QUERY_STATUS_SET] = "UPDATE figures SET status = ?1",

#define KNOWN                                                                                                \
	"SELECT id, severity, standing, digest, places, needs, first_seen, last_seen, missed_at, "           \
	"held_until, "                                                                                       \
	"opened_0, opened_1, opened_2 FROM finding "
	[QUERY_FINDINGS_UNRESOLVED] =
		KNOWN "INDEXED BY finding_unresolved WHERE standing <> 'resolved' ORDER BY id",
	[QUERY_FINDING] = KNOWN "WHERE id = ?1",
	/* What was told of it stands where nothing new is told. */
	[QUERY_FINDING_SET] =
		"INSERT INTO finding (id, severity, standing, digest, places, needs, first_seen, last_seen, "
		"missed_at, held_until, opened_0, opened_1, opened_2, rule, told_as, told_at, sequence, "
		"record_id, resolved_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, "
		"coalesce(?14, ''), ?15, ?16, ?17, ?18, ?19) ON CONFLICT (id) DO UPDATE SET "
		"severity = ?2, standing = ?3, digest = ?4, places = ?5, needs = ?6, first_seen = ?7, "
		"last_seen = ?8, missed_at = ?9, held_until = ?10, opened_0 = ?11, opened_1 = ?12, "
		"opened_2 = ?13, rule = coalesce(?14, rule), told_as = coalesce(?15, told_as), "
		"told_at = coalesce(?16, told_at), sequence = coalesce(?17, sequence), "
		"record_id = coalesce(?18, record_id), resolved_at = ?19",
	[QUERY_FINDINGS_FORGET] = "DELETE FROM finding",
	[QUERY_FINDINGS_FORGET_OLD] = "DELETE FROM finding WHERE standing = 'resolved' AND resolved_at < ?1",
	[QUERY_FINDINGS_FORGET_MANY] =
		"DELETE FROM finding WHERE id IN (SELECT id FROM finding WHERE standing = 'resolved' "
		"ORDER BY resolved_at DESC LIMIT -1 OFFSET ?1)",
	[QUERY_DETAILS_FORGET] = "DELETE FROM detail WHERE id NOT IN (SELECT id FROM finding)",
	[QUERY_FINDING_COUNTS] = "SELECT standing, severity, rule, count(*) FROM finding GROUP BY 1, 2, 3",

	[QUERY_DETAIL] = "SELECT json FROM detail WHERE id = ?1",
	[QUERY_DETAIL_SET] =
		"INSERT INTO detail (id, containers, container_name, image, task, json) "
		"VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO UPDATE SET containers = ?2, "
		"container_name = ?3, image = ?4, task = ?5, json = ?6",
	[QUERY_DETAIL_SET_PLACES] = "UPDATE detail SET containers = ?2, container_name = ?3, image = ?4, "
				    "task = ?5 WHERE id = ?1",
	[QUERY_CONTAINERS] = "SELECT containers FROM detail WHERE id = ?1",

	[QUERY_SINKS] = "SELECT name, waiting, waiting_bytes, sent, dropped, refused FROM sink ORDER BY name",
	[QUERY_SINK] =
		"SELECT place, minimum, wants, waiting, waiting_bytes, " PAST " FROM sink WHERE name = ?1",
	[QUERY_SINK_SET] =
		"INSERT INTO sink (name, minimum, wants, place, waiting, waiting_bytes, sent, dropped) "
		"VALUES (?1, ?2, ?3, ?4, 0, 0, 0, 0) "
		"ON CONFLICT (name) DO UPDATE SET minimum = ?2, wants = ?3",
	[QUERY_SINK_RETIRE] = "UPDATE sink SET minimum = ?2, wants = 0 WHERE name = ?1",
	[QUERY_SINK_DELETE] = "DELETE FROM sink WHERE name = ?1",
	[QUERY_SINKS_WANT] = "SELECT count(*) FROM (SELECT ?1 AS kind, ?2 AS severity), sink WHERE " WISHED,
	/* A sink that waits for nothing has had all: its place moves with the queue. */
	[QUERY_SINKS_COUNT_IN] =
		"UPDATE sink SET place = CASE waiting WHEN 0 THEN max(place, ?1) ELSE place END, "
		"waiting = waiting + ?2, waiting_bytes = waiting_bytes + ?3 "
		"FROM (SELECT ?4 AS kind, ?5 AS severity) WHERE " WISHED,
	[QUERY_SINKS_DROP] = "UPDATE sink SET waiting = waiting - 1, waiting_bytes = waiting_bytes - bytes, "
			     "dropped = dropped + 1 FROM queue WHERE sequence = ?1 AND " WANTED,
	[QUERY_SINK_DROP] = "UPDATE sink SET waiting = waiting - 1, waiting_bytes = waiting_bytes - ?2, "
			    "dropped = dropped + 1, (" PAST ") = (?3, ?4, ?5, ?6, ?7) WHERE name = ?1",
	[QUERY_SINK_PLACE] = "UPDATE sink SET place = max(place, ?2) WHERE name = ?1",
	[QUERY_SINK_DONE] = "UPDATE sink SET place = max(place, ?2), waiting = waiting - ?3, "
			    "waiting_bytes = waiting_bytes - ?4, sent = sent + ?5, refused = refused + ?6, "
			    "dropped = dropped + ?7 WHERE name = ?1",
	[QUERY_SINKS_RECOUNT] =
		"UPDATE sink SET (waiting, waiting_bytes) = (SELECT count(*), coalesce(sum(bytes), 0) "
		"FROM queue INDEXED BY queue_weight WHERE " WANTED ")",
	[QUERY_SINK_WAITS] = "UPDATE sink SET waiting = ?2, waiting_bytes = ?3 WHERE name = ?1",

	[QUERY_QUEUE_ADD] = "INSERT INTO queue (sequence, kind, severity, made, bytes, text) "
			    "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
/* What waits for the sink whose row ?1 to ?9 are: a queue may be in another database than it. */
#define FOR_SINK(from)                                                                                       \
	"FROM (SELECT ?1 AS place, ?2 AS minimum, ?3 AS wants, ?4 AS name, ?5 AS past_1, ?6 AS past_2, "     \
	"?7 AS past_3, ?8 AS past_4, ?9 AS past_5), " from " WHERE sequence > ?1 AND " WANTED
	[QUERY_QUEUE_NEXT] =
		"SELECT sequence, severity, text " FOR_SINK("queue") " ORDER BY sequence LIMIT ?10",
	[QUERY_QUEUE_OLDEST_WANTED] = "SELECT made " FOR_SINK("queue") " ORDER BY sequence LIMIT 1",
	[QUERY_QUEUE_COUNT_TO] =
		"SELECT count(*), coalesce(sum(bytes), 0) " FOR_SINK("queue") " AND sequence <= ?10",
	/* By the index alone: the texts of a long queue are not read. */
	[QUERY_QUEUE_COUNT] =
		"SELECT count(*), coalesce(sum(bytes), 0) " FOR_SINK("queue INDEXED BY queue_weight"),
	[QUERY_QUEUE_FIRST_OF] = "SELECT sequence, bytes, made " FOR_SINK(
		"queue INDEXED BY queue_weight") " AND severity = ?10 AND sequence > ?11 "
						 "ORDER BY sequence LIMIT 1",
#define UNWANTED "NOT EXISTS (SELECT 1 FROM sink WHERE " WANTED ") RETURNING bytes"
	[QUERY_QUEUE_DELETE_UNWANTED] =
		"DELETE FROM queue WHERE sequence > ?1 AND sequence <= ?2 AND " UNWANTED,
	[QUERY_QUEUE_DELETE_ALL_UNWANTED] = "DELETE FROM queue INDEXED BY queue_weight WHERE " UNWANTED,
	[QUERY_QUEUE_SHARED] = "SELECT count(*), coalesce(sum(bytes), 0) FROM queue, sink WHERE for_sink IS "
			       "NULL AND " WANTED,
	[QUERY_QUEUE_COPY_SHARED] =
		"INSERT INTO queue (sequence, kind, severity, made, bytes, text, for_sink) "
		"SELECT ?1 + row_number() OVER (ORDER BY sequence, name), kind, severity, made, bytes, text, "
		"name "
		"FROM queue, sink WHERE for_sink IS NULL AND " WANTED,
	[QUERY_QUEUE_DELETE_SHARED] = "DELETE FROM queue WHERE for_sink IS NULL RETURNING bytes",
	[QUERY_QUEUE_DELETE] = "DELETE FROM queue WHERE sequence = ?1",
	[QUERY_QUEUE_LEAST] = "SELECT sequence, bytes FROM queue INDEXED BY queue_weight "
			      "ORDER BY severity, sequence LIMIT 1",
	[QUERY_QUEUE_OLDEST] = "SELECT sequence, bytes, made FROM queue ORDER BY sequence LIMIT 1",
	[QUERY_QUEUE_FIRST] = "SELECT min(sequence) FROM queue",

	[QUERY_LETTER_ADD] = "INSERT OR REPLACE INTO dead_letter "
			     "(sink, sequence, severity, refused_at, bytes, reason, text) "
			     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[QUERY_LETTERS_OF_SINK] = "SELECT count(*), coalesce(sum(bytes), 0) FROM dead_letter "
				  "INDEXED BY dead_letter_size WHERE sink = ?1",
	[QUERY_LETTER_OLDEST] =
		"SELECT sequence, bytes FROM dead_letter WHERE sink = ?1 ORDER BY sequence LIMIT 1",
	[QUERY_LETTER_DELETE] = "DELETE FROM dead_letter WHERE sink = ?1 AND sequence = ?2",
/* Of the sink ?1, or of all: those that have a sink still. By the order in which they were refused: of one
 * finding that of its records. */
#define OF_SINK "(?1 IS NULL OR sink = ?1)"
#define TO_RETRY "FROM dead_letter NOT INDEXED WHERE " OF_SINK " AND sink IN (SELECT name FROM sink)"
	[QUERY_LETTERS_TO_RETRY] =
		"SELECT count(*), coalesce(sum(bytes), 0), coalesce(max(rowid), 0) " TO_RETRY,
	[QUERY_LETTERS_RETRY] = "INSERT INTO queue (sequence, kind, severity, made, bytes, text, for_sink) "
				"SELECT ?2 + rowid, 0, severity, ?3, bytes, text, sink " TO_RETRY,
	[QUERY_LETTERS_COUNT_IN] =
		"UPDATE sink SET place = CASE waiting WHEN 0 THEN max(place, ?2) ELSE place END, "
		"waiting = waiting + letters, waiting_bytes = waiting_bytes + size FROM (SELECT sink AS "
		"letters_of, count(*) AS letters, sum(bytes) AS size " TO_RETRY " GROUP BY sink) "
		"WHERE name = letters_of",
	[QUERY_LETTERS_DELETE_RETRIED] =
		"DELETE FROM dead_letter WHERE " OF_SINK " AND sink IN (SELECT name FROM sink)",
	[QUERY_LETTERS_DELETE] = "DELETE FROM dead_letter WHERE " OF_SINK,
	[QUERY_LETTERS_PAGE] = "SELECT bytes FROM dead_letter WHERE (sink, sequence) > (?1, ?2) "
			       "ORDER BY sink, sequence",

#define OF_IMAGE "(image, family, name) = (?1, ?2, ?3)"
	[QUERY_LEARNED_ADD] =
		"INSERT INTO learned (image, family, name, digest, reference, called, granted, seconds, "
		"starts, whole, first, last) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) "
		"ON CONFLICT (image, family, name) DO UPDATE SET digest = coalesce(?4, digest), "
		"reference = coalesce(?5, reference), called = coalesce(?6, called), granted = ?7, "
		"seconds = min(seconds, " COUNT_MAX ") + ?8, starts = starts + ?9, whole = whole + ?10, "
		"first = min(first, ?11), last = max(last, ?12)",
	[QUERY_LEARNED_EXECUTABLES] =
		"SELECT executables FROM learned_use WHERE " OF_IMAGE " AND capability = ?4 AND kind = ?5",
	/* A reason stands for a doubt: once there was none, there is none. */
	[QUERY_LEARNED_USE_ADD] =
		"INSERT INTO learned_use (image, family, name, capability, kind, count, first, last, "
		"at_start, reason, executables) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) "
		"ON CONFLICT (image, family, name, capability, kind) DO UPDATE SET "
		"count = min(count, " COUNT_MAX ") + ?6, first = min(first, ?7), last = max(last, ?8), "
		"at_start = max(at_start, ?9), reason = CASE WHEN reason IS NULL THEN NULL ELSE ?10 END, "
		"executables = ?11",
	[QUERY_LEARNED_FORGET] =
		"DELETE FROM learned WHERE last < ?1 OR (image, family, name) IN "
		"(SELECT image, family, name FROM learned ORDER BY last DESC LIMIT -1 OFFSET ?2)",
	[QUERY_LEARNED_USES_FORGET] = "DELETE FROM learned_use WHERE (image, family, name) NOT IN "
				      "(SELECT image, family, name FROM learned)",
	[QUERY_LEARNED_USES] = "SELECT capability, min(kind) FROM learned_use WHERE kind < 2 AND "
			       "(image = ?1 OR (family <> '' AND family = ?2)) GROUP BY capability",
	[QUERY_LEARNED_TIMES] =
		"SELECT coalesce(sum(seconds), 0), coalesce(sum(starts), 0) FROM learned WHERE image = ?1",
};

sqlite3_stmt *query_start(struct database *database, enum query query)
{
	sqlite3_stmt **prepared = &database->prepared[query];

	if (!*prepared && sqlite3_prepare_v3(database->handle, texts[query], -1, SQLITE_PREPARE_PERSISTENT,
					     prepared, NULL) != SQLITE_OK)
		return NULL;
	query_end(*prepared);
	return *prepared;
}

int query_step(struct database *database, sqlite3_stmt *statement)
{
	int code = statement ? sqlite3_step(statement) : sqlite3_extended_errcode(database->handle);

	return code == SQLITE_OK ? SQLITE_NOMEM : code;
}

void query_end(sqlite3_stmt *statement)
{
	if (!statement)
		return;
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
}

int query_run(struct database *database, sqlite3_stmt *statement)
{
	int code = query_step(database, statement);

	while (code == SQLITE_ROW)
		code = query_step(database, statement);
	query_end(statement);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

void query_bind_text(sqlite3_stmt *statement, int place, const char *text)
{
	sqlite3_bind_text(statement, place, text, -1, SQLITE_STATIC);
}
