/* Small files read whole, into a buffer that is used again. */
#ifndef COLLECTORS_READ_H
#define COLLECTORS_READ_H

#include <stddef.h>
#include <stdlib.h>

/* What was read, always followed by a NUL that is not counted. Starts zeroed; freed by buffer_free. */
struct buffer {
	char *data;
	size_t length, capacity;
};

/* Reads the whole file `path` beneath the descriptor `directory` (or AT_FDCWD). A file longer than
 * `limit` bytes is cut there and told by the result 1. Returns 0, 1, or -1 with errno (ENOMEM, or what
 * openat(2) and read(2) say). For files of procfs, sysfs and cgroupfs: a path that a container chose is
 * opened with openat2(2) instead. */
int buffer_read(struct buffer *buffer, int directory, const char *path, size_t limit);

/* The same for a file that is open already. */
int buffer_read_open(struct buffer *buffer, int fd, size_t limit);

/* The target of a symbolic link, as above; a target of PATH_MAX or longer is ENAMETOOLONG. */
int buffer_readlink(struct buffer *buffer, int directory, const char *path);

/* Makes room for `capacity` bytes, the NUL among them. -1 with errno ENOMEM. */
int buffer_reserve(struct buffer *buffer, size_t capacity);

/* Adds the bytes at its end. -1 with errno ENOMEM. */
int buffer_append(struct buffer *buffer, const void *data, size_t length);

void buffer_free(struct buffer *buffer);

#define _cleanup_buffer_ __attribute__((cleanup(buffer_free)))

/* The next line of [*cursor, end): sets *line and *length (without the newline) and moves *cursor behind
 * it. 0 at the end. */
int line_next(const char **cursor, const char *end, const char **line, size_t *length);

#endif
