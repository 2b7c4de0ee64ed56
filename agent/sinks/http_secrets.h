/* What a receiver by HTTP is sent that no one else may read: an answer that repeats it must not bring it into
 * a log or a dead letter. */
#ifndef AGENT_SINKS_HTTP_SECRETS_H
#define AGENT_SINKS_HTTP_SECRETS_H

#include "agent/sinks/http_headers.h"
#include "agent/sinks/receiver.h"

struct http_secrets {
	char **list; /* owned; ended by NULL; the first is that of token_file, empty until it was read */
	size_t count;
};

/* Gathers them: the token, user and password, also as Basic authorization has them, values of headers and
 * their last words, values of the URL's query. -1: memory is exhausted. Freed by http_secrets_free either
 * way. */
int http_secrets_gather(struct http_secrets *secrets, const struct sink_options *options,
			const struct receiver *receiver, const struct http_headers *headers);
void http_secrets_free(struct http_secrets *secrets);

/* The token of token_file is another one. -1: memory is exhausted. */
int http_secrets_set_token(struct http_secrets *secrets, const char *token);

#endif
