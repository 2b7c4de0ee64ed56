/* A stream of bytes to a receiver, by TCP, TLS or a Unix socket, for sinks that speak no HTTP.
 *
 * It is libcurl's, by CURLOPT_CONNECT_ONLY: names are resolved anew for each connection, TLS is of
 * version 1.2 at least and verified, no proxy is used. Whoever uses it ignores SIGPIPE, as main() does. */
#ifndef AGENT_SINKS_STREAM_H
#define AGENT_SINKS_STREAM_H

#include <sys/types.h>

#include "agent/sinks/receiver.h"

struct stream;

/* A stream that is not connected yet; both have to outlive it. NULL and *error. */
struct stream *stream_new(const struct sink_options *options, const struct receiver *receiver,
			  struct error **error);
void stream_free(struct stream *stream);

/* Begins an exchange: until the next one `options->timeout` is left for all that is waited for. Connects
 * where the stream is not connected. In this and in the others `stop` is a descriptor that becomes readable
 * when the wait is to end; -1: there is none. -1 and *error, and the stream is not connected any more: what
 * was underway is lost. */
int stream_begin(struct stream *stream, int stop, struct error **error);

/* Sends all of it. */
int stream_send(struct stream *stream, const void *data, size_t length, int stop, struct error **error);

/* Takes what is there, or what comes first: how many bytes, never 0. The receiver's end of the connection is
 * an error. */
ssize_t stream_receive(struct stream *stream, void *data, size_t size, int stop, struct error **error);

bool stream_is_connected(const struct stream *stream);

/* Whether the receiver has ended the connection, as far as that is known by now; bytes that it sent before
 * are still there to be received. False for one that is not connected. */
bool stream_is_ended(const struct stream *stream);

void stream_disconnect(struct stream *stream);

/* Of a stream that is ended: takes what is there up to its end, and disconnects. -1 and *error when it did
 * not end in order: it was reset or, with TLS, broken off by an alert or without a word. */
int stream_end(struct stream *stream, struct error **error);

/* The socket, for what the kernel knows of it, not for bytes; -1: it is not connected. */
int stream_socket(const struct stream *stream);

/* Whom it leads to, for messages: HOST:PORT, or the path of the socket. */
const char *stream_name(const struct stream *stream);

#endif
