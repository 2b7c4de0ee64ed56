/* How the auditor, which has no network, has documents fetched: by the shipper, by number. */
#ifndef AGENT_DAEMON_ASKING_H
#define AGENT_DAEMON_ASKING_H

#include "agent/daemon/message.h"
#include "collectors/fetch.h"

struct inquiry {
	struct channel *shipper;
	/* Called for what comes of other kinds meanwhile. */
	void (*other)(void *context, const struct message *message);
	void *context;
	bool again; /* set when MESSAGE_AGAIN came between the answers */
};

/* As request.fetch: `context` is a struct inquiry. Each fetch has its answer or its fault afterwards. */
void ask_shipper(void *context, struct fetch *fetches, size_t count);

/* What the shipper does with such a question: fetches, and answers on the channel. -1 and *error when the
 * auditor has gone. The addresses are NULL where there is nobody to ask. */
int answer_auditor(struct channel *channel, uint32_t endpoints, const char *task_metadata,
		   const char *docker_socket, struct error **error);

#endif
