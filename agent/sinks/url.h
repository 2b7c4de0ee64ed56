/* The parts of a sink's URL (RFC 3986): SCHEME://AUTHORITY/PATH?KEY=VALUE&KEY=VALUE. */
#ifndef AGENT_SINKS_URL_H
#define AGENT_SINKS_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "proctor/error.h"

/* The URL as it may be shown: without user and password, and, but for files, without the values of its
 * query. Owned by the caller; NULL when memory is exhausted. */
char *url_shown(const char *url);

enum { URL_NAME_SIZE = 32 };

/* Names the URL by its scheme and a digest of what may be shown of it: letters, digits and `-`. -1 without
 * memory. */
int url_name(const char *url, char name[URL_NAME_SIZE]);

/* True when `url` is SCHEME://…, or just the scheme. */
bool url_has_scheme(const char *url, const char *scheme);

/* `text` with each %XX replaced by its byte. Owned by the caller. NULL and *error for a malformed one and for
 * %00. */
char *url_decode(const char *text, size_t length, struct error **error);

/* The path of SCHEME:///PATH?QUERY, decoded. Owned by the caller; NULL and *error when it has none that is
 * absolute. */
char *url_path(const char *url, struct error **error);

/* Called for each KEY=VALUE of KEY=VALUE&KEY=VALUE, or of the URL's query, decoded. -1 and *error when it is
 * wrong. */
typedef int (*url_visitor)(void *state, const char *key, const char *value, struct error **error);
int url_pairs(const char *pairs, url_visitor visitor, void *state, struct error **error);
int url_query(const char *url, url_visitor visitor, void *state, struct error **error);

#endif
