/* The parent of the agent: starts auditor and shipper, passes descriptors, starts again what died, talks to
 * systemd, and has nothing else to do. */
#ifndef AGENT_DAEMON_PARENT_H
#define AGENT_DAEMON_PARENT_H

#include "agent/settings.h"

/* Runs the agent until SIGTERM or SIGINT. SIGHUP reads the settings again, from the same options and
 * environment. Returns an enum exit_status; NULL *error when it ended as it was asked to. The settings are
 * freed. */
int parent_run(const struct settings_options *options, struct settings *settings, struct error **error);

#endif
