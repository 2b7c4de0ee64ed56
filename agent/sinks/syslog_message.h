/* A record as messages of syslog: RFC 5424. It reads and sends nothing.
 *
 * What decides stands in the structured data, the whole record as JSON behind it, in ASCII: RFC 5424 wants a
 * byte order mark before UTF-8, and RFC 8259 forbids one before JSON. A record too long for one message goes
 * in several, each with all the structured data and its part of the JSON. */
#ifndef AGENT_SINKS_SYSLOG_MESSAGE_H
#define AGENT_SINKS_SYSLOG_MESSAGE_H

#include <sys/types.h>

#include "proctor/sink.h"

/* The least that a message can be bound to; its structured data take less than 3 KiB. */
enum { SYSLOG_MESSAGE_LEAST = 4096 };

struct syslog_origin {
	unsigned facility; /* 0 to 23 */
	pid_t process;
	size_t longest; /* bytes of a message, SYSLOG_MESSAGE_LEAST at least */
};

/* The messages of one record. Freed by syslog_message_free. */
struct syslog_message {
	char *head; /* header and structured data up to where the numbers of parts follow */
	size_t head_length;
	char *body; /* the record in ASCII */
	size_t body_length;
	size_t room;  /* for bytes of the body in each */
	size_t parts; /* how many there are, 1 at least */
};

/* Fills in the messages of the record. 0; 1 and *error when it is no record that can be sent, -1 and *error
 * without memory. Freed by syslog_message_free either way. */
int syslog_message_make(struct syslog_message *message, const struct syslog_origin *origin,
			const struct queued *record, struct error **error);

/* Writes the message of this number, counted from 0, into `out`, which has `longest` bytes. Returns its
 * length. */
size_t syslog_message_part(const struct syslog_message *message, size_t part, char *out);

void syslog_message_free(struct syslog_message *message);

#define _cleanup_syslog_message_ __attribute__((cleanup(syslog_message_free)))

#endif
