/* How many records a request carries: as many as there are, until the receiver says that it is too much; and
 * how long one that refuses everything is left alone. */
#ifndef AGENT_SINKS_HTTP_BATCH_H
#define AGENT_SINKS_HTTP_BATCH_H

#include "proctor/sink.h"

struct http_batch {
	size_t records, bytes; /* at most, but one record at least; bytes as in the queue */
	unsigned set_aside; /* requests refused for good one after the other, with none taken between them */
	unsigned wait;      /* seconds after the last of them */
};

void http_batch_start(struct http_batch *batch);

/* How many of the `count` records, of which there is one at least, the next request carries. */
size_t http_batch_choose(const struct http_batch *batch, const struct queued *records, size_t count);

/* So many were taken: the number doubles again, the bytes come back slowly, for the receiver's limit stays.
 */
void http_batch_accepted(struct http_batch *batch);

/* Something in so many was refused, or they did not get through: the next have half. */
void http_batch_refused(struct http_batch *batch, size_t count);

/* What was asked last is refused for good. Returns the seconds after which the next may be asked: 0 until too
 * many follow each other, then twice as long with each, up to a quarter of an hour. */
unsigned http_batch_set_aside(struct http_batch *batch);

/* These were too many bytes. */
void http_batch_too_large(struct http_batch *batch, const struct queued *records, size_t count);

#endif
