#include "agent/sinks/msgpack_library.h"

#include "proctor/library.h"

static const struct library_function functions[] = {
	{"msgpack_unpack_next", offsetof(struct msgpack_library, unpack_next)},
	{"msgpack_zone_free", offsetof(struct msgpack_library, zone_free)},
};

int msgpack_library_load(struct msgpack_library *library)
{
	/* The second is its name from version 6 on. */
	static const char *const files[] = {"libmsgpackc.so.2", "libmsgpack-c.so.2"};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (!library_load(files[i], functions, sizeof(functions) / sizeof(*functions), library))
			return 0;
	return -1;
}
