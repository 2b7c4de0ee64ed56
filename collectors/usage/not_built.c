/* In the place of watch.c, where what makes programs for the kernel was not there to build it. */
#include "proctor/usage.h"

struct usage_watch *usage_watch_start(const struct usage_room *room, struct error **error)
{
	(void)room;
	error_set(error, 0, "watching capabilities: this program was built without it");
	error_remedy(error, "build it where clang, bpftool and libbpf's headers are, as dist/bootstrap does");
	return NULL;
}

struct usage *usage_watch_take(struct usage_watch *watch, struct error **error)
{
	(void)watch;
	error_set(error, 0, "nothing is watched");
	return NULL;
}

bool usage_watch_is_filling(const struct usage_watch *watch)
{
	(void)watch;
	return false;
}

int usage_watch_refusals(struct usage_watch *watch, uint64_t *count, struct error **error)
{
	(void)watch, (void)count;
	return error_set(error, 0, "nothing is watched");
}

void usage_watch_stop(struct usage_watch *watch)
{
	(void)watch;
}

const char *usage_watch_evidence(const struct usage_watch *watch)
{
	(void)watch;
	return NULL;
}

int64_t usage_watch_since(const struct usage_watch *watch)
{
	(void)watch;
	return 0;
}

void usage_watch_leave(struct usage_watch *watch)
{
	(void)watch;
}

void usage_free(struct usage *usage)
{
	(void)usage;
}
