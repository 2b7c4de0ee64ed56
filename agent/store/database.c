#include "agent/store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "proctor/cleanup.h"

enum { LOCK_WAIT_MS = 5000 }; /* for readers of the file, which hold it for moments */

/* Each brings the form from its place in the list to the next. What stands here is never changed. */
static const char *const migrations[] = {
	/* One row: what is counted, and what is known of the agent as a whole. */
	"CREATE TABLE figures ("
	"	one INTEGER PRIMARY KEY CHECK (one = 1),"
	"	sequence INTEGER NOT NULL," /* of the last record */
	"	clock INTEGER NOT NULL,"    /* milliseconds for which the agent ran, in all */
	"	pass_time INTEGER,"         /* of the last pass, milliseconds since 1970 */
	"	queue_bytes INTEGER NOT NULL,"
	"	host TEXT, status TEXT);" /* JSON */
	/* What each pass is compared with: small, for each pass reads all that is not resolved. */
	"CREATE TABLE finding ("
	"	id TEXT PRIMARY KEY, rule TEXT NOT NULL, severity INTEGER NOT NULL,"
	"	standing TEXT NOT NULL CHECK (standing IN ('open', 'suppressed', 'resolved')),"
	"	digest INTEGER NOT NULL,"
	"	places INTEGER NOT NULL," /* hash of its containers and what they are called */
	"	needs INTEGER NOT NULL,"  /* enum sight */
	"	first_seen INTEGER NOT NULL,"
	"	last_seen INTEGER," /* NULL: in the last pass */
	/* By `clock`: since when it is known not to be there, until when it is held open, when it opened. */
	"	missed_at INTEGER, held_until INTEGER,"
	"	opened_0 INTEGER, opened_1 INTEGER, opened_2 INTEGER, resolved_at INTEGER,"
	/* The last record of it. */
	"	told_as TEXT, told_at INTEGER, sequence INTEGER, record_id TEXT) WITHOUT ROWID;"
	"CREATE INDEX finding_unresolved ON finding (id) WHERE standing <> 'resolved';"
	"CREATE INDEX finding_resolved ON finding (resolved_at) WHERE standing = 'resolved';"
	"CREATE TABLE detail ("
	"	id TEXT PRIMARY KEY,"
	"	containers BLOB," /* their ids, each ended by NUL; NULL: the host */
	"	container_name TEXT, image TEXT, task TEXT, json TEXT NOT NULL);"
	/* kind: 0 finding, 1 heartbeat, 2 inventory. made: by `clock`. */
	"CREATE TABLE queue ("
	"	sequence INTEGER PRIMARY KEY, kind INTEGER NOT NULL, severity INTEGER NOT NULL,"
	"	made INTEGER NOT NULL, bytes INTEGER NOT NULL, text TEXT NOT NULL);"
	"CREATE INDEX queue_weight ON queue (severity, sequence, kind, bytes);"
	"CREATE TABLE sink ("
	"	name TEXT PRIMARY KEY, minimum INTEGER NOT NULL,"
	"	wants INTEGER NOT NULL," /* a bit for each kind */
	"	place INTEGER NOT NULL,"
	"	waiting INTEGER NOT NULL, waiting_bytes INTEGER NOT NULL,"
	"	sent INTEGER NOT NULL, dropped INTEGER NOT NULL) WITHOUT ROWID;"
	/* So that a state that begins anew goes on above whatever was before it: microseconds since 1970. */
	"INSERT INTO figures VALUES (1, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000, "
	"	1, NULL, 0, NULL, NULL);",

	/* for_sink: NULL: for every sink that wants its kind and severity. */
	"ALTER TABLE queue ADD COLUMN for_sink TEXT;"
	"DROP INDEX queue_weight;"
	"CREATE INDEX queue_weight ON queue (severity, sequence, kind, bytes, for_sink);"
	"ALTER TABLE sink ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;"
	/* Of each severity: up to where all that it had not had fell out at its own bounds. */
	"ALTER TABLE sink ADD COLUMN past_1 INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE sink ADD COLUMN past_2 INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE sink ADD COLUMN past_3 INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE sink ADD COLUMN past_4 INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE sink ADD COLUMN past_5 INTEGER NOT NULL DEFAULT 0;"
	/* What receivers refused. refused_at: milliseconds since 1970. */
	"CREATE TABLE dead_letter ("
	"	sink TEXT NOT NULL, sequence INTEGER NOT NULL, severity INTEGER NOT NULL,"
	"	refused_at INTEGER NOT NULL, bytes INTEGER NOT NULL, reason TEXT NOT NULL, text TEXT NOT "
	"NULL,"
	"	PRIMARY KEY (sink, sequence));"
	"CREATE INDEX dead_letter_size ON dead_letter (sink, bytes);",

	/* What was learned of containers, by image, and in a task by its family and the container's name
	 * there (empty: none). Times: milliseconds since 1970. */
	"CREATE TABLE learned ("
	"	image TEXT NOT NULL," /* its digest, else what is known of it */
	"	family TEXT NOT NULL, name TEXT NOT NULL,"
	"	digest TEXT, reference TEXT, called TEXT," /* of the last container; NULL: not known */
	"	granted INTEGER NOT NULL,"                 /* likewise */
	"	seconds INTEGER NOT NULL,"                 /* that they were watched, in all */
	"	starts INTEGER NOT NULL,"                  /* that were seen */
	"	whole INTEGER NOT NULL,"                   /* of these those in which nothing was lost */
	"	first INTEGER NOT NULL, last INTEGER NOT NULL,"
	"	PRIMARY KEY (image, family, name)) WITHOUT ROWID;"
	/* kind: 0 required, 1 optional, 2 denied. */
	"CREATE TABLE learned_use ("
	"	image TEXT NOT NULL, family TEXT NOT NULL, name TEXT NOT NULL, capability INTEGER NOT NULL,"
	"	kind INTEGER NOT NULL, count INTEGER NOT NULL,"
	"	first INTEGER NOT NULL, last INTEGER NOT NULL,"
	"	at_start INTEGER NOT NULL," /* while a container started */
	"	reason TEXT,"
	"	executables BLOB NOT NULL," /* each ended by NUL */
	"	PRIMARY KEY (image, family, name, capability, kind)) WITHOUT ROWID;"
	"CREATE INDEX learned_family ON learned_use (family);",
};

