/* Compression as RFC 1952 has it, by zlib, which is loaded when it is wanted. */
#ifndef AGENT_SINKS_GZIP_H
#define AGENT_SINKS_GZIP_H

#include "collectors/read.h"
#include "proctor/error.h"

/* Puts into *packed, in place of what it held, the compressed data. -1 and *error. */
int gzip_pack(const struct buffer *data, struct buffer *packed, struct error **error);

#endif
