/* Device nodes in a container's /dev. */
#ifndef COLLECTORS_DEVICE_H
#define COLLECTORS_DEVICE_H

#include "collectors/beneath.h"

/* What the search for devices could not see. */
struct device_faults {
	const char *reason; /* constant; NULL: nothing */
	const char *remedy;
};

/* Fills container->devices with the nodes beneath /dev that containers do not have by default, judged by
 * their numbers, ascending by path; a node on a nodev mount cannot be opened and is left out. Directories on
 * mounts that may hang are not entered. Returns -1 with errno ENOMEM, or 0. */
int device_collect(struct container *container, const struct beneath *beneath, struct arena *arena,
		   struct device_faults *faults);

/* True for a character device that every container has: null, zero, full, random, urandom, tty, console,
 * ptmx, and the pseudo-terminals (runtime-spec, default devices). */
bool device_is_default(bool block, uint32_t major, uint32_t minor);

#endif
