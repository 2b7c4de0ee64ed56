#include "tests/fault/inject.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <search.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

const char *const call_names[CALL_COUNT] = {"allocation", "open", "read", "look-up", "thread", "write"};

/* The plan; written while no collector runs. */
static struct {
	bool armed, lasting, no_unnamed_files;
	enum call call;
	unsigned long nth, most; /* most: bytes a read gives, 0: all */
	int error;
	atomic_ulong calls;
	char what[128]; /* the last one that failed was about */
} plan;

void inject_arm(enum call call, unsigned long nth, int error, bool lasting)
{
	plan.call = call;
	plan.nth = nth;
	plan.error = error;
	plan.lasting = lasting;
	plan.calls = 0;
	plan.armed = true;
}

void inject_short_reads(unsigned long bytes)
{
	inject_arm(CALL_READ, 0, 0, false);
	plan.most = bytes;
}

void inject_short_writes(unsigned long bytes)
{
	inject_arm(CALL_WRITE, 0, 0, false);
	plan.most = bytes;
}

void inject_no_unnamed_files(bool lacking)
{
	plan.no_unnamed_files = lacking;
}

unsigned long inject_disarm(void)
{
	plan.armed = false;
	plan.most = 0;
	return plan.calls;
}

const char *inject_what(void)
{
	return plan.what;
}

/* True, with errno, when this call has to fail; `what` it is about is kept for the message. */
static bool fails_on(enum call call, const char *what)
{
	unsigned long number;

	if (!plan.armed || call != plan.call)
		return false;
	number = atomic_fetch_add(&plan.calls, 1) + 1;
	if (plan.nth == 0 || number < plan.nth || (number > plan.nth && !plan.lasting))
		return false;
	snprintf(plan.what, sizeof(plan.what), "%s", what);
	errno = plan.error;
	return true;
}

static bool fails(enum call call)
{
	return fails_on(call, call_names[call]);
}

#define REAL(type, name, ...)                                                                                \
	type __real_##name(__VA_ARGS__);                                                                     \
	type __wrap_##name(__VA_ARGS__);                                                                     \
	type __wrap_##name(__VA_ARGS__)

REAL(void *, malloc, size_t size)
{
	return fails(CALL_ALLOCATE) ? NULL : __real_malloc(size);
}

REAL(void *, calloc, size_t count, size_t size)
{
	return fails(CALL_ALLOCATE) ? NULL : __real_calloc(count, size);
}

REAL(void *, realloc, void *old, size_t size)
{
	return fails(CALL_ALLOCATE) ? NULL : __real_realloc(old, size);
}

REAL(void *, reallocarray, void *old, size_t count, size_t size)
{
	return fails(CALL_ALLOCATE) ? NULL : __real_reallocarray(old, count, size);
}

REAL(char *, strdup, const char *text)
{
	return fails(CALL_ALLOCATE) ? NULL : __real_strdup(text);
}

REAL(char *, strndup, const char *text, size_t length)
{
	return fails(CALL_ALLOCATE) ? NULL : __real_strndup(text, length);
}

REAL(int, vasprintf, char **text, const char *format, va_list arguments)
{
	return fails(CALL_ALLOCATE) ? -1 : __real_vasprintf(text, format, arguments);
}

REAL(int, __vasprintf_chk, char **text, int flag, const char *format, va_list arguments)
{
	return fails(CALL_ALLOCATE) ? -1 : __real___vasprintf_chk(text, flag, format, arguments);
}

