/* What becomes of the store when the disk fails it: it goes on in memory, and back when it can. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/store/private.h"
#include "proctor/cleanup.h"

enum { TRY_AGAIN_MS = 10000 };

/* ---- opening ------------------------------------------------------------------------------------- */

/* Renames what lies at the path, and tells it. */
static int set_aside(const struct store *store, const char *word, const char *why, struct error **error)
{
	_cleanup_free_ char *name = NULL;

	if (database_set_aside(store->path, word, &name, error))
		return -1;
	store_notice(store, "%s: it is kept as %s, and the state begun anew", why, name);
	return 0;
}

/* Opens the file, setting a damaged one aside. */
static enum database_state open_file(struct store *store, struct database **database, struct error **error)
{
	enum database_state state = database_open(store->path, database, error);

	if (state != DATABASE_DAMAGED)
		return state;
	_cleanup_error_ struct error *why = NULL;
	error_set(&why, 0, "%s", error ? error_message(*error) : store->path);
	if (set_aside(store, "corrupt", error_message(why), error))
		return DATABASE_REFUSED;
	if (error) {
		error_free(*error);
		*error = NULL;
	}
	return database_open(store->path, database, error);
}

int store_open_disk(struct store *store, struct error **error)
{
	_cleanup_error_ struct error *why = NULL;
	enum database_state state = store->options.existing ? database_open(store->path, &store->disk, &why)
							    : open_file(store, &store->disk, &why);

	if (state == DATABASE_OPEN) {
		if (!store_load(store, store->disk))
			return 0;
		return database_error(error, store->disk, store->code, "reading the state");
	}
	if (state == DATABASE_NO_ROOM && !store->options.existing)
		return store_degrade(store, TROUBLE_UNOPENED, error_message(why));
	return error_move(error, &why);
}

/* ---- into memory --------------------------------------------------------------------------------- */

struct part {
	const char *table, *condition;
	enum database_copy how;
};

/* Copies the parts, as far as they can be read. The code of writing. */
static int copy_parts(struct database *from, struct database *into, const struct part *parts, bool *whole)
{
	int code = SQLITE_OK, read;

	*whole = true;
	for (; parts->table && code == SQLITE_OK; parts++) {
		code = database_copy(from, into, parts->table, parts->condition, parts->how, &read);
		*whole = *whole && read == SQLITE_DONE;
	}
	return code;
}

/* What has to be at hand; the queue stays where it is, and is read from there. */
static const struct part carried[] = {
	{"figures", "", COPY_REPLACES},
	{"finding", "WHERE standing <> 'resolved'", COPY_REPLACES},
	{"detail", "WHERE id IN (SELECT id FROM finding WHERE standing <> 'resolved')", COPY_REPLACES},
	{"sink", "", COPY_REPLACES},
	{"learned", "", COPY_REPLACES},
	{"learned_use", "", COPY_REPLACES},
	{0},
};

int store_degrade(struct store *store, enum trouble trouble, const char *why)
{
	struct figures figures = store->figures;
	bool whole = true;

	if (store->options.existing || database_open(NULL, &store->memory, NULL) != DATABASE_OPEN)
		return -1;
	if (store->disk)
		copy_parts(store->disk, store->memory, carried, &whole);
	if (store->disk) {
		store->disk_bytes = figures.queue_bytes;
		store->figures.queue_bytes = 0;
	} else if (store_load(store, store->memory)) {
		return -1;
	}
	store->trouble = trouble;
	store->tried = store->figures.clock;
	store->unread = false;
	place_restore(store);
	store_notice(store, "%s: what is told from now on is kept in memory until %s can be written to%s",
		     why, store->path, whole ? "" : "; not all that it held could be read");
	return 0;
}

/* ---- back to the disk ---------------------------------------------------------------------------- */

/* Of a file that is gone or damaged: what memory does not have. */
static const struct part left_behind[] = {
	{"finding", "WHERE standing = 'resolved'", COPY_ADDS},
	{"detail", "", COPY_ADDS},
	{"queue", "", COPY_ADDS},
	{"dead_letter", "", COPY_ADDS},
	{0},
};

static const struct part returned[] = {
	{"figures", "", COPY_REPLACES},
	{"finding", "", COPY_REPLACES},
	{"detail", "", COPY_REPLACES},
	{"sink", "", COPY_REPLACES},
	{"queue", "", COPY_ADDS},
	{"dead_letter", "", COPY_REPLACES},
	{"learned", "", COPY_REPLACES},
	{"learned_use", "", COPY_REPLACES},
	{0},
};

