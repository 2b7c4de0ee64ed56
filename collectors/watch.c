#include "collectors/watch.h"

#include <stdlib.h>
#include <time.h>

static const uint64_t left_behind = UINT64_MAX;

struct watch *watch_new(void)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (watch)
		watch->holders = 2;
	return watch;
}

void watch_release(struct watch *watch)
{
	if (watch && atomic_fetch_sub(&watch->holders, 1) == 1)
		free(watch);
}

bool watch_is_over(const struct watch *watch)
{
	return atomic_load(&watch->holders) == 1;
}

void watch_enter(struct watch *watch, const char *file)
{
	atomic_store_explicit(&watch->file, file, memory_order_relaxed);
	atomic_store_explicit(&watch->call, ++watch->calls, memory_order_release);
}

bool watch_leave(struct watch *watch)
{
	uint64_t call = watch->calls;

	return atomic_compare_exchange_strong(&watch->call, &call, 0);
}

bool watch_give_up(struct watch *watch)
{
	uint64_t call = atomic_load(&watch->call);

	if (!call || call != watch->last) {
		watch->last = call;
		watch->looks = 0;
		return false;
	}
	return ++watch->looks >= WATCH_LOOKS &&
	       atomic_compare_exchange_strong(&watch->call, &call, left_behind);
}

bool watch_join(pthread_t thread)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += WATCH_LOOK_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	return pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until) != 0;
}
