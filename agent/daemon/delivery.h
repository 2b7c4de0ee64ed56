/* Delivery: a thread for each sink, which takes what is next for it from the queue until it is told to end.
 */
#ifndef AGENT_DAEMON_DELIVERY_H
#define AGENT_DAEMON_DELIVERY_H

#include "agent/daemon/log.h"
#include "agent/store/store.h"

struct delivery;

/* Gives the sinks of the settings their places in the queue. */
int delivery_set_sinks(const struct settings *settings, struct store *store, struct error **error);

/* The same, and starts the sinks; owned by the caller. NULL and *error. */
struct delivery *delivery_start(const struct settings *settings, struct store *store, const struct log *log,
				struct error **error);

/* What became of a sink's records since it was started. */
struct delivery_outcome {
	struct error *failure; /* of the last try; NULL: it did not fail */
	char reason[256];      /* why records were refused for good, of the last of them */
};

/* Waits until every sink has had all that is queued, at most `wait_ms`, or until `interrupt` is readable (-1:
 * there is none). Returns whether they have. */
bool delivery_wait(const struct delivery *delivery, int interrupt, uint64_t wait_ms);

/* Lets every sink go on until its queue is empty, at most `wait_ms`, then ends them. What is not out stays
 * queued. */
void delivery_end(struct delivery *delivery, uint64_t wait_ms);

/* After delivery_end: of the sink at that place in the settings. Lives until delivery_free. */
const struct delivery_outcome *delivery_outcome(const struct delivery *delivery, size_t sink);
void delivery_free(struct delivery *delivery);

/* Both: delivery_end, delivery_free. */
void delivery_stop(struct delivery *delivery, uint64_t wait_ms);

#endif
