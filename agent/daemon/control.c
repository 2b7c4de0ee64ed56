#include "agent/daemon/control.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "proctor/cleanup.h"
#include "proctor/clock.h"

enum {
	QUESTION_MAX = 128,
	HEAD_MAX = 4096,
	PATIENCE_MS = 10000,  /* with who asks, for all of a connection */
	ASKING_MS = 20000,    /* with who answers: others may have asked before */
	PAUSE_MS = 100,       /* where connections cannot be had: descriptors are exhausted */
	CONNECTIONS_MAX = 4,  /* at once; more wait in the backlog */
	ANSWER_MAX = 1 << 30, /* bytes that a client takes */
};

struct control {
	control_answer answer;
	void *context;
	char *path;
	int listener, stop;
	pthread_t threads[CONNECTIONS_MAX];
	unsigned thread_count;
};

static int address_of(const char *path, struct sockaddr_un *address, struct error **error)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address->sun_path))
		return error_set(error, ENAMETOOLONG, "control socket %s", path);
	memcpy(address->sun_path, path, strlen(path) + 1);
	return 0;
}

/* ---- a connection ------------------------------------------------------------------------------- */

struct connection {
	int fd;
	int stop;     /* becomes readable when it is to be given up; -1: never */
	uint64_t end; /* clock_ms() at which it is given up, however much came until then */
};

static struct connection begin(int fd, int stop, uint64_t patience)
{
	return (struct connection){.fd = fd, .stop = stop, .end = clock_ms() + patience};
}

