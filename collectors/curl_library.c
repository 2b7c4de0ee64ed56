#include "collectors/curl_library.h"

#include "proctor/library.h"

#define FUNCTION(name)                                                                                       \
	{                                                                                                    \
		"curl_" #name, offsetof(struct curl_library, name)                                           \
	}

static const struct library_function functions[] = {
	FUNCTION(global_init),
	FUNCTION(easy_init),
	FUNCTION(easy_setopt),
	FUNCTION(easy_getinfo),
	FUNCTION(easy_send),
	FUNCTION(easy_recv),
	FUNCTION(easy_strerror),
	FUNCTION(easy_cleanup),
	FUNCTION(multi_init),
	FUNCTION(multi_add_handle),
	FUNCTION(multi_remove_handle),
	FUNCTION(multi_perform),
	FUNCTION(multi_poll),
	FUNCTION(multi_info_read),
	FUNCTION(multi_cleanup),
	FUNCTION(slist_append),
	FUNCTION(slist_free_all),
	FUNCTION(url),
	FUNCTION(url_cleanup),
	FUNCTION(url_get),
	FUNCTION(url_set),
	FUNCTION(free),
};

int curl_library_load(struct curl_library *library)
{
	if (library_load("libcurl.so.4", functions, sizeof(functions) / sizeof(functions[0]), library))
		return -1;
	return library->global_init(CURL_GLOBAL_NOTHING) == CURLE_OK ? 0 : -1;
}
