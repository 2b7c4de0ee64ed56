#include "agent/sinks/http_secrets.h"

#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sinks/url.h"
#include "proctor/cleanup.h"

/* Takes the text, which may be NULL where memory ran out. */
static int add(struct http_secrets *secrets, char *text)
{
	char **grown = text ? reallocarray(secrets->list, secrets->count + 2, sizeof(*grown)) : NULL;

	if (!grown) {
		free(text);
		return -1;
	}
	secrets->list = grown;
	grown[secrets->count++] = text;
	grown[secrets->count] = NULL;
	return 0;
}

static char *basic_of(const char *user)
{
	size_t length = strlen(user), size = BASE64_ENCODE_RAW_LENGTH(length);
	char *text = malloc(size + 1);

	if (text) {
		base64_encode_raw(text, length, (const uint8_t *)user);
		text[size] = '\0';
	}
	return text;
}

/* A token may stand for a user, without a password. */
static int add_user(struct http_secrets *secrets, const char *user)
{
	const char *password = strchr(user, ':') + 1;

	return add(secrets, basic_of(user)) ||
			       add(secrets, *password ? strdup(password) : strndup(user, strlen(user) - 1))
		       ? -1
		       : 0;
}

/* `Splunk TOKEN`: the token as well, which may be repeated alone. */
static int add_header(struct http_secrets *secrets, const char *line)
{
	const char *value = http_header_value(line), *last = strrchr(value, ' ');

	return add(secrets, strdup(value)) || (last && add(secrets, strdup(last + 1))) ? -1 : 0;
}

/* As they are sent, and as they are meant; a malformed one is only sent. */
static int add_query(struct http_secrets *secrets, const char *query)
{
	while (query) {
		const char *pair = query + 1;
		size_t length = strcspn(pair, "&"), key = strcspn(pair, "=&") + 1;
		if (key < length) {
			char *decoded = url_decode(pair + key, length - key, NULL);
			if (add(secrets, strndup(pair + key, length - key)) ||
			    (decoded && add(secrets, decoded)))
				return -1;
		}
		query = strchr(pair, '&');
	}
	return 0;
}

int http_secrets_gather(struct http_secrets *secrets, const struct sink_options *options,
			const struct receiver *receiver, const struct http_headers *headers)
{
	*secrets = (struct http_secrets){0};
	if (add(secrets, strdup("")) || (options->token && add(secrets, strdup(options->token))) ||
	    (receiver->user && add_user(secrets, receiver->user)) ||
	    add_query(secrets, strchr(receiver->path, '?')))
		return -1;
	for (size_t i = 0; i < headers->count; i++)
		if (add_header(secrets, headers->lines[i]))
			return -1;
	return 0;
}

void http_secrets_free(struct http_secrets *secrets)
{
	for (size_t i = 0; i < secrets->count; i++)
		free(secrets->list[i]);
	free(secrets->list);
	*secrets = (struct http_secrets){0};
}

int http_secrets_set_token(struct http_secrets *secrets, const char *token)
{
	char *copy = strdup(token);

	if (!copy)
		return -1;
	free(secrets->list[0]);
	secrets->list[0] = copy;
	return 0;
}
