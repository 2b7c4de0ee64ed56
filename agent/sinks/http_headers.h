/* The headers that the user gives to each request: NAME=VALUE,NAME=VALUE, values with %XX. */
#ifndef AGENT_SINKS_HTTP_HEADERS_H
#define AGENT_SINKS_HTTP_HEADERS_H

#include <stdbool.h>
#include <stddef.h>

#include "proctor/error.h"

enum { HTTP_HEADERS_MOST = 32 };

struct http_headers {
	char *lines[HTTP_HEADERS_MOST]; /* `NAME: VALUE` */
	size_t count;
};

/* Reads and checks them; NULL: there are none. -1 and *error, which tells no value. Freed by
 * http_headers_free either way. */
int http_headers_parse(struct http_headers *headers, const char *text, struct error **error);
void http_headers_free(struct http_headers *headers);

/* The value of the header, in any case; NULL: it is not among them. */
const char *http_headers_find(const struct http_headers *headers, const char *name);

/* Where in a line its value is. */
const char *http_header_value(const char *line);

#define _cleanup_http_headers_ __attribute__((cleanup(http_headers_free)))

#endif
