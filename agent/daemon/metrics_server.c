/* One thread runs libmicrohttpd, which is given a few connections and little memory for each. It knows of
 * connections that are silent only; here each has so many seconds from its begin, whatever it does. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/address.h"
#include "agent/daemon/http_library.h"
#include "agent/daemon/metrics.h"
#include "proctor/cleanup.h"

enum { CONNECTIONS = 8, SECONDS = 5, MEMORY = 16 * 1024, BACKLOG = 16 };

struct connection {
	int fd; /* -1: none */
	time_t begun;
};

struct metrics_server {
	struct http_library http;
	struct MHD_Daemon *daemon;
	int socket, stop; /* stop: an eventfd */
	pthread_t thread;
	struct connection connections[CONNECTIONS];
	bool ended; /* a connection did, in this run */
	char *(*text)(void *context);
	void *context;
};

static time_t seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* ---- answers ------------------------------------------------------------------------------------ */

/* Frees `text` with the response unless it is a constant. */
static enum MHD_Result answer(const struct metrics_server *server, struct MHD_Connection *connection,
			      unsigned status, char *text, enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *response = server->http.create_response_from_buffer(strlen(text), text, mode);
	enum MHD_Result result;

	if (!response) {
		if (mode == MHD_RESPMEM_MUST_FREE)
			free(text);
		return MHD_NO;
	}
	server->http.add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
					 "text/plain; version=0.0.4; charset=utf-8");
	server->http.add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		server->http.add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = server->http.queue_response(connection, status, response);
	server->http.destroy_response(response);
	return result;
}

static enum MHD_Result handle(void *state, struct MHD_Connection *connection, const char *path,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_size, void **request)
{
	static char not_found[] = "metrics are at /metrics\n", not_allowed[] = "GET only\n",
		    not_there[] = "no metrics at the moment\n";
	const struct metrics_server *server = state;
	char *text;

	(void)version, (void)upload, (void)upload_size, (void)request;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return answer(server, connection, MHD_HTTP_METHOD_NOT_ALLOWED, not_allowed,
			      MHD_RESPMEM_PERSISTENT);
	if (strcmp(path, "/metrics") != 0)
		return answer(server, connection, MHD_HTTP_NOT_FOUND, not_found, MHD_RESPMEM_PERSISTENT);
	text = server->text(server->context);
	return text ? answer(server, connection, MHD_HTTP_OK, text, MHD_RESPMEM_MUST_FREE)
		    : answer(server, connection, MHD_HTTP_SERVICE_UNAVAILABLE, not_there,
			     MHD_RESPMEM_PERSISTENT);
}

/* ---- connections -------------------------------------------------------------------------------- */

static void note_connection(void *state, struct MHD_Connection *connection, void **slot,
			    enum MHD_ConnectionNotificationCode code)
{
	struct metrics_server *server = state;
	const union MHD_ConnectionInfo *info;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*slot)
			((struct connection *)*slot)->fd = -1;
		server->ended = true;
		return;
	}
	info = server->http.get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	for (size_t i = 0; info && i < CONNECTIONS && !*slot; i++)
		if (server->connections[i].fd < 0) {
			server->connections[i] =
				(struct connection){.fd = info->connect_fd, .begun = seconds_now()};
			*slot = &server->connections[i];
		}
}

/* libmicrohttpd closes what has come to its end. */
static void end_old_connections(const struct metrics_server *server)
{
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (server->connections[i].fd >= 0 && seconds_now() - server->connections[i].begun >= SECONDS)
			shutdown(server->connections[i].fd, SHUT_RDWR);
}

static bool has_connections(const struct metrics_server *server)
{
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (server->connections[i].fd >= 0)
			return true;
	return false;
}

/* Milliseconds until something is to be done though nothing comes; -1: never. */
static int wait_time(const struct metrics_server *server)
{
	MHD_UNSIGNED_LONG_LONG timeout;

	if (!has_connections(server))
		return -1;
	if (server->http.get_timeout(server->daemon, &timeout) != MHD_YES || timeout > 1000)
		return 1000;
	return (int)timeout;
}

/* At its limit of connections libmicrohttpd does not listen; in the run after one has ended it does again. */
static void run(struct metrics_server *server)
{
	do {
		server->ended = false;
		server->http.run(server->daemon);
	} while (server->ended);
}

static void *serve(void *state)
{
	struct metrics_server *server = state;
	const union MHD_DaemonInfo *info =
		server->http.get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	struct pollfd polled[] = {{.fd = info->epoll_fd, .events = POLLIN},
				  {.fd = server->stop, .events = POLLIN}};

	while (!polled[1].revents) {
		if (poll(polled, 2, wait_time(server)) < 0 && errno != EINTR)
			return NULL;
		end_old_connections(server);
		run(server);
	}
	return NULL;
}

/* ---- start and stop ----------------------------------------------------------------------------- */

static int open_socket(struct metrics_server *server, const char *text, struct error **error)
{
	union address address;
	socklen_t length;
	int on = 1;

	if (address_parse(text, &address, error))
		return -1;
	length = address.any.sa_family == AF_INET ? sizeof(address.v4) : sizeof(address.v6);
	server->socket = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (server->socket < 0 || setsockopt(server->socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(server->socket, &address.any, length) || listen(server->socket, BACKLOG))
		return error_set(error, errno, "listening at %s", text);
	return 0;
}

static int start_daemon(struct metrics_server *server, struct error **error)
{
	server->daemon = server->http.start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, handle, server, MHD_OPTION_LISTEN_SOCKET, server->socket,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY,
		MHD_OPTION_NOTIFY_CONNECTION, note_connection, server, MHD_OPTION_END);
	if (!server->daemon)
		return error_set(error, 0, "libmicrohttpd does not start");
	server->socket = -1; /* it is the daemon's now */
	server->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->stop < 0)
		return error_set(error, errno, "making an eventfd");
	return 0;
}

static void server_free(struct metrics_server *server)
{
	if (server->daemon)
		server->http.stop_daemon(server->daemon);
	cleanup_close(&server->socket);
	cleanup_close(&server->stop);
	free(server);
}

static int start(struct metrics_server *server, const char *address, struct error **error)
{
	int number;

	if (http_library_load(&server->http)) {
		error_set(error, 0, "libmicrohttpd is not installed");
		return error_remedy(error, "install libmicrohttpd12 (Debian, Ubuntu) or libmicrohttpd "
					   "(Fedora, Amazon Linux)");
	}
	if (open_socket(server, address, error) || start_daemon(server, error))
		return -1;
	number = pthread_create(&server->thread, NULL, serve, server);
	return number ? error_set(error, number, "starting a thread") : 0;
}

struct metrics_server *metrics_start(const char *address, char *(*text)(void *context), void *context,
				     struct error **error)
{
	struct metrics_server *server = calloc(1, sizeof(*server));

	if (!server) {
		error_set(error, 0, "serving metrics: out of memory");
		return NULL;
	}
	server->text = text;
	server->context = context;
	server->socket = server->stop = -1;
	for (size_t i = 0; i < CONNECTIONS; i++)
		server->connections[i].fd = -1;
	if (!start(server, address, error))
		return server;
	error_context(error, "serving metrics");
	server_free(server);
	return NULL;
}

void metrics_stop(struct metrics_server *server)
{
	if (!server)
		return;
	eventfd_write(server->stop, 1);
	pthread_join(server->thread, NULL);
	server_free(server);
}
