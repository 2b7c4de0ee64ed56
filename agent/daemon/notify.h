/* What systemd is told by sd_notify(3)'s protocol: a datagram to the socket that NOTIFY_SOCKET names. */
#ifndef AGENT_DAEMON_NOTIFY_H
#define AGENT_DAEMON_NOTIFY_H

#include <stdint.h>

#include "proctor/error.h"

struct notify {
	int fd;               /* -1: nobody wants to know */
	uint64_t watchdog_us; /* within which a WATCHDOG=1 is to come; 0: none asked for (WATCHDOG_USEC,
				 WATCHDOG_PID) */
};

/* Connects to the socket that the environment names (a path, or `@` for an abstract one), before privilege is
 * given up. Without one: fd -1. -1 and *error when it names one that cannot be had. */
int notify_open(struct notify *notify, struct error **error);

/* Sends the assignments, one a line: `READY=1\nSTATUS=…`. Never waits; what nobody reads is lost. */
void notify_send(const struct notify *notify, const char *assignments);
void notify_close(struct notify *notify);

#endif
