#include "agent/daemon/http_library.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#define FUNCTION(name)                                                                                       \
	{                                                                                                    \
		"MHD_" #name, offsetof(struct http_library, name)                                            \
	}

static const struct {
	const char *name;
	size_t offset;
} functions[] = {
	FUNCTION(start_daemon),
	FUNCTION(stop_daemon),
	FUNCTION(run),
	FUNCTION(get_timeout),
	FUNCTION(get_daemon_info),
	FUNCTION(get_connection_info),
	FUNCTION(create_response_from_buffer),
	FUNCTION(add_response_header),
	FUNCTION(queue_response),
	FUNCTION(destroy_response),
};

int http_library_load(struct http_library *library)
{
	void *handle = dlopen("libmicrohttpd.so.12", RTLD_NOW | RTLD_LOCAL);

	if (!handle)
		return -1;
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *function = dlsym(handle, functions[i].name);
		if (!function)
			return -1;
		memcpy((char *)library + functions[i].offset, &function, sizeof(function));
	}
	return 0;
}
