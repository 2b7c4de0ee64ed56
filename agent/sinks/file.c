/* Records appended to a file, one a line, which is put aside when it is large. They are out when they are on
 * disk. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "agent/sinks/sinks.h"
#include "agent/sinks/url.h"
#include "agent/units.h"
#include "proctor/cleanup.h"

enum { MODE = 0640, KEEP = 5, KEEP_MOST = 1000, ROTATE = 64 << 20, ROTATE_LEAST = 4096 };

struct file_sink {
	char *path;
	const char *name;  /* its last part */
	uint64_t rotate;   /* bytes after which it is put aside; 0: never */
	uint64_t keep;     /* how many are kept beside it */
	int directory, fd; /* -1: not open */
	off_t size;
	size_t appended, durable; /* of the records that are delivered now */
};

/* ---- the URL ------------------------------------------------------------------------------------ */

static int take_parameter(void *state, const char *key, const char *value, struct error **error)
{
	static const struct unit none[] = {{0}};
	struct file_sink *sink = state;

	if (!strcmp(key, "rotate")) {
		if (units_parse(value, size_units, &sink->rotate, error))
			return error_context(error, "rotate");
		if (sink->rotate && sink->rotate < ROTATE_LEAST)
			return error_set(error, 0, "rotate: '%s' is less than %d bytes", value, ROTATE_LEAST);
		return 0;
	}
	if (strcmp(key, "keep") != 0)
		return error_set(error, 0, "a file has no parameter '%s': there are rotate and keep", key);
	if (units_parse(value, none, &sink->keep, error))
		return error_context(error, "keep");
	if (sink->keep < 1 || sink->keep > KEEP_MOST)
		return error_set(error, 0, "keep: '%s' is not within 1 and %d", value, KEEP_MOST);
	return 0;
}

static int parse(struct file_sink *sink, const char *url, struct error **error)
{
	if (strncmp(url, "file:///", strlen("file:///")) != 0)
		return error_set(error, 0, "the URL of a file is %s", sink_file.form);
	sink->path = url_path(url, error);
	if (!sink->path)
		return -1;
	sink->name = strrchr(sink->path, '/') + 1;
	if (!*sink->name || !strcmp(sink->name, ".") || !strcmp(sink->name, ".."))
		return error_set(error, 0, "'%s' names no file", sink->path);
	return url_query(url, take_parameter, sink, error);
}

static void close_file(struct file_sink *sink)
{
	cleanup_close(&sink->fd);
	cleanup_close(&sink->directory);
	sink->fd = sink->directory = -1;
}

static void close_sink(void *state)
{
	struct file_sink *sink = state;

	close_file(sink);
	free(sink->path);
	free(sink);
}

static void *open_sink(const struct sink_options *options, struct error **error)
{
	struct file_sink *sink = malloc(sizeof(*sink));

	if (!sink) {
		error_set(error, 0, "opening a file's sink: out of memory");
		return NULL;
	}
	*sink = (struct file_sink){.rotate = ROTATE, .keep = KEEP, .directory = -1, .fd = -1};
	if (!parse(sink, options->url, error))
		return sink;
	close_sink(sink);
	return NULL;
}

static int check(const struct sink_options *options, struct error **error)
{
	struct file_sink *sink = open_sink(options, error);

	if (!sink)
		return -1;
	close_sink(sink);
	return 0;
}

/* ---- the file ----------------------------------------------------------------------------------- */

static int open_directory(struct file_sink *sink, struct error **error)
{
	_cleanup_free_ char *directory = strndup(sink->path, (size_t)(sink->name - sink->path));

	if (!directory)
		return error_set(error, 0, "opening %s: out of memory", sink->path);
	sink->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return sink->directory < 0 ? error_set(error, errno, "opening the directory of %s", sink->path) : 0;
}

/* A new one has its mode whatever the umask is, and its name on disk. */
static int create(struct file_sink *sink, int flags)
{
	sink->fd = openat(sink->directory, sink->name, flags | O_CREAT | O_EXCL, MODE);
	return sink->fd < 0 || fchmod(sink->fd, MODE) || fsync(sink->directory) ? -1 : 0;
}

/* Neither follows a link nor waits for whoever reads a pipe. */
static int open_or_create(struct file_sink *sink, struct error **error)
{
	const int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	struct stat facts;

	sink->fd = openat(sink->directory, sink->name, flags);
	if (sink->fd < 0 && (errno != ENOENT || create(sink, flags)))
		return error_set(error, errno, "opening %s", sink->path);
	if (fstat(sink->fd, &facts))
		return error_set(error, errno, "looking at %s", sink->path);
	if (!S_ISREG(facts.st_mode))
		return error_set(error, 0, "%s is no regular file", sink->path);
	sink->size = facts.st_size;
	return 0;
}

