/* The agent that runs here, for those commands that ask it: which one is told by the same settings it has. */
#ifndef AGENT_RUNNING_H
#define AGENT_RUNNING_H

#include <jansson.h>

#include "agent/command.h"
#include "agent/settings.h"

/* Options that say which agent: its configuration and its state, as it was given them. */
enum running_option { RUNNING_CONFIG = OPTION_OWN, RUNNING_STATE, RUNNING_OWN };

#define OPTION_ENTRIES_RUNNING                                                                               \
	{RUNNING_CONFIG, "config", "FILE", "the agent's configuration (default: /etc/proctor/proctor.conf)", \
	 COMPLETE_FILE},                                                                                     \
	{                                                                                                    \
		RUNNING_STATE, "state", "DIR|memory",                                                        \
			"where the agent keeps its state (default: as its configuration says)",              \
			COMPLETE_DIRECTORY                                                                   \
	}

/* The settings of the agent that these options and the environment tell of; owned by the caller. NULL and
 * *error. */
struct settings *running_settings(const char *config_file, const char *state, struct error **error);

/* What the running agent tells of itself; owned by the caller. NULL and *error, whose number is ENOENT or
 * ECONNREFUSED when none runs. */
json_t *running_status(const struct settings *settings, struct error **error);

#endif