/* Of a file that could not be read before, the places of sinks stand: rather twice than never. */
static const struct part joined[] = {
	{"finding", "", COPY_REPLACES},
	{"detail", "", COPY_REPLACES},
	{"sink", "", COPY_ADDS},
	{"queue", "", COPY_ADDS},
	{"dead_letter", "", COPY_REPLACES},
	{"learned", "", COPY_ADDS},
	{"learned_use", "", COPY_ADDS},
	{0},
};

static int run(struct database *database, const char *text)
{
	return sqlite3_exec(database->handle, text, NULL, NULL, NULL);
}

/* Sequence and clock go on from where the later of both is. */
static int go_on(const struct store *store, struct database *into)
{
	sqlite3_stmt *row = query_start(into, QUERY_FIGURES_GO_ON);

	sqlite3_bind_int64(row, 1, store->figures.sequence);
	sqlite3_bind_int64(row, 2, store->figures.clock);
	return query_run(into, row);
}

/* Whether the places of sinks on the disk do. */
static bool stands(const struct store *store)
{
	return store->trouble == TROUBLE_UNOPENED || (store->trouble == TROUBLE_NO_ROOM && store->unread);
}

/* All of what is in memory, and of the old file, into the database, or nothing. */
static int merge(const struct store *store, struct database *into)
{
	bool whole;
	int code = run(into, "PRAGMA synchronous = FULL; BEGIN IMMEDIATE");

	into->full = true;
	if (code == SQLITE_OK && !stands(store))
		code = run(into, "DELETE FROM sink");
	if (code == SQLITE_OK && store->disk && store->disk != into)
		code = copy_parts(store->disk, into, left_behind, &whole);
	if (code == SQLITE_OK)
		code = copy_parts(store->memory, into, stands(store) ? joined : returned, &whole);
	if (code == SQLITE_OK)
		code = query_run(into, query_start(into, QUERY_QUEUE_DELETE_ALL_UNWANTED));
	if (code == SQLITE_OK)
		code = query_run(into, query_start(into, QUERY_SINKS_RECOUNT));
	if (code == SQLITE_OK)
		code = go_on(store, into);
	if (code == SQLITE_OK)
		code = run(into, "COMMIT");
	if (code != SQLITE_OK && !sqlite3_get_autocommit(into->handle))
		run(into, "ROLLBACK");
	return code;
}

/* The database to go back to: the one that is open, or a new file at the path. NULL: not yet. A file that is
 * not the store's any more is set aside. */
static struct database *reopen(struct store *store)
{
	struct database *database = NULL;

	if (store->trouble == TROUBLE_NO_ROOM)
		return store->disk;
	if (store->trouble != TROUBLE_UNOPENED && !access(store->path, F_OK) &&
	    set_aside(store, store->trouble == TROUBLE_DAMAGED ? "corrupt" : "replaced", store->path, NULL))
		return NULL;
	return open_file(store, &database, NULL) == DATABASE_OPEN ? database : NULL;
}

/* The directory that the path leads to now is the one to be held. */
static void lock_again(struct store *store)
{
	int lock = store->trouble == TROUBLE_GONE ? database_lock(store->directory, NULL) : -1;

	if (lock < 0)
		return; /* the same directory, which is held already */
	close(store->lock);
	store->lock = lock;
}

/* A file that was begun and not filled. */
static void drop(const struct store *store, struct database *database)
{
	if (database == store->disk)
		return;
	database_close(database);
	if (store->trouble != TROUBLE_UNOPENED)
		unlink(store->path);
}

static void recover(struct store *store)
{
	struct database *database;

	lock_again(store);
	database = reopen(store);
	if (!database || merge(store, database) != SQLITE_OK) {
		drop(store, database);
		return;
	}
	if (database != store->disk)
		database_close(store->disk);
	database_close(store->memory);
	store->disk = database;
	store->memory = NULL;
	store->trouble = TROUBLE_NONE;
	store_load(store, store->disk);
	store_notice(store, "%s is written to again, with all that was kept in memory", store->path);
}

void store_watch(struct store *store)
{
	if (store->disk && !store->memory && database_has_moved(store->disk)) {
		_cleanup_free_ char *why = NULL;
		if (asprintf(&why, "%s was removed or replaced", store->path) < 0)
			why = NULL;
		if (store_degrade(store, TROUBLE_GONE, why ? why : store->path))
			return;
		store->tried = INT64_MIN / 2; /* most likely the disk itself is well */
	}
	if (store->trouble && store->figures.clock - store->tried >= TRY_AGAIN_MS) {
		store->tried = store->figures.clock;
		recover(store);
	}
}
