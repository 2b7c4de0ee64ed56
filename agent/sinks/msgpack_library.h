/* What reads msgpack, loaded when it is wanted; what writes it is in its headers. */
#ifndef AGENT_SINKS_MSGPACK_LIBRARY_H
#define AGENT_SINKS_MSGPACK_LIBRARY_H

#include <msgpack/unpack.h>

struct msgpack_library {
	typeof(msgpack_unpack_next) *unpack_next;
	typeof(msgpack_zone_free) *zone_free;
};

/* Loads it (dlopen(3)), for as long as the process lives. -1: it is not installed. */
int msgpack_library_load(struct msgpack_library *library);

#endif
