#include "agent/sinks/secret.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "agent/sinks/named_file.h"
#include "collectors/read.h"
#include "proctor/cleanup.h"
#include "proctor/text.h"

enum { LONGEST = 16 * 1024 };

static int read_file(struct buffer *buffer, const char *key, const char *path, struct error **error)
{
	_cleanup_close_ int fd = named_file_open(key, path, error);
	int result;

	if (fd < 0)
		return -1;
	result = buffer_read_open(buffer, fd, LONGEST);
	if (result < 0)
		error_set(error, errno, "reading %s %s", key, path);
	if (result > 0)
		error_set(error, 0, "%s %s is longer than %d bytes", key, path, LONGEST);
	return result ? -1 : 0;
}

/* The first line, without spaces around it. */
static struct bytes line_of(const struct buffer *buffer)
{
	struct bytes line = {buffer->data, strcspn(buffer->data, "\n")};

	for (; line.length && isspace((unsigned char)*line.data); line.data++)
		line.length--;
	while (line.length && isspace((unsigned char)line.data[line.length - 1]))
		line.length--;
	return line;
}

char *secret_read(const char *key, const char *path, struct error **error)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct bytes line;
	char *secret;

	if (read_file(&buffer, key, path, error))
		return NULL;
	line = line_of(&buffer);
	for (size_t i = 0; i < line.length; i++)
		if (iscntrl((unsigned char)line.data[i]))
			line.length = 0;
	if (!line.length) {
		error_set(error, 0, "%s %s has no text in its first line, or control characters", key, path);
		return NULL;
	}
	secret = strndup(line.data, line.length);
	if (!secret)
		error_set(error, 0, "reading %s %s: out of memory", key, path);
	return secret;
}
