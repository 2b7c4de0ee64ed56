#include "collectors/events/watch_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "collectors/events/sources.h"
#include "proctor/cleanup.h"

enum {
	WATCHED = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR | IN_DONT_FOLLOW,
	FIRST_CAPACITY = 64,
	READ_SIZE = 16384, /* some 170 events of containers */
	READS = 4,         /* a call */
	READS_STALE = 256, /* a call, of what is passed over */
};

/* A directory that is watched. */
struct watch {
	int id; /* the kernel's */
	size_t top;
	unsigned depth;     /* 0: the top itself */
	struct watch *next; /* among those that are still to be listed */
	char path[];        /* below the top, with a slash in front; empty for the top */
};

/* One look at what came: whom to tell, and which directories are still to be listed. */
struct survey {
	struct watches *watches;
	event_handler handler; /* NULL: nobody is told */
	void *context;
	size_t told;
	struct watch *first, *last;
};

/* ---- telling ----------------------------------------------------------------------------------- */

/* A directory may hold any number of others when it is listed: a flood of them is told as one loss. */
static void tell(struct survey *survey, const struct event *event)
{
	if (!survey->handler)
		return;
	survey->told++;
	if (survey->told <= EVENTS_A_CALL)
		survey->handler(survey->context, event);
	else if (survey->told == EVENTS_A_CALL + 1)
		survey->handler(survey->context, &(struct event){.kind = EVENT_OVERRUN});
}

static void tell_directory(struct survey *survey, const char *path, bool gone)
{
	tell(survey, &(struct event){.kind = EVENT_CGROUP, .path = path, .gone = gone});
}

/* From now on something is not seen: what was missed up to now has to be looked for once. */
static void lose_sight(struct survey *survey, const char *what)
{
	if (!survey->watches->unseen)
		tell(survey, &(struct event){.kind = EVENT_OVERRUN});
	survey->watches->unseen = what;
}

/* ---- the list of watches ----------------------------------------------------------------------- */

/* Where the watch `id` is in the list, or would be. */
static size_t place_of(const struct watches *watches, int id)
{
	size_t low = 0, high = watches->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (watches->list[middle]->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct watch *find(const struct watches *watches, int id)
{
	size_t place = place_of(watches, id);

	return place < watches->count && watches->list[place]->id == id ? watches->list[place] : NULL;
}

/* Takes the watch into the list. -1: no memory. */
static int insert(struct watches *watches, struct watch *watch)
{
	if (watches->count == watches->capacity) {
		size_t capacity = watches->capacity ? watches->capacity * 2 : FIRST_CAPACITY;
		struct watch **larger = reallocarray(watches->list, capacity, sizeof(struct watch *));
		if (!larger)
			return -1;
		watches->list = larger;
		watches->capacity = capacity;
	}
	size_t place = place_of(watches, watch->id);
	memmove(watches->list + place + 1, watches->list + place,
		(watches->count - place) * sizeof(struct watch *));
	watches->list[place] = watch;
	watches->count++;
	return 0;
}

static void forget(struct watches *watches, size_t place)
{
	free(watches->list[place]);
	watches->count--;
	memmove(watches->list + place, watches->list + place + 1,
		(watches->count - place) * sizeof(struct watch *));
}

/* Ends the watches of a directory that was moved, and of all beneath it. */
static void unwatch_beneath(struct watches *watches, size_t top, const char *path)
{
	size_t length = strlen(path);

	for (size_t i = watches->count; i-- > 0;) {
		const struct watch *watch = watches->list[i];
		if (watch->top == top && !strncmp(watch->path, path, length) &&
		    (!watch->path[length] || watch->path[length] == '/')) {
			inotify_rm_watch(watches->fd, watch->id);
			forget(watches, i);
		}
	}
}

/* ---- watching ---------------------------------------------------------------------------------- */

static const char too_many[] = "cgroups: more than 4096 directories, or some deeper than 16: what comes in "
			       "the others is only seen by "
			       "the next audit";
static const char not_allowed[] =
	"cgroups: this user may not have as many watches: raise fs.inotify.max_user_watches";
static const char not_readable[] = "cgroups: some directories cannot be read: what comes in them is only "
				   "seen by the next audit; that needs "
				   "CAP_DAC_READ_SEARCH";

/* Asks the kernel for a watch. Its id; -1: none. */
static int add_watch(struct survey *survey, size_t top, unsigned depth, const char *path)
{
	const struct watches *watches = survey->watches;
	char full[PATH_MAX];
	int length = snprintf(full, sizeof(full), "%s%s", watches->tops[top], path);

	if (watches->count >= WATCHES_MAX || depth > WATCH_DEPTH_MAX || length >= (int)sizeof(full)) {
		lose_sight(survey, too_many);
		return -1;
	}
	int id = inotify_add_watch(watches->fd, full, WATCHED);
	if (id < 0 && (errno == ENOSPC || errno == ENOMEM))
		lose_sight(survey, not_allowed);
	else if (id < 0 && errno != ENOENT && errno != ENOTDIR)
		lose_sight(survey, not_readable);
	return id;
}

/* Watches a directory, which is then still to be listed. -1: no memory. */
static int watch_directory(struct survey *survey, size_t top, unsigned depth, const char *path)
{
	size_t size = strlen(path) + 1;
	int id = add_watch(survey, top, depth, path);

	if (id < 0 || find(survey->watches, id))
		return 0;
	struct watch *watch = calloc(1, sizeof(*watch) + size);
	if (!watch)
		return -1;
	*watch = (struct watch){.id = id, .top = top, .depth = depth};
	memcpy(watch->path, path, size);
	if (insert(survey->watches, watch)) {
		free(watch);
		return -1;
	}
	*(survey->last ? &survey->last->next : &survey->first) = watch;
	survey->last = watch;
	return 0;
}

/* A directory is there: in the one that is watched, by that name. -1: no memory. */
static int meet(struct survey *survey, const struct watch *parent, const char *name)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", parent->path, name) >= (int)sizeof(path)) {
		lose_sight(survey, too_many);
		return 0;
	}
	tell_directory(survey, path, false);
	return survey->watches->is_leaf(path) ? 0
					      : watch_directory(survey, parent->top, parent->depth + 1, path);
}

