#include "agent/sinks/syslog_connection.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/sinks/stream.h"
#include "proctor/cleanup.h"
#include "proctor/clock.h"

enum {
	GATHER = 64 * 1024,  /* bytes that are sent at once */
	LENGTH_SIZE = 24,    /* of a message's length and the blank behind it */
	LOOK_LONGEST_MS = 8, /* between two looks at what has left the kernel; doubled from 1 */
};

struct syslog_connection {
	const struct sink_options *options;
	const struct receiver *receiver;
	struct stream *stream;
	int datagrams; /* the socket of datagrams; -1: there is none */
	uint64_t deadline;
	size_t gathered;
	char gather[GATHER];
};

const char *syslog_connection_name(const struct syslog_connection *connection)
{
	return stream_name(connection->stream);
}

bool syslog_connection_is_open(const struct syslog_connection *connection)
{
	return connection->datagrams >= 0 || stream_is_connected(connection->stream);
}

void syslog_connection_close(struct syslog_connection *connection)
{
	stream_disconnect(connection->stream);
	cleanup_close(&connection->datagrams);
	connection->datagrams = -1;
	connection->gathered = 0;
}

static int fail(struct syslog_connection *connection, const char *doing, int number, const char *why,
		struct error **error)
{
	error_set(error, number, "%s %s%s%s", doing, syslog_connection_name(connection), why ? ": " : "",
		  why ? why : "");
	syslog_connection_close(connection);
	return -1;
}

static int left_ms(const struct syslog_connection *connection)
{
	uint64_t now = clock_ms();

	return now < connection->deadline ? (int)(connection->deadline - now) : 0;
}

static int socket_of(const struct syslog_connection *connection)
{
	return connection->datagrams >= 0 ? connection->datagrams : stream_socket(connection->stream);
}

/* Waits so long at most, or until an event of the socket, which is returned; an error is one always. -1 and
 * *error: told to stop. */
static int wait_for(struct syslog_connection *connection, short events, int wait_ms, int stop,
		    struct error **error)
{
	struct pollfd polled[] = {{.fd = stop, .events = POLLIN},
				  {.fd = socket_of(connection), .events = events}};
	int ready;

	do
		ready = poll(polled, 2, wait_ms);
	while (ready < 0 && errno == EINTR);
	if (ready > 0 && polled[0].revents)
		return fail(connection, "sending to", 0, "stopped", error);
	return ready > 0 ? polled[1].revents : 0;
}

/* ---- connecting --------------------------------------------------------------------------------- */

/* 0; 1: it is a socket of another kind. */
static int connect_datagrams(struct syslog_connection *connection, struct error **error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *path = connection->receiver->path;

	if (strlen(path) >= sizeof(address.sun_path))
		return fail(connection, "connecting to", ENAMETOOLONG, NULL, error);
	memcpy(address.sun_path, path, strlen(path) + 1);
	connection->datagrams = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (connection->datagrams < 0)
		return fail(connection, "connecting to", errno, NULL, error);
	if (!connect(connection->datagrams, (struct sockaddr *)&address, sizeof(address)))
		return 0;
	if (errno != EPROTOTYPE)
		return fail(connection, "connecting to", errno, NULL, error);
	syslog_connection_close(connection);
	return 1;
}

int syslog_connection_begin(struct syslog_connection *connection, int stop, struct error **error)
{
	int other = 1;

	connection->deadline = clock_ms() + connection->options->timeout * UINT64_C(1000);
	if (connection->datagrams >= 0)
		return 0;
	if (connection->receiver->transport == TRANSPORT_UNIX && !stream_is_connected(connection->stream))
		other = connect_datagrams(connection, error);
	return other == 1 ? stream_begin(connection->stream, stop, error) : other;
}

/* ---- sending ------------------------------------------------------------------------------------ */

static int send_gathered(struct syslog_connection *connection, int stop, struct error **error)
{
	size_t length = connection->gathered;

	connection->gathered = 0;
	return stream_send(connection->stream, connection->gather, length, stop, error);
}

static int gather(struct syslog_connection *connection, const char *data, size_t length, int stop,
		  struct error **error)
{
	while (length) {
		size_t room = sizeof(connection->gather) - connection->gathered;
		size_t step = length < room ? length : room;
		memcpy(connection->gather + connection->gathered, data, step);
		connection->gathered += step;
		data += step;
		length -= step;
		if (length && send_gathered(connection, stop, error))
			return -1;
	}
	return 0;
}

