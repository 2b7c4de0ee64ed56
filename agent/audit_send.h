/* What an audit found, sent once: to the same sinks and as the same records as the agent's. */
#ifndef AGENT_AUDIT_SEND_H
#define AGENT_AUDIT_SEND_H

#include "agent/settings.h"
#include "agent/store/store.h"

struct audit_send {
	struct settings_options options; /* of which `to` counts */
	const char *spool;               /* directory; NULL: what is not delivered is not kept */
	uint64_t within;                 /* seconds for all of it; 0: not given */
	struct settings *settings;       /* the sinks; none: nothing is to be sent */
	struct store *store;
};

/* Takes the value of --deliver-within. */
int audit_send_within(struct audit_send *send, const char *value, struct error **error);

/* Reads where records go, and opens the spool. `prints` says that the audit itself is printed on standard
 * output. Returns an enum exit_status; closed by audit_send_close either way. */
int audit_send_open(struct audit_send *send, bool prints, struct error **error);

/* Whether there is anyone to send to. */
bool audit_send_is_wanted(const struct audit_send *send);

/* Sends the findings, and what was seen of the snapshot, until each sink has acknowledged all of it, the time
 * is over, or SIGINT or SIGTERM comes. What became of it is told on stderr, a line for each sink and matter.
 * Returns 0 when all is delivered, else -1. */
int audit_send(struct audit_send *send, struct snapshot *snapshot, const struct findings *findings);

void audit_send_close(struct audit_send *send);

#endif
