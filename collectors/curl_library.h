/* libcurl, loaded when there is somebody to ask.
 *
 * Linked, it and the 33 libraries it brings would cost every start of the program three milliseconds. */
#ifndef COLLECTORS_CURL_LIBRARY_H
#define COLLECTORS_CURL_LIBRARY_H

#include <curl/curl.h>

/* The functions that are used, by the types that its header gives them. */
struct curl_library {
	typeof(curl_global_init) *global_init;
	typeof(curl_easy_init) *easy_init;
	typeof(curl_easy_setopt) *easy_setopt;
	typeof(curl_easy_getinfo) *easy_getinfo;
	typeof(curl_easy_send) *easy_send;
	typeof(curl_easy_recv) *easy_recv;
	typeof(curl_easy_strerror) *easy_strerror;
	typeof(curl_easy_cleanup) *easy_cleanup;
	typeof(curl_multi_init) *multi_init;
	typeof(curl_multi_add_handle) *multi_add_handle;
	typeof(curl_multi_remove_handle) *multi_remove_handle;
	typeof(curl_multi_perform) *multi_perform;
	typeof(curl_multi_poll) *multi_poll;
	typeof(curl_multi_info_read) *multi_info_read;
	typeof(curl_multi_cleanup) *multi_cleanup;
	typeof(curl_slist_append) *slist_append;
	typeof(curl_slist_free_all) *slist_free_all;
	typeof(curl_url) *url;
	typeof(curl_url_cleanup) *url_cleanup;
	typeof(curl_url_get) *url_get;
	typeof(curl_url_set) *url_set;
	typeof(curl_free) *free;
};

/* Loads it (dlopen(3)), for as long as the process lives. -1: it is not installed, or lacks one of these. */
int curl_library_load(struct curl_library *library);

#endif
