/* The agent's memory, in SQLite: which findings are open since when, the queue of records that are not out
 * yet, and where each sink is in it.
 *
 * One connection for all threads: each function takes its lock, and none holds it while it waits for a sink.
 * What a pass changes and the records that tell of it become durable together, or not at all. */
#ifndef AGENT_STORE_STORE_H
#define AGENT_STORE_STORE_H

#include <jansson.h>

#include "proctor/pass.h"
#include "proctor/sink.h"

struct store;

struct store_options {
	const char *directory;  /* of proctor.db; NULL: in memory */
	uint64_t queue_bytes;   /* of records that wait for the slowest sink; 0: no bound */
	uint64_t queue_age;     /* seconds in which an agent ran; 0: no bound */
	unsigned resolve_after; /* seconds for which a finding is not to be seen before it is resolved */
	unsigned flap_window;   /* seconds: three openings within are flapping, and it stays open as long */
	bool existing;          /* no damaged file is set aside, and nothing kept in memory instead of it */
	/* Sinks that store_set_sinks leaves out keep what waits for them alone, and want nothing more. */
	bool keep_sinks;
	/* What happened to the file (set aside, degraded to memory, recovered): one line to log. It may not
	 * call the store. NULL: no one asks. */
	void (*notice)(void *context, const char *line);
	void *notice_context;
	/* Milliseconds of a clock that is never set, for tests; NULL: CLOCK_MONOTONIC. */
	int64_t (*clock)(void);
};

/* Opens, or makes, and migrates the state; owned by the caller. A corrupt file is set aside beside it and a
 * new one begun. NULL and *error: a file of a newer version, one that another agent has open (EBUSY), a
 * directory that cannot be written. */
struct store *store_open(const struct store_options *options, struct error **error);
void store_close(struct store *store);

/* True while what should be on disk is kept in memory: the disk is full, or the file is gone. */
bool store_is_degraded(struct store *store);

/* ---- passes and records -------------------------------------------------------------------------- */

enum { STORE_PASS_LACKS_TEXT = 1 };

/* Compares the pass with what is open, and appends a record for each finding that opened, changed, was
 * resolved or suppressed. By one thread at a time. Returns 0; STORE_PASS_LACKS_TEXT when findings came
 * without their text (observed.json) that the store does not have (its file was set aside, or it forgot
 * them): they are neither opened nor resolved, and the caller is to ask for a pass with all texts. -1 and
 * *error when nothing of it was kept. */
int store_pass(struct store *store, const struct pass *pass, struct error **error);

/* Forgets what is open, so that the next pass opens all that it has; what is queued stays. */
int store_forget(struct store *store, struct error **error);

/* Appends a heartbeat or inventory: `members` is JSON of its own members, to which type, record_id, sequence,
 * time and host are added. -1 and *error, also for members that its table of fields does not have. */
int store_append(struct store *store, const char *type, const char *members, size_t length,
		 struct error **error);

/* What the agent tells of itself in `status` while it does not run, too: JSON, replaced as a whole. */
int store_set_status(struct store *store, const char *json, size_t length, struct error **error);

/* ---- the queue ----------------------------------------------------------------------------------- */

struct queue_options {
	const char *sink;           /* its name: its place is found by it after a restart */
	enum severity minimum;      /* findings below are passed over */
	bool heartbeats, inventory; /* whether it wants those */
	/* Of what waits for it; 0: no bound of its own. */
	uint64_t max_bytes, max_age; /* bytes; seconds in which an agent ran */
};

/* Makes sure that the sink has a place in the queue; a new one begins at the oldest record that is there.
 * Sinks that are not in the list any more lose theirs. */
int store_set_sinks(struct store *store, const struct queue_options *sinks, size_t count,
		    struct error **error);

/* Makes of each record that waits for several sinks one for each, for it alone: sinks that come later do not
 * get them, and the order of those of each sink stays. */
int store_take_apart(struct store *store, struct error **error);

struct batch; /* records and their text */

/* The sink's next records, at most `count` and `bytes`, but one however large; owned by the caller. An empty
 * batch: there is nothing. NULL and *error. */
struct batch *store_next(struct store *store, const char *sink, size_t count, size_t bytes,
			 struct error **error);
const struct queued *batch_records(const struct batch *batch, size_t *count);
void batch_free(struct batch *batch);

/* How much waits for the sink. -1 and *error. */
int store_waiting(struct store *store, const char *sink, uint64_t *count, uint64_t *bytes,
		  struct error **error);

/* The receiver of the sink has these records, which are its next ones: they leave the queue. -1 and *error:
 * they are still its next ones. */
int store_done(struct store *store, const char *sink, const struct queued *records, size_t count,
	       struct error **error);

/* The receiver of the sink refuses these records for good, which are its next ones: they leave the queue and
 * are kept as dead letters with the reason, at most 8 MiB for each sink (in memory 1 MiB), of which the
 * oldest fall out. */
int store_refuse(struct store *store, const char *sink, const struct queued *records, size_t count,
		 const char *reason, struct error **error);

/* Puts dead letters of the sink (NULL: of all that there are still) back into its queue, behind what waits
 * there and for it alone. *count: how many. */
int store_retry(struct store *store, const char *sink, uint64_t *count, struct error **error);

/* Deletes dead letters of the sink (NULL: of all, also of those that there are no more). */
int store_drop(struct store *store, const char *sink, uint64_t *count, struct error **error);

/* A descriptor (eventfd) that becomes readable when records were appended; one for each sink, lives as long
 * as the store. */
int store_wakeup(struct store *store, const char *sink);

struct sink_state {
	const char *name;
	uint64_t waiting, waiting_bytes; /* records that it has not had */
	double oldest;                   /* seconds since the oldest of them was made; 0: none */
	uint64_t sent;                   /* since the state began */
	uint64_t dropped;                /* likewise: fell out at a bound */
	uint64_t refused;                /* likewise: by the receiver, for good */
	uint64_t dead_letters;           /* of those, what is there still */
};

struct store_state {
	struct arena *arena; /* of all of it; freed by store_state_free */
	int64_t sequence;    /* of the last record */
	uint64_t open[SEVERITY_COUNT], suppressed, resolved;
	struct rule_count {
		const char *rule;
		enum severity severity;
		uint64_t count;
	} * rules; /* open ones, for metrics */
	size_t rule_count;
	struct sink_state *sinks;
	size_t sink_count;
	bool degraded;
};

struct store_state *store_state(struct store *store, struct error **error);
void store_state_free(struct store_state *state);

/* What a heartbeat tells of it: an object of findings, queue, dropped and degraded, owned by the caller. NULL
 * without memory. */
json_t *store_state_json(const struct store_state *state);

/* A copy of the database without the queue, for who asks a running agent (agent/store/read.h); owned by the
 * caller, freed by free(3). */
int store_image(struct store *store, unsigned char **image, size_t *length, struct error **error);

/* The same of the next dead letters behind that one (sequence 0 and "": the first), about 1 MiB of them. */
int store_letters_image(struct store *store, const char *sink, int64_t sequence, unsigned char **image,
			size_t *length, struct error **error);

#endif
