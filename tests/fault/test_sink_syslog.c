/* The sink of syslog without memory: what it says is out has arrived, and the rest comes with the next try.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "agent/sinks/syslog_message.h"
#include "proctor/cleanup.h"
#include "proctor/sink.h"
#include "tests/fault/inject.h"

enum { RECORDS = 7 };

/* A socket of datagrams, which a thread reads. */
struct place {
	char directory[64], path[96], url[128];
	int socket;
	pthread_t reader;
	atomic_int arrived[RECORDS]; /* how often each of them */
};

static void *read_messages(void *argument)
{
	struct place *place = argument;
	char message[1024];
	ssize_t length;

	while ((length = recv(place->socket, message, sizeof(message) - 1, 0)) > 0) {
		const char *at;
		message[length] = '\0';
		at = strstr(message, "] {\"sequence\":");
		if (!at)
			break; /* `end` */
		place->arrived[atoi(at + strlen("] {\"sequence\":"))]++;
	}
	return NULL;
}

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	assert_non_null(place);
	strcpy(place->directory, "/tmp/proctor-fault-syslog-XXXXXX");
	assert_non_null(mkdtemp(place->directory));
	snprintf(place->path, sizeof(place->path), "%s/log", place->directory);
	snprintf(place->url, sizeof(place->url), "syslog+unix://%s", place->path);
	strcpy(address.sun_path, place->path);
	place->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(place->socket, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(pthread_create(&place->reader, NULL, read_messages, place), 0);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, place->path);
	assert_int_equal(sendto(sender, "end", 3, 0, (struct sockaddr *)&address, sizeof(address)), 3);
	pthread_join(place->reader, NULL);
	close(sender);
	close(place->socket);
	unlink(place->path);
	assert_int_equal(rmdir(place->directory), 0);
	free(place);
	return 0;
}

/* Delivers all, in tries as they are needed; the first one under the armed failure. Returns whether that one
 * failed. */
static bool deliver_all(struct place *place, unsigned long *calls)
{
	static const char texts[RECORDS][16] = {"{\"sequence\":0}", "{\"sequence\":1}", "{\"sequence\":2}",
						"{\"sequence\":3}", "{\"sequence\":4}", "{\"sequence\":5}",
						"{\"sequence\":6}"};
	_cleanup_error_ struct error *error = NULL;
	const struct sink_options options = {
		.url = place->url, .window = 3, .timeout = 60, .max_message = SYSLOG_MESSAGE_LEAST};
	const struct sink_kind *kind = sink_kind_of(place->url, NULL);
	void *sink = kind->open(&options, &error);
	struct queued records[RECORDS];
	struct delivered first = {0}, second = {0};
	int result;

	for (int i = 0; i < RECORDS; i++)
		records[i] = (struct queued){.sequence = i, .text = texts[i], .length = strlen(texts[i])};
	result = sink ? kind->deliver(sink, records, RECORDS, -1, &first, &error) : -1;
	*calls = inject_disarm();
	assert_true(result ? error && *error_message(error) : !error && first.out == RECORDS);
	assert_int_equal(first.refused, 0);
	if (!sink)
		return true;
	for (size_t i = 0; i < first.out; i++)
		assert_true(place->arrived[i] > 0);
	if (result)
		assert_int_equal(
			kind->deliver(sink, records + first.out, RECORDS - first.out, -1, &second, &error),
			0);
	assert_int_equal(first.out + second.out, RECORDS);
	for (size_t i = 0; i < RECORDS; i++)
		assert_true(place->arrived[i] > 0);
	kind->close(sink);
	return result;
}

static void test_no_memory(void **state)
{
	struct place *place = *state;
	unsigned long failures = 0;

	for (unsigned long nth = 1, calls = nth; nth <= calls + 1; nth++) {
		for (size_t i = 0; i < RECORDS; i++)
			place->arrived[i] = 0;
		inject_arm(CALL_ALLOCATE, nth, ENOMEM, false);
		failures += deliver_all(place, &calls);
	}
	assert_true(failures > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
