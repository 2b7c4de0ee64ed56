/* libmicrohttpd, loaded when metrics are wanted, as libcurl is when there is somebody to ask. */
#ifndef AGENT_DAEMON_HTTP_LIBRARY_H
#define AGENT_DAEMON_HTTP_LIBRARY_H

#include <microhttpd.h>

/* The functions that are used, by the types that its header gives them. */
struct http_library {
	typeof(MHD_start_daemon) *start_daemon;
	typeof(MHD_stop_daemon) *stop_daemon;
	typeof(MHD_run) *run;
	typeof(MHD_get_timeout) *get_timeout;
	typeof(MHD_get_daemon_info) *get_daemon_info;
	typeof(MHD_get_connection_info) *get_connection_info;
	typeof(MHD_create_response_from_buffer) *create_response_from_buffer;
	typeof(MHD_add_response_header) *add_response_header;
	typeof(MHD_queue_response) *queue_response;
	typeof(MHD_destroy_response) *destroy_response;
};

/* Loads it (dlopen(3)), for as long as the process lives. -1: it is not installed, or lacks one of these. */
int http_library_load(struct http_library *library);

#endif
