/* Findings to fill a store with, of about the size that those of an audit have. */
#ifndef TESTS_BENCH_FINDINGS_H
#define TESTS_BENCH_FINDINGS_H

#include <stdio.h>
#include <time.h>

#include "agent/store/store.h"

enum { FINDINGS_MADE = 2000, FINDINGS_TEXT = 1800 };

struct findings_made {
	struct observed observed[FINDINGS_MADE];
	char json[FINDINGS_MADE][FINDINGS_TEXT];
};

/* The first `count` of them, as they are with that digest: another one is a change of each. */
void findings_make(struct findings_made *made, size_t count, uint64_t digest);

/* A pass that shows them: a record of each that changed. Ends the program when it fails. */
void findings_pass(struct store *store, const struct findings_made *made, size_t count);

/* Seconds. */
static inline double now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Says what failed, and ends the program. */
_Noreturn void die(const char *what, const struct error *error);

#endif