const int database_version = sizeof(migrations) / sizeof(migrations[0]);

/* ---- locking and codes ---------------------------------------------------------------------------- */

int database_lock(const char *directory, struct error **error)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		error_set(error, errno, "opening the state directory %s", directory);
		return error_remedy(error, "make it, writable for the agent's user, or set state = memory");
	}
	if (!faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) && !flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	if (errno == EACCES || errno == EROFS) {
		error_set(error, errno, "writing to the state directory %s", directory);
		error_remedy(error, "give it to the agent's user, or set state = memory");
	} else if (errno == EWOULDBLOCK) {
		error_set(error, EBUSY, "%s is in use by another agent", directory);
		error_remedy(error, "end it, or give this one a state directory of its own");
	} else {
		error_set(error, errno, "locking %s", directory);
	}
	close(fd);
	return -1;
}

int database_error(struct error **error, const struct database *database, int code, const char *doing)
{
	bool same = database && sqlite3_extended_errcode(database->handle) == code;

	return error_set(error, 0, "%s: %s", doing,
			 same ? sqlite3_errmsg(database->handle) : sqlite3_errstr(code));
}

enum database_state database_state_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return DATABASE_OPEN;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return DATABASE_DAMAGED;
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
		return DATABASE_NO_ROOM;
	default:
		return DATABASE_REFUSED;
	}
}

