#include "agent/sinks/http_headers.h"

#include <ctype.h>
#include <string.h>

#include "agent/sinks/url.h"
#include "proctor/cleanup.h"

/* RFC 9110, 5.6.2: a token. */
static bool is_name(const char *name, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)name[i]) && !(name[i] && strchr("!#$%&'*+-.^_`|~", name[i])))
			return false;
	return length > 0;
}

/* RFC 9110, 5.5: no line ends within it, and nothing else that is not to be seen. One of spaces is none, and
 * curl would leave out the header. */
static bool is_value(const char *value)
{
	for (const char *at = value; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			return false;
	return value[strspn(value, " ")] != '\0';
}

/* Those that say where a request ends and what it is made of. */
static bool is_ours(const char *name)
{
	static const char *const ours[] = {"Connection", "Content-Encoding",  "Content-Length",
					   "Expect",     "Transfer-Encoding", "Upgrade",
					   NULL};

	for (const char *const *our = ours; *our; our++)
		if (!strcasecmp(name, *our))
			return true;
	return false;
}

static int take(struct http_headers *headers, const char *name, const char *value, struct error **error)
{
	if (!is_value(value))
		return error_set(error, 0, "headers: the value of %s is empty or has control characters",
				 name);
	if (is_ours(name))
		return error_set(error, 0, "headers: %s is set by Proctor itself", name);
	if (http_headers_find(headers, name))
		return error_set(error, 0, "headers: %s stands there twice", name);
	if (headers->count == HTTP_HEADERS_MOST)
		return error_set(error, 0, "headers: more than %d", HTTP_HEADERS_MOST);
	if (asprintf(&headers->lines[headers->count], "%s: %s", name, value) < 0)
		return error_set(error, 0, "headers: out of memory");
	headers->count++;
	return 0;
}

/* The names are told, for they are no secrets; what is no name may be the value of one before. */
static int take_pair(struct http_headers *headers, const char *pair, size_t length, struct error **error)
{
	const char *sign = memchr(pair, '=', length);
	size_t name_length = sign ? (size_t)(sign - pair) : 0;
	_cleanup_free_ char *name = NULL, *value = NULL;

	if (!is_name(pair, name_length)) {
		error_set(error, 0, "headers: number %zu is not NAME=VALUE", headers->count + 1);
		return error_remedy(error, "a comma in a value is %%2C");
	}
	name = strndup(pair, name_length);
	value = name ? url_decode(sign + 1, length - name_length - 1, error) : NULL;
	if (value)
		return take(headers, name, value, error);
	return name ? error_context(error, "headers: %s", name)
		    : error_set(error, 0, "headers: out of memory");
}

int http_headers_parse(struct http_headers *headers, const char *text, struct error **error)
{
	*headers = (struct http_headers){0};
	while (text && *text) {
		size_t length;
		text += strspn(text, " \t");
		length = strcspn(text, ",");
		if (take_pair(headers, text, length, error))
			return -1;
		text += text[length] ? length + 1 : length;
	}
	return 0;
}

void http_headers_free(struct http_headers *headers)
{
	for (size_t i = 0; i < headers->count; i++)
		free(headers->lines[i]);
	headers->count = 0;
}

const char *http_header_value(const char *line)
{
	return strchr(line, ':') + strlen(": ");
}

const char *http_headers_find(const struct http_headers *headers, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < headers->count; i++)
		if (!strncasecmp(headers->lines[i], name, length) && headers->lines[i][length] == ':')
			return http_header_value(headers->lines[i]);
	return NULL;
}
