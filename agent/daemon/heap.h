/* The heap of a process that runs for long, and whose threads all work on the same things. */
#ifndef AGENT_DAEMON_HEAP_H
#define AGENT_DAEMON_HEAP_H

#include <malloc.h>

/* One heap for all threads, so that it does not grow with each that once met another one there; and what a
 * record took is kept for the next, not given back and asked for again. mallopt(3). */
static inline void heap_share(void)
{
	enum { KEPT = 1 << 20, AT_ONCE = 256 << 10 };

	mallopt(M_ARENA_MAX, 1);
	mallopt(M_TOP_PAD, AT_ONCE);
	mallopt(M_TRIM_THRESHOLD, KEPT);
}

#endif
