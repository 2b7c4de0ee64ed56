/* Trees of directories watched by inotify(7): which directories come and go in them, wherever.
 *
 * A watch is for one directory, so every directory gets one, also those that come later; what came into one
 * before its watch was there is found by listing it. No link is followed. */
#ifndef COLLECTORS_EVENTS_WATCH_TREE_H
#define COLLECTORS_EVENTS_WATCH_TREE_H

#include "proctor/event.h"

enum {
	WATCHES_MAX = 4096,   /* of all trees together: each takes about 1 KiB of the kernel's memory */
	WATCH_DEPTH_MAX = 16, /* below the top of a tree */
	WATCH_TOPS_MAX = 2,
};

struct watch;

/* Starts zeroed but for fd, tops, top_count and is_leaf; emptied by watches_free. */
struct watches {
	int fd;                           /* of inotify; the caller's, non-blocking */
	const char *tops[WATCH_TOPS_MAX]; /* the trees; must live as long as this */
	size_t top_count;
	bool (*is_leaf)(const char *path); /* whether nothing that matters comes beneath a directory */
	struct watch **list;               /* in the order of their ids */
	size_t count, capacity;
	bool stale;         /* events were lost: what is watched is not known */
	const char *unseen; /* what is not watched, and the remedy; NULL: nothing */
};

/* Watches the directories that there are, anew, without telling of them. -1: no memory. */
int watches_scan(struct watches *watches, struct error **error);

/* Reads the waiting events, of about a thousand directories at most, and tells of those that came and went as
 * EVENT_CGROUP, with the path below their tree; some may be told twice. Lost events, and that something is
 * not watched from now on, are an EVENT_OVERRUN. -1: no memory, or read(2) failed. */
int watches_read(struct watches *watches, event_handler handler, void *context, struct error **error);

/* What watches_read does with the bytes it reads (struct inotify_event). What is cut or malformed is passed
 * over. */
int watches_tell(struct watches *watches, const void *data, size_t length, event_handler handler,
		 void *context, struct error **error);

void watches_free(struct watches *watches);

#endif
