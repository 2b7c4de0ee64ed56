/* What the store knows of a finding: its row. */
#ifndef AGENT_STORE_KNOWN_H
#define AGENT_STORE_KNOWN_H

#include "agent/store/private.h"

enum standing { STANDING_NONE, STANDING_OPEN, STANDING_SUPPRESSED, STANDING_RESOLVED };

enum { FLAP_OPENINGS = 3 };

/* Times by the wall are milliseconds since 1970, times by the store's clock milliseconds that the agent ran;
 * of the latter 0 stands for never. */
struct known {
	char id[FINDING_ID_SIZE];
	enum standing standing;
	enum severity severity;
	uint64_t digest;
	uint64_t places;               /* hash of the containers that show it and of what they are called */
	uint64_t needs;                /* enum sight */
	int64_t first_seen, last_seen; /* by the wall */
	bool present;                  /* in the last pass; then that is when it was last seen */
	int64_t missed_at;             /* by the clock: since when it is known not to be there */
	int64_t held_until;            /* by the clock: not resolved before, for it flaps */
	int64_t opened[FLAP_OPENINGS]; /* by the clock, the last one first */
};

/* Begins to read all that is not resolved, in the order of ids; known_next tells each. */
sqlite3_stmt *known_unresolved(struct store *store);
int known_next(struct store *store, sqlite3_stmt *rows, struct known *known);

/* Reads one: 1, 0 when the store does not know it, or -1. */
int known_find(struct store *store, const char *id, struct known *known);

/* What was last told of a finding. NULL members, and 0: as before. */
struct told {
	const char *rule, *status, *record_id;
	int64_t time, sequence;
};

/* Writes the row. */
int known_save(struct store *store, const struct known *known, const struct told *told);

/* Forgets resolved findings that are old, or too many. */
int known_forget(struct store *store);

#endif
