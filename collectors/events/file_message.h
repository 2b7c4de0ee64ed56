/* What a fanotify group tells and is told (fanotify(7)), taken apart without trust. */
#ifndef COLLECTORS_EVENTS_FILE_MESSAGE_H
#define COLLECTORS_EVENTS_FILE_MESSAGE_H

#include <fcntl.h>

#include "proctor/text.h"

/* A name in a directory: something became of the file there. */
struct file_message {
	bool overflow;       /* events were lost; the rest is not set */
	uint64_t filesystem; /* its f_fsid, as file_message_filesystem has it */
	const char *name;    /* in the event; hostile bytes */
	union {
		struct file_handle handle; /* of the directory */
		unsigned char space[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} directory;
};

/* Takes the next event that says what this asks for from `rest`. False when there is no more; what is cut or
 * malformed, and what has no name, is passed over. */
bool file_message_next(struct bytes *rest, struct file_message *message);

/* Both halves of an fsid (statfs(2)) in one. */
uint64_t file_message_filesystem(const int halves[2]);

/* True when the text of /proc/PID/fdinfo/FD says that the group has a mark on the file system with that
 * device number. */
bool file_message_has_mark(const char *text, size_t length, uint32_t major, uint32_t minor);

#endif
