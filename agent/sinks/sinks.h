/* The kinds of sinks, for the registry. */
#ifndef AGENT_SINKS_SINKS_H
#define AGENT_SINKS_SINKS_H

#include "proctor/sink.h"

extern const struct sink_kind sink_file, sink_firelens, sink_fluent, sink_https, sink_otlp, sink_stdout,
	sink_syslog;

#endif
