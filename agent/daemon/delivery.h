/* Delivery: a thread for each sink, which takes what is next for it from the queue until it is told to end.
 */
#ifndef AGENT_DAEMON_DELIVERY_H
#define AGENT_DAEMON_DELIVERY_H

#include "agent/daemon/log.h"
#include "agent/store/store.h"

struct delivery;

/* Starts the sinks of the settings; owned by the caller. NULL and *error. */
struct delivery *delivery_start(const struct settings *settings, struct store *store, const struct log *log,
				struct error **error);

/* Lets every sink go on until its queue is empty, at most `wait_ms`, then ends them. What is not out stays
 * queued. */
void delivery_stop(struct delivery *delivery, uint64_t wait_ms);

#endif
