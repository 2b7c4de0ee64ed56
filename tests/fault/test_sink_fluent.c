/* The sink of the forward protocol, with each of its allocations failing in turn: no record is refused for
 * that, and those that are not out are after the next try. */
#include "tests/unit/test.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/sinks/fluent_answer.h"
#include "proctor/cleanup.h"
#include "proctor/sink.h"
#include "tests/fault/inject.h"

enum { RECORDS = 20, MESSAGE = 65536 };

struct place {
	char directory[64], url[128];
	struct queued records[RECORDS];
	pid_t receiver;
};

/* ---- the receiver, a process of its own --------------------------------------------------------- */

/* The chunk's name in a message that is whole; false as long as it is not. */
static bool find_chunk(const struct msgpack_library *library, const char *data, size_t length, char name[25])
{
	msgpack_unpacked message = {0};
	size_t used = 0;
	struct bytes chunk = {0};
	bool whole = library->unpack_next(&message, data, length, &used) == MSGPACK_UNPACK_SUCCESS;

	if (whole && fluent_text(&message.data.via.array.ptr[2].via.map.ptr[0].val, &chunk))
		memcpy(name, chunk.data, 24);
	fluent_answer_free(library, &message);
	return whole;
}

static void acknowledge(int fd, const char name[25])
{
	char ack[6 + 24] = "\x81\xa3"
			   "ack\xb8";

	memcpy(ack + 6, name, 24);
	send(fd, ack, sizeof(ack), MSG_NOSIGNAL);
}

static void talk(const struct msgpack_library *library, int fd)
{
	static char data[MESSAGE];
	size_t length = 0;
	char name[25];
	ssize_t more;

	while ((more = recv(fd, data + length, sizeof(data) - length, 0)) > 0) {
		length += (size_t)more;
		if (find_chunk(library, data, length, name)) {
			acknowledge(fd, name);
			length = 0;
		}
	}
	close(fd);
}

static _Noreturn void run_receiver(int listener)
{
	struct msgpack_library library;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (msgpack_library_load(&library))
		_exit(1);
	for (;;)
		talk(&library, accept(listener, NULL, NULL));
}

static int setup(void **state)
{
	static const char text[] = "{\"time\":\"2026-11-25T01:34:12.920Z\",\"a\":{\"b\":[1,\"c\",2.5]}}";
	struct place *place = calloc(1, sizeof(*place));
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_non_null(place);
	strcpy(place->directory, "/tmp/proctor-fault-fluent-XXXXXX");
	assert_non_null(mkdtemp(place->directory));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", place->directory);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 5), 0);
	snprintf(place->url, sizeof(place->url), "fluent+unix://%s", address.sun_path);
	for (int i = 0; i < RECORDS; i++)
		place->records[i] = (struct queued){.sequence = i, .text = text, .length = sizeof(text) - 1};
	place->receiver = fork();
	if (!place->receiver)
		run_receiver(listener);
	close(listener);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;
	char path[128];

	kill(place->receiver, SIGKILL);
	waitpid(place->receiver, NULL, 0);
	snprintf(path, sizeof(path), "%s/socket", place->directory);
	unlink(path);
	rmdir(place->directory);
	free(place);
	return 0;
}

/* ---- failures ----------------------------------------------------------------------------------- */

/* Delivers all, in tries as they are needed; the first one under the armed failure. Returns whether that one
 * failed. */
static bool deliver_all(const struct sink_options *options, const struct place *place, unsigned long *calls)
{
	_cleanup_error_ struct error *error = NULL;
	const struct sink_kind *kind = sink_kind_of(options->url, NULL);
	struct delivered first = {0}, second = {0};
	void *sink = kind->open(options, &error);
	int result = sink ? kind->deliver(sink, place->records, RECORDS, -1, &first, &error) : -1;

	*calls = inject_disarm();
	assert_int_equal(first.refused, 0);
	assert_int_equal(first.out, result ? 0 : RECORDS);
	assert_true(result ? error && *error_message(error) : !error);
	if (!sink)
		return true;
	if (result) {
		assert_int_equal(kind->deliver(sink, place->records, RECORDS, -1, &second, &error), 0);
		assert_int_equal(second.out, RECORDS);
	}
	kind->close(sink);
	return result;
}

static void with_each_failure(const struct place *place, bool gzip)
{
	const struct sink_options options = {.url = place->url, .timeout = 60, .gzip = gzip};
	unsigned long failures = 0;

	for (unsigned long nth = 1, calls = nth; nth <= calls + 1; nth++) {
		inject_arm(CALL_ALLOCATE, nth, ENOMEM, false);
		failures += deliver_all(&options, place, &calls);
	}
	assert_true(failures > 0);
}

static void test_no_memory(void **state)
{
	with_each_failure(*state, false);
	with_each_failure(*state, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown)};

	json_set_alloc_funcs(malloc, free); /* those that fail */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
