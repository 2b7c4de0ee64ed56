/* How many records a request carries: as many as there are, until the receiver says that it is too much. */
#ifndef AGENT_SINKS_HTTP_BATCH_H
#define AGENT_SINKS_HTTP_BATCH_H

#include "proctor/sink.h"

struct http_batch {
	size_t records, bytes; /* at most, but one record at least; bytes as in the queue */
};

void http_batch_start(struct http_batch *batch);

/* How many of the `count` records, of which there is one at least, the next request carries. */
size_t http_batch_choose(const struct http_batch *batch, const struct queued *records, size_t count);

/* So many were taken: the number doubles again, the bytes come back slowly, for the receiver's limit stays.
 */
void http_batch_accepted(struct http_batch *batch);

/* Something in so many was refused, or they did not get through: the next have half. */
void http_batch_refused(struct http_batch *batch, size_t count);

/* These were too many bytes. */
void http_batch_too_large(struct http_batch *batch, const struct queued *records, size_t count);

#endif
