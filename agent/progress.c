#include "agent/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000u
#define INTERVAL (SECOND / 10) /* between two lines */

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

static void show(void *context, const char *collector, uint64_t done)
{
	struct progress *progress = context;
	uint64_t time = now();

	if (time - progress->started < SECOND || time - progress->shown < INTERVAL)
		return;
	fprintf(stderr, "\r%s: %llu\033[K", collector, (unsigned long long)done);
	progress->shown = time;
	progress->visible = true;
}

void progress_start(struct progress *progress, struct request *request)
{
	if (isatty(STDERR_FILENO) != 1)
		return;
	progress->started = now();
	request->progress = show;
	request->progress_context = progress;
}

void progress_end(struct progress *progress)
{
	if (progress->visible)
		fputs("\r\033[K", stderr);
	progress->visible = false;
}
