/* Giving up privilege: each of the agent's three processes keeps what its work needs, and the kernel holds it
 * to that.
 *
 * Capabilities by libcap-ng (bounding set, securebits, no_new_privs), system calls by libseccomp (allow lists
 * in tables), files and network by Landlock where the kernel has it, users by setresuid(2) where we may. What
 * is in force is told, and what could not be had is told with the reason: that is no error, for a sidecar may
 * not change its user, and old kernels have no Landlock. */
#ifndef AGENT_DAEMON_CONFINE_H
#define AGENT_DAEMON_CONFINE_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "proctor/capability.h"
#include "proctor/error.h"

enum role { ROLE_PARENT, ROLE_AUDITOR, ROLE_SHIPPER };

/* `parent`, `auditor`, `shipper`. */
extern const char *const role_names[];

struct confinement {
	const char *user; /* that the processes run as when they are started as root: name or number */
	const char *auditor_user;   /* the auditor's and the parent's; NULL: `user` */
	const char *state;          /* directory that the shipper writes to; NULL: none */
	const char *const *written; /* more paths that it writes to (files' directories, control socket),
				       ended by NULL; NULL: none */
	const char *const *read;    /* files and directories that the shipper reads beside those of the system
				       (certificates, keys), ended by NULL; NULL: none */
	bool file_events;           /* the auditor keeps CAP_SYS_ADMIN for fanotify */
	bool learns;                /* the auditor reads maps by bpf(2) */
	bool no_filter;             /* no seccomp filter: for those who look for what it stops */
};

/* Whom a role runs as when it is started as root. */
struct confine_ids {
	uid_t uid;
	gid_t gid;
};

/* The ids of the role's user. One that is not told is `proctor`, or 65534 where there is none; *fallback then
 * says so, as a constant, and is NULL else. -1 and *error when a user that was told does not exist. For who
 * makes directories, as root, that the role is to write to. */
int confine_ids(enum role role, const struct confinement *confinement, struct confine_ids *ids,
		const char **fallback, struct error **error);

/* Gives up what the role does not need, for good. The parent calls it once, before it forks; what it keeps
 * for its children (permitted, not effective) its children give up in their turn. *report: what is in force,
 * as an object {user,uid,gid,capabilities[],no_new_privs,seccomp,landlock,missing[]}, owned by the caller. -1
 * and *error when running on would be with more privilege than is told (a set that could not be dropped). */
int confine(enum role role, const struct confinement *confinement, json_t **report, struct error **error);

/* Whether a process that ended by this wait status was stopped by its filter; for the log. */
bool confine_was_filtered(int wait_status);

#endif
