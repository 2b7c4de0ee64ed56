#include "agent/sinks/http_connection.h"

#include <stdlib.h>
#include <string.h>

#include "agent/sinks/tls_files.h"
#include "collectors/curl_library.h"
#include "proctor/cleanup.h"
#include "proctor/clock.h"

enum {
	POLL_MS = 1000,
	SLOW_BYTES = 128,   /* an answer that has begun and comes with less a second … */
	SLOW_SECONDS = 10,  /* … for so long is broken off */
	ANSWER_FIRST = 200, /* the status of an answer, at least */
	WAIT_MOST = 24 * 60 * 60,
};

struct http_connection {
	struct curl_library curl;
	const struct sink_options *options;
	CURLM *multi;
	CURL *easy;
	char name[300]; /* HOST:PORT: for messages */
	char said[CURL_ERROR_SIZE];
	uint64_t opened;
	/* During an exchange. */
	struct http_answer *answer;
	size_t received;
	bool no_memory;
};

void http_answer_free(struct http_answer *answer)
{
	buffer_free(&answer->body);
}

unsigned http_connection_age(const struct http_connection *connection)
{
	return (unsigned)((clock_ms() - connection->opened) / 1000);
}

/* ---- what comes in ------------------------------------------------------------------------------ */

/* Whether there is room for so much more. */
static bool count_bytes(struct http_connection *connection, size_t length)
{
	if (length > HTTP_ANSWER_BYTES - connection->received)
		return false;
	connection->received += length;
	return true;
}

/* From its first line on an answer has to keep coming; before, and after a status of 1xx, which is none yet,
 * the receiver may think. */
static size_t take_header(char *data, size_t size, size_t count, void *context)
{
	struct http_connection *connection = context;
	long status = 0;

	(void)data;
	connection->curl.easy_getinfo(connection->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status >= ANSWER_FIRST) {
		connection->curl.easy_setopt(connection->easy, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES);
		connection->curl.easy_setopt(connection->easy, CURLOPT_LOW_SPEED_TIME, (long)SLOW_SECONDS);
	}
	return count_bytes(connection, size * count) ? size * count : 0;
}

/* Less than what was given ends the transfer. */
static size_t take_body(char *data, size_t size, size_t count, void *context)
{
	struct http_connection *connection = context;
	size_t length = size * count;

	connection->answer->cut = !count_bytes(connection, length);
	if (connection->answer->cut)
		return 0;
	connection->no_memory = buffer_append(&connection->answer->body, data, length) != 0;
	return connection->no_memory ? 0 : length;
}

/* ---- opening ------------------------------------------------------------------------------------ */

#define SET(option, value) connection->curl.easy_setopt(connection->easy, option, value)

/* An address of IPv6 has brackets in a URL. */
static int set_url(struct http_connection *connection, const struct receiver *receiver)
{
	bool six = strchr(receiver->host, ':') != NULL;
	_cleanup_free_ char *url = NULL;

	snprintf(connection->name, sizeof(connection->name), "%s%.255s%s:%u", six ? "[" : "", receiver->host,
		 six ? "]" : "", receiver->port);
	if (asprintf(&url, "%s://%s%s%s:%u%s", receiver->transport == TRANSPORT_TLS ? "https" : "http",
		     six ? "[" : "", receiver->host, six ? "]" : "", receiver->port, receiver->path) < 0) {
		url = NULL;
		return -1;
	}
	return SET(CURLOPT_URL, url) || (receiver->user && SET(CURLOPT_USERPWD, receiver->user)) ? -1 : 0;
}

/* Of the environment's proxies none leads to this machine itself; what another says of the way is no answer.
 */
static int set_way(struct http_connection *connection, const struct receiver *receiver)
{
	return (receiver->local && SET(CURLOPT_NOPROXY, "*")) || SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) ||
	       SET(CURLOPT_POST, 1L) || SET(CURLOPT_FOLLOWLOCATION, 0L) || SET(CURLOPT_NOSIGNAL, 1L) ||
	       SET(CURLOPT_TCP_KEEPALIVE, 1L);
}

/* A proxy's certificate is verified as curl does when it is not told otherwise. */
static int set_trust(struct http_connection *connection)
{
	return SET(CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) ||
	       tls_files_use(connection->options, &connection->curl, connection->easy);
}

static int set_bounds(struct http_connection *connection)
{
#if LIBCURL_VERSION_NUM >= 0x075700
	SET(CURLOPT_QUICK_EXIT, 1L); /* a name server that does not answer is not waited for at the end */
#endif
	return SET(CURLOPT_TIMEOUT_MS, connection->options->timeout * 1000L) ||
	       SET(CURLOPT_ERRORBUFFER, connection->said) || SET(CURLOPT_HEADERFUNCTION, take_header) ||
	       SET(CURLOPT_HEADERDATA, connection) || SET(CURLOPT_WRITEFUNCTION, take_body) ||
	       SET(CURLOPT_WRITEDATA, connection);
}

static int set_up(struct http_connection *connection, const struct receiver *receiver, struct error **error)
{
	if (tls_files_check(connection->options, error))
		return -1;
	if (curl_library_load(&connection->curl)) {
		error_set(error, 0, "libcurl.so.4 is not installed, or too old");
		return error_remedy(error, "install it, or use the sinks stdout and file");
	}
	connection->multi = connection->curl.multi_init();
	connection->easy = connection->curl.easy_init();
	if (!connection->multi || !connection->easy || set_url(connection, receiver) ||
	    set_way(connection, receiver) || set_trust(connection) || set_bounds(connection))
		return error_set(error, 0, "connecting to %s: out of memory", receiver->host);
	return 0;
}

