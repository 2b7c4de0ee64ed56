/* The file of the store: opened, made, brought to this version's form, set aside when it is damaged. */
#ifndef AGENT_STORE_DATABASE_H
#define AGENT_STORE_DATABASE_H

#include "agent/store/query.h"
#include "proctor/error.h"

#define DATABASE_NAME "proctor.db"

/* The version of its form that this program writes: PRAGMA user_version. */
extern const int database_version;

/* Takes the directory for this process, by flock(2) of itself: returns its descriptor, which holds it until
 * it is closed. -1 and *error when another process has it, or it cannot be had. */
int database_lock(const char *directory, struct error **error);

/* How opening ended. */
enum database_state {
	DATABASE_OPEN,
	DATABASE_DAMAGED, /* no database, or not a whole one */
	DATABASE_NO_ROOM, /* the disk is full or does not work */
	DATABASE_REFUSED, /* of a newer version, or not to be had for lack of permission */
};

/* Opens or makes the database at the path (NULL: in memory) and migrates it; *database is owned by the
 * caller. *error tells more of anything but DATABASE_OPEN. */
enum database_state database_open(const char *path, struct database **database, struct error **error);
void database_close(struct database *database);

/* The state that an SQLite result code of a call on an open database speaks of; DATABASE_REFUSED for one that
 * has nothing to do with the disk. */
enum database_state database_state_of(int code);

/* True when the path does not lead to the open file any more. */
bool database_has_moved(const struct database *database);

/* Renames the file, its -wal and its -shm to PATH.WORD-TIME: *name, owned by the caller, is what it is called
 * then. -1 and *error. */
int database_set_aside(const char *path, const char *word, char **name, struct error **error);

/* Copies the rows of the table (those of the condition, `WHERE …`; "": all) into the same table of the other
 * database; where one is with the same key it is
 * replaced, or kept. An error of reading ends the copy without being one: *read tells it (SQLITE_DONE: all
 * was read). Returns SQLITE_OK, or the error of writing. */
enum database_copy { COPY_REPLACES, COPY_ADDS };
int database_copy(struct database *from, struct database *into, const char *table, const char *condition,
		  enum database_copy how, int *read);

/* Sets *error to "doing what: " and what SQLite says of the code. Returns -1. */
int database_error(struct error **error, const struct database *database, int code, const char *doing);

static inline void cleanup_database(struct database **database)
{
	database_close(*database);
}

#define _cleanup_database_ __attribute__((cleanup(cleanup_database)))

#endif
