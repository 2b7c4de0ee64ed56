/* A file comes into its place by rename(2), so that it needs a name beside it for a moment. Signals wait
 * meanwhile, and nothing else is done in that moment where the file system has O_TMPFILE (open(2)). NFS, 9p,
 * FAT, and before Linux 6.1 overlays and FUSE, have it not: there the file loses its name as soon as it is
 * made, and is copied in the end, for what has no name left gets none again. */
#include "agent/sinks/unnamed.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proctor/cleanup.h"

enum { NAME_SIZE = 32, COPY_SIZE = 64 * 1024 };

/* Holds back every signal that can be until signals_release, which keeps errno. */
static void signals_hold(sigset_t *before)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, before);
}

static void signals_release(const sigset_t *before)
{
	int number = errno;

	pthread_sigmask(SIG_SETMASK, before, NULL);
	errno = number;
}

/* Keeps errno. */
static void remove_name(int directory, const char *name)
{
	int number = errno;

	unlinkat(directory, name, 0);
	errno = number;
}

static int choose_name(char name[NAME_SIZE])
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
		return -1;
	snprintf(name, NAME_SIZE, ".proctor-%016llx", (unsigned long long)number);
	return 0;
}

/* Makes a file with a name that nothing has. */
static int open_named(int directory, char name[NAME_SIZE], mode_t mode)
{
	int fd = -1;

	while (fd < 0 && !choose_name(name)) {
		fd = openat(directory, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
		if (fd < 0 && errno != EEXIST)
			return -1;
	}
	return fd;
}

static int open_and_unlink(int directory, mode_t mode)
{
	char name[NAME_SIZE];
	sigset_t before;
	int fd;

	signals_hold(&before);
	fd = open_named(directory, name, mode);
	if (fd >= 0)
		remove_name(directory, name);
	signals_release(&before);
	return fd;
}

int unnamed_open(int directory, mode_t mode)
{
	int fd = openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode);

	return fd >= 0 ? fd : open_and_unlink(directory, mode);
}

/* Gives a file of O_TMPFILE a name that nothing has. */
static int link_named(int fd, int directory, char name[NAME_SIZE])
{
	char path[32];
	int result = -1;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	while (result && !choose_name(name)) {
		result = linkat(AT_FDCWD, path, directory, name, AT_SYMLINK_FOLLOW);
		if (result && errno != EEXIST)
			return -1;
	}
	return result;
}

static int write_all(int fd, const char *data, size_t length)
{
	while (length) {
		ssize_t written = write(fd, data, length);
		if (written < 0 && errno != EINTR)
			return -1;
		if (written > 0) {
			data += written;
			length -= (size_t)written;
		}
	}
	return 0;
}

/* All of `from`, its mode and, where we may give it, its owner. */
static int copy_file(int from, int to)
{
	_cleanup_free_ char *data = malloc(COPY_SIZE);
	struct stat facts;
	ssize_t length;

	if (!data || fstat(from, &facts) || lseek(from, 0, SEEK_SET))
		return -1;
	while ((length = read(from, data, COPY_SIZE)) != 0) {
		if (length < 0 && errno != EINTR)
			return -1;
		if (length > 0 && write_all(to, data, (size_t)length))
			return -1;
	}
	if (fchown(to, facts.st_uid, facts.st_gid) && errno != EPERM && errno != EINVAL)
		return -1;
	return fchmod(to, facts.st_mode & 0777) || fsync(to) ? -1 : 0;
}

/* Copies the file to one with a name that nothing has. Some file systems tell only when the last descriptor
 * is closed that the bytes found no room: close(2). */
static int copy_named(int fd, int directory, char name[NAME_SIZE])
{
	int copy = open_named(directory, name, 0600), result;

	if (copy < 0)
		return -1;
	result = copy_file(fd, copy);
	if (!result)
		result = close(copy);
	else
		cleanup_close(&copy);
	if (result)
		remove_name(directory, name);
	return result;
}

static int rename_over(int directory, const char *name, const char *old)
{
	if (!renameat(directory, name, directory, old))
		return 0;
	remove_name(directory, name);
	return -1;
}

int unnamed_name(int fd, int directory, const char *name)
{
	char beside[NAME_SIZE];
	sigset_t before;
	int result;

	if (fsync(fd))
		return -1;
	signals_hold(&before);
	result = link_named(fd, directory, beside);
	if (result)
		result = copy_named(fd, directory, beside);
	if (!result)
		result = rename_over(directory, beside, name);
	signals_release(&before);
	return result;
}
