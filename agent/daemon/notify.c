/* The protocol is stated in sd_notify(3), with its promise that it stays as it is. */
#include "agent/daemon/notify.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proctor/cleanup.h"
#include "proctor/text.h"

static bool read_number(const char *text, uint64_t *number)
{
	const char *end = text + strlen(text);

	return text_read_number(&text, end, 10, number) && text == end;
}

/* WATCHDOG_PID names whom the watchdog is meant for; without it, it is whoever reads this. */
static int read_watchdog(uint64_t *watchdog_us, struct error **error)
{
	const char *time = getenv("WATCHDOG_USEC"), *whom = getenv("WATCHDOG_PID");
	uint64_t pid;

	*watchdog_us = 0;
	if (!time)
		return 0;
	if (whom && !read_number(whom, &pid))
		return error_set(error, 0, "WATCHDOG_PID: '%s' is no process", whom);
	if (whom && pid != (uint64_t)getpid())
		return 0;
	if (!read_number(time, watchdog_us) || !*watchdog_us)
		return error_set(error, 0, "WATCHDOG_USEC: '%s' is no time", time);
	return 0;
}

/* An abstract name is all of its bytes, without a NUL behind them: unix(7). */
static int make_address(const char *name, struct sockaddr_un *address, socklen_t *length,
			struct error **error)
{
	size_t size = strlen(name);

	if (*name != '/' && *name != '@')
		return error_set(error, 0, "NOTIFY_SOCKET: '%s' is neither a path nor @NAME", name);
	if (size < 2 || size >= sizeof(address->sun_path))
		return error_set(error, 0, "NOTIFY_SOCKET: a name of %zu bytes", size);
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(address->sun_path, name, size);
	*length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + (*name == '/'));
	if (*name == '@')
		address->sun_path[0] = '\0';
	return 0;
}

int notify_open(struct notify *notify, struct error **error)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address;
	socklen_t length = 0;

	*notify = (struct notify){.fd = -1};
	if (read_watchdog(&notify->watchdog_us, error))
		return -1;
	if (!name || !*name)
		return 0;
	if (make_address(name, &address, &length, error))
		return -1;
	notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notify->fd >= 0 && !connect(notify->fd, (const struct sockaddr *)&address, length))
		return 0;
	error_set(error, errno, "connecting to NOTIFY_SOCKET %s", name);
	notify_close(notify);
	return -1;
}

void notify_send(const struct notify *notify, const char *assignments)
{
	if (notify->fd >= 0)
		send(notify->fd, assignments, strlen(assignments), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void notify_close(struct notify *notify)
{
	cleanup_close(&notify->fd);
	notify->fd = -1;
}
