/* The inside of a store, for the files in agent/store/ only. */
#ifndef AGENT_STORE_PRIVATE_H
#define AGENT_STORE_PRIVATE_H

#include <jansson.h>
#include <pthread.h>

#include "agent/store/database.h"
#include "agent/store/store.h"

/* What the row of `figures` holds; written at the end of each transaction. */
struct figures {
	int64_t sequence; /* of the last record */
	int64_t clock;    /* milliseconds for which the agent ran, in all: no clock that is set reaches it */
	bool passed;
	int64_t pass_time;   /* of the last pass, milliseconds since 1970 */
	int64_t queue_bytes; /* of the queue in the database that is written to */
};

/* Why nothing is written to the disk. */
enum trouble {
	TROUBLE_NONE,
	TROUBLE_NO_ROOM,  /* it is full or fails; what it has can be read as far as it goes */
	TROUBLE_UNOPENED, /* the same, already when it was to be opened */
	TROUBLE_GONE,     /* the file was removed or replaced; the open one can still be read */
	TROUBLE_DAMAGED,  /* the file is corrupt */
};

struct wakeup {
	char *sink;
	int fd;
};

/* The kinds of agent_kinds[], as numbers in the queue. */
enum queued_kind { QUEUED_FINDING, QUEUED_HEARTBEAT, QUEUED_INVENTORY, QUEUED_KINDS };

struct store {
	pthread_mutex_t mutex; /* held by each public function while it works */
	struct store_options options;
	char *directory, *path; /* NULL: in memory */
	int lock;               /* the directory, taken; -1: none */
	struct database *disk, *memory;
	enum trouble trouble;
	struct figures figures;
	char *host;              /* JSON of the last pass' host; NULL: none yet */
	int64_t opened;          /* by the monotonic clock, milliseconds */
	int64_t clock_then;      /* figures.clock when it was opened */
	int64_t tried;           /* figures.clock when the disk was tried last */
	int64_t disk_bytes;      /* of the queue on the disk, while another one is written to */
	struct wakeup **wakeups; /* they stay where they are as long as the store */
	size_t wakeup_count;
	struct queue_options *sinks; /* as they were set last */
	size_t sink_count;
	bool unread; /* some of the queue on the disk was passed over: it could not be read */
	int code;    /* of the last statement that failed */

	/* Of this transaction: */
	bool appended; /* sinks are to be woken */
	int64_t began; /* sequence of the last record before it */
	struct arrival {
		enum { WANTED_UNKNOWN, WANTED_BY_NONE, WANTED_BY_SOME } wanted;
		int64_t count, bytes;
	} arrived[QUEUED_KINDS][SEVERITY_COUNT]; /* sinks are told of it at its end */
};

/* The database that is written to. */
static inline struct database *store_database(const struct store *store)
{
	return store->memory ? store->memory : store->disk;
}

/* The databases that have a part of the queue, the older part first; returns how many. */
size_t store_queues(const struct store *store, struct database *queues[2]);

/* Runs a statement without rows. -1 when it fails: store_do sets *error. */
int store_run(struct store *store, sqlite3_stmt *statement);

/* Steps to the next row: 1; 0: there is none, and the statement is reset. -1 when it fails. */
int store_step(struct store *store, struct database *database, sqlite3_stmt *statement);

/* What is written, and whether a power failure may take it. */
enum safety { SAFETY_NONE, SAFETY_LATER, SAFETY_NOW };

/* 0; or -1 with *error, or with the code of a statement in store->code. May be called again after a failure.
 */
typedef int (*store_work)(struct store *store, void *context, struct error **error);

/* Works in one transaction (none where nothing is written); where the disk fails it, once more in memory.
 * Wakes the sinks. Takes the mutex. */
int store_do(struct store *store, enum safety safety, store_work work, void *context, struct error **error);

/* ---- the disk ------------------------------------------------------------------------------------ */

/* Opens the disk's database, as far as there is one to be had. -1 and *error when the store is not to be. */
int store_open_disk(struct store *store, struct error **error);

/* Goes on in memory with what can be read, and tells why. -1 when not even that can be done. */
int store_degrade(struct store *store, enum trouble trouble, const char *why);

/* Notices when the file is not where it was; tries now and then to get back to the disk. */
void store_watch(struct store *store);

void store_notice(const struct store *store, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reads what the database has of figures and host. -1, with store->code. */
int store_load(struct store *store, struct database *database);

/* ---- records and the queue ----------------------------------------------------------------------- */

struct agent_record;

/* Appends the record of agent_kinds[kind], if a sink wants it. */
int queue_add(struct store *store, enum queued_kind kind, enum severity severity,
	      const struct agent_record *record, struct error **error);

/* Tells the sinks of what was appended in this transaction. */
int queue_count_in(struct store *store);

/* Deletes what is behind `after` up to `last` and waits for no sink any more. */
int queue_delete_unwanted(struct store *store, int64_t after, int64_t last);

struct amount {
	int64_t count, bytes;
};

/* Adds the count and bytes that a query of one row tells. */
int add_amount(struct store *store, struct database *database, sqlite3_stmt *row, struct amount *amount);

/* Whether the queue that failed is the one on a disk that fails: sinks go on with what is in memory. */
bool queue_is_passed_over(struct store *store, const struct database *queue);

/* Removes what is beyond the bounds, those of the queue and those of sinks. */
int queue_trim(struct store *store);

/* ---- the sinks ----------------------------------------------------------------------------------- */

/* A sink's row: where it is, what it wants, and what it waits for. */
struct place {
	const char *sink;
	int64_t behind; /* the sequence that it had last */
	int64_t minimum, wants;
	int64_t waiting, waiting_bytes;
	int64_t past[SEVERITY_COUNT]; /* of each severity: up to where all fell out at the sink's bounds */
};

/* -1 when there is no such sink, with *error; or with store->code. The name lives as long as the place. */
int place_find(struct store *store, const char *sink, struct place *place, struct error **error);

/* The query with ?1 to ?9 bound to the place. */
sqlite3_stmt *place_query(struct database *database, enum query query, const struct place *place);

/* What waits for the sink, up to `last`; INT64_MAX: all. */
int place_count(struct store *store, const struct place *place, int64_t last, struct amount *amount);

/* What became of the sink's next records. */
struct done {
	const char *sink;
	const struct queued *records;
	size_t count;     /* 1 at least */
	bool refused;     /* else they were sent */
	uint64_t dropped; /* dead letters that fell out */
};

/* Moves the sink behind them, unless there are now some before them that it has not had. */
int place_done(struct store *store, const struct done *done, struct error **error);

/* Gives the sinks that were set last a row where they have none. */
void place_restore(struct store *store);
void place_forget(struct store *store);

/* The number of dead letters of the sink. */
int letters_count(struct store *store, const char *sink, int64_t *count);

/* CLOCK_REALTIME in milliseconds. */
int64_t store_time(void);

#endif
