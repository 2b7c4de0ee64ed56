#include "agent/daemon/http_library.h"

#include "proctor/library.h"

#define FUNCTION(name)                                                                                       \
	{                                                                                                    \
		"MHD_" #name, offsetof(struct http_library, name)                                            \
	}

static const struct library_function functions[] = {
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
	return library_load("libmicrohttpd.so.12", functions, sizeof(functions) / sizeof(functions[0]),
			    library);
}
