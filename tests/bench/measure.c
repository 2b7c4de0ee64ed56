/* Runs a command and tells on fd 3 what it cost: `wall user system` in microseconds, peak memory in KiB and
 * the exit status.
 *
 * It is a small program of its own because the peak memory that wait4(2) tells of a child is at least that of
 * the process that started it. */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long microseconds(const struct timeval *time)
{
	return (long)time->tv_sec * 1000000 + (long)time->tv_usec;
}

static long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
	struct rusage usage;
	int status, error;
	pid_t child;
	long start;

	if (argc < 2) {
		fprintf(stderr, "usage: measure COMMAND [ARGUMENT…] 3>RESULT\n");
		return 2;
	}
	start = now();
	error = posix_spawnp(&child, argv[1], NULL, NULL, argv + 1, environ);
	if (error) {
		fprintf(stderr, "measure: %s: %s\n", argv[1], strerror(error));
		return 2;
	}
	while (wait4(child, &status, 0, &usage) < 0)
		if (errno != EINTR)
			return 2;
	dprintf(3, "%ld %ld %ld %ld %d\n", now() - start, microseconds(&usage.ru_utime),
		microseconds(&usage.ru_stime), usage.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return 0;
}
