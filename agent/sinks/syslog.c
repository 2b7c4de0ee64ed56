/* Messages of syslog, which nobody acknowledges.
 *
 * A record is out when the receiver's kernel has all of it. The last ones are kept besides, and sent again
 * when the connection breaks, for what the receiver had not read by then is lost with it. A connection begins
 * with a record alone, after which the receiver has a moment to close, as who refuses our certificate or
 * takes one record a connection does; then twice as many follow each time. Each break makes more of them go
 * alone and the moment longer, so that whoever reads all before it closes gets on. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sinks/sinks.h"
#include "agent/sinks/syslog_connection.h"
#include "agent/sinks/syslog_message.h"
#include "agent/sinks/syslog_window.h"
#include "proctor/cleanup.h"
#include "proctor/clock.h"

enum {
	SETTLE_FIRST_MS = 100,
	SETTLE_LAST_MS = 400,
	ALONE_MOST = 16,
	BURST_MOST = 4096,
	WELL_MS = 60000, /* a connection that stands for so long is well */
};

struct syslog_sink {
	struct sink_options options;
	struct receiver receiver;
	struct syslog_origin origin;
	struct syslog_connection *connection;
	struct syslog_window window;
	char *message;      /* `origin.longest` bytes */
	size_t burst;       /* records to send before a look at what became of them */
	size_t last;        /* how many the last burst had */
	uint64_t since;     /* clock_ms() of the connection */
	size_t taken;       /* by it */
	size_t alone;       /* of them, as many as are sent one by one; doubled when it breaks */
	unsigned settle_ms; /* how long the receiver has to close after each of those; doubled as well */
	char refusal[sizeof(((struct delivered *)NULL)->reason)]; /* of the record that was put last */
};

static const struct receiver_scheme schemes[] = {
	{"syslog+tls", TRANSPORT_TLS, 6514},
	{"syslog+tcp", TRANSPORT_TCP, 514}, /* as rsyslog's omfwd; RFC 3195's 601 is for another protocol */
	{"syslog+unix", TRANSPORT_UNIX, 0},
	{0},
};

/* ---- the URL ------------------------------------------------------------------------------------ */

static int parse(struct receiver *receiver, const struct sink_options *options, struct error **error)
{
	if (receiver_parse(receiver, schemes, options, error))
		return -1;
	if (receiver->user)
		return error_set(error, 0, "syslog has no user and password");
	if (receiver->transport != TRANSPORT_UNIX && strcmp(receiver->path, "/") != 0)
		return error_set(error, 0, "a URL of syslog has nothing behind its port");
	return 0;
}

static int check(const struct sink_options *options, struct error **error)
{
	_cleanup_receiver_ struct receiver receiver = {0};

	return parse(&receiver, options, error);
}

static void close_sink(void *state)
{
	struct syslog_sink *sink = state;

	if (sink->connection)
		syslog_connection_free(sink->connection);
	syslog_window_free(&sink->window);
	receiver_free(&sink->receiver);
	free(sink->message);
	free(sink);
}

static int open_parts(struct syslog_sink *sink, struct error **error)
{
	if (parse(&sink->receiver, &sink->options, error))
		return -1;
	sink->message = malloc(sink->origin.longest);
	if (!sink->message || syslog_window_open(&sink->window, sink->options.window))
		return error_set(error, 0, "opening a sink of syslog: out of memory");
	sink->connection = syslog_connection_new(&sink->options, &sink->receiver, error);
	return sink->connection ? 0 : -1;
}

static void be_bold(struct syslog_sink *sink)
{
	sink->alone = 1;
	sink->settle_ms = SETTLE_FIRST_MS;
}

static void *open_sink(const struct sink_options *options, struct error **error)
{
	struct syslog_sink *sink = calloc(1, sizeof(*sink));

	if (!sink) {
		error_set(error, 0, "opening a sink of syslog: out of memory");
		return NULL;
	}
	sink->options = *options;
	sink->origin = (struct syslog_origin){
		.facility = options->facility, .process = getpid(), .longest = options->max_message};
	be_bold(sink);
	if (!open_parts(sink, error))
		return sink;
	close_sink(sink);
	return NULL;
}

/* ---- the connection ----------------------------------------------------------------------------- */

/* It was reset, took too long, or stands in the midst of something. */
static int broken(struct syslog_sink *sink)
{
	syslog_connection_close(sink->connection);
	syslog_window_ended(&sink->window, 0);
	sink->alone *= sink->alone < ALONE_MOST ? 2 : 1;
	sink->settle_ms *= sink->settle_ms < SETTLE_LAST_MS ? 2 : 1;
	return -1;
}

/* The receiver has ended the connection in order. Who closes with bytes that are not read resets it (RFC
 * 2525, 2.17): it has read all, and, but for the last burst, seen to it, for it asked for more. A record that
 * was alone came in one piece. */
static void ended(struct syslog_sink *sink)
{
	size_t sent = sink->window.sent, last = sink->last < sent ? sink->last : sent;

	syslog_window_ended(&sink->window, sent == 1 ? 1 : sent - last);
}

/* Notices that the receiver has closed, before something is sent in vain. */
static int look(struct syslog_sink *sink, struct error **error)
{
	int state = syslog_connection_look(sink->connection, error);

	if (state < 0)
		return broken(sink);
	if (state)
		ended(sink);
	else if (clock_ms() - sink->since > WELL_MS)
		be_bold(sink);
	return 0;
}

