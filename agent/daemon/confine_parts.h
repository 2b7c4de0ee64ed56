/* The parts of confine(): each gives up one thing. What could not be given up, though running on is no lie
 * about it, goes to `missing`. */
#ifndef AGENT_DAEMON_CONFINE_PARTS_H
#define AGENT_DAEMON_CONFINE_PARTS_H

#include "agent/daemon/confine.h"

/* Adds one formatted sentence to the array, cut at some 500 bytes. */
void confine_miss(json_t *missing, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sets that the role is to have in the end, of what `held` has. */
capability_set confine_wanted(enum role role, const struct confinement *confinement, bool two_users,
			      capability_set held);

/* Those of them that the role itself uses. */
capability_set confine_effective(enum role role, capability_set wanted);

/* Permitted capabilities of the calling thread. */
capability_set confine_permitted(void);

/* Changes to the ids with what of `held` that takes, gives up the bounding, inheritable and ambient set,
 * locks the securebits, and keeps `wanted` permitted and `effective` of it effective. A NULL id: stays
 * who it is. -1 and *error when in the end it has more than that. */
int confine_privilege(const struct confine_ids *ids, capability_set held, capability_set wanted,
		      capability_set effective, json_t *missing, struct error **error);

/* A filter of system calls for the role. 0: in force; else errno. */
int confine_filter(enum role role, const struct confinement *confinement, json_t *missing);

/* Lets the process write beneath the state and the written paths only, and read what programs need. The ABI
 * of Landlock that is in force; 0: none, with the reason in `missing`. */
int confine_landlock(const struct confinement *confinement, json_t *missing);

#endif