bool database_has_moved(const struct database *database)
{
	int moved = 0;

	return sqlite3_file_control(database->handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
	       moved;
}

/* ---- opening -------------------------------------------------------------------------------------- */

void database_close(struct database *database)
{
	if (!database)
		return;
	for (size_t i = 0; i < QUERY_COUNT; i++)
		sqlite3_finalize(database->prepared[i]);
	sqlite3_close(database->handle);
	free(database);
}

static int run(const struct database *database, const char *text)
{
	return sqlite3_exec(database->handle, text, NULL, NULL, NULL);
}

/* The first column of the first row as a number; -1 and the code in *code when there is none. */
static int64_t ask(const struct database *database, const char *text, int *code)
{
	sqlite3_stmt *statement = NULL;
	int64_t answer = -1;

	*code = sqlite3_prepare_v2(database->handle, text, -1, &statement, NULL);
	if (*code == SQLITE_OK)
		*code = sqlite3_step(statement);
	if (*code == SQLITE_ROW) {
		answer = sqlite3_column_int64(statement, 0);
		*code = SQLITE_OK;
	}
	sqlite3_finalize(statement);
	return answer;
}

/* Small caches, whatever the size of the queue; nothing of the schema is trusted. */
static int prepare(const struct database *database)
{
	sqlite3_busy_timeout(database->handle, LOCK_WAIT_MS);
	sqlite3_extended_result_codes(database->handle, 1);
	sqlite3_db_config(database->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	return run(database, "PRAGMA cache_size = -1024; PRAGMA mmap_size = 0; PRAGMA secure_delete = OFF; "
			     "PRAGMA trusted_schema = OFF;"
			     "PRAGMA cell_size_check = ON; PRAGMA journal_mode = WAL;"
			     "PRAGMA journal_size_limit = 4194304; PRAGMA synchronous = FULL;");
}

/* PRAGMA quick_check of one table: its first row is `ok`, or the first fault that was found. */
static int check_table(const struct database *database, const char *table, struct error **error)
{
	char *text = sqlite3_mprintf("PRAGMA quick_check(%Q)", table);
	sqlite3_stmt *statement = NULL;
	int code = text ? sqlite3_prepare_v2(database->handle, text, -1, &statement, NULL) : SQLITE_NOMEM;

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(statement, 0), "ok") != 0) {
		error_set(error, 0, "%s", (const char *)sqlite3_column_text(statement, 0));
		code = SQLITE_CORRUPT;
	}
	sqlite3_finalize(statement);
	sqlite3_free(text);
	return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

/* What each pass is compared with. The queue, which may be long, is found to be damaged when it is read. */
static int check(const struct database *database, struct error **error)
{
	static const char *const tables[] = {"figures",     "finding", "detail",     "sink",
					     "dead_letter", "learned", "learned_use"};
	int code = SQLITE_OK;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && code == SQLITE_OK; i++)
		code = check_table(database, tables[i], error);
	return code;
}

static int migrate(const struct database *database, int64_t version)
{
	char text[64];
	int code = run(database, "BEGIN IMMEDIATE");

	for (int64_t next = version; code == SQLITE_OK && next < database_version; next++)
		code = run(database, migrations[next]);
	snprintf(text, sizeof(text), "PRAGMA user_version = %d", database_version);
	if (code == SQLITE_OK)
		code = run(database, text);
	if (code == SQLITE_OK)
		code = run(database, "COMMIT");
	return code;
}

/* The form as this version writes it, and whole. */
static enum database_state bring_up(const struct database *database, struct error **error)
{
	int code = prepare(database);
	int64_t version = code == SQLITE_OK ? ask(database, "PRAGMA user_version", &code) : 0;

	if (code == SQLITE_OK && version > database_version) {
		error_set(error, 0,
			  "it was written by a newer version of Proctor (form %lld, this one knows %d)",
			  (long long)version, database_version);
		error_remedy(error, "run that version, or give this one a state directory of its own");
		return DATABASE_REFUSED;
	}
	if (code == SQLITE_OK && version < 0)
		code = SQLITE_CORRUPT;
	if (code == SQLITE_OK && version < database_version)
		code = migrate(database, version);
	if (code == SQLITE_OK)
		code = check(database, error);
	if (code == SQLITE_OK && ask(database, "SELECT one FROM figures", &code) != 1)
		code = code == SQLITE_OK || code == SQLITE_DONE ? SQLITE_CORRUPT : code;
	if (code != SQLITE_OK && !(error && *error))
		error_set(error, 0, "%s", sqlite3_errmsg(database->handle));
	/* A form that has not the tables which its version says is as good as damaged. */
	return (code & 0xff) == SQLITE_ERROR ? DATABASE_DAMAGED : database_state_of(code);
}

/* Makes the file so that only its owner's group may read it, whatever the umask. */
static int make_file(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

	if (fd < 0)
		return errno == EEXIST ? 0 : -1;
	return fchmod(fd, 0640);
}

static enum database_state make_failed(struct error **error)
{
	bool no_room = errno == ENOSPC || errno == EDQUOT || errno == EIO;

