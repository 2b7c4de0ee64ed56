/* One record a line on standard output, what awslogs and FireLens take.
 *
 * The description is shared with whoever gave it to us, so O_NONBLOCK is not set on it. A write waits for
 * poll(2), asks not to block where the kernel can be asked, and is else of so few bytes that a pipe which is
 * ready takes them at once (PIPE_BUF, pipe(7)). */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "agent/sinks/sinks.h"

struct stdout_sink {
	int64_t sequence; /* of the record whose line is begun and not ended */
	size_t written;   /* bytes of it; 0: the last line is whole */
};

static int check(const char *url, struct error **error)
{
	return strcmp(url, "stdout") ? error_set(error, 0, "stdout takes nothing behind it") : 0;
}

static void *open_sink(const char *url, struct error **error)
{
	struct stdout_sink *sink = check(url, error) ? NULL : calloc(1, sizeof(*sink));

	if (!sink)
		error_set(error, 0, "opening the sink stdout: out of memory");
	return sink;
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

/* As write(2), without waiting. */
static ssize_t write_some(const char *data, size_t length)
{
	ssize_t written = send(STDOUT_FILENO, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	struct iovec part = {.iov_base = (char *)data, .iov_len = length};

	if (written >= 0 || errno != ENOTSOCK)
		return written;
	written = pwritev2(STDOUT_FILENO, &part, 1, -1, RWF_NOWAIT);
	if (written >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL))
		return written;
	return write(STDOUT_FILENO, data, length < PIPE_BUF ? length : PIPE_BUF);
}

/* Writes `text` from *written on, which counts what is out also after an error. */
static int write_all(const char *text, size_t length, size_t *written, int stop, struct error **error)
{
	while (*written < length) {
		ssize_t more;
		if (wait_writable(*written > 0, stop, error))
			return -1;
		more = write_some(text + *written, length - *written);
		if (more > 0)
			*written += (size_t)more;
		else if (more < 0 && errno == EPIPE)
			return error_set(error, EPIPE, "standard output: its reader is gone");
		else if (more < 0 && errno != EAGAIN && errno != EINTR)
			return error_set(error, errno, "writing to standard output");
	}
	return 0;
}

/* Ends the line of a record that is not asked for any more. */
static int end_line(struct stdout_sink *sink, int stop, struct error **error)
{
	size_t written = 0;

	if (write_all("\n", 1, &written, stop, error))
		return -1;
	sink->written = 0;
	return 0;
}

static int write_record(struct stdout_sink *sink, const struct queued *record, int stop, struct error **error)
{
	if (sink->written && sink->sequence != record->sequence && end_line(sink, stop, error))
		return -1;
	sink->sequence = record->sequence;
	if (write_all(record->text, record->length, &sink->written, stop, error))
		return -1;
	return end_line(sink, stop, error);
}

static int deliver(void *state, const struct queued *records, size_t count, int stop, size_t *out,
		   struct error **error)
{
	for (*out = 0; *out < count; (*out)++)
		if (write_record(state, &records[*out], stop, error))
			return -1;
	return 0;
}

const struct sink_kind sink_stdout = {
	.scheme = "stdout",
	.form = "stdout",
	.help = "Standard output, one record a line: what awslogs and FireLens take",
	.check = check,
	.open = open_sink,
	.deliver = deliver,
	.close = free,
};