struct http_connection *http_connection_open(const struct sink_options *options,
					     const struct receiver *receiver, struct error **error)
{
	struct http_connection *connection = calloc(1, sizeof(*connection));

	if (!connection) {
		error_set(error, 0, "connecting to %s: out of memory", receiver->host);
		return NULL;
	}
	connection->options = options;
	connection->opened = clock_ms();
	if (!set_up(connection, receiver, error))
		return connection;
	http_connection_close(connection);
	return NULL;
}

void http_connection_close(struct http_connection *connection)
{
	if (!connection)
		return;
	if (connection->easy)
		connection->curl.easy_cleanup(connection->easy);
	if (connection->multi)
		connection->curl.multi_cleanup(connection->multi);
	free(connection);
}

/* ---- what went wrong ---------------------------------------------------------------------------- */

static const struct {
	CURLcode code;
	const char *advice;
} advices[] = {
	{CURLE_PEER_FAILED_VERIFICATION, "the certificate has to be valid, for this host, and signed by the "
					 "system's authorities or those of ca_file"},
	{CURLE_SSL_CACERT_BADFILE, "ca_file has to hold certificates in PEM"},
	{CURLE_SSL_CERTPROBLEM,
	 "certificate_file and key_file have to hold a certificate in PEM and its key, "
	 "without a password"},
};

/* Whether it may tell a password: curl repeats a malformed URL of a proxy. */
static bool has_url(const char *said)
{
	return strchr(said, '@') || strstr(said, "://");
}

/* In curl's words, and what can be done. */
static int blame(const struct http_connection *connection, CURLcode code, struct error **error)
{
	const char *said = *connection->said && !has_url(connection->said)
				   ? connection->said
				   : connection->curl.easy_strerror(code);

	if (code == CURLE_OUT_OF_MEMORY || connection->no_memory)
		return error_set(error, 0, "%s: out of memory", connection->name);
	if (code == CURLE_WRITE_ERROR)
		said = "its answer is too long";
	error_set(error, 0, "%s: %s", connection->name, said);
	if (has_url(connection->said))
		error_remedy(error, "check the proxy that the environment gives");
	for (size_t i = 0; i < sizeof(advices) / sizeof(*advices); i++)
		if (advices[i].code == code)
			error_remedy(error, "%s", advices[i].advice);
	return -1;
}

/* ---- one exchange ------------------------------------------------------------------------------- */

/* Until it has ended, by itself or by its time. -1 and *error: it has not, for it is to stop. */
static int run(struct http_connection *connection, int stop, CURLcode *code, struct error **error)
{
	const struct curl_library *curl = &connection->curl;
	struct curl_waitfd stopping = {.fd = stop, .events = CURL_WAIT_POLLIN};
	int running, waiting;

	while (!curl->multi_perform(connection->multi, &running)) {
		const CURLMsg *message = curl->multi_info_read(connection->multi, &waiting);
		if (message) {
			*code = message->data.result;
			return 0;
		}
		if (stopping.revents)
			return error_set(error, 0, "%s: stopped before it answered", connection->name);
		if (curl->multi_poll(connection->multi, &stopping, stop >= 0, POLL_MS, NULL))
			break;
	}
	return error_set(error, 0, "%s: curl failed: out of memory", connection->name);
}

/* An answer that was cut has its status, which counts. */
static int take_answer(struct http_connection *connection, CURLcode code, struct http_answer *answer,
		       struct error **error)
{
	curl_off_t wait = 0;

	if (code != CURLE_OK && !answer->cut)
		return blame(connection, code, error);
	connection->curl.easy_getinfo(connection->easy, CURLINFO_RESPONSE_CODE, &answer->status);
	connection->curl.easy_getinfo(connection->easy, CURLINFO_RETRY_AFTER, &wait);
	answer->wait = wait <= 0 ? 0 : wait < WAIT_MOST ? (unsigned)wait : WAIT_MOST;
	return 0;
}

static int transfer(struct http_connection *connection, int stop, struct http_answer *answer, bool *begun,
		    struct error **error)
{
	curl_off_t sent = 0;
	CURLcode code = CURLE_OK;
	int result;

	if (connection->curl.multi_add_handle(connection->multi, connection->easy))
		return error_set(error, 0, "%s: out of memory", connection->name);
	result = run(connection, stop, &code, error);
	if (!result)
		result = take_answer(connection, code, answer, error);
	connection->curl.easy_getinfo(connection->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
	*begun = sent > 0;
	connection->curl.multi_remove_handle(connection->multi, connection->easy);
	return result;
}

/* Owned by the caller; NULL: no memory. */
static struct curl_slist *list_of(const struct curl_library *curl, const char *const *headers)
{
	struct curl_slist *list = NULL;

	for (; *headers; headers++) {
		struct curl_slist *longer = curl->slist_append(list, *headers);
		if (!longer) {
			curl->slist_free_all(list);
			return NULL;
		}
		list = longer;
	}
	return list;
}

int http_exchange(struct http_connection *connection, const struct http_request *request, int stop,
		  struct http_answer *answer, bool *begun, struct error **error)
{
	struct curl_slist *headers = list_of(&connection->curl, request->headers);
	int result = -1;

	*connection->said = '\0';
	connection->answer = answer;
	connection->received = 0;
	connection->no_memory = *begun = answer->cut = false;
	answer->body.length = 0;
	if (!headers || buffer_append(&answer->body, "", 0) || SET(CURLOPT_HTTPHEADER, headers) ||
	    SET(CURLOPT_POSTFIELDS, request->body->data) ||
	    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body->length) ||
	    SET(CURLOPT_LOW_SPEED_TIME, 0L))
		error_set(error, 0, "%s: out of memory", connection->name);
	else
		result = transfer(connection, stop, answer, begun, error);
	connection->curl.slist_free_all(headers);
	return result;
}
