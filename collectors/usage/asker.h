/* What the kernel's functions mean by asking for a capability. */
#ifndef COLLECTORS_USAGE_ASKER_H
#define COLLECTORS_USAGE_ASKER_H

#include "proctor/usage.h"

enum { ASKER_ANY = -1 };

struct asker {
	const char *function; /* of the kernel, anywhere on the stack of the check; `*`: whoever asks */
	int capability;       /* ASKER_ANY, or the only one that it is about */
	enum asking asking;
	const char *reason; /* what happens without the capability */
	const char *source; /* the kernel's file that this was read in */
};

/* Ended by one without a function. Those that say more of a check stand before those that say less. */
extern const struct asker askers[];

/* The first entry of the table for the capability with a function that is on the stack, whose functions
 * `on_stack` tells by the number of their first entry in the table, or -1. NULL: none, so that the check is a
 * need, if the stack is known. */
const struct asker *asker_find(const int *on_stack, size_t count, unsigned capability);

#endif
