/* OpenTelemetry's logs by HTTP, in JSON (opentelemetry-proto, docs/specification.md): to its collector and
 * whoever else takes OTLP. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sinks/http.h"
#include "agent/sinks/otlp_answer.h"
#include "agent/sinks/otlp_encode.h"
#include "agent/sinks/sinks.h"
#include "proctor/cleanup.h"

static const struct receiver_scheme schemes[] = {
	{"otlp+https", TRANSPORT_TLS, 4318},
	{"otlp+http", TRANSPORT_TCP, 4318},
	{0},
};

struct otlp_sink {
	struct http *http;
	char *host; /* for messages */
};

/* ---- the URL ------------------------------------------------------------------------------------ */

/* Where a receiver takes logs, unless the URL says otherwise. */
static int complete_path(struct receiver *receiver, struct error **error)
{
	char *path = NULL;

	if (receiver->path[1] && receiver->path[1] != '?')
		return 0;
	if (asprintf(&path, "/v1/logs%s", receiver->path + 1) < 0)
		return error_set(error, 0, "out of memory");
	free(receiver->path);
	receiver->path = path;
	return 0;
}

static int parse(struct receiver *receiver, const struct sink_options *options, struct error **error)
{
	return receiver_parse(receiver, schemes, options, error) || complete_path(receiver, error) ? -1 : 0;
}

static int check(const struct sink_options *options, struct error **error)
{
	_cleanup_receiver_ struct receiver receiver = {0};

	return parse(&receiver, options, error) || http_check(options, &receiver, error) ? -1 : 0;
}

/* ---- what goes and what comes ------------------------------------------------------------------- */

static int encode(void *sink, const struct queued *records, size_t count, struct buffer *body,
		  struct error **error)
{
	(void)sink;
	return otlp_encode(records, count, body, error);
}

static int judge(void *state, const char *body, size_t length, size_t count, struct delivered *delivered,
		 struct error **error)
{
	const struct otlp_sink *sink = state;

	return otlp_judge(body, length, count, delivered, error) ? error_context(error, "%s", sink->host) : 0;
}

static const struct http_form form = {.content_type = "application/json", .encode = encode, .judge = judge};

/* ---- the sink ----------------------------------------------------------------------------------- */

static void close_sink(void *state)
{
	struct otlp_sink *sink = state;

	if (sink->http)
		http_close(sink->http);
	free(sink->host);
	free(sink);
}

static int begin(struct otlp_sink *sink, const struct sink_options *options, struct error **error)
{
	_cleanup_receiver_ struct receiver receiver = {0};

	if (parse(&receiver, options, error))
		return -1;
	sink->host = strdup(receiver.host);
	if (!sink->host)
		return error_set(error, 0, "out of memory");
	sink->http = http_open(options, &receiver, error);
	return sink->http ? 0 : -1;
}

static void *open_sink(const struct sink_options *options, struct error **error)
{
	struct otlp_sink *sink = calloc(1, sizeof(*sink));

	if (!sink) {
		error_set(error, 0, "opening a sink of OpenTelemetry: out of memory");
		return NULL;
	}
	if (!begin(sink, options, error))
		return sink;
	close_sink(sink);
	return NULL;
}

static int deliver(void *state, const struct queued *records, size_t count, int stop,
		   struct delivered *delivered, struct error **error)
{
	struct otlp_sink *sink = state;

	return http_deliver(sink->http, &form, sink, records, count, stop, delivered, error);
}

const struct sink_kind sink_otlp = {
	.schemes = (const char *const[]){"otlp+https", "otlp+http", NULL},
	.form = "otlp+https://HOST[:4318][/v1/logs]",
	.help = "An OpenTelemetry collector, or whoever else takes OTLP's logs in JSON by HTTP. otlp+http:// "
		"only to this machine, or with `insecure`",
	.keys = (const char *const[]){HTTP_KEYS, NULL},
	.check = check,
	.open = open_sink,
	.deliver = deliver,
	.close = close_sink,
};
