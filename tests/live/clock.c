/* Loaded before all else (LD_PRELOAD) into a program whose wall clock a test is to set: it is off by as many
 * seconds as the file that CLOCK_OFFSET names says at that moment, an int64_t. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset;
static int (*real_clock_gettime)(clockid_t clock, struct timespec *now);

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("CLOCK_OFFSET");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *page = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*offset), PROT_READ, MAP_SHARED, fd, 0);

	*(void **)&real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	if (page == MAP_FAILED || !real_clock_gettime)
		abort();
	close(fd);
	offset = page;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int result = real_clock_gettime(clock, now);

	if (!result && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		now->tv_sec += *offset;
	return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec time;
	int result = clock_gettime(CLOCK_REALTIME, &time);

	(void)zone;
	*now = (struct timeval){time.tv_sec, time.tv_nsec / 1000};
	return result;
}

time_t time(time_t *now)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	if (now)
		*now = time.tv_sec;
	return time.tv_sec;
}
