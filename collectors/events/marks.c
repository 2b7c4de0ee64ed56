#include "collectors/events/marks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/vfs.h>

#include "collectors/events/file_message.h"
#include "collectors/filesystem_type.h"
#include "collectors/mount_index.h"
#include "collectors/mountinfo.h"
#include "collectors/open.h"
#include "proctor/cleanup.h"

/* A setuid bit or a capability is given by chmod, chown and setxattr, or comes with a name: made, linked, or
 * moved. What is written to a file takes both away, so writing need not be told of. */
static const uint64_t told_of = FAN_ATTRIB | FAN_CREATE | FAN_MOVED_TO;

enum { TABLE_LIMIT = 16 * 1024 * 1024 };

/* What one renewal goes by. */
struct renewal {
	struct marks *marks;
	const struct mount_namespace *host;
	const struct buffer *marked; /* /proc/self/fdinfo of the group */
	size_t failed;
	const char *example; /* the mount point of one that could not be marked */
};

/* ---- which file systems ------------------------------------------------------------------------ */

static bool may_have_programs(const struct mount *mount)
{
	return !mount->covered && filesystem_kind(mount->type) == FILESYSTEM_LOCAL &&
	       strcmp(mount->type, "overlay") != 0 && !(mount->super_options & MOUNT_READ_ONLY);
}

/* False when the way to it leads over a file system that may never answer. */
static bool answers(const struct mount_namespace *host, const struct mount *mount)
{
	for (size_t i = 0; i < host->mount_count; i++) {
		const struct mount *other = &host->mounts[i];
		if (!other->covered && filesystem_kind(other->type) == FILESYSTEM_OTHER &&
		    mount_holds(other, mount->point))
			return false;
	}
	return true;
}

/* ---- marking ----------------------------------------------------------------------------------- */

static int keep(struct marks *marks, uint64_t filesystem, const char *point)
{
	char *copy = strdup(point);

	if (!copy)
		return -1;
	marks->list[marks->count++] = (struct mark){filesystem, copy};
	return 0;
}

static bool is_marked(const struct renewal *renewal, const struct mount *mount)
{
	return file_message_has_mark(renewal->marked->data, renewal->marked->length, mount->major,
				     mount->minor);
}

/* Marks the file system unless it is marked. 1: it is; 0: not, with errno; -1: no memory. */
static int mark(struct renewal *renewal, const struct mount *mount)
{
	struct marks *marks = renewal->marks;
	struct statfs facts;
	_cleanup_close_ int top = open_through_mounts(marks->root, mount->point, O_RDONLY | O_DIRECTORY);

	if (top < 0 || fstatfs(top, &facts))
		return 0;
	if (marks->count == MARKS_MAX) {
		errno = ENOSPC;
		return 0;
	}
	if (!is_marked(renewal, mount) &&
	    fanotify_mark(marks->fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, told_of, top, NULL))
		return 0;
	return keep(marks, file_message_filesystem(facts.f_fsid.__val), mount->point) ? -1 : 1;
}

static void note_failure(struct renewal *renewal, const char *point, int number)
{
	renewal->failed++;
	if (renewal->example)
		return;
	renewal->example = point;
	renewal->marks->number = number;
}

/* Marks a file system by the first of its mounts by which it can be: they are in the order of what they show
 * of it. Moves *entry behind the last one. -1: no memory. */
static int mark_one(struct renewal *renewal, const struct mount_index_entry **entry,
		    const struct mount_index_entry *end)
{
	const struct mount_index_entry *first = *entry;
	const char *failed = NULL;
	int result = 0, number = 0;

	for (; *entry < end && (*entry)->device == first->device; ++*entry) {
		const struct mount *mount = (*entry)->mount;
		if (result || !may_have_programs(mount) || !answers(renewal->host, mount))
			continue;
		result = mark(renewal, mount);
		if (!result && !failed) {
			failed = mount->point;
			number = errno;
		}
	}
	if (!result && failed)
		note_failure(renewal, failed, number);
	return result < 0 ? -1 : 0;
}

static int mark_all(struct renewal *renewal)
{
	_cleanup_mount_index_ struct mount_index index = {0};

	if (mount_index_roots(&index, renewal->host))
		return -1;
	const struct mount_index_entry *entry = index.entries, *end = entry + index.count;
	while (entry < end)
		if (mark_one(renewal, &entry, end))
			return -1;
	return 0;
}

