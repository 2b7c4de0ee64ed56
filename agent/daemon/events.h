/* The event sources of the agent: which are in force, which are not to be had and why. */
#ifndef AGENT_DAEMON_EVENTS_H
#define AGENT_DAEMON_EVENTS_H

#include <jansson.h>
#include <poll.h>

#include "agent/settings.h"
#include "proctor/event.h"

enum { EVENT_SOURCES_MAX = 8 };

struct event_stream {
	const struct event_source *source;
	int fd;        /* -1: not in force */
	char *why_not; /* of one that was wanted; NULL: it is in force, or not wanted */
	void *state;   /* of the one process that reads it */
};

struct events {
	struct event_stream streams[EVENT_SOURCES_MAX];
	size_t count;
};

/* Opens those that the settings want, with the privilege of the caller. One that is not to be had is told in
 * `why_not`. */
void events_open(struct events *events, const struct settings *settings);
void events_close(struct events *events);

/* After other settings, and without privilege: closes those that are not wanted any more. One that is now can
 * only be opened by another agent, which `why_not` tells. */
void events_review(struct events *events, const struct settings *settings);

/* Makes them ready to be read, in the process that reads them. */
void events_begin(struct events *events);

/* Fills `polled`, of EVENT_SOURCES_MAX, one for each stream. */
void events_poll(const struct events *events, struct pollfd *polled);

/* Reads what poll(2) told of. A source that fails is closed, with the reason kept. */
void events_read(struct events *events, const struct pollfd *polled, event_handler handler, void *context);

/* Has each look anew at what there is to be watched: after EVENT_MOUNTS and before a pass that reads
 * everything. */
void events_renew(struct events *events);

/* What the source at `index` does not tell, for coverage: why it is not in force, or what it does not see;
 * lives until the next call. NULL: it tells all, or was not asked for. */
const char *events_unseen(const struct events *events, size_t index);

/* Whether the source of that name is in force. */
bool events_has(const struct events *events, const char *name);

/* [{"source":…,"in_force":…,"reason":…}]; NULL when memory is exhausted. */
json_t *events_json(const struct events *events);

#endif
