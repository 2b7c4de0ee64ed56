/* Which file systems a fanotify group is told of: those of the host that lie on a disk or in memory.
 *
 * A mark is on a whole file system, whatever is mounted of it and where: so the one that holds the upper
 * layers of containers tells what they do to their files. Not marked are file systems of the network and
 * FUSE, which may never answer when a file is looked at; overlays, whose layers tell; and those that only a
 * container has mounted, which the host cannot reach. */
#ifndef COLLECTORS_EVENTS_MARKS_H
#define COLLECTORS_EVENTS_MARKS_H

#include "proctor/error.h"
#include "proctor/text.h"

enum { MARKS_MAX = 1024 }; /* file systems */

struct mark {
	uint64_t filesystem; /* as file_message_filesystem has it */
	char *point;         /* where it is mounted */
};

/* Starts with root -1 and else zeroed, but for fd; emptied by marks_free. */
struct marks {
	int fd;   /* of the group; the caller's */
	int root; /* the host's, for its facts only (O_PATH): holds no file system that could be unmounted */
	struct mark *list;
	size_t count;
	int number;       /* errno of the first file system that could not be marked */
	char unseen[512]; /* what is not marked and why; empty: nothing */
};

/* Marks what the mount table has now and is not marked, and fills the list: what is marked already needs no
 * privilege. What cannot be marked is told by `unseen`. -1: no memory, or no table. */
int marks_renew(struct marks *marks, struct error **error);

/* Opens the mount point of a file system, by which its files can be opened. -1: it is not there. */
int marks_open(const struct marks *marks, uint64_t filesystem);

void marks_free(struct marks *marks);

#endif
