/* Events: what the kernel tells between two audits, so that the next look need not be at everything.
 *
 * A source is one file in collectors/events/ and one line in event_sources[]. Its descriptor is opened where
 * the privilege for that is (the parent of the agent), and read where there is none (the auditor). An event
 * is a hint where to look, never a fact: what is believed is read from /proc after it. */
#ifndef PROCTOR_EVENT_H
#define PROCTOR_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proctor/error.h"

enum event_kind {
	EVENT_FORK,    /* `pid` is a new process, of `parent` */
	EVENT_EXEC,    /* `pid` runs another program */
	EVENT_IDS,     /* a thread of `pid` has other user or group ids */
	EVENT_EXIT,    /* `pid` ended */
	EVENT_MOUNTS,  /* the host's mounts changed: those of the first process that is seen */
	EVENT_CGROUP,  /* a cgroup came (`gone` false) or went; `path` is below the mount of its hierarchy */
	EVENT_FILE,    /* a file was changed that gives privilege now, or may; `path` is as the host has it */
	EVENT_OVERRUN, /* events were lost: only a fresh audit tells what is now */
};

struct event {
	enum event_kind kind;
	pid_t pid;    /* of the process (thread group) as the initial pid namespace has it; 0: of none */
	pid_t parent; /* EVENT_FORK */
	bool groups;  /* EVENT_IDS: group ids, not user ids */
	bool gone;    /* EVENT_CGROUP */
	uint32_t real_id, effective_id; /* EVENT_IDS: as the initial user namespace has them */
	const char *path; /* EVENT_CGROUP, EVENT_FILE; hostile bytes; lives during the call; NULL:
			     not known */
};

typedef void (*event_handler)(void *context, const struct event *event);

struct event_source {
	const char *name; /* `process-connector`: in the configuration, coverage, status and metrics */
	const char *what; /* what it tells of, one line */
	bool by_default;  /* else it is only used when the configuration asks for it */
	/* Opens the descriptor (close-on-exec, non-blocking), with the privilege that needs. -1 and *error,
	 * with its remedy, when this machine, namespace or kernel does not give it: also when the kernel
	 * gives a descriptor but would stay silent on it. */
	int (*open)(struct error **error);
	short poll; /* events that poll(2) is to wait for: POLLIN, or POLLPRI | POLLERR */
	/* What reading needs beyond the descriptor (which stays the caller's), made without privilege; NULL
	 * and *error when memory is exhausted or the descriptor does not serve. NULL function: nothing. It is
	 * to be called before the first audit: what comes later is told, or the audit sees it. */
	void *(*begin)(int fd, struct error **error);
	/* Tells `handler` of what waits, without blocking, at most about a thousand events a call. Lost
	 * events are an EVENT_OVERRUN, not an error. -1 and *error: the source is of no more use. */
	int (*read)(int fd, void *state, event_handler handler, void *context, struct error **error);
	/* Looks anew at what there is to be watched: to be called after EVENT_MOUNTS and before each full
	 * audit. -1 and *error: the source is of no more use. NULL function: nothing to do. */
	int (*renew)(int fd, void *state, struct error **error);
	/* What it does not see, and the remedy, for coverage: one line that lives until the next call; may
	 * hold hostile bytes. NULL, also as function: it sees all that it is for. When it begins to lose
	 * sight of something it tells an EVENT_OVERRUN. */
	const char *(*unseen)(void *state);
	void (*end)(void *state);
};

/* Every source: process-connector, mounts, cgroups, fanotify. Ends with NULL. */
extern const struct event_source *const event_sources[];

#endif
