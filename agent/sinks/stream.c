#include "agent/sinks/stream.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sinks/tls_files.h"
#include "collectors/curl_library.h"
#include "proctor/clock.h"

enum { WAIT_MS = 10000 }; /* at most, between two looks at a connection that is being made */

struct stream {
	struct curl_library curl;
	const struct sink_options *options;
	const struct receiver *receiver;
	char *url, *name;
	CURLM *multi; /* both of one connection; NULL: there is none */
	CURL *handle;
	curl_socket_t socket;
	uint64_t deadline; /* clock_ms() */
	char said[CURL_ERROR_SIZE];
};

const char *stream_name(const struct stream *stream)
{
	return stream->name;
}

bool stream_is_connected(const struct stream *stream)
{
	return stream->handle != NULL;
}

void stream_disconnect(struct stream *stream)
{
	if (stream->handle) {
		stream->curl.multi_remove_handle(stream->multi, stream->handle);
		stream->curl.easy_cleanup(stream->handle);
	}
	if (stream->multi)
		stream->curl.multi_cleanup(stream->multi);
	stream->handle = NULL;
	stream->multi = NULL;
}

/* ---- what ends it ------------------------------------------------------------------------------- */

static int fail_code(struct stream *stream, const char *doing, CURLcode code, struct error **error)
{
	error_set(error, 0, "%s %s: %s", doing, stream->name,
		  *stream->said ? stream->said : stream->curl.easy_strerror(code));
	stream_disconnect(stream);
	return -1;
}

static int fail(struct stream *stream, const char *doing, const char *why, struct error **error)
{
	error_set(error, 0, "%s %s: %s", doing, stream->name, why);
	stream_disconnect(stream);
	return -1;
}

static int left_ms(const struct stream *stream)
{
	uint64_t now = clock_ms();

	return now < stream->deadline ? (int)(stream->deadline - now) : 0;
}

/* Waits until bytes can be received or sent; no longer than is left, however often TLS makes nothing of them.
 */
static int wait_for(struct stream *stream, short events, int stop, const char *doing, struct error **error)
{
	struct pollfd polled[] = {{.fd = stop, .events = POLLIN}, {.fd = stream->socket, .events = events}};
	int ready, left;

	do {
		left = left_ms(stream);
		ready = poll(polled, 2, left);
	} while (ready < 0 && errno == EINTR);
	if (ready < 0)
		return fail(stream, doing, strerror(errno), error);
	if (polled[0].revents)
		return fail(stream, doing, "stopped", error);
	return ready && left ? 0 : fail(stream, doing, "it took too long", error);
}

/* ---- connecting --------------------------------------------------------------------------------- */

static CURLcode set_numbers(const struct stream *stream)
{
	static const struct {
		CURLoption option;
		long value;
	} numbers[] = {
		{CURLOPT_CONNECT_ONLY, 1},
		{CURLOPT_NOSIGNAL, 1},
		{CURLOPT_TCP_KEEPALIVE, 1},
		{CURLOPT_SSL_ENABLE_ALPN, 0},
	};
	CURLcode code = CURLE_OK;

	for (size_t i = 0; !code && i < sizeof(numbers) / sizeof(*numbers); i++)
		code = stream->curl.easy_setopt(stream->handle, numbers[i].option, numbers[i].value);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* A resolver that does not answer is not waited for; an older library does not know the option. */
	stream->curl.easy_setopt(stream->handle, CURLOPT_QUICK_EXIT, 1L);
#endif
	return code;
}

static CURLcode set_texts(const struct stream *stream)
{
	const struct receiver *receiver = stream->receiver;
	const struct {
		CURLoption option;
		const char *value;
	} texts[] = {
		{CURLOPT_URL, stream->url},
		{CURLOPT_UNIX_SOCKET_PATH, receiver->transport == TRANSPORT_UNIX ? receiver->path : NULL},
		{CURLOPT_PROXY, ""},
		{CURLOPT_NOPROXY, "*"},
	};
	CURLcode code = CURLE_OK;

	for (size_t i = 0; !code && i < sizeof(texts) / sizeof(*texts); i++)
		code = stream->curl.easy_setopt(stream->handle, texts[i].option, texts[i].value);
	return code;
}

static CURLcode set_options(struct stream *stream)
{
	CURLcode code = stream->curl.easy_setopt(stream->handle, CURLOPT_ERRORBUFFER, stream->said);

	code = code ? code : set_numbers(stream);
	code = code ? code : set_texts(stream);
	return code ? code : tls_files_use(stream->options, &stream->curl, stream->handle);
}

/* 1: it is connected; 0: not yet; -1: it failed. */
static int look(struct stream *stream, struct error **error)
{
	int running, waiting;
	CURLMsg *message;

	if (stream->curl.multi_perform(stream->multi, &running))
		return fail(stream, "connecting to", "libcurl failed", error);
	message = stream->curl.multi_info_read(stream->multi, &waiting);
	if (!message)
		return 0;
	if (message->data.result)
		return fail_code(stream, "connecting to", message->data.result, error);
	return 1;
}

