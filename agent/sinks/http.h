/* Batches of records, delivered to a receiver by HTTP over one connection that is kept alive.
 *
 * What it acknowledges is out, what it will never take is refused, one record at a time, and all else is for
 * later, with the time that it asks for. See http_answer.h for what it may answer. */
#ifndef AGENT_SINKS_HTTP_H
#define AGENT_SINKS_HTTP_H

#include "agent/sinks/receiver.h"
#include "collectors/read.h"
#include "proctor/sink.h"

/* The keys of a kind of sink that delivers so; a list for sink_kind.keys begins with them. */
#define HTTP_KEYS                                                                                            \
	"timeout", "ca_file", "certificate_file", "key_file", "insecure", "compress", "headers", "token",    \
		"token_file"

/* How a kind of sink speaks. `context` is its own. */
struct http_form {
	const char *content_type;
	/* Appends to *body, which is empty, what carries the records (buffer_append). -1 and *error. */
	int (*encode)(void *context, const struct queued *records, size_t count, struct buffer *body,
		      struct error **error);
	/* Judges the answer of a status 2xx to a request of `count` records; its body is hostile, ends in a
	 * NUL, and is cut where it was longer than HTTP_ANSWER_BYTES. *delivered says before that all are
	 * out, and may be changed; records that it then says nothing of are sent again. -1 and *error: all
	 * are for later. NULL: a 2xx acknowledges all. */
	int (*judge)(void *context, const char *body, size_t length, size_t count,
		     struct delivered *delivered, struct error **error);
};

struct http;

/* Checks what it is told, and opens nothing: headers, and what does not go together. -1 and *error. */
int http_check(const struct sink_options *options, const struct receiver *receiver, struct error **error);

/* Takes the receiver over, which is empty then; the texts of the options have to live as long as it does. It
 * connects when it delivers. NULL and *error. */
struct http *http_open(const struct sink_options *options, struct receiver *receiver, struct error **error);
void http_close(struct http *http);

/* Delivers as sink_kind.deliver. */
int http_deliver(struct http *http, const struct http_form *form, void *context, const struct queued *records,
		 size_t count, int stop, struct delivered *delivered, struct error **error);

#endif
