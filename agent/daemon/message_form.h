/* What each kind of message is as bytes. */
#ifndef AGENT_DAEMON_MESSAGE_FORM_H
#define AGENT_DAEMON_MESSAGE_FORM_H

#include "agent/daemon/message.h"
#include "agent/daemon/wire.h"

struct message_form {
	const char *name; /* `a pass` */
	size_t limit;     /* bytes of the whole message */
	bool descriptor;  /* comes with one */
	void (*put)(struct wire_writer *writer, const struct message *message);
	void (*take)(struct wire_reader *reader, struct message *message);
};

extern const struct message_form message_forms[MESSAGE_KINDS];

/* Appends the message's bytes. -1 and *error (EMSGSIZE) when it does not fit its bounds. */
int message_encode(const struct message *message, struct wire_writer *writer, struct error **error);

/* Reads the bytes of a message, whose kind and arena are set: what it has to point to points into them. -1
 * and *error when they are not what they should be. */
int message_decode(struct message *message, const char *data, size_t length, struct error **error);

#endif