/* Until it is connected. */
static int wait_connected(struct stream *stream, int stop, struct error **error)
{
	struct curl_waitfd waited = {.fd = stop, .events = CURL_WAIT_POLLIN};
	int result;

	while (!(result = look(stream, error))) {
		int left = left_ms(stream);
		if (!left)
			return fail(stream, "connecting to", "it took too long", error);
		if (stream->curl.multi_poll(stream->multi, &waited, stop >= 0,
					    left < WAIT_MS ? left : WAIT_MS, NULL))
			return fail(stream, "connecting to", "waiting failed", error);
		if (waited.revents)
			return fail(stream, "connecting to", "stopped", error);
	}
	return result < 0 ? -1 : 0;
}

static int connect_stream(struct stream *stream, int stop, struct error **error)
{
	CURLcode code;

	if (tls_files_check(stream->options, error))
		return -1;
	*stream->said = '\0';
	stream->multi = stream->curl.multi_init();
	stream->handle = stream->multi ? stream->curl.easy_init() : NULL;
	if (!stream->handle)
		return fail(stream, "connecting to", "out of memory", error);
	code = set_options(stream);
	if (code)
		return fail_code(stream, "connecting to", code, error);
	if (stream->curl.multi_add_handle(stream->multi, stream->handle))
		return fail(stream, "connecting to", "out of memory", error);
	if (wait_connected(stream, stop, error))
		return -1;
	code = stream->curl.easy_getinfo(stream->handle, CURLINFO_ACTIVESOCKET, &stream->socket);
	return code ? fail_code(stream, "connecting to", code, error) : 0;
}

int stream_begin(struct stream *stream, int stop, struct error **error)
{
	stream->deadline = clock_ms() + stream->options->timeout * UINT64_C(1000);
	return stream_is_connected(stream) ? 0 : connect_stream(stream, stop, error);
}

/* ---- bytes -------------------------------------------------------------------------------------- */

int stream_send(struct stream *stream, const void *data, size_t length, int stop, struct error **error)
{
	const char *cursor = data;

	*stream->said = '\0';
	while (length) {
		size_t sent = 0;
		CURLcode code = stream->curl.easy_send(stream->handle, cursor, length, &sent);
		if (code && code != CURLE_AGAIN)
			return fail_code(stream, "sending to", code, error);
		cursor += sent;
		length -= sent;
		if (length && wait_for(stream, POLLOUT, stop, "sending to", error))
			return -1;
	}
	return 0;
}

/* Asks before it waits: what TLS has taken from the socket already poll(2) does not tell. */
ssize_t stream_receive(struct stream *stream, void *data, size_t size, int stop, struct error **error)
{
	size_t got = 0;
	CURLcode code;

	*stream->said = '\0';
	while ((code = stream->curl.easy_recv(stream->handle, data, size, &got)) == CURLE_AGAIN)
		if (wait_for(stream, POLLIN, stop, "waiting for", error))
			return -1;
	if (code)
		return fail_code(stream, "receiving from", code, error);
	return got ? (ssize_t)got : fail(stream, "receiving from", "it ended the connection", error);
}

bool stream_is_ended(const struct stream *stream)
{
	struct pollfd polled = {.fd = stream->socket, .events = POLLRDHUP};

	return stream_is_connected(stream) && poll(&polled, 1, 0) > 0;
}

int stream_end(struct stream *stream, struct error **error)
{
	char left[4096];
	size_t got;
	CURLcode code;

	*stream->said = '\0';
	do
		code = stream->curl.easy_recv(stream->handle, left, sizeof(left), &got);
	while (!code && got);
	if (code)
		return fail_code(stream, "sending to", code, error);
	stream_disconnect(stream);
	return 0;
}

int stream_socket(const struct stream *stream)
{
	return stream_is_connected(stream) ? stream->socket : -1;
}

/* ---- one of them -------------------------------------------------------------------------------- */

/* Of a Unix socket the URL's host is but a word. */
static int name_receiver(struct stream *stream)
{
	const struct receiver *receiver = stream->receiver;
	const char *scheme = receiver->transport == TRANSPORT_TLS ? "https" : "http";

	if (receiver->transport == TRANSPORT_UNIX) {
		stream->name = strdup(receiver->path);
		stream->url = strdup("http://localhost");
	} else if (asprintf(&stream->name, strchr(receiver->host, ':') ? "[%s]:%u" : "%s:%u", receiver->host,
			    receiver->port) < 0) {
		stream->name = NULL;
	} else if (asprintf(&stream->url, "%s://%s", scheme, stream->name) < 0) {
		stream->url = NULL;
	}
	return stream->name && stream->url ? 0 : -1;
}

struct stream *stream_new(const struct sink_options *options, const struct receiver *receiver,
			  struct error **error)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (!stream) {
		error_set(error, 0, "opening a stream: out of memory");
		return NULL;
	}
	stream->options = options;
	stream->receiver = receiver;
	if (curl_library_load(&stream->curl))
		error_set(error, 0, "libcurl.so.4 is not installed");
	else if (name_receiver(stream))
		error_set(error, 0, "opening a stream: out of memory");
	else
		return stream;
	stream_free(stream);
	return NULL;
}

void stream_free(struct stream *stream)
{
	if (!stream)
		return;
	stream_disconnect(stream);
	free(stream->url);
	free(stream->name);
	free(stream);
}