int __wrap_asprintf(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap_asprintf(char **text, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = fails(CALL_ALLOCATE) ? -1 : __real_vasprintf(text, format, arguments);
	va_end(arguments);
	return length;
}

int __wrap___asprintf_chk(char **text, int flag, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int __wrap___asprintf_chk(char **text, int flag, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = fails(CALL_ALLOCATE) ? -1 : __real___vasprintf_chk(text, flag, format, arguments);
	va_end(arguments);
	return length;
}

REAL(int, hcreate_r, size_t count, struct hsearch_data *table)
{
	return fails(CALL_ALLOCATE) ? 0 : __real_hcreate_r(count, table);
}

/* The mode that open and openat have when a file may be made. */
static mode_t mode_of(int flags, va_list arguments)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = mode_of(flags, arguments);
	va_end(arguments);
	return fails_on(CALL_OPEN, path) ? -1 : __real_open(path, flags, mode);
}

int __real_openat(int directory, const char *path, int flags, ...);
int __wrap_openat(int directory, const char *path, int flags, ...);
int __wrap_openat(int directory, const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = mode_of(flags, arguments);
	va_end(arguments);
	if (plan.no_unnamed_files && (flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return fails_on(CALL_OPEN, path) ? -1 : __real_openat(directory, path, flags, mode);
}

REAL(DIR *, opendir, const char *path)
{
	return fails_on(CALL_OPEN, path) ? NULL : __real_opendir(path);
}

REAL(DIR *, fdopendir, int fd)
{
	return fails(CALL_OPEN) ? NULL : __real_fdopendir(fd);
}

/* What a short read has left: the kernel was asked for all, since many files of procfs give their text in one
 * read or not at all. One a thread, which reads one file at a time. */
static _Thread_local struct {
	int fd;
	bool interrupted;
	size_t length, given;
	char data[1 << 16];
} rest = {.fd = -1};

ssize_t __real_read(int fd, void *data, size_t size);

static ssize_t read_some(int fd, void *data, size_t size)
{
	size_t share = size < plan.most ? size : plan.most;

	rest.interrupted = !rest.interrupted;
	if (rest.interrupted) {
		errno = EINTR;
		return -1;
	}
	if (rest.fd != fd || rest.given == rest.length) {
		ssize_t length =
			__real_read(fd, rest.data, size < sizeof(rest.data) ? size : sizeof(rest.data));
		if (length <= 0)
			return length;
		rest.fd = fd;
		rest.length = (size_t)length;
		rest.given = 0;
	}
	if (share > rest.length - rest.given)
		share = rest.length - rest.given;
	memcpy(data, rest.data + rest.given, share);
	rest.given += share;
	return (ssize_t)share;
}

static ssize_t read_or_fail(int fd, void *data, size_t size)
{
	if (plan.armed && plan.call == CALL_READ && plan.most && size)
		return read_some(fd, data, size);
	return fails(CALL_READ) ? -1 : __real_read(fd, data, size);
}

REAL(ssize_t, read, int fd, void *data, size_t size)
{
	return read_or_fail(fd, data, size);
}

ssize_t __wrap___read_chk(int fd, void *data, size_t size, size_t room);
ssize_t __wrap___read_chk(int fd, void *data, size_t size, size_t room)
{
	return size <= room ? read_or_fail(fd, data, size) : -1;
}

REAL(ssize_t, write, int fd, const void *data, size_t size)
{
	static _Thread_local bool interrupted;

	if (!plan.armed || plan.call != CALL_WRITE || !plan.most)
		return fails(CALL_WRITE) ? -1 : __real_write(fd, data, size);
	interrupted = !interrupted;
	if (interrupted) {
		errno = EINTR;
		return -1;
	}
	return __real_write(fd, data, size < plan.most ? size : plan.most);
}

/* All of a write with nothing behind: with `most`, a part of the first one. */
REAL(ssize_t, writev, int fd, const struct iovec *parts, int count)
{
	if (!plan.armed || plan.call != CALL_WRITE || !plan.most)
		return fails_on(CALL_WRITE, "writev") ? -1 : __real_writev(fd, parts, count);
	return __wrap_write(fd, parts->iov_base, parts->iov_len);
}

REAL(int, fdatasync, int fd)
{
	return fails_on(CALL_WRITE, "fdatasync") ? -1 : __real_fdatasync(fd);
}

REAL(int, ftruncate, int fd, off_t size)
{
	return fails_on(CALL_WRITE, "ftruncate") ? -1 : __real_ftruncate(fd, size);
}

REAL(int, fsync, int fd)
{
	return fails_on(CALL_WRITE, "fsync") ? -1 : __real_fsync(fd);
}

REAL(int, fchmod, int fd, mode_t mode)
{
	return fails_on(CALL_WRITE, "fchmod") ? -1 : __real_fchmod(fd, mode);
}

REAL(int, fchown, int fd, uid_t uid, gid_t gid)
{
	return fails_on(CALL_WRITE, "fchown") ? -1 : __real_fchown(fd, uid, gid);
}

REAL(int, linkat, int from, const char *old, int to, const char *new, int flags)
{
	return fails_on(CALL_WRITE, "linkat") ? -1 : __real_linkat(from, old, to, new, flags);
}

REAL(int, renameat, int from, const char *old, int to, const char *new)
{
	return fails_on(CALL_WRITE, "renameat") ? -1 : __real_renameat(from, old, to, new);
}

REAL(int, close, int fd)
{
	if (rest.fd == fd)
		rest.fd = -1;
	return __real_close(fd);
}

REAL(struct dirent *, readdir, DIR *directory)
{
	return fails(CALL_READ) ? NULL : __real_readdir(directory);
}

REAL(ssize_t, getdents64, int fd, void *data, size_t size)
{
	return fails(CALL_READ) ? -1 : __real_getdents64(fd, data, size);
}

REAL(ssize_t, readlinkat, int directory, const char *path, char *data, size_t size)
{
	return fails_on(CALL_LOOK, path) ? -1 : __real_readlinkat(directory, path, data, size);
}

REAL(ssize_t, __readlinkat_chk, int directory, const char *path, char *data, size_t size, size_t room)
{
	return fails_on(CALL_LOOK, path) ? -1 : __real___readlinkat_chk(directory, path, data, size, room);
}

REAL(int, statx, int directory, const char *restrict path, int flags, unsigned wanted,
     struct statx *restrict facts)
{
	return fails_on(CALL_LOOK, path) ? -1 : __real_statx(directory, path, flags, wanted, facts);
}

REAL(int, fstatat, int directory, const char *path, struct stat *facts, int flags)
{
	return fails_on(CALL_LOOK, path) ? -1 : __real_fstatat(directory, path, facts, flags);
}

REAL(int, fstat, int fd, struct stat *facts)
{
	return fails(CALL_LOOK) ? -1 : __real_fstat(fd, facts);
}

REAL(int, stat, const char *path, struct stat *facts)
{
	return fails_on(CALL_LOOK, path) ? -1 : __real_stat(path, facts);
}

REAL(int, statfs, const char *path, struct statfs *facts)
{
	return fails_on(CALL_LOOK, path) ? -1 : __real_statfs(path, facts);
}

REAL(int, fstatfs, int fd, struct statfs *facts)
{
	return fails(CALL_LOOK) ? -1 : __real_fstatfs(fd, facts);
}

REAL(ssize_t, getxattr, const char *path, const char *name, void *data, size_t size)
{
	return fails_on(CALL_LOOK, path) ? -1 : __real_getxattr(path, name, data, size);
}

REAL(ssize_t, lgetxattr, const char *path, const char *name, void *data, size_t size)
{
	return fails_on(CALL_LOOK, path) ? -1 : __real_lgetxattr(path, name, data, size);
}

REAL(ssize_t, fgetxattr, int fd, const char *name, void *data, size_t size)
{
	return fails(CALL_LOOK) ? -1 : __real_fgetxattr(fd, name, data, size);
}

REAL(int, pthread_create, pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
     void *context)
{
	return fails(CALL_THREAD) ? plan.error : __real_pthread_create(thread, attributes, run, context);
}

/* Which kind of failure a system call without a wrapper of glibc's stands for. */
static enum call call_of(long number)
{
	switch (number) {
	case SYS_openat2:
		return CALL_OPEN;
	case SYS_getdents64:
		return CALL_READ;
	default:
		return CALL_LOOK;
	}
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
/* Reads six words however many were passed, as the real one does. */
__attribute__((no_sanitize("address"))) long __wrap_syscall(long number, ...)
{
	va_list arguments;
	long words[6];

	va_start(arguments, number);
	for (int i = 0; i < 6; i++)
		words[i] = va_arg(arguments, long);
	va_end(arguments);
	if (fails(call_of(number)))
		return -1;
	return __real_syscall(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}
