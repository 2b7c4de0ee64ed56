#include "collectors/read.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "proctor/cleanup.h"

enum { FIRST_CAPACITY = 4096 };

int buffer_reserve(struct buffer *buffer, size_t capacity)
{
	char *larger;

	if (buffer->capacity >= capacity)
		return 0;
	larger = realloc(buffer->data, capacity);
	if (!larger) {
		errno = ENOMEM;
		return -1;
	}
	buffer->data = larger;
	buffer->capacity = capacity;
	return 0;
}

/* Reads until the end of the file or until `limit`; each read(2) gets all the room there is. */
static int buffer_fill(struct buffer *buffer, int fd, size_t limit)
{
	for (;;) {
		size_t room = buffer->capacity - 1 - buffer->length;
		ssize_t got;

		if (room == 0) {
			if (buffer_reserve(buffer, buffer->capacity * 2))
				return -1;
			continue;
		}
		got = read(fd, buffer->data + buffer->length, room);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			return 0;
		buffer->length += (size_t)got;
		if (buffer->length > limit) {
			buffer->length = limit;
			return 1;
		}
	}
}

int buffer_read_open(struct buffer *buffer, int fd, size_t limit)
{
	int result;

	buffer->length = 0;
	if (buffer_reserve(buffer, FIRST_CAPACITY))
		return -1;
	result = buffer_fill(buffer, fd, limit);
	buffer->data[buffer->length] = '\0';
	return result;
}

int buffer_read(struct buffer *buffer, int directory, const char *path, size_t limit)
{
	_cleanup_close_ int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	buffer->length = 0;
	return fd < 0 ? -1 : buffer_read_open(buffer, fd, limit);
}

int buffer_readlink(struct buffer *buffer, int directory, const char *path)
{
	ssize_t length;

	buffer->length = 0;
	if (buffer_reserve(buffer, PATH_MAX + 1))
		return -1;
	length = readlinkat(directory, path, buffer->data, PATH_MAX);
	if (length < 0)
		return -1;
	if (length == PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	buffer->length = (size_t)length;
	buffer->data[length] = '\0';
	return 0;
}

int buffer_append(struct buffer *buffer, const void *data, size_t length)
{
	size_t needed = buffer->length + length + 1;

	if (needed > buffer->capacity && needed < 2 * buffer->capacity)
		needed = 2 * buffer->capacity;
	if (buffer_reserve(buffer, needed))
		return -1;
	if (length)
		memcpy(buffer->data + buffer->length, data, length);
	buffer->length += length;
	buffer->data[buffer->length] = '\0';
	return 0;
}

void buffer_free(struct buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct buffer){0};
}

int line_next(const char **cursor, const char *end, const char **line, size_t *length)
{
	const char *newline;

	if (*cursor >= end)
		return 0;
	newline = memchr(*cursor, '\n', (size_t)(end - *cursor));
	*line = *cursor;
	*length = (size_t)((newline ? newline : end) - *cursor);
	*cursor = newline ? newline + 1 : end;
	return 1;
}
