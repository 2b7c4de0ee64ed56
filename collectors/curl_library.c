#include "collectors/curl_library.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#define FUNCTION(name)                                                                                       \
	{                                                                                                    \
		"curl_" #name, offsetof(struct curl_library, name)                                           \
	}

static const struct {
	const char *name;
	size_t offset;
} functions[] = {
	FUNCTION(global_init),      FUNCTION(easy_init),           FUNCTION(easy_setopt),
	FUNCTION(easy_getinfo),     FUNCTION(easy_cleanup),        FUNCTION(multi_init),
	FUNCTION(multi_add_handle), FUNCTION(multi_remove_handle), FUNCTION(multi_perform),
	FUNCTION(multi_poll),       FUNCTION(multi_info_read),     FUNCTION(multi_cleanup),
};

int curl_library_load(struct curl_library *library)
{
	void *handle = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);

	if (!handle)
		return -1;
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *function = dlsym(handle, functions[i].name);
		if (!function)
			return -1;
		memcpy((char *)library + functions[i].offset, &function, sizeof(function));
	}
	return library->global_init(CURL_GLOBAL_NOTHING) == CURLE_OK ? 0 : -1;
}
