/* Where the agent writes: state, control socket, files of sinks. */
#ifndef AGENT_DAEMON_PLACES_H
#define AGENT_DAEMON_PLACES_H

#include "agent/settings.h"

struct places {
	char *paths[SINKS_MAX + 2]; /* ended by NULL: for struct confinement.written */
	size_t count;
};

/* Fills in the places of the settings. -1 and *error. */
int places_of(struct places *places, const struct settings *settings, struct error **error);
void places_free(struct places *places);

/* Makes the directories that are missing, for root and before it gives up being that, and gives them to the
 * user that writes there. What is there already stays as it is. -1 and *error. */
int places_make(const struct places *places, const struct settings *settings, struct error **error);

#endif
