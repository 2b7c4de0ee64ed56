/* Feeds libFuzzer's bytes to what takes the kernel's events apart. */
#include <stdlib.h>
#include <string.h>

#include "collectors/events/file_message.h"
#include "collectors/events/process_message.h"
#include "collectors/events/watch_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void look(void *context, const struct event *event)
{
	size_t *left = context;

	require(*left > 0); /* no more events than there are bytes for */
	--*left;
	require(event->kind <= EVENT_OVERRUN);
	require(!event->path || strlen(event->path) > 0);
}

static void read_processes(const uint8_t *data, size_t size)
{
	size_t left = size / 68;
	int number = 0;

	process_message_tell(data, size, look, &left);
	if (process_message_answers(data, size, 41, &number))
		require(number >= 0);
}

static void read_files(const uint8_t *data, size_t size)
{
	struct bytes rest = {(const char *)data, size};
	struct file_message message;
	size_t before = size;

	while (file_message_next(&rest, &message)) {
		require(rest.length < before);
		before = rest.length;
		if (!message.overflow)
			require(message.name + strlen(message.name) < (const char *)data + size &&
				message.directory.handle.handle_bytes <= MAX_HANDLE_SZ);
	}
	file_message_has_mark((const char *)data, size, 254, 0);
}

static bool no_leaf(const char *path)
{
	return !path;
}

/* With no watch of the kernel's: what matters is that no event leads astray. */
static void read_directories(const uint8_t *data, size_t size)
{
	struct watches watches = {.fd = -1, .tops = {"/nowhere"}, .top_count = 1, .is_leaf = no_leaf};
	size_t left = size / 16;

	require(!watches_tell(&watches, data, size, look, &left, NULL));
	require(watches.count == 0);
	watches_free(&watches);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_processes(data, size);
	read_files(data, size);
	read_directories(data, size);
	return 0;
}
