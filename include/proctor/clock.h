/* What time it is, in milliseconds. */
#ifndef PROCTOR_CLOCK_H
#define PROCTOR_CLOCK_H

#include <stdint.h>
#include <time.h>

/* By one of the kernel's clocks: clock_gettime(2). */
static inline int64_t clock_ms_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* By CLOCK_MONOTONIC, which no one sets. */
static inline uint64_t clock_ms(void)
{
	return (uint64_t)clock_ms_of(CLOCK_MONOTONIC);
}

#endif
