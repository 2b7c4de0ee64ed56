#include "agent/sinks/url.h"

#include <nettle/base16.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

#include "proctor/cleanup.h"

bool url_has_scheme(const char *url, const char *scheme)
{
	size_t length = strlen(scheme);

	return !strncmp(url, scheme, length) && (!url[length] || !strncmp(url + length, "://", 3));
}

/* A password may hold what it should have escaped: all up to the last @ is taken for one. */
char *url_shown(const char *url)
{
	const char *start = strstr(url, "://"), *at = strrchr(url, '@'), *query;
	char *shown = NULL;

	if (url_has_scheme(url, "file"))
		return strdup(url);
	start = start ? start + 3 : url;
	at = at && at >= start ? at : NULL;
	query = strchr(at ? at : start, '?');
	if (asprintf(&shown, "%.*s%s%.*s%s", (int)(start - url), url, at ? "***" : "",
		     (int)(query ? query - (at ? at : start) : (ptrdiff_t)strlen(at ? at : start)),
		     at ? at : start, query ? "?***" : "") < 0)
		return NULL;
	return shown;
}

int url_name(const char *url, char name[URL_NAME_SIZE])
{
	enum { SCHEME_MOST = 16, DIGEST = 4 /* bytes */ };
	_cleanup_free_ char *shown = url_shown(url);
	char digits[BASE16_ENCODE_LENGTH(DIGEST)];
	uint8_t digest[DIGEST];
	struct sha256_ctx hash;
	size_t scheme = strspn(url, "abcdefghijklmnopqrstuvwxyz");

	if (!shown)
		return -1;
	sha256_init(&hash);
	sha256_update(&hash, strlen(shown), (const uint8_t *)shown);
	sha256_digest(&hash, sizeof(digest), digest);
	base16_encode_update(digits, sizeof(digest), digest);
	snprintf(name, URL_NAME_SIZE, "%.*s-%.*s", (int)(scheme < SCHEME_MOST ? scheme : SCHEME_MOST), url,
		 (int)sizeof(digits), digits);
	return 0;
}

static int hex_value(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)((at - digits) % 16) : -1;
}

char *url_decode(const char *text, size_t length, struct error **error)
{
	char *decoded = malloc(length + 1), *out = decoded;

	if (!decoded) {
		error_set(error, 0, "out of memory");
		return NULL;
	}
	for (size_t i = 0; i < length; i++) {
		bool escaped = text[i] == '%';
		int high = escaped && length - i > 2 ? hex_value(text[i + 1]) : -1;
		int low = escaped && length - i > 2 ? hex_value(text[i + 2]) : -1;
		*out++ = escaped ? (char)(high * 16 + low) : text[i];
		i += escaped ? 2 : 0;
		if (escaped && (high < 0 || low < 0 || high + low == 0)) {
			error_set(error, 0, "a URL with a %% before what is no byte");
			free(decoded);
			return NULL;
		}
	}
	*out = '\0';
	return decoded;
}

char *url_path(const char *url, struct error **error)
{
	const char *path = strstr(url, "://");

	if (path && path[3] == '/')
		return url_decode(path + 3, strcspn(path + 3, "?"), error);
	error_set(error, 0, "a URL without a path from the root on");
	return NULL;
}

static int visit_pair(const char *pair, size_t length, url_visitor visitor, void *state, struct error **error)
{
	const char *sign = memchr(pair, '=', length);
	size_t key_length = sign ? (size_t)(sign - pair) : length;
	_cleanup_free_ char *key = url_decode(pair, key_length, error);
	_cleanup_free_ char *value =
		!key ? NULL : url_decode(sign ? sign + 1 : pair, sign ? length - key_length - 1 : 0, error);

	return value ? visitor(state, key, value, error) : -1;
}

int url_pairs(const char *pairs, url_visitor visitor, void *state, struct error **error)
{
	for (const char *at = pairs; at;) {
		size_t length = strcspn(at, "&");
		if (visit_pair(at, length, visitor, state, error))
			return -1;
		at = at[length] ? at + length + 1 : NULL;
	}
	return 0;
}

int url_query(const char *url, url_visitor visitor, void *state, struct error **error)
{
	const char *query = strchr(url, '?');

	return query ? url_pairs(query + 1, visitor, state, error) : 0;
}
