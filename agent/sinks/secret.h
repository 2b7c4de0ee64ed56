/* Secrets that are kept in files: a token, a key that is shared. */
#ifndef AGENT_SINKS_SECRET_H
#define AGENT_SINKS_SECRET_H

#include "proctor/error.h"

/* The first line of the file, which is the key `key` of a sink, without spaces around it; owned by the
 * caller. NULL and *error, which tells the path and why, and nothing of what is in it: it cannot be read, is
 * empty, longer than 16 KiB, or has control characters. */
char *secret_read(const char *key, const char *path, struct error **error);

#endif
