/* The sink of the forward protocol, for its own URLs and for those that lead to it. */
#ifndef AGENT_SINKS_FLUENT_H
#define AGENT_SINKS_FLUENT_H

#include "proctor/sink.h"

/* As those of struct sink_kind. */
int fluent_check(const struct sink_options *options, struct error **error);
void *fluent_open(const struct sink_options *options, struct error **error);
int fluent_deliver(void *state, const struct queued *records, size_t count, int stop,
		   struct delivered *delivered, struct error **error);
void fluent_close(void *state);

#endif
