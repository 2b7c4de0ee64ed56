/* The auditor: reads the kernel, judges, and sends passes. It has the privilege to read, no network, and
 * writes no file. */
#ifndef AGENT_DAEMON_AUDITOR_H
#define AGENT_DAEMON_AUDITOR_H

#include "agent/daemon/events.h"
#include "agent/daemon/log.h"
#include "agent/daemon/message.h"
#include "proctor/usage.h"

struct auditor_setup {
	const struct settings *settings;
	const struct events *events; /* opened by the parent */
	struct usage_watch *watch;   /* begun by the parent; NULL: capabilities are not learned */
	const char *why_not_watched; /* though it was asked for; NULL: it was not, or they are */
	struct channel *shipper, *parent;
	struct log log;
	capability_set granted; /* the bounding set that the agent was started with */
	struct bytes report;    /* JSON of what is in force: confinement */
};

/* Runs until the parent has gone, or asks for the end by SIGTERM's default action. Returns an enum
 * exit_status. */
int auditor_run(const struct auditor_setup *setup);

#endif
