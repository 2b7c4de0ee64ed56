/* One record a line on standard output, what awslogs and FireLens take. */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sinks/sinks.h"
#include "agent/write_now.h"

struct stdout_sink {
	char *line; /* of the record that is written, or was last */
	size_t length, written;
	int64_t sequence;
};

static int check(const struct sink_options *options, struct error **error)
{
	return strcmp(options->url, "stdout") ? error_set(error, 0, "stdout takes nothing behind it") : 0;
}

static void *open_sink(const struct sink_options *options, struct error **error)
{
	struct stdout_sink *sink = check(options, error) ? NULL : calloc(1, sizeof(*sink));

	if (!sink)
		error_set(error, 0, "opening the sink stdout: out of memory");
	return sink;
}

static void close_sink(void *state)
{
	struct stdout_sink *sink = state;

	free(sink->line);
	free(sink);
}

/* 0: bytes can be written. -1 and *error: `stop` says to give up, which a line that is begun heeds only when
 * nobody takes its rest. */
static int wait_writable(bool begun, int stop, struct error **error)
{
	struct pollfd polled[] = {{.fd = STDOUT_FILENO, .events = POLLOUT}, {.fd = stop, .events = POLLIN}};

	while (poll(polled, 2, -1) < 0)
		if (errno != EINTR)
			return error_set(error, errno, "waiting for standard output");
	if (polled[0].revents && (begun || !polled[1].revents))
		return 0;
	return error_set(error, 0, "standard output: stopped before its reader took all");
}

/* Writes what is left of the line. */
static int write_line(struct stdout_sink *sink, int stop, struct error **error)
{
	while (sink->written < sink->length) {
		ssize_t more;
		if (wait_writable(sink->written > 0, stop, error))
			return -1;
		more = write_now(STDOUT_FILENO, sink->line + sink->written, sink->length - sink->written);
		if (more > 0)
			sink->written += (size_t)more;
		else if (more < 0 && errno == EPIPE)
			return error_set(error, EPIPE, "standard output: its reader is gone");
		else if (more < 0 && errno != EAGAIN && errno != EINTR)
			return error_set(error, errno, "writing to standard output");
	}
	return 0;
}

/* In one piece with its line feed, which a pipe takes as a whole when it is not longer than PIPE_BUF. */
static int begin_line(struct stdout_sink *sink, const struct queued *record, struct error **error)
{
	char *line = realloc(sink->line, record->length + 1);

	if (!line)
		return error_set(error, 0, "writing to standard output: out of memory");
	memcpy(line, record->text, record->length);
	line[record->length] = '\n';
	*sink = (struct stdout_sink){
		.line = line, .length = record->length + 1, .sequence = record->sequence};
	return 0;
}

/* Of a record that is not asked for any more the rest is left out. */
static int leave_line(struct stdout_sink *sink, int stop, struct error **error)
{
	sink->line[sink->written] = '\n';
	sink->length = sink->written + 1;
	return write_line(sink, stop, error);
}

static int write_record(struct stdout_sink *sink, const struct queued *record, int stop, struct error **error)
{
	bool begun = sink->written > 0 && sink->written < sink->length;
	bool same = sink->sequence == record->sequence;

	if (begun && !same && leave_line(sink, stop, error))
		return -1;
	if (!(begun && same) && begin_line(sink, record, error))
		return -1;
	return write_line(sink, stop, error);
}

static int deliver(void *state, const struct queued *records, size_t count, int stop,
		   struct delivered *delivered, struct error **error)
{
	for (; delivered->out < count; delivered->out++)
		if (write_record(state, &records[delivered->out], stop, error))
			return -1;
	return 0;
}

const struct sink_kind sink_stdout = {
	.schemes = (const char *const[]){"stdout", NULL},
	.form = "stdout",
	.help = "Standard output, one record a line: what awslogs and FireLens take",
	.check = check,
	.open = open_sink,
	.deliver = deliver,
	.close = close_sink,
};
