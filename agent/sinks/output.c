#include "proctor/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sinks/unnamed.h"
#include "proctor/cleanup.h"

enum { BUFFER_SIZE = 64 * 1024 };

struct output {
	int fd;
	int directory; /* of the file that is replaced; -1: written in place */
	char *path;    /* as the user named it; NULL: stdout */
	char *target;  /* the file that is replaced, links resolved */
	mode_t mode;   /* of a new file */
	bool terminal;
	int failure; /* errno of the first write that failed */
	size_t used;
	char buffer[BUFFER_SIZE];
};

static const char *output_name(const struct output *output)
{
	return output->path ? output->path : "standard output";
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Opens a device, a pipe or a terminal, which cannot be replaced. A pipe that no one reads is an error
 * (ENXIO) instead of a wait without end. */
static int open_in_place(struct output *output, struct error **error)
{
	output->fd = open(output->path, O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (output->fd < 0)
		return error_set(error, errno, "opening %s for writing", output->path);
	return 0;
}

/* The directory of output->target, held open so that the rename happens where the file was written. */
static int open_directory(struct output *output, struct error **error)
{
	const char *base = base_name(output->target);
	_cleanup_free_ char *directory = base == output->target
						 ? strdup(".")
						 : strndup(output->target, (size_t)(base - output->target));

	if (!directory)
		return error_set(error, 0, "opening %s: out of memory", output->path);
	output->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (output->directory < 0)
		return error_set(error, errno, "opening the directory of %s", output->path);
	return 0;
}

/* Opens what is written to meanwhile, with the mode and, where we may give it, the owner of `old` (NULL: a
 * new file). */
static int open_unnamed(struct output *output, const struct stat *old, struct error **error)
{
	const mode_t mode = old ? old->st_mode & 0777 : output->mode;

	output->fd = unnamed_open(output->directory, mode);
	if (output->fd < 0) {
		error_set(error, errno, "making a file beside %s", output->path);
		return error_remedy(error, "name a file in a directory that can be written to");
	}
	if (!old)
		return 0;
	if (fchown(output->fd, old->st_uid, old->st_gid) && errno != EPERM && errno != EINVAL)
		return error_set(error, errno, "giving the owner of %s to what replaces it", output->path);
	if (fchmod(output->fd, mode))
		return error_set(error, errno, "giving the mode of %s to what replaces it", output->path);
	return 0;
}

/* A symbolic link is followed: the file that it names is replaced and the link stays. */
static int open_path(struct output *output, struct error **error)
{
	struct stat old;
	bool exists = stat(output->path, &old) == 0;

	if (!exists && errno != ENOENT)
		return error_set(error, errno, "opening %s for writing", output->path);
	if (exists && S_ISDIR(old.st_mode))
		return error_set(error, EISDIR, "opening %s for writing", output->path);
	if (exists && !S_ISREG(old.st_mode))
		return open_in_place(output, error);
	if (!exists && faccessat(AT_FDCWD, output->path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return error_set(error, 0, "opening %s for writing: it is a symbolic link to nothing",
				 output->path);
	output->target = exists ? realpath(output->path, NULL) : strdup(output->path);
	if (!output->target)
		return error_set(error, errno, "finding the file behind %s", output->path);
	if (!*base_name(output->target))
		return error_set(error, *output->path ? EISDIR : ENOENT, "opening '%s' for writing",
				 output->path);
	if (open_directory(output, error))
		return -1;
	return open_unnamed(output, exists ? &old : NULL, error);
}

static struct output *open_with_mode(const char *path, mode_t mode, struct error **error)
{
	struct output *output = malloc(sizeof(*output));

	if (!output) {
		error_set(error, 0, "opening the output: out of memory");
		return NULL;
	}
	memset(output, 0, offsetof(struct output, buffer));
	output->fd = path ? -1 : STDOUT_FILENO;
	output->directory = -1;
	output->mode = mode;
	output->terminal = !path && isatty(STDOUT_FILENO) == 1;
	if (!path)
		return output;
	output->path = strdup(path);
	if (!output->path)
		error_set(error, 0, "opening the output: out of memory");
	else if (!open_path(output, error))
		return output;
	output_free(output);
	return NULL;
}

struct output *output_open(const char *path, struct error **error)
{
	return open_with_mode(path, 0644, error);
}

struct output *output_open_private(const char *path, struct error **error)
{
	return open_with_mode(path, 0600, error);
}

/* Waits until a descriptor that someone made non-blocking takes bytes again. */
static int wait_writable(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLOUT};

	return poll(&poller, 1, -1) < 0 && errno != EINTR ? -1 : 0;
}

static void write_all(struct output *output, const char *data, size_t length)
{
	while (length && !output->failure) {
		ssize_t written = write(output->fd, data, length);
		if (written >= 0) {
			data += written;
			length -= (size_t)written;
		} else if (errno == EAGAIN) {
			if (wait_writable(output->fd))
				output->failure = errno;
		} else if (errno != EINTR) {
			output->failure = errno;
		}
	}
}

void output_flush(struct output *output)
{
	write_all(output, output->buffer, output->used);
	output->used = 0;
}

void output_write(struct output *output, const char *data, size_t length)
{
	if (length > BUFFER_SIZE - output->used)
		output_flush(output);
	if (length > BUFFER_SIZE) {
		write_all(output, data, length);
		return;
	}
	memcpy(output->buffer + output->used, data, length);
	output->used += length;
}

void output_text(struct output *output, const char *text)
{
	output_write(output, text, strlen(text));
}

void output_format(struct output *output, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0) {
		text = NULL;
		if (!output->failure)
			output->failure = ENOMEM;
		return;
	}
	output_write(output, text, (size_t)length);
}

static int output_replace(struct output *output, struct error **error)
{
	if (unnamed_name(output->fd, output->directory, base_name(output->target)))
		return error_set(error, errno, "replacing %s", output->path);
	if (fsync(output->directory))
		return error_set(error, errno, "writing the directory of %s to disk", output->path);
	return 0;
}

/* Some file systems tell only when a descriptor is closed that the bytes found no room: close(2). */
static int output_close_copy(const struct output *output)
{
	int copy = fcntl(output->fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 || close(copy) ? -1 : 0;
}

int output_commit(struct output *output, struct error **error)
{
	output_flush(output);
	if (!output->failure && output_close_copy(output))
		output->failure = errno;
	if (output->failure)
		return error_set(error, output->failure, "writing to %s", output_name(output));
	return output->directory >= 0 ? output_replace(output, error) : 0;
}

void output_free(struct output *output)
{
	if (!output)
		return;
	if (output->fd >= 0 && output->path)
		close(output->fd);
	if (output->directory >= 0)
		close(output->directory);
	free(output->target);
	free(output->path);
	free(output);
}

bool output_is_terminal(const struct output *output)
{
	return output->terminal;
}