/* Adds to what is told in coverage. */
static void add_unseen(struct marks *marks, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add_unseen(struct marks *marks, const char *format, ...)
{
	size_t length = strlen(marks->unseen);
	va_list arguments;

	length += (size_t)snprintf(marks->unseen + length, sizeof(marks->unseen) - length, "%s",
				   length ? "; " : "fanotify: ");
	va_start(arguments, format);
	if (length < sizeof(marks->unseen))
		vsnprintf(marks->unseen + length, sizeof(marks->unseen) - length, format, arguments);
	va_end(arguments);
}

static void tell_failures(const struct renewal *renewal)
{
	struct marks *marks = renewal->marks;

	if (renewal->failed)
		add_unseen(marks, "%zu file systems are not watched, as the one at %.256s (%s)%s",
			   renewal->failed, renewal->example, strerror(marks->number),
			   marks->number == EPERM
				   ? ": what is mounted after the start needs CAP_SYS_ADMIN, or a restart"
				   : "");
}

/* ---- the host's mounts ------------------------------------------------------------------------- */

static const char first_table[] = "/proc/1/mountinfo", own_table[] = "/proc/self/mountinfo";

/* The host's root and mount table are those of the first process; where that is not for us to open, our own.
 */
static const char *open_root(struct marks *marks)
{
	const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;

	if (marks->root >= 0)
		close(marks->root);
	marks->root = open("/proc/1/root", flags);
	if (marks->root >= 0)
		return first_table;
	marks->root = open("/", flags);
	return own_table;
}

/* Our own mounts, `table`, may not be the host's. */
static void tell_own_view(struct marks *marks, const struct buffer *table)
{
	_cleanup_buffer_ struct buffer first = {0};

	if (buffer_read(&first, AT_FDCWD, first_table, TABLE_LIMIT) == 0 &&
	    (first.length != table->length || memcmp(first.data, table->data, first.length) != 0))
		add_unseen(marks,
			   "goes by the agent's own mounts: file systems that only the host has mounted "
			   "are not watched, since opening /proc/1/root needs CAP_SYS_PTRACE");
}

static void empty(struct marks *marks)
{
	for (size_t i = 0; i < marks->count; i++)
		free(marks->list[i].point);
	marks->count = 0;
}

/* -1 with errno. */
static int renew(struct marks *marks, struct arena *arena)
{
	_cleanup_buffer_ struct buffer table = {0}, marked = {0};
	struct mount_namespace host = {0};
	struct mountinfo_faults faults;
	const char *path = open_root(marks);
	char info[64];

	empty(marks);
	marks->number = 0;
	marks->unseen[0] = '\0';
	if (!marks->list)
		marks->list = calloc(MARKS_MAX, sizeof(*marks->list));
	snprintf(info, sizeof(info), "/proc/self/fdinfo/%d", marks->fd);
	if (!marks->list || marks->root < 0 ||
	    mountinfo_read(AT_FDCWD, path, &table, arena, &host, &faults) ||
	    buffer_read(&marked, AT_FDCWD, info, TABLE_LIMIT) < 0)
		return -1;
	struct renewal renewal = {.marks = marks, .host = &host, .marked = &marked};
	if (mark_all(&renewal)) {
		errno = ENOMEM;
		return -1;
	}
	tell_failures(&renewal);
	if (path == own_table)
		tell_own_view(marks, &table);
	if (faults.cut)
		add_unseen(marks, "the mount table is longer than is read");
	return 0;
}

int marks_renew(struct marks *marks, struct error **error)
{
	_cleanup_arena_ struct arena *arena = arena_new();

	if (!arena)
		return error_set(error, ENOMEM, "mark file systems");
	return renew(marks, arena) ? error_set(error, errno, "mark file systems") : 0;
}

/* ---- opening ----------------------------------------------------------------------------------- */

int marks_open(const struct marks *marks, uint64_t filesystem)
{
	struct statfs facts;

	for (size_t i = 0; i < marks->count; i++) {
		if (marks->list[i].filesystem != filesystem)
			continue;
		int top = open_through_mounts(marks->root, marks->list[i].point, O_RDONLY | O_DIRECTORY);
		if (top >= 0 && fstatfs(top, &facts) == 0 &&
		    file_message_filesystem(facts.f_fsid.__val) == filesystem)
			return top;
		if (top >= 0)
			close(top);
	}
	return -1;
}

void marks_free(struct marks *marks)
{
	empty(marks);
	free(marks->list);
	if (marks->root >= 0)
		close(marks->root);
	*marks = (struct marks){.fd = -1, .root = -1};
}
