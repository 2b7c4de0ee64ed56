/* The metrics, as a table: metrics_text and the manual are made from it. */
#ifndef AGENT_DAEMON_METRICS_TEXT_H
#define AGENT_DAEMON_METRICS_TEXT_H

#include <jansson.h>

#include "agent/daemon/metrics.h"

struct metrics_writer;

struct metric {
	const char *name, *type, *help;
	const char *labels; /* as the manual has them: `rule,severity`; "" for none */
	void (*put)(struct metrics_writer *writer, const struct metrics_facts *facts);
};

/* Ended by one without a name. */
extern const struct metric metrics_table[];

#endif
