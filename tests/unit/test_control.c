/* The control socket, and those who use it badly. */
#include "tests/unit/test.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/daemon/control.h"
#include "proctor/cleanup.h"
#include "proctor/clock.h"

enum { SLOW = 4, BIG = 8 * 1024 * 1024 };

static char *answer(void *context, const char *question, size_t *length, struct error **error)
{
	char *text;

	(void)context;
	if (!strcmp(question, "what")) {
		error_set(error, 0, "nobody knows %s", question);
		return NULL;
	}
	*length = strcmp(question, "big") != 0 ? strlen(question) : BIG;
	text = calloc(1, *length + 1);
	memcpy(text, question, strlen(question));
	return text;
}

struct place {
	char directory[32], path[48];
	struct control *control;
};

static int start(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	memcpy(place->directory, "/tmp/proctor-control-XXXXXX", sizeof("/tmp/proctor-control-XXXXXX"));
	assert_non_null(mkdtemp(place->directory));
	snprintf(place->path, sizeof(place->path), "%s/control", place->directory);
	place->control = control_start(place->path, answer, NULL, NULL);
	assert_non_null(place->control);
	*state = place;
	return 0;
}

static int stop(void **state)
{
	struct place *place = *state;

	if (place->control)
		control_stop(place->control);
	unlink(place->path);
	rmdir(place->directory);
	free(place);
	return 0;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path) + 1);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void assert_answers(const char *path, const char *question)
{
	_cleanup_error_ struct error *error = NULL;
	size_t length = 0;
	_cleanup_free_ char *text = control_ask(path, question, &length, &error);

	assert_string_equal(error ? error_message(error) : "", "");
	assert_string_equal(text, question);
}

static void test_answers(void **state)
{
	const struct place *place = *state;
	_cleanup_error_ struct error *error = NULL;
	size_t length = 0;
	char *big = control_ask(place->path, "big", &length, &error);

	assert_non_null(big);
	assert_int_equal(length, BIG);
	free(big);
	assert_answers(place->path, "status");
	assert_null(control_ask(place->path, "what", &length, &error));
	assert_non_null(strstr(error_message(error), "nobody knows what"));
}

static void test_only_one_listens_and_a_file_is_not_replaced(void **state)
{
	struct place *place = *state;
	_cleanup_error_ struct error *error = NULL;
	FILE *file;

	assert_null(control_start(place->path, answer, NULL, &error));
	assert_int_equal(error_number(error), EADDRINUSE);
	assert_answers(place->path, "status");
	control_stop(place->control);
	place->control = NULL;
	file = fopen(place->path, "w");
	assert_non_null(file);
	fclose(file);
	assert_null(control_start(place->path, answer, NULL, &error));
	assert_int_equal(access(place->path, F_OK), 0);
}

static void test_long_and_cut_questions_end_their_connection_only(void **state)
{
	const struct place *place = *state;
	char question[1024];
	int fd;

	memset(question, 'a', sizeof(question));
	for (int i = 0; i < 50; i++) {
		fd = connect_to(place->path);
		send(fd, question, i % 2 ? sizeof(question) : 3, MSG_NOSIGNAL);
		close(fd);
	}
	assert_answers(place->path, "status");
}

/* ---- who is slow --------------------------------------------------------------------------------- */

struct slow {
	int fds[SLOW];
	atomic_bool end;
	pthread_t thread;
};

/* A byte now and then: each step is made within seconds, and the whole never comes to its end. */
static void *drip(void *argument)
{
	struct slow *slow = argument;

	for (unsigned i = 0; !atomic_load(&slow->end); i++, usleep(50000))
		for (int k = 0; !(i % 40) && k < SLOW; k++)
			send(slow->fds[k], "a", 1, MSG_NOSIGNAL);
	return NULL;
}

static void begin_slow(struct slow *slow, const char *path)
{
	for (int i = 0; i < SLOW; i++)
		slow->fds[i] = connect_to(path);
	atomic_init(&slow->end, false);
	assert_int_equal(pthread_create(&slow->thread, NULL, drip, slow), 0);
}

static void end_slow(struct slow *slow)
{
	atomic_store(&slow->end, true);
	pthread_join(slow->thread, NULL);
	for (int i = 0; i < SLOW; i++)
		close(slow->fds[i]);
}

static void test_who_is_slow_does_not_keep_others_waiting_for_long(void **state)
{
	const struct place *place = *state;
	struct slow slow;

	begin_slow(&slow, place->path);
	assert_answers(place->path, "status");
	end_slow(&slow);
}

static void test_the_end_does_not_wait_for_who_is_slow(void **state)
{
	struct place *place = *state;
	struct slow slow;
	uint64_t begun;
	int reader = connect_to(place->path); /* asks for much, and takes nothing */

	send(reader, "big\n", 4, MSG_NOSIGNAL);
	begin_slow(&slow, place->path);
	begun = clock_ms();
	control_stop(place->control);
	place->control = NULL;
	assert_in_range(clock_ms() - begun, 0, 4000);
	end_slow(&slow);
	close(reader);
}

/* An agent that listens, and answers nothing. */
static void test_asking_one_that_hangs_comes_to_an_end(void **state)
{
	struct place *place = *state;
	_cleanup_error_ struct error *error = NULL;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t length;

	control_stop(place->control);
	place->control = NULL;
	memcpy(address.sun_path, place->path, strlen(place->path) + 1);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_null(control_ask(place->path, "status", &length, &error));
	assert_int_equal(error_number(error), ETIMEDOUT);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, start, stop),
		cmocka_unit_test_setup_teardown(test_only_one_listens_and_a_file_is_not_replaced, start,
						stop),
		cmocka_unit_test_setup_teardown(test_long_and_cut_questions_end_their_connection_only, start,
						stop),
		cmocka_unit_test_setup_teardown(test_who_is_slow_does_not_keep_others_waiting_for_long, start,
						stop),
		cmocka_unit_test_setup_teardown(test_the_end_does_not_wait_for_who_is_slow, start, stop),
		cmocka_unit_test_setup_teardown(test_asking_one_that_hangs_comes_to_an_end, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
