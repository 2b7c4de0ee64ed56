/* Progress on stderr, for what takes longer than a second. */
#ifndef AGENT_PROGRESS_H
#define AGENT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "proctor/collector.h"

struct progress {
	uint64_t started, shown; /* CLOCK_MONOTONIC in nanoseconds */
	bool visible;            /* something stands on the line */
};

/* Has the collectors tell `progress`, which outlives the request, when stderr is a terminal. */
void progress_start(struct progress *progress, struct request *request);

/* Clears the line. */
void progress_end(struct progress *progress);

#endif
