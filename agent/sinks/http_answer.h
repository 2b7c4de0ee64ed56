/* What a receiver's answer means. Its bytes are hostile. */
#ifndef AGENT_SINKS_HTTP_ANSWER_H
#define AGENT_SINKS_HTTP_ANSWER_H

#include "proctor/text.h"

enum http_meaning {
	HTTP_ACCEPTED,  /* 2xx */
	HTTP_TOO_LARGE, /* 413: less of it may be taken; one record alone never */
	HTTP_REFUSED,   /* 400, 422: something in it will never be taken */
	HTTP_LATER,     /* all else */
};

/* The body may show that a 400 is about the connection, not about the records: then it is for later. */
enum http_meaning http_meaning_of(long status, struct bytes body);

/* What the user can do about an answer that is for later; NULL: wait. */
const char *http_advice_on(long status, struct bytes body);

/* `503 first line of the body`: what a person reads of it, without markup, safe as text_escape makes it and
 * without any of the secrets (a list ended by NULL), which a receiver may repeat. */
void http_reason(long status, struct bytes body, const char *const *secrets, char *out, size_t size);

/* Puts stars in the place of the secrets in a text that the receiver said; its end may have been cut off. */
void http_mask(char *text, const char *const *secrets);

#endif
