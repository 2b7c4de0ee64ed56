/* Which system calls each role makes. */
#ifndef AGENT_DAEMON_CONFINE_CALLS_H
#define AGENT_DAEMON_CONFINE_CALLS_H

#include <seccomp.h>

#include "agent/daemon/confine.h"

enum { CONFINE_CHECKS = 2 };

/* A call that may be made; with checks: when all of them hold. A call may stand in several lines. */
struct confine_call {
	const char *name;
	unsigned roles;       /* CALL_… */
	unsigned check_count; /* of the checks */
	struct scmp_arg_cmp checks[CONFINE_CHECKS];
};

/* The parent may do all that its children may: a filter is inherited, and another one takes nothing of it
 * back. */
enum {
	CALL_PARENT = 1 << ROLE_PARENT,
	CALL_AUDITOR = 1 << ROLE_AUDITOR,
	CALL_SHIPPER = 1 << ROLE_SHIPPER,
	CALL_BOTH = CALL_AUDITOR | CALL_SHIPPER,
	CALL_FILE_EVENTS = 1 << 8, /* the auditor with file_events */
	CALL_LEARNING = 1 << 9,    /* the auditor that learns */
};

/* Ends with a NULL name. */
extern const struct confine_call confine_calls[];

/* Answered by ENOSYS, which the C library takes for an old kernel and does without. Ends with NULL. */
extern const char *const confine_unknown[];

/* The number of the call here: negative when this architecture does not have it, __NR_SCMP_ERROR when there
 * is no such call. */
int confine_number(const char *name);

#endif
