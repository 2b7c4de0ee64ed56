/* Feeds libFuzzer's bytes to what judges the answer of a receiver, and to what reads the headers of requests.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/sinks/http_answer.h"
#include "agent/sinks/http_headers.h"
#include "proctor/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
	if (!truth)
		abort();
}

/* Whatever it says, the reason is short, safe, and tells no secret. */
static void check_reason(long status, struct bytes body, size_t room)
{
	static const char *const secrets[] = {"hunter2", "Linux-", "secret", NULL};
	char out[256];

	http_reason(status, body, secrets, out, room);
	require(strlen(out) < room && text_is_safe(out, strlen(out)));
	for (const char *const *secret = secrets; *secret; secret++)
		require(!strstr(out, *secret));
}

/* No header ends another one, and each is found by its name. */
static void check_headers(const char *text)
{
	_cleanup_http_headers_ struct http_headers headers = {0};
	_cleanup_error_ struct error *error = NULL;

	if (http_headers_parse(&headers, text, &error)) {
		require(error != NULL);
		return;
	}
	for (size_t i = 0; i < headers.count; i++) {
		_cleanup_free_ char *name = strndup(headers.lines[i], strcspn(headers.lines[i], ":"));
		require(!strpbrk(headers.lines[i], "\r\n") && *http_header_value(headers.lines[i]));
		require(http_headers_find(&headers, name) == http_header_value(headers.lines[i]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *copy = NULL;
	struct bytes body;
	long status;

	if (size < 3)
		return 0;
	status = data[0] << 2 | (data[1] & 3);
	copy = strndup((const char *)data + 3, size - 3);
	require(copy != NULL);
	body = (struct bytes){(const char *)data + 3, size - 3};
	check_reason(status, body, data[2] ? data[2] : 256);
	require(http_meaning_of(status, body) != HTTP_ACCEPTED || (status >= 200 && status < 300));
	http_advice_on(status, body);
	check_headers(copy);
	return 0;
}