static int send_datagram(struct syslog_connection *connection, const char *message, size_t length, int stop,
			 struct error **error)
{
	while (send(connection->datagrams, message, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		int left = left_ms(connection), events = 0;
		if (errno == EMSGSIZE) {
			error_set(error, 0, "%zu bytes are too long for a datagram to %s", length,
				  syslog_connection_name(connection));
			return 1;
		}
		if (errno != EAGAIN && errno != EINTR)
			return fail(connection, "sending to", errno, NULL, error);
		if (errno == EAGAIN)
			events = wait_for(connection, POLLOUT, left, stop, error);
		if (events < 0)
			return -1;
		if (!left)
			return fail(connection, "sending to", 0, "it took too long", error);
	}
	return 0;
}

int syslog_connection_put(struct syslog_connection *connection, const char *message, size_t length, int stop,
			  struct error **error)
{
	bool counted = connection->receiver->transport != TRANSPORT_UNIX;
	char prefix[LENGTH_SIZE];

	if (connection->datagrams >= 0)
		return send_datagram(connection, message, length, stop, error);
	snprintf(prefix, sizeof(prefix), "%zu ", length);
	if ((counted && gather(connection, prefix, strlen(prefix), stop, error)) ||
	    gather(connection, message, length, stop, error))
		return -1;
	return counted ? 0 : gather(connection, "\n", 1, stop, error);
}

/* ---- what became of it -------------------------------------------------------------------------- */

static int fail_by_socket(struct syslog_connection *connection, struct error **error)
{
	socklen_t size = sizeof(int);
	int number = 0;

	getsockopt(socket_of(connection), SOL_SOCKET, SO_ERROR, &number, &size);
	return fail(connection, "sending to", number ? number : ECONNRESET, NULL, error);
}

static int wait_taken(struct syslog_connection *connection, int stop, struct error **error)
{
	for (int pause = 1;; pause = pause < LOOK_LONGEST_MS ? pause * 2 : pause) {
		int left = left_ms(connection), bytes, events;
		if (ioctl(socket_of(connection), SIOCOUTQ, &bytes))
			return fail(connection, "asking the kernel of what went to", errno, NULL, error);
		if (!bytes)
			return 0;
		if (!left)
			return fail(connection, "waiting for", 0, "it did not take all in time", error);
		events = wait_for(connection, 0, pause, stop, error);
		if (events < 0)
			return -1;
		if (events & POLLERR)
			return fail_by_socket(connection, error);
	}
}

int syslog_connection_flush(struct syslog_connection *connection, unsigned settle_ms, int stop,
			    struct error **error)
{
	if ((connection->gathered && send_gathered(connection, stop, error)) ||
	    wait_taken(connection, stop, error))
		return -1;
	return settle_ms && wait_for(connection, POLLRDHUP, (int)settle_ms, stop, error) < 0 ? -1 : 0;
}

/* A reset shuts both ways of TCP, the receiver's end only one (tcp_poll() of Linux); of a Unix socket the end
 * shuts both, and bytes that were not read are an error. */
int syslog_connection_look(struct syslog_connection *connection, struct error **error)
{
	struct pollfd polled = {.fd = socket_of(connection), .events = POLLRDHUP};
	bool local = connection->receiver->transport == TRANSPORT_UNIX;

	if (poll(&polled, 1, 0) <= 0)
		return 0;
	if (polled.revents & POLLERR || (polled.revents & POLLHUP && !local))
		return fail_by_socket(connection, error);
	return stream_end(connection->stream, error) ? -1 : 1;
}

/* ---- one of them -------------------------------------------------------------------------------- */

struct syslog_connection *syslog_connection_new(const struct sink_options *options,
						const struct receiver *receiver, struct error **error)
{
	struct syslog_connection *connection = malloc(sizeof(*connection));

	if (!connection) {
		error_set(error, 0, "opening a connection: out of memory");
		return NULL;
	}
	*connection = (struct syslog_connection){.options = options, .receiver = receiver, .datagrams = -1};
	connection->stream = stream_new(options, receiver, error);
	if (connection->stream)
		return connection;
	free(connection);
	return NULL;
}

void syslog_connection_free(struct syslog_connection *connection)
{
	syslog_connection_close(connection);
	stream_free(connection->stream);
	free(connection);
}