	error_set(error, errno, "making it");
	return no_room ? DATABASE_NO_ROOM : DATABASE_REFUSED;
}

static enum database_state open_file(const char *path, struct database *database, struct error **error)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
		    (path ? 0 : SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY);
	int code, number;

	if (path && make_file(path))
		return make_failed(error);
	code = sqlite3_open_v2(path ? path : ":memory:", &database->handle, flags, NULL);
	if (code == SQLITE_OK && path && sqlite3_db_readonly(database->handle, "main")) {
		error_set(error, 0, "it may not be written to");
		return DATABASE_REFUSED;
	}
	if (code == SQLITE_OK)
		return bring_up(database, error);
	number = database->handle ? sqlite3_system_errno(database->handle) : ENOMEM;
	error_set(error, number, "%s", sqlite3_errstr(code));
	return DATABASE_REFUSED;
}

enum database_state database_open(const char *path, struct database **database, struct error **error)
{
	struct database *made = calloc(1, sizeof(*made));
	enum database_state state = DATABASE_REFUSED;

	*database = NULL;
	if (!made)
		error_set(error, ENOMEM, "allocating it");
	else
		state = open_file(path, made, error);
	if (state == DATABASE_OPEN) {
		made->full = true;
		*database = made;
		return state;
	}
	error_context(error, "the state %s", path ? path : "in memory");
	database_close(made);
	return state;
}

/* ---- setting aside and copying -------------------------------------------------------------------- */

int database_set_aside(const char *path, const char *word, char **name, struct error **error)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char stamp[32];
	time_t now = time(NULL);
	struct tm utc;

	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &utc));
	if (asprintf(name, "%s.%s-%s", path, word, stamp) < 0) {
		*name = NULL;
		return error_set(error, ENOMEM, "setting %s aside", path);
	}
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		_cleanup_free_ char *from = NULL, *into = NULL;
		if (asprintf(&from, "%s%s", path, suffixes[i]) < 0 ||
		    asprintf(&into, "%s%s", *name, suffixes[i]) < 0)
			return error_set(error, ENOMEM, "setting %s aside", path);
		if (rename(from, into) && errno != ENOENT)
			return error_set(error, errno, "setting %s aside", from);
	}
	return 0;
}

static int copy_row(sqlite3_stmt *from, sqlite3_stmt *into)
{
	int code = SQLITE_OK;

	for (int i = 0; i < sqlite3_column_count(from) && code == SQLITE_OK; i++)
		code = sqlite3_bind_value(into, i + 1, sqlite3_column_value(from, i));
	if (code != SQLITE_OK)
		return code;
	sqlite3_step(into);
	return sqlite3_reset(into);
}

/* INSERT with a place for each of the columns; NULL without memory. */
static char *insert_text(const char *table, enum database_copy how, int columns)
{
	char *text = sqlite3_mprintf("INSERT OR %s INTO %s VALUES (?",
				     how == COPY_REPLACES ? "REPLACE" : "IGNORE", table);

	for (int i = 1; text && i < columns; i++) {
		char *longer = sqlite3_mprintf("%z, ?", text);
		text = longer;
	}
	return text ? sqlite3_mprintf("%z)", text) : NULL;
}

int database_copy(struct database *from, struct database *into, const char *table, const char *condition,
		  enum database_copy how, int *read)
{
	char *select = sqlite3_mprintf("SELECT * FROM %s %s", table, condition), *insert = NULL;
	sqlite3_stmt *source = NULL, *target = NULL;
	int code = SQLITE_NOMEM;

	*read = select ? sqlite3_prepare_v2(from->handle, select, -1, &source, NULL) : SQLITE_NOMEM;
	if (*read == SQLITE_OK)
		insert = insert_text(table, how, sqlite3_column_count(source));
	if (insert)
		code = sqlite3_prepare_v2(into->handle, insert, -1, &target, NULL);
	else if (*read != SQLITE_OK && select)
		code = SQLITE_OK;
	if (target)
		while (code == SQLITE_OK && (*read = sqlite3_step(source)) == SQLITE_ROW)
			code = copy_row(source, target);
	sqlite3_finalize(source);
	sqlite3_finalize(target);
	sqlite3_free(select);
	sqlite3_free(insert);
	return code;
}
