/* Files that processes of a container have open for writing in its root. */
#ifndef COLLECTORS_OPEN_FILE_H
#define COLLECTORS_OPEN_FILE_H

#include "collectors/container_view.h"

enum { OPEN_FILES_MAX = 256 };

/* Those of one container so far. Starts zeroed. */
struct open_files {
	char *paths[OPEN_FILES_MAX]; /* ascending */
	size_t count;
	size_t descriptors;   /* looked at */
	const char *left_out; /* NULL, or why not all are here */
};

/* Adds those of the process whose /proc/PID is open as `directory`. Overwrites the buffer. -1: no memory.
 * What cannot be read is left out, and told in the end. */
int open_files_read(struct open_files *files, int directory, const struct container_view *view,
		    struct buffer *buffer);

/* Adds them to container->written, unless what lies above them is there, and frees them, also after -1: no
 * memory. */
int open_files_keep(struct open_files *files, struct arena *arena, struct coverage *coverage,
		    struct container *container);

#endif
