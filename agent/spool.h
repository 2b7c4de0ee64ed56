/* A spool: where a command that sends once keeps what was not delivered, for its next run. It is a store of
 * which the queue alone matters. */
#ifndef AGENT_SPOOL_H
#define AGENT_SPOOL_H

#include "agent/settings.h"
#include "agent/store/store.h"

/* Opens the store in the directory, which is made, for its owner alone, where it is missing; owned by the
 * caller. NULL and *error: another run has it, others may write to it, it cannot be used. `notice` is as of
 * struct store_options. */
struct store *spool_open(const char *directory, uint64_t bytes,
			 void (*notice)(void *context, const char *line), struct error **error);

/* Names the sinks by their URLs without secrets, by which their places are found in the next run. -1 and
 * *error when two would have one name. */
int spool_name_sinks(struct settings *settings, struct error **error);

#endif
