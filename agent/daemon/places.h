/* Where the agent writes (state, control socket, files of sinks), and what sinks read beside the system's
 * files (tokens, keys, certificates). */
#ifndef AGENT_DAEMON_PLACES_H
#define AGENT_DAEMON_PLACES_H

#include "agent/daemon/confine.h"
#include "agent/settings.h"

/* Both lists are ended by NULL, for struct confinement. */
struct places {
	char **written;
	char **read; /* directories, so that a file can be replaced by another one */
};

/* Fills in the places of the settings; freed by places_free either way. -1 and *error. */
int places_of(struct places *places, const struct settings *settings, struct error **error);
void places_free(struct places *places);

/* Makes the directories that are missing, for root and before it gives up being that, and gives them to the
 * user that writes there. What is there already stays as it is. -1 and *error. */
int places_make(const struct places *places, const struct settings *settings, struct error **error);

/* What the agent's processes are held to by these settings; its texts are those of both. */
struct confinement places_confinement(const struct places *places, const struct settings *settings);

/* Whether sinks will be able to read their files and to connect to their sockets (one that is not there yet
 * may come): asked by a child that is confined as the shipper is. -1 and *error, with the file and the user.
 */
int places_check(const struct places *places, const struct settings *settings, struct error **error);

#endif
