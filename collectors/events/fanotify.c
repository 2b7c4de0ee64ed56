/* Files that give privilege are made: setuid and setgid bits and file capabilities, as soon as they are there
 * (fanotify(7)).
 *
 * The group and its marks need CAP_SYS_ADMIN where they are made; reading takes none, and looking at the file
 * CAP_DAC_READ_SEARCH (open_by_handle_at(2)). Without CAP_SYS_ADMIN in the reader what is mounted later is
 * not marked, which is told. The file is looked at here, so that of the many that are made and changed only
 * those are told that give privilege. That a file lost it, or was removed, is left to the next walk. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "collectors/events/file_message.h"
#include "collectors/events/marks.h"
#include "collectors/events/sources.h"
#include "collectors/open.h"
#include "proctor/cleanup.h"

enum {
	READ_SIZE = 16384, /* some 250 events */
	READS = 4,         /* a call */
};

/* ---- opening ----------------------------------------------------------------------------------- */

static int open_group(struct error **error)
{
	int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_DFID_NAME,
			       O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	int number = errno;
	error_set(error, number, "open a fanotify group");
	if (number == EPERM)
		error_remedy(error, "it needs CAP_SYS_ADMIN in the first user namespace");
	else if (number == EINVAL)
		error_remedy(error, "it needs Linux 5.9");
	else if (number == EMFILE)
		error_remedy(error, "raise fs.fanotify.max_user_groups");
	return -1;
}

static int open_marked(struct error **error)
{
	struct marks marks = {.fd = open_group(error), .root = -1};
	int fd = marks.fd;

	if (fd < 0)
		return -1;
	int result = marks_renew(&marks, error);
	if (!result && !marks.count) {
		result = error_set(error, marks.number, "watch a file system by fanotify");
		error_remedy(error,
			     "it needs CAP_SYS_ADMIN in the first user namespace, and a local file system");
	}
	marks_free(&marks);
	if (result)
		close(fd);
	return result ? -1 : fd;
}

/* ---- looking at a file ------------------------------------------------------------------------- */

/* What is open while one call reads. It does not stay open: a file system with an open file cannot be
 * unmounted. Changes often come in one directory after another. */
struct place {
	const struct marks *marks;
	uint64_t filesystem;
	int top;                     /* of the file system; -1: not open */
	int directory;               /* -1: not open */
	struct file_message message; /* of which that is the directory */
};

static void leave(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static bool is_same_directory(const struct place *place, const struct file_message *message)
{
	const struct file_handle *a = &place->message.directory.handle, *b = &message->directory.handle;

	return place->filesystem == message->filesystem && a->handle_bytes == b->handle_bytes &&
	       a->handle_type == b->handle_type &&
	       !memcmp(place->message.directory.space + sizeof(*a), message->directory.space + sizeof(*b),
		       a->handle_bytes);
}

/* Goes to the directory of the message. -1: it is not there any more. */
static int go_to(struct place *place, struct file_message *message)
{
	if (place->directory >= 0 && is_same_directory(place, message))
		return 0;
	leave(&place->directory);
	if (place->top < 0 || place->filesystem != message->filesystem) {
		leave(&place->top);
		place->filesystem = message->filesystem;
		place->top = marks_open(place->marks, message->filesystem);
	}
	if (place->top < 0)
		return -1;
	place->message = *message;
	place->directory =
		open_by_handle_at(place->top, &message->directory.handle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return place->directory < 0 ? -1 : 0;
}

static bool has_capability(int file)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return getxattr(path, "security.capability", NULL, 0) >= 0 ||
	       (errno != ENODATA && errno != EOPNOTSUPP);
}

static bool gives_privilege(int directory, const char *name)
{
	_cleanup_close_ int file = open_beneath(directory, name, O_PATH | O_NOFOLLOW);
	struct stat facts;

	if (file < 0 || fstat(file, &facts) || !S_ISREG(facts.st_mode))
		return false;
	return facts.st_mode & (S_ISUID | S_ISGID) ||
	       (facts.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH) && has_capability(file));
}

static void tell_file(const struct place *place, const char *name, event_handler handler, void *context)
{
	char link[64], path[PATH_MAX + NAME_MAX + 2];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", place->directory);
	ssize_t length = readlink(link, path, PATH_MAX);
	struct event event = {.kind = EVENT_FILE};
	if (length > 0 && length < PATH_MAX) {
		snprintf(path + length, sizeof(path) - (size_t)length, "%s%s",
			 path[length - 1] == '/' ? "" : "/", name);
		event.path = path;
	}
	handler(context, &event);
}

/* ---- reading ----------------------------------------------------------------------------------- */

static void *begin(int fd, struct error **error)
{
	struct marks *marks = calloc(1, sizeof(*marks));

	if (!marks) {
		error_set(error, ENOMEM, "read fanotify");
		return NULL;
	}
	marks->fd = fd;
	marks->root = -1;
	if (marks_renew(marks, error) == 0)
		return marks;
	marks_free(marks);
	free(marks);
	return NULL;
}

static void end(void *state)
{
	marks_free(state);
	free(state);
}

static void tell(struct place *place, struct bytes events, event_handler handler, void *context)
{
	struct file_message message;

	while (file_message_next(&events, &message))
		if (message.overflow)
			handler(context, &(struct event){.kind = EVENT_OVERRUN});
		else if (go_to(place, &message) == 0 && gives_privilege(place->directory, message.name))
			tell_file(place, message.name, handler, context);
}

static int read_group(int fd, void *state, event_handler handler, void *context, struct error **error)
{
	struct place place = {.marks = state, .top = -1, .directory = -1};
	char data[READ_SIZE];
	int result = 0;

	for (int turn = 0; turn < READS; turn++) {
		ssize_t got = read(fd, data, sizeof(data));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno != EAGAIN)
			result = error_set(error, errno, "read fanotify");
		if (got <= 0)
			break;
		tell(&place, (struct bytes){data, (size_t)got}, handler, context);
	}
	leave(&place.directory);
	leave(&place.top);
	return result;
}

static int renew(int fd, void *state, struct error **error)
{
	(void)fd;
	return marks_renew(state, error);
}

static const char *unseen(void *state)
{
	const struct marks *marks = state;

	return marks->unseen[0] ? marks->unseen : NULL;
}

const struct event_source event_source_fanotify = {
	.name = "fanotify",
	.what = "files that get setuid or setgid bits or capabilities",
	.by_default = false,
	.open = open_marked,
	.poll = POLLIN,
	.begin = begin,
	.read = read_group,
	.renew = renew,
	.unseen = unseen,
	.end = end,
};
