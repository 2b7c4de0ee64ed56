#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/store/database.h"
#include "agent/store/read_private.h"
#include "proctor/cleanup.h"

enum {
	TEXT_MAX = 16 << 20,  /* bytes of one value */
	STEPS = 1000000,      /* of SQLite's machine, between two looks at how many there were */
	STEPS_MAX = 20000,    /* such looks: what takes longer is no state of Proctor's */
	CONTAINER_ID_MIN = 12 /* characters that name a container */
};

/* ---- opening ------------------------------------------------------------------------------------- */

static int look(void *context)
{
	struct store_reader *reader = context;

	return ++reader->looks > STEPS_MAX;
}

/* As SQLite's "Defense Against The Dark Arts" has it for files of others. */
static void distrust(struct store_reader *reader)
{
	sqlite3 *handle = reader->handle;

	sqlite3_extended_result_codes(handle, 1);
	sqlite3_busy_timeout(handle, 5000);
	sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, TEXT_MAX);
	sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_progress_handler(handle, STEPS, look, reader);
	sqlite3_exec(handle,
		     "PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON; PRAGMA cache_size = -1024;"
		     "PRAGMA query_only = ON;",
		     NULL, NULL, NULL);
}

int reader_failed(struct store_reader *reader, struct error **error)
{
	return error_set(error, 0, "reading the state: %s", sqlite3_errmsg(reader->handle));
}

int reader_prepare(struct store_reader *reader, const char *text, sqlite3_stmt **statement,
		   struct error **error)
{
	if (sqlite3_prepare_v2(reader->handle, text, -1, statement, NULL) != SQLITE_OK)
		return reader_failed(reader, error);
	return 0;
}

/* The first number of the row. -1 and *error. */
static int ask(struct store_reader *reader, const char *text, int64_t *answer, struct error **error)
{
	sqlite3_stmt *row = NULL;
	int result = reader_prepare(reader, text, &row, error);

	if (!result && sqlite3_step(row) == SQLITE_ROW)
		*answer = sqlite3_column_int64(row, 0);
	else if (!result)
		result = reader_failed(reader, error);
	sqlite3_finalize(row);
	return result;
}

static int check_version(struct store_reader *reader, struct error **error)
{
	int64_t version = 0;

	if (ask(reader, "PRAGMA user_version", &version, error))
		return -1;
	if (version == database_version)
		return 0;
	if (version < database_version)
		return error_set(error, 0, "it is no state of an agent's, or of an older version");
	error_set(error, 0, "it was written by a newer version of Proctor (form %lld, this one knows %d)",
		  (long long)version, database_version);
	return error_remedy(error, "read it with that version");
}

