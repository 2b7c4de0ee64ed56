/* A stream over a libcurl that never gets on, though its socket is ready: as TLS that waits for the other
 * direction, or is fed with what is no data. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/sinks/stream.h"
#include "collectors/curl_library.h"
#include "proctor/cleanup.h"

enum { HANGS_AFTER_S = 30 };

/* ---- libcurl ------------------------------------------------------------------------------------- */

static int sockets[2];
static CURLMsg connected = {.msg = CURLMSG_DONE, .data.result = CURLE_OK};

static CURL *easy_init(void)
{
	return &sockets;
}

static CURLcode easy_setopt(CURL *handle, CURLoption option, ...)
{
	(void)handle, (void)option;
	return CURLE_OK;
}

static CURLcode easy_getinfo(CURL *handle, CURLINFO info, ...)
{
	va_list arguments;

	(void)handle;
	va_start(arguments, info);
	*va_arg(arguments, curl_socket_t *) = sockets[0];
	va_end(arguments);
	return CURLE_OK;
}

static CURLcode easy_send(CURL *handle, const void *data, size_t length, size_t *sent)
{
	(void)handle, (void)data, (void)length;
	*sent = 0;
	return CURLE_AGAIN;
}

static CURLcode easy_recv(CURL *handle, void *data, size_t length, size_t *got)
{
	(void)handle, (void)data, (void)length;
	*got = 0;
	return CURLE_AGAIN;
}

static void easy_cleanup(CURL *handle)
{
	(void)handle;
}

static CURLM *multi_init(void)
{
	return &sockets;
}

static CURLMcode multi_handle(CURLM *multi, CURL *handle)
{
	(void)multi, (void)handle;
	return CURLM_OK;
}

static CURLMcode multi_perform(CURLM *multi, int *running)
{
	(void)multi;
	*running = 0;
	return CURLM_OK;
}

static CURLMsg *multi_info_read(CURLM *multi, int *left)
{
	(void)multi;
	*left = 0;
	return &connected;
}

static CURLMcode multi_cleanup(CURLM *multi)
{
	(void)multi;
	return CURLM_OK;
}

int curl_library_load(struct curl_library *library)
{
	*library = (struct curl_library){.easy_init = easy_init,
					 .easy_setopt = easy_setopt,
					 .easy_getinfo = easy_getinfo,
					 .easy_send = easy_send,
					 .easy_recv = easy_recv,
					 .easy_cleanup = easy_cleanup,
					 .multi_init = multi_init,
					 .multi_add_handle = multi_handle,
					 .multi_remove_handle = multi_handle,
					 .multi_perform = multi_perform,
					 .multi_info_read = multi_info_read,
					 .multi_cleanup = multi_cleanup};
	return 0;
}

/* ---- tests --------------------------------------------------------------------------------------- */

static const struct sink_options options = {.timeout = 1};
static const struct receiver receiver = {.transport = TRANSPORT_TLS, .host = (char *)"host", .port = 1};
static struct stream *stream;

/* Connected; something can be sent, and is there to be received. */
static int setup(void **state)
{
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	assert_int_equal(write(sockets[1], "x", 1), 1);
	stream = stream_new(&options, &receiver, NULL);
	assert_non_null(stream);
	alarm(HANGS_AFTER_S);
	assert_int_equal(stream_begin(stream, -1, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	alarm(0);
	stream_free(stream);
	close(sockets[0]);
	close(sockets[1]);
	return 0;
}

static void assert_too_long(const struct error *error)
{
	assert_non_null(strstr(error_message(error), "host:1: it took too long"));
	assert_false(stream_is_connected(stream));
}

static void test_sending_ends_in_time(void **state)
{
	_cleanup_error_ struct error *error = NULL;

	(void)state;
	assert_int_equal(stream_send(stream, "abc", 3, -1, &error), -1);
	assert_too_long(error);
}

static void test_receiving_ends_in_time(void **state)
{
	_cleanup_error_ struct error *error = NULL;
	char data[8];

	(void)state;
	assert_int_equal(stream_receive(stream, data, sizeof(data), -1, &error), -1);
	assert_too_long(error);
}

static void test_it_ends_when_it_is_told_to(void **state)
{
	_cleanup_error_ struct error *error = NULL;
	_cleanup_close_ int stop = eventfd(1, 0);
	char data[8];

	(void)state;
	assert_int_equal(stream_receive(stream, data, sizeof(data), stop, &error), -1);
	assert_string_equal(error_message(error), "waiting for host:1: stopped");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sending_ends_in_time),
		TEST(test_receiving_ends_in_time),
		TEST(test_it_ends_when_it_is_told_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