/* Waits after `result` of a call that would have blocked. False, with errno: it is to be given up. */
static bool may_go_on(const struct connection *connection, ssize_t result, short events)
{
	struct pollfd polled[] = {{.fd = connection->fd, .events = events},
				  {.fd = connection->stop, .events = POLLIN}};
	uint64_t now = clock_ms();

	if (result >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
		return false;
	if (now < connection->end && poll(polled, 2, (int)(connection->end - now)) && !polled[1].revents)
		return true;
	errno = ETIMEDOUT;
	return false;
}

static int send_all(const struct connection *connection, const char *data, size_t length)
{
	while (length) {
		ssize_t sent = send(connection->fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent > 0) {
			data += sent;
			length -= (size_t)sent;
		} else if (!may_go_on(connection, sent, POLLOUT)) {
			return -1;
		}
	}
	return 0;
}

static ssize_t receive(const struct connection *connection, char *data, size_t size)
{
	ssize_t got;

	do {
		got = recv(connection->fd, data, size, MSG_DONTWAIT);
	} while (got <= 0 && may_go_on(connection, got, POLLIN));
	return got;
}

/* Receives until a line feed, which is replaced by NUL, one byte at a time: what follows is not ours to take.
 */
static int receive_line(const struct connection *connection, char *line, size_t size)
{
	for (size_t length = 0; length < size; length++) {
		ssize_t got = receive(connection, &line[length], 1);
		if (!got)
			errno = ECONNRESET;
		if (got <= 0)
			return -1;
		if (line[length] == '\n') {
			line[length] = '\0';
			return 0;
		}
	}
	errno = EMSGSIZE;
	return -1;
}

/* ---- the agent's side --------------------------------------------------------------------------- */

static bool may_ask(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

static void send_answer(const struct control *control, const struct connection *connection,
			const char *question)
{
	_cleanup_error_ struct error *error = NULL;
	size_t length = 0;
	_cleanup_free_ char *answer = control->answer(control->context, question, &length, &error);
	_cleanup_json_ json_t *head =
		answer ? json_pack("{s:I}", "length", (json_int_t)length)
		       : json_pack("{s:s%}", "error", error_message(error), strlen(error_message(error)));
	_cleanup_free_ char *line = head ? json_dumps(head, JSON_COMPACT) : NULL;

	if (line && !send_all(connection, line, strlen(line)) && !send_all(connection, "\n", 1) && answer)
		send_all(connection, answer, length);
}

static void serve(const struct control *control, int fd)
{
	const struct connection connection = begin(fd, control->stop, PATIENCE_MS);
	char question[QUESTION_MAX];

	if (may_ask(fd) && !receive_line(&connection, question, sizeof(question)))
		send_answer(control, &connection, question);
	close(fd);
}

static void *run(void *argument)
{
	const struct control *control = argument;
	struct pollfd polled[] = {{.fd = control->stop, .events = POLLIN},
				  {.fd = control->listener, .events = POLLIN}};

	for (;;) {
		int fd;
		if (poll(polled, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (polled[0].revents)
			return NULL;
		fd = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			serve(control, fd);
		else if (errno != EAGAIN) /* else another thread has it */
			poll(polled, 1, PAUSE_MS);
	}
}

/* Whether somebody answers at the address. */
static bool is_alive(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd >= 0 && (!connect(fd, (const struct sockaddr *)address, sizeof(*address)) ||
			   errno == EAGAIN); /* it has many to answer */
}

static int listen_at(const char *path, struct error **error)
{
	struct sockaddr_un address;
	struct stat facts;
	int fd;

	if (address_of(path, &address, error))
		return -1;
	if (is_alive(&address))
		return error_set(error, EADDRINUSE, "listening at %s: another agent does", path);
	if (!lstat(path, &facts) && S_ISSOCK(facts.st_mode))
		unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && !bind(fd, (const struct sockaddr *)&address, sizeof(address)) &&
	    !chmod(path, S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP) && !listen(fd, 16))
		return fd;
	error_set(error, errno, "listening at %s", path);
	cleanup_close(&fd);
	return -1;
}

struct control *control_start(const char *path, control_answer answer, void *context, struct error **error)
{
	struct control *control = calloc(1, sizeof(*control));

	if (!control) {
		error_set(error, 0, "listening at %s: out of memory", path);
		return NULL;
	}
	control->answer = answer;
	control->context = context;
	control->path = strdup(path);
	control->stop = eventfd(0, EFD_CLOEXEC);
	control->listener = control->path ? listen_at(path, error) : -1;
	while (control->listener >= 0 && control->stop >= 0 && control->thread_count < CONNECTIONS_MAX &&
	       !pthread_create(&control->threads[control->thread_count], NULL, run, control))
		control->thread_count++;
	if (control->thread_count)
		return control;
	if (control->listener >= 0)
		error_set(error, errno, "listening at %s", path);
	control_stop(control);
	return NULL;
}

void control_stop(struct control *control)
{
	const uint64_t one = 1;

	if (control->stop >= 0 && write(control->stop, &one, sizeof(one)) == sizeof(one))
		for (unsigned i = 0; i < control->thread_count; i++)
			pthread_join(control->threads[i], NULL);
	if (control->listener >= 0)
		unlink(control->path);
	cleanup_close(&control->listener);
	cleanup_close(&control->stop);
	free(control->path);
	free(control);
}

/* ---- who asks ----------------------------------------------------------------------------------- */

static char *receive_body(const struct connection *connection, size_t length, struct error **error)
{
	char *body = malloc(length + 1);
	size_t got = 0;

	while (body && got < length) {
		ssize_t part = receive(connection, body + got, length - got);
		if (part <= 0) {
			error_set(error, part ? errno : EPIPE, "the answer is not whole");
			free(body);
			return NULL;
		}
		got += (size_t)part;
	}
	if (!body)
		error_set(error, 0, "out of memory");
	else
		body[length] = '\0';
	return body;
}

static char *receive_answer(const struct connection *connection, size_t *length, struct error **error)
{
	char line[HEAD_MAX];
	_cleanup_json_ json_t *head = NULL;
	const json_t *size;

	if (receive_line(connection, line, sizeof(line))) {
		error_set(error, errno, "no answer");
		error_remedy(error, "run as root or as the agent's user");
		return NULL;
	}
	head = json_loads(line, 0, NULL);
	size = json_object_get(head, "length");
	if (!json_is_integer(size) || json_integer_value(size) < 0 || json_integer_value(size) > ANSWER_MAX) {
		const char *reason = json_string_value(json_object_get(head, "error"));
		error_set(error, 0, "%s", reason ? reason : "the answer is not understood");
		return NULL;
	}
	*length = (size_t)json_integer_value(size);
	return receive_body(connection, *length, error);
}

/* A connection that is not to be had in time fails with EAGAIN: unix(7). */
static int connect_patiently(int fd, const struct sockaddr_un *address)
{
	const struct timeval patience = {.tv_sec = ASKING_MS / 1000};

	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) ||
			       connect(fd, (const struct sockaddr *)address, sizeof(*address))
		       ? -1
		       : 0;
}

char *control_ask(const char *path, const char *question, size_t *length, struct error **error)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct connection connection = begin(fd, -1, ASKING_MS);
	struct sockaddr_un address;
	char *answer;

	if (address_of(path, &address, error))
		return NULL;
	if (fd < 0 || connect_patiently(fd, &address) || send_all(&connection, question, strlen(question)) ||
	    send_all(&connection, "\n", 1)) {
		error_set(error, errno, "asking the agent at %s", path);
		return NULL;
	}
	answer = receive_answer(&connection, length, error);
	if (!answer)
		error_context(error, "asking the agent at %s", path);
	return answer;
}
