/* The event sources, one in each file of this directory. */
#ifndef COLLECTORS_EVENTS_SOURCES_H
#define COLLECTORS_EVENTS_SOURCES_H

#include "proctor/event.h"

enum { EVENTS_A_CALL = 1024 }; /* that a source tells at most, or nearly so */

extern const struct event_source event_source_cgroups;
extern const struct event_source event_source_fanotify;
extern const struct event_source event_source_mounts;
extern const struct event_source event_source_process_connector;

#endif