/* Everything is read as of one moment. */
static int begin(struct store_reader *reader, struct error **error)
{
	distrust(reader);
	if (sqlite3_exec(reader->handle, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return reader_failed(reader, error);
	if (check_version(reader, error))
		return -1;
	return ask(reader, "SELECT coalesce(pass_time, 0) FROM figures", &reader->pass_time, error);
}

/* Whether the file cannot be read for want of those that writers and readers share, -wal and -shm: this user
 * may not make them. */
static bool wants_shared_files(struct store_reader *reader)
{
	int64_t version;
	int code;

	if (!ask(reader, "PRAGMA user_version", &version, NULL))
		return false;
	code = sqlite3_errcode(reader->handle) & 0xff;
	return code == SQLITE_CANTOPEN || code == SQLITE_READONLY;
}

/* Opens a file that nobody writes to: without a -wal it is all there is. */
static int open_unshared(struct store_reader *reader, const char *path, struct error **error)
{
	_cleanup_free_ char *log = NULL;
	char *uri;
	int code;

	if (asprintf(&log, "%s-wal", path) < 0) {
		log = NULL;
		return error_set(error, ENOMEM, "opening it");
	}
	if (!access(log, F_OK))
		return reader_failed(reader, error);
	sqlite3_close(reader->handle);
	reader->handle = NULL;
	uri = sqlite3_mprintf("file:%s?immutable=1", path);
	code = sqlite3_open_v2(uri, &reader->handle,
			       SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, NULL);
	sqlite3_free(uri);
	return code == SQLITE_OK ? 0 : reader_failed(reader, error);
}

static int open_file(struct store_reader *reader, const char *path, struct error **error)
{
	if (sqlite3_open_v2(path, &reader->handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK)
		return error_set(error, reader->handle ? sqlite3_system_errno(reader->handle) : ENOMEM,
				 "opening it");
	return wants_shared_files(reader) ? open_unshared(reader, path, error) : 0;
}

struct store_reader *store_read_open(const char *directory, struct error **error)
{
	struct store_reader *reader = calloc(1, sizeof(*reader));
	_cleanup_free_ char *path = NULL;

	if (!reader || asprintf(&path, "%s/%s", directory, DATABASE_NAME) < 0) {
		path = NULL;
		free(reader);
		error_set(error, ENOMEM, "reading the state");
		return NULL;
	}
	if (access(path, F_OK)) {
		error_set(error, errno, "no agent has kept a state in %s", directory);
		error_remedy(error, "name its directory with --state");
	} else if (!open_file(reader, path, error) && !begin(reader, error)) {
		return reader;
	} else {
		error_context(error, "the state %s", path);
	}
	store_read_close(reader);
	return NULL;
}

static int open_image(struct store_reader *reader, const unsigned char *image, size_t length,
		      struct error **error)
{
	unsigned char *copy = sqlite3_malloc64(length + 1); /* freed by SQLite, also when it fails */

	if (!copy || sqlite3_open_v2(":memory:", &reader->handle,
				     SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX,
				     NULL) != SQLITE_OK) {
		sqlite3_free(copy);
		return error_set(error, ENOMEM, "reading the copy of a state");
	}
	memcpy(copy, image, length);
	if (sqlite3_deserialize(reader->handle, "main", copy, (sqlite3_int64)length, (sqlite3_int64)length,
				SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_READONLY) != SQLITE_OK)
		return reader_failed(reader, error);
	return begin(reader, error);
}

struct store_reader *store_read_open_image(const unsigned char *image, size_t length, struct error **error)
{
	struct store_reader *reader = calloc(1, sizeof(*reader));

	if (!reader) {
		error_set(error, ENOMEM, "reading the copy of a state");
		return NULL;
	}
	if (!open_image(reader, image, length, error))
		return reader;
	store_read_close(reader);
	return NULL;
}

void store_read_close(struct store_reader *reader)
{
	if (!reader)
		return;
	sqlite3_finalize(reader->findings);
	sqlite3_finalize(reader->detail);
	sqlite3_finalize(reader->status);
	sqlite3_finalize(reader->letters);
	sqlite3_close(reader->handle);
	json_decref(reader->finding);
	json_decref(reader->host);
	json_decref(reader->record);
	error_free(reader->error);
	free(reader);
}

/* ---- findings ------------------------------------------------------------------------------------ */

static json_t *read_host(struct store_reader *reader)
{
	sqlite3_stmt *row = NULL;
	json_t *host = NULL;

	if (!reader_prepare(reader, "SELECT host FROM figures", &row, NULL) &&
	    sqlite3_step(row) == SQLITE_ROW && sqlite3_column_text(row, 0))
		host = json_loads((const char *)sqlite3_column_text(row, 0), 0, NULL);
	sqlite3_finalize(row);
	if (json_is_object(host))
		return host;
	json_decref(host);
	return NULL;
}

/* The texts are fetched one by one: what is sorted is small. */
int store_read_findings(struct store_reader *reader, const struct finding_filter *filter,
			struct error **error)
{
	static const char findings[] =
		"SELECT id, standing, severity, rule, told_as, told_at, sequence, record_id, first_seen, "
		"coalesce(last_seen, ?3) FROM finding WHERE told_at >= ?1 AND (?2 IS NULL OR standing = ?2) "
		"ORDER BY severity DESC, rule, told_at DESC, id";
	static const char detail[] = "SELECT containers, container_name, json FROM detail WHERE id = ?1";

	reader->filter = filter;
	reader->host = read_host(reader);
	if (reader_prepare(reader, findings, &reader->findings, error) ||
	    reader_prepare(reader, detail, &reader->detail, error))
		return -1;
	sqlite3_bind_int64(reader->findings, 1, filter->since);
	sqlite3_bind_text(reader->findings, 2, filter->standing, -1, SQLITE_STATIC);
	sqlite3_bind_int64(reader->findings, 3, reader->pass_time);
	return 0;
}

static const char *text_of(sqlite3_stmt *row, int column)
{
	return (const char *)sqlite3_column_text(row, column);
}

static enum severity severity_of(sqlite3_stmt *row, int column)
{
	int severity = sqlite3_column_int(row, column);

	return severity > SEVERITY_NONE && severity < SEVERITY_COUNT ? (enum severity)severity
								     : SEVERITY_INFO;
}

/* Of ids, each ended by NUL, whether one begins with the text. */
static bool has_container(const char *ids, size_t length, const char *text)
{
	const char *end = ids ? ids + length : NULL, *stop;

	for (; ids && ids < end; ids = stop + 1) {
		stop = memchr(ids, '\0', (size_t)(end - ids));
		if (!stop)
			return false;
		if (!strncmp(ids, text, strlen(text)))
			return true;
	}
	return false;
}

/* The row of details is on one that the filter asks for. */
static bool is_asked_for(const struct store_reader *reader)
{
	const char *container = reader->filter->container, *name = text_of(reader->detail, 1);

	if (!container || (name && !strcmp(name, container)))
		return true;
	return strlen(container) >= CONTAINER_ID_MIN &&
	       has_container(sqlite3_column_blob(reader->detail, 0),
			     (size_t)sqlite3_column_bytes(reader->detail, 0), container);
}

static bool is_status(const char *text)
{
	for (const char *const *status = agent_statuses; text && *status; status++)
		if (!strcmp(text, *status))
			return true;
	return false;
}

/* The object that the column holds; NULL: it holds none. */
static json_t *object_of(sqlite3_stmt *row, int column)
{
	const char *text = text_of(row, column);
	json_t *json = text ? json_loadb(text, (size_t)sqlite3_column_bytes(row, column), 0, NULL) : NULL;

	if (json_is_object(json))
		return json;
	json_decref(json);
	return NULL;
}

static int damaged(struct store_reader *reader, const char *id)
{
	return error_set(&reader->error, 0, "reading the state: what it has of finding %s is damaged",
			 id ? id : "without an id");
}

/* Takes the rows as they stand together. -1: they are not what Proctor writes. */
static int take(struct store_reader *reader)
{
	sqlite3_stmt *row = reader->findings;
	struct remembered *remembered = &reader->remembered;

	json_decref(reader->finding);
	reader->finding = object_of(reader->detail, 2);
	*remembered = (struct remembered){
		.record = {.id = text_of(row, 7),
			   .sequence = (uint64_t)sqlite3_column_int64(row, 6),
			   .time = sqlite3_column_int64(row, 5),
			   .first_seen = sqlite3_column_int64(row, 8),
			   .last_seen = sqlite3_column_int64(row, 9),
			   .status = text_of(row, 4),
			   .host = reader->host,
			   .finding = reader->finding},
		.standing = text_of(row, 1),
		.severity = severity_of(row, 2),
		.rule = text_of(row, 3),
		.container_name = text_of(reader->detail, 1),
		.on_host = !sqlite3_column_blob(reader->detail, 0),
	};
	if (remembered->record.last_seen < remembered->record.first_seen)
		remembered->record.last_seen = remembered->record.first_seen;
	return reader->finding && remembered->record.id && remembered->standing && remembered->rule &&
			       is_status(remembered->record.status)
		       ? 0
		       : damaged(reader, text_of(row, 0));
}

/* Looks at the row that was reached: 1: it is *remembered; 0: not asked for; -1. */
static int consider(struct store_reader *reader)
{
	const char *rule = text_of(reader->findings, 3);
	int code;

	if (reader->filter->rule && !(rule && text_glob(reader->filter->rule, rule)))
		return 0;
	sqlite3_reset(reader->detail);
	sqlite3_bind_text(reader->detail, 1, text_of(reader->findings, 0), -1, SQLITE_TRANSIENT);
	code = sqlite3_step(reader->detail);
	if (code == SQLITE_DONE)
		return damaged(reader, text_of(reader->findings, 0));
	if (code != SQLITE_ROW)
		return reader_failed(reader, &reader->error);
	if (!is_asked_for(reader))
		return 0;
	return take(reader) ? -1 : 1;
}

const struct remembered *store_read_next(struct store_reader *reader)
{
	int found = 0, code;

	if (reader->error)
		return NULL;
	while (!found && (code = sqlite3_step(reader->findings)) != SQLITE_DONE)
		found = code == SQLITE_ROW ? consider(reader) : reader_failed(reader, &reader->error);
	return found > 0 ? &reader->remembered : NULL;
}

int store_read_failed(struct store_reader *reader, struct error **error)
{
	if (!reader->error)
		return 0;
	return error_set(error, 0, "%s", error_message(reader->error));
}

/* ---- dead letters -------------------------------------------------------------------------------- */

int store_read_letters(struct store_reader *reader, struct error **error)
{
	return reader_prepare(reader,
			      "SELECT sink, sequence, severity, refused_at, reason, text FROM dead_letter "
			      "ORDER BY sink, sequence",
			      &reader->letters, error);
}

/* Takes the row. -1: it is not what Proctor writes. */
static int take_letter(struct store_reader *reader)
{
	sqlite3_stmt *row = reader->letters;

	json_decref(reader->record);
	reader->record = object_of(row, 5);
	reader->letter = (struct dead_letter){.sink = text_of(row, 0),
					      .sequence = (uint64_t)sqlite3_column_int64(row, 1),
					      .severity = severity_names[severity_of(row, 2)],
					      .refused_at = sqlite3_column_int64(row, 3),
					      .reason = text_of(row, 4),
					      .record = reader->record};
	if (reader->record && reader->letter.sink && reader->letter.reason)
		return 0;
	return error_set(&reader->error, 0, "reading the state: a dead letter is damaged");
}

const struct dead_letter *store_read_letter(struct store_reader *reader)
{
	int code;

	if (reader->error)
		return NULL;
	code = sqlite3_step(reader->letters);
	if (code == SQLITE_ROW)
		return take_letter(reader) ? NULL : &reader->letter;
	if (code != SQLITE_DONE)
		reader_failed(reader, &reader->error);
	return NULL;
}

/* ---- the agent itself ---------------------------------------------------------------------------- */

const char *store_read_status(struct store_reader *reader)
{
	if (!reader->status && reader_prepare(reader, "SELECT status FROM figures", &reader->status, NULL))
		return NULL;
	sqlite3_reset(reader->status);
	return sqlite3_step(reader->status) == SQLITE_ROW ? text_of(reader->status, 0) : NULL;
}
