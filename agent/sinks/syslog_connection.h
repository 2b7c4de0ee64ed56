/* A connection to a receiver of syslog, and what the kernel knows of what the receiver took.
 *
 * By TCP and TLS each message has its length before it (RFC 6587, 3.4.1; RFC 5425); a Unix socket of streams
 * has a line feed behind each (RFC 6587, 3.4.2), one of datagrams nothing. Which of both the socket is, is
 * seen when it is connected. */
#ifndef AGENT_SINKS_SYSLOG_CONNECTION_H
#define AGENT_SINKS_SYSLOG_CONNECTION_H

#include "agent/sinks/receiver.h"

struct syslog_connection;

/* One that is not connected yet; both have to outlive it. NULL and *error. */
struct syslog_connection *syslog_connection_new(const struct sink_options *options,
						const struct receiver *receiver, struct error **error);
void syslog_connection_free(struct syslog_connection *connection);

void syslog_connection_close(struct syslog_connection *connection);
bool syslog_connection_is_open(const struct syslog_connection *connection);

/* Begins an exchange, for which the sink's `timeout` is left; connects where it is not connected. `stop` is a
 * descriptor that becomes readable when waiting is to end. When this or one of the others returns -1 and
 * *error, it is not connected any more. */
int syslog_connection_begin(struct syslog_connection *connection, int stop, struct error **error);

/* Adds a message to what is sent, or sends it. 1 and *error when it is too long for the socket. */
int syslog_connection_put(struct syslog_connection *connection, const char *message, size_t length, int stop,
			  struct error **error);

/* Sends what is not sent yet, and waits until all of it has left this machine's kernel: until the receiver's
 * has acknowledged it, or, of a Unix socket, the receiver has read it (SIOCOUTQ: tcp(7), unix_ioctl() of
 * Linux). Then waits up to `settle_ms` more whether the receiver ends the connection. */
int syslog_connection_flush(struct syslog_connection *connection, unsigned settle_ms, int stop,
			    struct error **error);

/* 0: it goes on. 1: the receiver has ended it in order, having read all that was flushed, and it is not
 * connected any more. -1 and *error: it was reset. */
int syslog_connection_look(struct syslog_connection *connection, struct error **error);

/* For messages. */
const char *syslog_connection_name(const struct syslog_connection *connection);

#endif
