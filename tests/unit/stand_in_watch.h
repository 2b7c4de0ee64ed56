/* In the place of collectors/usage/watch.c, for who has the checks made by hand: all of it but
 * usage_watch_take. Included by the one file of a test. */
#ifndef TESTS_UNIT_STAND_IN_WATCH_H
#define TESTS_UNIT_STAND_IN_WATCH_H

#include "proctor/usage.h"

static uint64_t refusals;
static bool filling;

int usage_watch_refusals(struct usage_watch *watch, uint64_t *number, struct error **error)
{
	(void)watch, (void)error;
	*number = refusals;
	return 0;
}

bool usage_watch_is_filling(const struct usage_watch *watch)
{
	(void)watch;
	return filling;
}

void usage_free(struct usage *usage)
{
	if (usage)
		arena_free(usage->arena);
}

#endif
