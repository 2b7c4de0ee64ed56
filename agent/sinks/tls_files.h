/* The files of TLS that a sink names: authorities, certificate and key. */
#ifndef AGENT_SINKS_TLS_FILES_H
#define AGENT_SINKS_TLS_FILES_H

#include "proctor/sink.h"

/* Whether each that is given is a regular file that we may read: asked before every connection, for libcurl
 * would wait for whoever writes a pipe, without an end. -1 and *error, with the key and the path. */
int tls_files_check(const struct sink_options *options, struct error **error);

#endif