/* Begins an exchange over a connection that stands. */
static int want_connection(struct syslog_sink *sink, int stop, struct error **error)
{
	if (syslog_connection_is_open(sink->connection) && look(sink, error))
		return -1;
	if (!syslog_connection_is_open(sink->connection)) {
		sink->burst = 1;
		sink->taken = 0;
		sink->since = clock_ms();
	}
	return syslog_connection_begin(sink->connection, stop, error);
}

/* ---- records ------------------------------------------------------------------------------------ */

/* 1: it can never be sent; sink->refusal says why. */
static int put_record(struct syslog_sink *sink, const struct queued *record, int stop, struct error **error)
{
	_cleanup_syslog_message_ struct syslog_message message = {0};
	_cleanup_error_ struct error *why = NULL;
	int result = syslog_message_make(&message, &sink->origin, record, &why);

	for (size_t part = 0; !result && part < message.parts; part++) {
		size_t length = syslog_message_part(&message, part, sink->message);
		result = syslog_connection_put(sink->connection, sink->message, length, stop, &why);
	}
	if (result > 0)
		snprintf(sink->refusal, sizeof(sink->refusal), "%s", error_message(why));
	return result < 0 ? error_set(error, 0, "%s", error_message(why)) : result;
}

/* Sends the records that were put and waits until they are taken. 1: then the receiver closed in order. */
static int flush(struct syslog_sink *sink, size_t count, int stop, struct error **error)
{
	unsigned settle_ms = sink->burst == 1 ? sink->settle_ms : 0;
	int state;

	if (syslog_connection_flush(sink->connection, settle_ms, stop, error))
		return broken(sink);
	state = syslog_connection_look(sink->connection, error);
	if (state < 0)
		return broken(sink);
	sink->last = count;
	sink->taken += count;
	if (sink->taken >= sink->alone && sink->burst < BURST_MOST)
		sink->burst *= 2;
	return state;
}

/* What an earlier connection had. One that is too long for this socket was not for that one. */
static int send_again(struct syslog_sink *sink, int stop, struct error **error)
{
	size_t pending = syslog_window_pending(&sink->window);
	size_t count = pending < sink->burst ? pending : sink->burst;
	int state;

	for (size_t i = 0; i < count; i++) {
		struct queued record = syslog_window_record(&sink->window, i);
		if (put_record(sink, &record, stop, error) < 0)
			return broken(sink);
	}
	state = flush(sink, count, stop, error);
	if (state < 0)
		return -1;
	syslog_window_sent(&sink->window, count);
	if (state)
		ended(sink);
	return 0;
}

static int keep(struct syslog_sink *sink, const struct queued *records, size_t count,
		struct delivered *delivered, struct error **error)
{
	for (size_t i = 0; i < count; i++, delivered->out++)
		if (syslog_window_keep(&sink->window, &records[i]))
			return error_set(error, 0, "keeping what was sent: out of memory");
	return 0;
}

/* 1: the next record is refused. */
static int send_new(struct syslog_sink *sink, const struct queued *records, size_t count, int stop,
		    struct delivered *delivered, struct error **error)
{
	size_t put = 0;
	int result = 0, state;

	while (!result && put < count && put < sink->burst) {
		result = put_record(sink, &records[put], stop, error);
		put += !result;
	}
	if (result < 0)
		return broken(sink);
	if (!put)
		return 1;
	state = flush(sink, put, stop, error);
	if (state < 0)
		return -1;
	result = keep(sink, records, put, delivered, error);
	if (state)
		ended(sink);
	return result;
}

static int send_next(struct syslog_sink *sink, const struct queued *records, size_t count, int stop,
		     struct delivered *delivered, struct error **error)
{
	if (want_connection(sink, stop, error))
		return -1;
	if (syslog_window_pending(&sink->window))
		return send_again(sink, stop, error);
	return send_new(sink, records, count, stop, delivered, error);
}

static int deliver(void *state, const struct queued *records, size_t count, int stop,
		   struct delivered *delivered, struct error **error)
{
	struct syslog_sink *sink = state;
	int result = 0;

	while (!result && delivered->out < count)
		result = send_next(sink, records + delivered->out, count - delivered->out, stop, delivered,
				   error);
	if (result < 1)
		return result;
	delivered->refused = 1;
	memcpy(delivered->reason, sink->refusal, sizeof(delivered->reason));
	return 0;
}

/* Looks whether the receiver has gone with what it had not read. */
static int tend(void *state, int stop, struct error **error)
{
	struct syslog_sink *sink = state;
	struct delivered none = {0};

	if (syslog_connection_is_open(sink->connection) && look(sink, error))
		return -1;
	while (syslog_window_pending(&sink->window))
		if (send_next(sink, NULL, 0, stop, &none, error))
			return -1;
	return 0;
}

const struct sink_kind sink_syslog = {
	.schemes = (const char *const[]){"syslog+tls", "syslog+tcp", "syslog+unix", NULL},
	.form = "syslog+tls://HOST[:PORT]|syslog+tcp://HOST[:PORT]|syslog+unix:///SOCKET",
	.help = "Messages of syslog (RFC 5424), by TLS (port 6514), in clear (514), or to a socket such as "
		"/dev/log",
	.keys = (const char *const[]){"timeout", "ca_file", "certificate_file", "key_file", "insecure",
				      "facility", "window", "max_message", NULL},
	.check = check,
	.open = open_sink,
	.deliver = deliver,
	.tend = tend,
	.close = close_sink,
};
