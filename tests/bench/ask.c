/* Asks the kernel for CAP_CHOWN again and again: how much time of a processor a chown(2) takes.
 *
 *     ask FILE COUNT      nanoseconds a call, of the cheapest of ten parts
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PARTS = 10 };

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (long long)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* The owner's change from one user to another, neither of whom asks. */
static long long part(const char *path, long count)
{
	long long start = now();

	for (long i = 0; i < count; i++)
		if (chown(path, (uid_t)(1000 + i % 2), 1000))
			return -1;
	return (now() - start) / count;
}

int main(int argc, char **argv)
{
	long count = argc == 3 ? strtol(argv[2], NULL, 10) / PARTS : 0;
	long long least = -1;

	for (int i = 0; i < PARTS && count > 0; i++) {
		long long took = part(argv[1], count);
		if (took < 0) {
			perror(argv[1]);
			return 1;
		}
		least = least < 0 || took < least ? took : least;
	}
	if (least < 0)
		return 2;
	printf("%lld\n", least);
	return 0;
}
