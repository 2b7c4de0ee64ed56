/* What the agent tells of itself: in `proctor status`, in the state for when it does not run, and in
 * heartbeats. */
#ifndef AGENT_DAEMON_STATUS_RECORD_H
#define AGENT_DAEMON_STATUS_RECORD_H

#include <jansson.h>

#include "agent/daemon/message.h"
#include "agent/settings.h"
#include "agent/store/store.h"

struct status_facts {
	const struct settings *settings;
	const struct store_state *state;
	const json_t *reports; /* {"parent":…,"auditor":…,"shipper":…}: pid, confinement, the auditor's event
				* sources; NULL: no agent, but one audit
				*/
	const json_t *summary; /* of the last pass; NULL: none yet */
	double pass_time;      /* seconds since 1970; 0: none yet */
	uint64_t pass_age;     /* milliseconds, whatever the clock was set to */
	uint64_t uptime;       /* milliseconds that the shipper has run */
	bool pass_full;
	struct message_counters counters;
	int64_t started;   /* seconds since 1970 */
	unsigned restarts; /* of the auditor and the shipper */
};

/* Owned by the caller; NULL when memory is exhausted. */
json_t *status_json(const struct status_facts *facts);

/* The members of a heartbeat: those of record_heartbeat. */
json_t *heartbeat_json(const struct status_facts *facts);

#endif
