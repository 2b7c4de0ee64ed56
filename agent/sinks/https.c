/* Records as they are, one a line or in an array, to whoever takes JSON by HTTP: collectors, log services. A
 * status of 2xx acknowledges a request. */
#include <stdlib.h>

#include "agent/sinks/http.h"
#include "agent/sinks/sinks.h"
#include "proctor/cleanup.h"

static const struct receiver_scheme schemes[] = {
	{"https", TRANSPORT_TLS, 443},
	{"http", TRANSPORT_TCP, 80},
	{0},
};

struct https_sink {
	const struct http_form *form;
	struct http *http;
};

/* ---- bodies ------------------------------------------------------------------------------------- */

static int add(struct buffer *body, const char *text, size_t length, struct error **error)
{
	return buffer_append(body, text, length) ? error_set(error, 0, "out of memory") : 0;
}

static int encode_lines(void *context, const struct queued *records, size_t count, struct buffer *body,
			struct error **error)
{
	(void)context;
	for (size_t i = 0; i < count; i++)
		if (add(body, records[i].text, records[i].length, error) || add(body, "\n", 1, error))
			return -1;
	return 0;
}

static int encode_array(void *context, const struct queued *records, size_t count, struct buffer *body,
			struct error **error)
{
	(void)context;
	for (size_t i = 0; i < count; i++)
		if (add(body, i ? "," : "[", 1, error) ||
		    add(body, records[i].text, records[i].length, error))
			return -1;
	return add(body, "]", 1, error);
}

static const struct http_form forms[] = {
	[SINK_LINES] = {.content_type = "application/x-ndjson", .encode = encode_lines},
	[SINK_ARRAY] = {.content_type = "application/json", .encode = encode_array},
};

/* ---- the sink ----------------------------------------------------------------------------------- */

static int check(const struct sink_options *options, struct error **error)
{
	_cleanup_receiver_ struct receiver receiver = {0};

	return receiver_parse(&receiver, schemes, options, error) || http_check(options, &receiver, error)
		       ? -1
		       : 0;
}

static void *open_sink(const struct sink_options *options, struct error **error)
{
	_cleanup_receiver_ struct receiver receiver = {0};
	struct https_sink *sink = calloc(1, sizeof(*sink));

	if (!sink) {
		error_set(error, 0, "opening a sink of HTTP: out of memory");
		return NULL;
	}
	sink->form = &forms[options->format];
	if (!receiver_parse(&receiver, schemes, options, error))
		sink->http = http_open(options, &receiver, error);
	if (sink->http)
		return sink;
	free(sink);
	return NULL;
}

static int deliver(void *state, const struct queued *records, size_t count, int stop,
		   struct delivered *delivered, struct error **error)
{
	struct https_sink *sink = state;

	return http_deliver(sink->http, sink->form, NULL, records, count, stop, delivered, error);
}

static void close_sink(void *state)
{
	struct https_sink *sink = state;

	http_close(sink->http);
	free(sink);
}

const struct sink_kind sink_https = {
	.schemes = (const char *const[]){"https", "http", NULL},
	.form = "https://HOST[:PORT]/PATH",
	.help = "Whoever takes JSON by HTTP. http:// only to this machine, or with `insecure`",
	.keys = (const char *const[]){HTTP_KEYS, "format", NULL},
	.check = check,
	.open = open_sink,
	.deliver = deliver,
	.close = close_sink,
};
