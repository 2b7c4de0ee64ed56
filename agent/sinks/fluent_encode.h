/* Records as the forward protocol has them (Forward Protocol Specification v1): PackedForward, or
 * CompressedPackedForward. */
#ifndef AGENT_SINKS_FLUENT_ENCODE_H
#define AGENT_SINKS_FLUENT_ENCODE_H

#include "collectors/read.h"
#include "proctor/sink.h"

enum { FLUENT_CHUNK_SIZE = 25 };

/* A chunk as its receiver names it in the acknowledgement: 128 bits of chance in base64. */
struct fluent_form {
	const char *tag;
	char chunk[FLUENT_CHUNK_SIZE];
	bool gzip;
};

/* Puts the message into *message, in place of what it held. A record that is no JSON object which msgpack and
 * its receivers could hold comes as its text, {"log": TEXT}. Each has the time of its member `time`, of now
 * where it has none. -1 and *error: memory, or what compresses, is lacking. */
int fluent_encode(const struct fluent_form *form, const struct queued *records, size_t count,
		  struct buffer *message, struct error **error);

/* Appends to the struct buffer `buffer`: for msgpack_packer_init. */
int fluent_append(void *buffer, const char *data, size_t length);

#endif
