#include "collectors/fetch.h"

#include <stdbool.h>
#include <string.h>

#include "collectors/curl_library.h"

/* An address by number, so that no resolver is asked, which would not keep to the time; a Unix socket's host
 * is but a word. */
static bool is_allowed(const struct fetch *fetch)
{
	static const char scheme[] = "http://";
	const char *host = fetch->url + strlen(scheme);

	if (strncmp(fetch->url, scheme, strlen(scheme)) != 0 || strchr(fetch->url, '@'))
		return false;
	return fetch->socket || *host == '[' || host[strspn(host, "0123456789.")] == ':' ||
	       host[strspn(host, "0123456789.")] == '/';
}

/* Takes a part of the body; less than it was given ends the transfer. */
static size_t take(char *data, size_t size, size_t count, void *context)
{
	struct fetch *fetch = context;
	struct buffer *body = &fetch->body;
	size_t length = size * count, capacity = body->length + length + 1;

	if (length > FETCH_BYTES - body->length) {
		fetch->fault = FETCH_TOO_LONG;
		return 0;
	}
	if (capacity > body->capacity) {
		char *grown;
		capacity = capacity > 2 * body->capacity ? capacity : 2 * body->capacity;
		grown = realloc(body->data, capacity);
		if (!grown) {
			fetch->fault = FETCH_NO_MEMORY;
			return 0;
		}
		body->data = grown;
		body->capacity = capacity;
	}
	memcpy(body->data + body->length, data, length);
	body->length += length;
	body->data[body->length] = '\0';
	return length;
}

/* A handle of one GET; NULL: no memory. */
static CURL *handle_new(const struct curl_library *curl, struct fetch *fetch)
{
	CURL *handle = curl->easy_init();

	if (!handle)
		return NULL;
	if (!curl->easy_setopt(handle, CURLOPT_URL, fetch->url) &&
	    !curl->easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, fetch->socket) &&
	    !curl->easy_setopt(handle, CURLOPT_PROXY, "") &&
	    !curl->easy_setopt(handle, CURLOPT_NOPROXY, "*") &&
	    !curl->easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L) &&
	    !curl->easy_setopt(handle, CURLOPT_HTTPGET, 1L) &&
	    !curl->easy_setopt(handle, CURLOPT_NOSIGNAL, 1L) &&
	    !curl->easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)FETCH_MILLISECONDS) &&
	    !curl->easy_setopt(handle, CURLOPT_MAXFILESIZE, (long)FETCH_BYTES) &&
	    !curl->easy_setopt(handle, CURLOPT_WRITEFUNCTION, take) &&
	    !curl->easy_setopt(handle, CURLOPT_WRITEDATA, fetch) &&
	    !curl->easy_setopt(handle, CURLOPT_PRIVATE, fetch))
		return handle;
	curl->easy_cleanup(handle);
	return NULL;
}

/* What came of a GET that has ended. */
static void judge(const struct curl_library *curl, CURL *handle, CURLcode code)
{
	struct fetch *fetch = NULL;
	long status = 0, number = 0;

	if (curl->easy_getinfo(handle, CURLINFO_PRIVATE, &fetch) || !fetch)
		return;
	curl->easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
	curl->easy_getinfo(handle, CURLINFO_OS_ERRNO, &number);
	if (fetch->fault == FETCH_TOO_LONG || fetch->fault == FETCH_NO_MEMORY)
		return;
	fetch->number = (int)number;
	fetch->fault = FETCH_NO_ANSWER;
	if (code == CURLE_OPERATION_TIMEDOUT)
		fetch->fault = FETCH_TOO_SLOW;
	else if (code == CURLE_FILESIZE_EXCEEDED)
		fetch->fault = FETCH_TOO_LONG;
	else if (code == CURLE_OUT_OF_MEMORY)
		fetch->fault = FETCH_NO_MEMORY;
	else if (code == CURLE_OK)
		fetch->fault = status == 200 ? FETCH_NO_FAULT : FETCH_STATUS;
	if (fetch->fault == FETCH_STATUS)
		fetch->number = (int)status;
}

/* Runs the transfers until each has ended by itself or by its time. */
static void run(const struct curl_library *curl, CURLM *multi)
{
	int running = 1, waiting;

	while (running && !curl->multi_perform(multi, &running)) {
		CURLMsg *message;
		while ((message = curl->multi_info_read(multi, &waiting)))
			judge(curl, message->easy_handle, message->data.result);
		if (running && curl->multi_poll(multi, NULL, 0, FETCH_MILLISECONDS, NULL))
			return;
	}
}

static void transfer(const struct curl_library *curl, struct fetch *fetches, size_t count)
{
	CURL **handles = calloc(count, sizeof(CURL *));
	CURLM *multi = handles ? curl->multi_init() : NULL;

	for (size_t i = 0; multi && i < count; i++) {
		if (fetches[i].fault == FETCH_NOT_HTTP)
			continue;
		handles[i] = handle_new(curl, &fetches[i]);
		if (handles[i] && !curl->multi_add_handle(multi, handles[i]))
			fetches[i].fault = FETCH_NO_ANSWER;
	}
	if (multi)
		run(curl, multi);
	for (size_t i = 0; multi && i < count; i++) {
		if (!handles[i])
			continue;
		curl->multi_remove_handle(multi, handles[i]);
		curl->easy_cleanup(handles[i]);
	}
	if (multi)
		curl->multi_cleanup(multi);
	free(handles);
}

void fetch_all(struct fetch *fetches, size_t count)
{
	struct curl_library curl;
	bool loaded = count && !curl_library_load(&curl);

	for (size_t i = 0; i < count; i++)
		fetches[i].fault = !is_allowed(&fetches[i]) ? FETCH_NOT_HTTP
				   : loaded                 ? FETCH_NO_MEMORY
							    : FETCH_NO_LIBRARY;
	if (loaded)
		transfer(&curl, fetches, count);
}
