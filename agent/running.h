/* The agent that runs here, for those commands that ask it: which one is told by the same settings it has. */
#ifndef AGENT_RUNNING_H
#define AGENT_RUNNING_H

#include <jansson.h>

#include "agent/command.h"
#include "agent/settings.h"
#include "agent/store/read.h"

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

struct running {
	const char *config_file, *state; /* as options gave them; NULL: not given */
};

/* Takes one of the options above, as an option_handler does. */
int running_option(struct running *running, int id, const char *value, struct error **error);

/* What such a command does with the settings that the agent has, by its options and the environment. */
typedef int (*running_action)(void *state, const struct settings *settings, struct error **error);

/* Runs a command of these: reads its options by `handler`, which puts those above into `running`, and calls
 * `action`. Returns an enum exit_status. */
int running_command(const struct command *command, int argc, char **argv, option_handler handler, void *state,
		    const struct running *running, running_action action, struct error **error);

/* What the running agent tells of itself; owned by the caller. NULL and *error, whose number is ENOENT or
 * ECONNREFUSED when none runs. */
json_t *running_status(const struct settings *settings, struct error **error);

/* What the running agent remembers, else what one left behind; owned by the caller. NULL and *error. */
struct store_reader *running_state(const struct settings *settings, struct error **error);

#endif
