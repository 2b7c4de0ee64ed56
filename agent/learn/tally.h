/* The checks of a whole watch, which are taken from the kernel again and again, before its room for them is
 * full. */
#ifndef AGENT_LEARN_TALLY_H
#define AGENT_LEARN_TALLY_H

#include "proctor/usage.h"

struct tally;

/* Owned by the caller; NULL without memory. */
struct tally *tally_new(void);
void tally_free(struct tally *tally);

/* Adds what was taken, of which nothing is needed afterwards: the counts of what is alike add up. Checks that
 * can tell no need are left out. -1 without memory: some of it may be missing. */
int tally_add(struct tally *tally, const struct usage *taken);

/* All that was added, as if it had been taken at once; it lives as long as the tally, and until the next
 * call. NULL without memory. */
const struct usage *tally_usage(struct tally *tally);

#endif
