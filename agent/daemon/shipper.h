/* The shipper: owns state and network. It keeps what the auditor tells, sends it where the settings say,
 * fetches for the auditor, and answers who asks by the control socket. It has no capability. */
#ifndef AGENT_DAEMON_SHIPPER_H
#define AGENT_DAEMON_SHIPPER_H

#include <jansson.h>

#include "agent/daemon/log.h"
#include "agent/daemon/message.h"

struct shipper_setup {
	const struct settings *settings;
	struct channel *auditor, *parent;
	struct log log;
	const json_t *reports; /* {"parent":…,"shipper":…}: what is in force */
	int64_t started;       /* seconds since 1970 when the agent was started */
	unsigned restarts;     /* of the auditor and the shipper so far */
	unsigned auditor_restarts;
	int signals; /* signalfd of SIGTERM and SIGHUP */
};

/* Runs until the parent has gone or a signal comes, then delivers what it can: by SIGTERM for the whole of
 * stop_timeout; by SIGHUP, after which another one goes on with the queue on the disk, for a moment. Returns
 * an enum exit_status. */
int shipper_run(const struct shipper_setup *setup);

#endif
