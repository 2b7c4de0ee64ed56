/* The last records that a receiver may or may not have: it never says. */
#ifndef AGENT_SINKS_SYSLOG_WINDOW_H
#define AGENT_SINKS_SYSLOG_WINDOW_H

#include "proctor/sink.h"

struct kept_record {
	char *text;
	size_t length;
	enum severity severity;
	bool again; /* an earlier connection has had it as well */
};

/* In the order in which they were sent first. Freed by syslog_window_free. */
struct syslog_window {
	struct kept_record *ring;
	size_t most, first, count;
	size_t bytes; /* of them all; SYSLOG_WINDOW_BYTES at most, however many that are, unless it is one */
	size_t sent;  /* of them, from the first on: this connection has had those */
};

enum { SYSLOG_WINDOW_BYTES = 4 << 20 };

/* An empty one, of `most` records. -1 without memory. */
int syslog_window_open(struct syslog_window *window, size_t most);
void syslog_window_free(struct syslog_window *window);

/* How many this connection has not had. */
static inline size_t syslog_window_pending(const struct syslog_window *window)
{
	return window->count - window->sent;
}

/* The pending one of this number, counted from 0. */
struct queued syslog_window_record(const struct syslog_window *window, size_t number);

/* The connection has had the next `count` of the pending ones. */
void syslog_window_sent(struct syslog_window *window, size_t count);

/* Keeps a copy of a record that the connection has had, where none is pending. The oldest give way. -1
 * without memory: it is not kept. */
int syslog_window_keep(struct syslog_window *window, const struct queued *record);

/* The connection has ended, and what it had is to be sent again: but what was sent again already, of the
 * first `read` that it had, which the receiver is known to have read. */
void syslog_window_ended(struct syslog_window *window, size_t read);

#endif
