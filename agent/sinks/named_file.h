/* A file that a key of a sink names. */
#ifndef AGENT_SINKS_NAMED_FILE_H
#define AGENT_SINKS_NAMED_FILE_H

#include "proctor/error.h"

/* Opens it for reading, without waiting for whoever writes a pipe. The descriptor is the caller's. -1 and
 * *error, with the key and the path: it may not be read, or is no regular file. */
int named_file_open(const char *key, const char *path, struct error **error);

#endif
