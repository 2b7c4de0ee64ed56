/* The files of TLS that a sink names: authorities, certificate and key. */
#ifndef AGENT_SINKS_TLS_FILES_H
#define AGENT_SINKS_TLS_FILES_H

#include "collectors/curl_library.h"
#include "proctor/sink.h"

/* Whether each that is given is a regular file that we may read: asked before every connection, for libcurl
 * would wait for whoever writes a pipe, without an end. -1 and *error, with the key and the path. */
int tls_files_check(const struct sink_options *options, struct error **error);

/* Has connections of the handle use them (curl_easy_setopt(3)), by TLS 1.2 or later. Certificates are always
 * verified: by the authorities that are given, or those of the system. */
CURLcode tls_files_use(const struct sink_options *options, const struct curl_library *curl, CURL *handle);

#endif