static bool is_child(const struct dirent *entry)
{
	return entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static DIR *open_directory(const struct survey *survey, const struct watch *directory)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s%s", survey->watches->tops[directory->top], directory->path);
	int fd = open(full, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	if (!stream && fd >= 0)
		close(fd);
	return stream;
}

/* Meets all that are in a directory. -1: no memory. */
static int list_directory(struct survey *survey, const struct watch *directory)
{
	_cleanup_closedir_ DIR *stream = open_directory(survey, directory);
	const struct dirent *entry;

	while (stream && (errno = 0, entry = readdir(stream)))
		if (is_child(entry) && meet(survey, directory, entry->d_name))
			return -1;
	if (errno && errno != ENOENT) /* else it is read to its end, or gone */
		lose_sight(survey, not_readable);
	return 0;
}

/* Lists all that were watched in this survey, and what is found by that, from the top down. -1: no memory. */
static int list_new(struct survey *survey)
{
	while (survey->first) {
		const struct watch *directory = survey->first;
		survey->first = directory->next;
		if (!survey->first)
			survey->last = NULL;
		if (list_directory(survey, directory))
			return -1;
	}
	return 0;
}

static int scan(struct watches *watches)
{
	struct survey survey = {.watches = watches};

	for (size_t i = 0; i < watches->top_count; i++)
		if (watch_directory(&survey, i, 0, ""))
			return -1;
	return list_new(&survey);
}

/* The kernel gives a directory that is watched already the id that it has. */
int watches_scan(struct watches *watches, struct error **error)
{
	struct watches old = *watches;

	watches->list = NULL;
	watches->count = watches->capacity = 0;
	watches->unseen = NULL;
	int result = scan(watches);
	for (size_t i = 0; i < old.count; i++)
		if (!find(watches, old.list[i]->id))
			inotify_rm_watch(watches->fd, old.list[i]->id);
	watches_free(&old);
	return result ? error_set(error, ENOMEM, "watch directories") : 0;
}

/* ---- reading ----------------------------------------------------------------------------------- */

static void leave(struct survey *survey, const struct watch *parent, const char *name, bool moved)
{
	size_t top = parent->top;
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", parent->path, name) >= (int)sizeof(path))
		return;
	tell_directory(survey, path, true);
	if (moved)
		unwatch_beneath(survey->watches, top, path);
}

/* One event; `name` is empty for none. -1: no memory. */
static int take(struct survey *survey, const struct inotify_event *event, const char *name)
{
	struct watches *watches = survey->watches;
	const struct watch *parent = find(watches, event->wd);

	if (event->mask & IN_Q_OVERFLOW) {
		watches->stale = true;
	} else if (parent && event->mask & IN_IGNORED) {
		forget(watches, place_of(watches, event->wd));
	} else if (parent && *name && event->mask & IN_ISDIR) {
		if (event->mask & (IN_DELETE | IN_MOVED_FROM))
			leave(survey, parent, name, event->mask & IN_MOVED_FROM);
		else if (event->mask & (IN_CREATE | IN_MOVED_TO))
			return meet(survey, parent, name);
	}
	return 0;
}

int watches_tell(struct watches *watches, const void *data, size_t length, event_handler handler,
		 void *context, struct error **error)
{
	struct survey survey = {.watches = watches, .handler = handler, .context = context};
	const char *bytes = data;
	struct inotify_event event;

	while (length >= sizeof(event)) {
		memcpy(&event, bytes, sizeof(event));
		bytes += sizeof(event);
		length -= sizeof(event);
		if (event.len > length)
			break;
		const char *name = event.len && memchr(bytes, '\0', event.len) ? bytes : "";
		if (take(&survey, &event, name) || list_new(&survey))
			return error_set(error, ENOMEM, "watch directories");
		bytes += event.len;
		length -= event.len;
	}
	return 0;
}

/* After a loss: what is there is watched, then the audit is asked for that sees it. */
static int start_anew(struct watches *watches, event_handler handler, void *context, struct error **error)
{
	watches->stale = false;
	if (watches_scan(watches, error))
		return -1;
	handler(context, &(struct event){.kind = EVENT_OVERRUN});
	return 0;
}

int watches_read(struct watches *watches, event_handler handler, void *context, struct error **error)
{
	char data[READ_SIZE];

	for (size_t turn = 0; turn < (watches->stale ? READS_STALE : READS); turn++) {
		ssize_t got = read(watches->fd, data, sizeof(data));
		if (got < 0 && errno == EAGAIN)
			return watches->stale ? start_anew(watches, handler, context, error) : 0;
		if (got < 0 && errno != EINTR)
			return error_set(error, errno, "read inotify");
		if (got > 0 && !watches->stale &&
		    watches_tell(watches, data, (size_t)got, handler, context, error))
			return -1;
	}
	return 0;
}

void watches_free(struct watches *watches)
{
	for (size_t i = 0; i < watches->count; i++)
		free(watches->list[i]);
	free(watches->list);
	*watches = (struct watches){.fd = -1};
}
