#include "agent/sinks/http_answer.h"

#include <stdio.h>
#include <string.h>

enum {
	LINE = 1024,
	MARKUP_MOST = 1024,
	SECRET_LEAST = 6, /* shorter ones are words that stand in other places too */
};

/* ---- what it means ------------------------------------------------------------------------------ */

/* nginx answers 400 to what is wrong before a record is looked at: ngx_http_special_response.c. */
static const struct {
	const char *text, *advice;
} of_connection[] = {
	{"No required SSL certificate was sent", "give certificate_file and key_file"},
	{"The SSL certificate error", "it does not take the certificate of certificate_file"},
	{"The plain HTTP request was sent to HTTPS port", "use https in the URL"},
	{"Request Header Or Cookie Too Large", "give less in headers"},
};

static const struct {
	long first, last;
	enum http_meaning meaning;
	const char *advice;
} meanings[] = {
	{200, 299, HTTP_ACCEPTED, NULL},
	{300, 399, HTTP_LATER, "redirects are not followed: give the URL where it answers itself"},
	{400, 400, HTTP_REFUSED, NULL},
	{401, 401, HTTP_LATER, "check the token, its file, or the user in the URL"},
	{403, 403, HTTP_LATER, "check what the receiver allows this token, user or certificate"},
	{404, 405, HTTP_LATER, "check the path of the URL"},
	{407, 407, HTTP_LATER, "the proxy of the environment asks for a user"},
	{413, 413, HTTP_TOO_LARGE, NULL},
	{415, 415, HTTP_LATER, "check format, compress, and the Content-Type that headers may give"},
	{422, 422, HTTP_REFUSED, NULL},
};

/* Which text of of_connection the body holds; NULL: none. */
static const char *advice_of_connection(long status, struct bytes body)
{
	for (size_t i = 0; status == 400 && i < sizeof(of_connection) / sizeof(*of_connection); i++)
		if (memmem(body.data, body.length, of_connection[i].text, strlen(of_connection[i].text)))
			return of_connection[i].advice;
	return NULL;
}

enum http_meaning http_meaning_of(long status, struct bytes body)
{
	if (advice_of_connection(status, body))
		return HTTP_LATER;
	for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++)
		if (status >= meanings[i].first && status <= meanings[i].last)
			return meanings[i].meaning;
	return HTTP_LATER;
}

const char *http_advice_on(long status, struct bytes body)
{
	const char *advice = advice_of_connection(status, body);

	for (size_t i = 0; !advice && i < sizeof(meanings) / sizeof(*meanings); i++)
		if (status >= meanings[i].first && status <= meanings[i].last)
			advice = meanings[i].advice;
	return advice;
}

/* ---- what it says ------------------------------------------------------------------------------- */

/* The length of the secret that stands at `at`; 0: none does. */
static size_t secret_at(const char *at, const char *end, const char *const *secrets)
{
	size_t longest = 0;

	for (; *secrets; secrets++) {
		size_t length = strlen(*secrets);
		if (length >= SECRET_LEAST && length > longest && length <= (size_t)(end - at) &&
		    !memcmp(at, *secrets, length))
			longest = length;
	}
	return longest;
}

/* Behind the markup `<…>` that begins at `at`; `at` when none does. */
static const char *skip_markup(const char *at, const char *end)
{
	size_t most = end - at < MARKUP_MOST ? (size_t)(end - at) : MARKUP_MOST;
	const char *close = *at == '<' ? memchr(at, '>', most) : NULL;

	return close ? close + 1 : at;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What stands in the line for what is at *at, which moves behind it: a secret is stars, markup a space. */
static struct bytes next_part(const char **at, const char *end, const char *const *secrets)
{
	const char *begin = *at;
	size_t secret = secret_at(begin, end, secrets);

	*at = secret ? begin + secret : skip_markup(begin, end);
	if (*at != begin)
		return secret ? (struct bytes){"***", 3} : (struct bytes){" ", 1};
	++*at;
	return (struct bytes){begin, 1};
}

/* Copies the first line that has text, cut where `line` is full, and returns its length. */
static size_t first_line(struct bytes body, const char *const *secrets, char line[LINE])
{
	const char *at = body.data, *end = bytes_end(body);
	size_t length = 0;

	while (at < end && length < LINE - 3 && !(*at == '\n' && length)) {
		struct bytes part = next_part(&at, end, secrets);
		bool space = is_space(*part.data);
		if (space && (!length || is_space(line[length - 1])))
			continue;
		memcpy(line + length, part.data, part.length);
		length += part.length;
	}
	while (length && is_space(line[length - 1]))
		length--;
	return length;
}

void http_reason(long status, struct bytes body, const char *const *secrets, char *out, size_t size)
{
	char line[LINE], number[24];
	size_t length = first_line(body, secrets, line);
	int begin = snprintf(number, sizeof(number), "%ld", status);
	bool says_status = length >= (size_t)begin && !memcmp(line, number, (size_t)begin);

	if (!says_status)
		snprintf(out, size, "%s%s", number, length ? " " : "");
	else
		*out = '\0';
	begin = (int)strlen(out);
	text_escape(out + begin, size - (size_t)begin, line, length);
}

/* Whether what is left, which may have been cut off, is the begin of a secret. */
static bool is_begun(const char *rest, const char *const *secrets)
{
	size_t length = strlen(rest);

	for (; length >= SECRET_LEAST && *secrets; secrets++)
		if (!strncmp(rest, *secrets, length))
			return true;
	return false;
}

/* The stars are shorter than any secret. */
void http_mask(char *text, const char *const *secrets)
{
	const char *at = text, *end = text + strlen(text);

	while (at < end) {
		size_t secret = is_begun(at, secrets) ? (size_t)(end - at) : secret_at(at, end, secrets);
		if (secret) {
			text = stpcpy(text, "***");
			at += secret;
		} else {
			*text++ = *at++;
		}
	}
	*text = '\0';
}
