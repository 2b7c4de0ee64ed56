/* Which findings the shipper has, so that what did not change is not sent whole again. */
#ifndef AGENT_DAEMON_SENT_H
#define AGENT_DAEMON_SENT_H

#include "proctor/pass.h"

struct sent {
	struct sent_finding *list; /* ascending by id */
	size_t count;
};

/* Takes the JSON from those findings of the pass that were sent before, as they are. */
void sent_shorten(const struct sent *sent, struct observed *observed, size_t count);

/* The pass was sent: it is what the shipper has now. -1: memory is exhausted, and all is sent whole the next
 * time. */
int sent_keep(struct sent *sent, const struct pass *pass);

/* Nothing was sent: another shipper. */
void sent_clear(struct sent *sent);

#endif
