/* The sink https without memory, at each allocation in turn: it delivers nothing then, says so, and delivers
 * all at the next try. */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proctor/cleanup.h"
#include "proctor/sink.h"
#include "tests/fault/inject.h"

enum { RECORDS = 5 };

struct place {
	int listener;
	pthread_t thread;
	char url[64];
};

/* Reads what is asked up to its last byte, which the bodies here end with, and answers. It allocates nothing,
 * so that no failure is its own. */
static void talk(int fd)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	char data[4096];
	size_t length = 0;

	for (;;) {
		ssize_t got = recv(fd, data + length, sizeof(data) - 1 - length, 0);
		if (got <= 0)
			return;
		length += (size_t)got;
		data[length] = '\0';
		if (data[length - 1] != ']')
			continue;
		length = 0;
		if (send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) < 0)
			return;
	}
}

static void *serve(void *argument)
{
	const struct place *place = argument;
	int fd;

	while ((fd = accept(place->listener, NULL, NULL)) >= 0) {
		talk(fd);
		shutdown(fd, SHUT_RDWR);
		close(fd);
	}
	return NULL;
}

static int setup(void **state)
{
	static struct place place;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);

	place.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(place.listener, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(place.listener, 8), 0);
	assert_int_equal(getsockname(place.listener, (struct sockaddr *)&address, &length), 0);
	snprintf(place.url, sizeof(place.url), "http://127.0.0.1:%u/", ntohs(address.sin_port));
	assert_int_equal(pthread_create(&place.thread, NULL, serve, &place), 0);
	*state = &place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	shutdown(place->listener, SHUT_RDWR);
	pthread_join(place->thread, NULL);
	close(place->listener);
	return 0;
}

/* Opens, delivers and closes; the first try under the armed failure. Returns whether that one failed. */
static bool deliver_all(const struct sink_options *options, unsigned long *calls)
{
	static const struct queued records[RECORDS] = {
		{.text = "{}", .length = 2}, {.text = "{}", .length = 2}, {.text = "{}", .length = 2},
		{.text = "{}", .length = 2}, {.text = "{}", .length = 2},
	};
	_cleanup_error_ struct error *error = NULL;
	const struct sink_kind *kind = sink_kind_of(options->url, NULL);
	void *sink = kind->open(options, &error);
	struct delivered delivered = {0}, again = {0};
	int result = sink ? kind->deliver(sink, records, RECORDS, -1, &delivered, &error) : -1;

	bool failed = result != 0;

	*calls = inject_disarm();
	assert_true(result ? error && *error_message(error) && delivered.out == 0
			   : !error && delivered.out == RECORDS);
	assert_int_equal(delivered.refused, 0);
	if (sink && result) {
		result = kind->deliver(sink, records, RECORDS, -1, &again, &error);
		if (result)
			fail_msg("%s", error_message(error));
		assert_int_equal(again.out, RECORDS);
	}
	if (sink)
		kind->close(sink);
	return failed;
}

static void test_no_memory(void **state)
{
	const struct place *place = *state;
	const struct sink_options options = {.url = place->url,
					     .format = SINK_ARRAY,
					     .headers = "A=1,B=2",
					     .token = "token",
					     .timeout = 30};
	unsigned long failures = 0, calls;

	assert_false(deliver_all(&options, &calls)); /* libraries are loaded from here on */
	calls = 1;
	for (unsigned long nth = 1; nth <= calls; nth++) {
		inject_arm(CALL_ALLOCATE, nth, ENOMEM, false);
		failures += deliver_all(&options, &calls);
	}
	assert_in_range(failures, 10, calls);
}

/* The file of the token cannot be read, or be read whole. */
static void test_no_token(void **state)
{
	const struct place *place = *state;
	static const char path[] = "/proc/self/cmdline";
	const struct sink_options options = {.url = place->url, .token_file = path, .timeout = 30};
	_cleanup_error_ struct error *error = NULL;
	const struct sink_kind *kind = sink_kind_of(options.url, NULL);
	void *sink = kind->open(&options, &error);
	struct delivered delivered = {0};

	inject_arm(CALL_OPEN, 1, EACCES, false);
	assert_int_equal(
		kind->deliver(sink, &(struct queued){.text = "{}", .length = 2}, 1, -1, &delivered, &error),
		-1);
	inject_disarm();
	assert_non_null(
		strstr(error_message(error), "reading token_file /proc/self/cmdline: Permission denied"));
	kind->close(sink);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_token, setup, teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
