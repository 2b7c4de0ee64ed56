/* The least set of capabilities with which a program passes a check: found by taking one away after the
 * other. */
#ifndef PROCTOR_PROOF_H
#define PROCTOR_PROOF_H

#include <stdbool.h>
#include <stddef.h>

#include "proctor/arena.h"
#include "proctor/capability.h"
#include "proctor/error.h"

struct proof_try {
	capability_set set;
	bool passed;
};

struct proof {
	struct arena *arena;
	capability_set granted;  /* what it could be given */
	capability_set learned;  /* what was to be proven */
	capability_set proven;   /* passes, and does not without any one of it */
	struct proof_try *tries; /* in the order they were made */
	size_t count, capacity;
};

/* Runs the program with this set and no more. 1: the check passed; 0: it did not; -1 and *error: it could not
 * be tried. */
typedef int (*proof_attempt)(void *context, capability_set set, struct error **error);

/* Starts from `learned`; where the check does not pass with it, from it and `optional`, then from `granted`.
 * Owned by the caller. NULL and *error: as of `attempt`, no memory, or the check passes with none of these.
 */
struct proof *proof_search(capability_set learned, capability_set optional, capability_set granted,
			   proof_attempt attempt, void *context, struct error **error);
void proof_free(struct proof *proof);

#endif