/* Ends the line that was begun when whoever wrote it came to an end. */
static int mend_last_line(struct file_sink *sink, struct error **error)
{
	char last = '\n';

	if (sink->size && pread(sink->fd, &last, 1, sink->size - 1) < 0)
		return error_set(error, errno, "reading the end of %s", sink->path);
	if (last == '\n')
		return 0;
	if (write(sink->fd, "\n", 1) != 1)
		return error_set(error, errno, "ending the last line of %s", sink->path);
	sink->size++;
	return 0;
}

static int open_file(struct file_sink *sink, struct error **error)
{
	if (!open_directory(sink, error) && !open_or_create(sink, error))
		return 0;
	close_file(sink);
	return -1;
}

/* Whether the path still leads to what is open, and the size that it has now. */
static bool is_in_place(struct file_sink *sink)
{
	struct stat open_one, named;

	if (fstat(sink->fd, &open_one) || fstatat(AT_FDCWD, sink->path, &named, AT_SYMLINK_NOFOLLOW) ||
	    open_one.st_dev != named.st_dev || open_one.st_ino != named.st_ino)
		return false;
	sink->size = open_one.st_size;
	return true;
}

static int want_file(struct file_sink *sink, struct error **error)
{
	if (sink->fd < 0 || !is_in_place(sink)) {
		close_file(sink);
		if (open_file(sink, error))
			return -1;
	}
	return mend_last_line(sink, error);
}

/* What could not be written to disk may be lost from memory as well: fsync(2). It is written again, to a file
 * that is opened anew. */
static int make_durable(struct file_sink *sink, struct error **error)
{
	if (!fdatasync(sink->fd)) {
		sink->durable = sink->appended;
		return 0;
	}
	error_set(error, errno, "writing %s to disk", sink->path);
	close_file(sink);
	return -1;
}

/* ---- rotation ----------------------------------------------------------------------------------- */

/* PATH.4 to PATH.5, … PATH to PATH.1; number 0 is PATH itself. */
static int rename_next(const struct file_sink *sink, uint64_t number)
{
	_cleanup_free_ char *from = NULL, *to = NULL;

	if ((number ? asprintf(&from, "%s.%llu", sink->name, (unsigned long long)number)
		    : asprintf(&from, "%s", sink->name)) < 0)
		from = NULL;
	if (asprintf(&to, "%s.%llu", sink->name, (unsigned long long)number + 1) < 0)
		to = NULL;
	if (!from || !to) {
		errno = ENOMEM;
		return -1;
	}
	return renameat(sink->directory, from, sink->directory, to) && errno != ENOENT ? -1 : 0;
}

static int rotate(struct file_sink *sink, struct error **error)
{
	if (make_durable(sink, error))
		return -1;
	for (uint64_t number = sink->keep; number-- > 0;)
		if (rename_next(sink, number))
			return error_set(error, errno, "putting %s aside", sink->path);
	close_file(sink);
	return open_file(sink, error);
}

/* ---- records ------------------------------------------------------------------------------------ */

/* Takes back what was written of a record that found no room; what cannot be taken back is a last line to be
 * mended. */
static int take_back(struct file_sink *sink, int number, struct error **error)
{
	if (ftruncate(sink->fd, sink->size))
		return error_set(error, number, "writing to %s, half a line", sink->path);
	return error_set(error, number, "writing to %s", sink->path);
}

static int append(struct file_sink *sink, const struct queued *record, struct error **error)
{
	struct iovec line[] = {{.iov_base = (char *)record->text, .iov_len = record->length},
			       {.iov_base = (char *)"\n", .iov_len = 1}};
	size_t length = record->length + 1;
	ssize_t written;

	if (sink->rotate && sink->size && (uint64_t)sink->size + length > sink->rotate && rotate(sink, error))
		return -1;
	do
		written = writev(sink->fd, line, 2);
	while (written < 0 && errno == EINTR);
	if (written < 0)
		return take_back(sink, errno, error);
	if ((size_t)written < length)
		return take_back(sink, ENOSPC, error);
	sink->size += written;
	sink->appended++;
	return 0;
}

static int deliver(void *state, const struct queued *records, size_t count, int stop,
		   struct delivered *delivered, struct error **error)
{
	struct file_sink *sink = state;
	int result;

	(void)stop;
	sink->appended = sink->durable = 0;
	result = want_file(sink, error);
	while (!result && sink->appended < count)
		result = append(sink, &records[sink->appended], error);
	if (sink->fd >= 0 && make_durable(sink, result ? NULL : error))
		result = -1;
	delivered->out = sink->durable;
	return result;
}

const struct sink_kind sink_file = {
	.schemes = (const char *const[]){"file", NULL},
	.form = "file:///PATH[?rotate=SIZE&keep=COUNT]",
	.help = "A file, one record a line, on disk before a record counts as sent; put aside as PATH.1 to "
		"PATH.COUNT (5) when it would be larger than SIZE (64MiB; 0: never)",
	.check = check,
	.open = open_sink,
	.deliver = deliver,
	.close = close_sink,
};
