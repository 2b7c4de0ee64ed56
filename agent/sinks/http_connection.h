/* A connection to a receiver that speaks HTTP, and one exchange after the other over it (libcurl). */
#ifndef AGENT_SINKS_HTTP_CONNECTION_H
#define AGENT_SINKS_HTTP_CONNECTION_H

#include <stdbool.h>

#include "agent/sinks/receiver.h"
#include "collectors/read.h"
#include "proctor/sink.h"

enum { HTTP_ANSWER_BYTES = 4 << 20 }; /* what is taken of an answer, its headers counted */

struct http_request {
	const char *const *headers; /* `NAME: VALUE`, ended by NULL */
	const struct buffer *body;
};

struct http_answer {
	long status;
	unsigned wait;      /* seconds, by Retry-After */
	struct buffer body; /* always ended by a NUL; hostile */
	bool cut;           /* it was longer */
};

void http_answer_free(struct http_answer *answer);

struct http_connection;

/* Is ready to connect: nothing is asked of the network yet. It remembers addresses, authorities and the
 * connection; a new one learns what has become of them. NULL and *error. */
struct http_connection *http_connection_open(const struct sink_options *options,
					     const struct receiver *receiver, struct error **error);
void http_connection_close(struct http_connection *connection);

/* Seconds since it was opened. */
unsigned http_connection_age(const struct http_connection *connection);

/* Sends the request and takes the answer, whose body of before is used again, within the options' time; gives
 * up when `stop`, unless it is -1, becomes readable. -1 and *error when there is no whole answer, with
 * *begun, whether some of the body was sent: the connection is of no more use then, nor after an answer that
 * was cut. */
int http_exchange(struct http_connection *connection, const struct http_request *request, int stop,
		  struct http_answer *answer, bool *begun, struct error **error);

#endif
