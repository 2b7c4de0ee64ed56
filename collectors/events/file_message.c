#include "collectors/events/file_message.h"

#include <string.h>
#include <sys/fanotify.h>

#include "collectors/read.h"

enum { MINOR_BITS = 20 }; /* in the kernel's own device numbers (linux/kdev_t.h) */

uint64_t file_message_filesystem(const int halves[2])
{
	return (uint64_t)(uint32_t)halves[0] << 32 | (uint32_t)halves[1];
}

/* Takes what stands first in `info`, the records of an event. False when it is not a directory and a name. */
static bool read_place(const char *info, size_t length, struct file_message *message)
{
	const size_t handle_at = offsetof(struct fanotify_event_info_fid, handle);
	const size_t bytes_at = handle_at + sizeof(struct file_handle);
	struct fanotify_event_info_fid place;

	if (length < bytes_at)
		return false;
	memcpy(&place, info, handle_at);
	memcpy(&message->directory.handle, info + handle_at, sizeof(struct file_handle));
	size_t name_at = bytes_at + message->directory.handle.handle_bytes;
	if (place.hdr.info_type != FAN_EVENT_INFO_TYPE_DFID_NAME || place.hdr.len > length ||
	    message->directory.handle.handle_bytes > MAX_HANDLE_SZ || name_at >= place.hdr.len ||
	    !memchr(info + name_at, '\0', place.hdr.len - name_at))
		return false;
	memcpy(message->directory.space + sizeof(struct file_handle), info + bytes_at,
	       message->directory.handle.handle_bytes);
	message->filesystem = file_message_filesystem(place.fsid.val);
	message->name = info + name_at;
	return true;
}

bool file_message_next(struct bytes *rest, struct file_message *message)
{
	struct fanotify_event_metadata event;

	while (rest->length >= sizeof(event)) {
		const char *data = rest->data;
		memcpy(&event, data, sizeof(event));
		if (event.event_len < sizeof(event) || event.event_len > rest->length ||
		    event.metadata_len < sizeof(event) || event.metadata_len > event.event_len ||
		    event.vers != FANOTIFY_METADATA_VERSION)
			return false;
		*rest = (struct bytes){data + event.event_len, rest->length - event.event_len};
		message->overflow = event.mask & FAN_Q_OVERFLOW;
		if (message->overflow ||
		    read_place(data + event.metadata_len, event.event_len - event.metadata_len, message))
			return true;
	}
	return false;
}

bool file_message_has_mark(const char *text, size_t length, uint32_t major, uint32_t minor)
{
	static const char start[] = "fanotify sdev:";
	const size_t skipped = sizeof(start) - 1;
	const char *cursor = text, *end = text + length, *line;
	size_t line_length;
	uint64_t device;

	while (line_next(&cursor, end, &line, &line_length)) {
		const char *digits = line + skipped;
		if (line_length > skipped && !memcmp(line, start, skipped) &&
		    text_read_number(&digits, line + line_length, 16, &device) &&
		    device == ((uint64_t)major << MINOR_BITS | minor))
			return true;
	}
	return false;
}
