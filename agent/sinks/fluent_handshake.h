/* The forward protocol's handshake, by which both sides prove that they know the shared key: the receiver's
 * HELO, our PING, its PONG. Pure functions of what was said. */
#ifndef AGENT_SINKS_FLUENT_HANDSHAKE_H
#define AGENT_SINKS_FLUENT_HANDSHAKE_H

#include "agent/sinks/fluent_answer.h"
#include "collectors/read.h"

enum { FLUENT_NONCE_MAX = 256, FLUENT_SALT_SIZE = 33 };

struct fluent_nonce {
	char data[FLUENT_NONCE_MAX];
	size_t length;
};

struct fluent_helo {
	struct fluent_nonce nonce;
	struct fluent_nonce auth; /* the salt of the user's password; of no length: no user is asked for */
	bool keepalive;           /* whether the connection may be used for more than one chunk */
};

/* Who we are. */
struct fluent_proof {
	const char *hostname;
	char salt[FLUENT_SALT_SIZE]; /* made anew for each handshake */
	const char *shared_key;
	const char *user; /* USER:PASSWORD; NULL: none */
};

/* -1 and *error when it is no HELO. */
int fluent_read_helo(const msgpack_object *answer, struct fluent_helo *helo, struct error **error);

/* Appends the PING that answers it. -1 and *error. */
int fluent_write_ping(const struct fluent_proof *proof, const struct fluent_helo *helo, struct buffer *ping,
		      struct error **error);

/* -1 and *error when it is no PONG, refuses us, or does not prove that the other side knows the key. */
int fluent_check_pong(const msgpack_object *answer, const struct fluent_proof *proof,
		      const struct fluent_helo *helo, struct error **error);

#endif
