/* The output, with each of its calls failing in turn: a file is the old or the new one, never half, nothing
 * lies beside it, and who asked is told. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "collectors/read.h"
#include "proctor/cleanup.h"
#include "proctor/output.h"
#include "tests/fault/inject.h"

enum { SIZE = 200000 }; /* more than the output buffers */

static const char old_text[] = "old\n";

struct place {
	char directory[64], path[80];
	char text[SIZE];
};

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	strcpy(place->directory, "/tmp/proctor-fault-output-XXXXXX");
	assert_non_null(mkdtemp(place->directory));
	snprintf(place->path, sizeof(place->path), "%s/out", place->directory);
	for (size_t i = 0; i < SIZE; i++)
		place->text[i] = (char)('a' + i % 26);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	unlink(place->path);
	assert_int_equal(rmdir(place->directory), 0); /* nothing else is in it */
	free(place);
	return 0;
}

static void put_old(const struct place *place)
{
	_cleanup_fclose_ FILE *file = fopen(place->path, "we");

	assert_non_null(file);
	assert_true(fputs(old_text, file) >= 0 && !fflush(file));
}

/* The file is the text: all of it. */
static bool holds(const struct place *place, const char *text, size_t length)
{
	_cleanup_buffer_ struct buffer buffer = {0};

	assert_int_equal(buffer_read(&buffer, AT_FDCWD, place->path, 1 << 24), 0);
	return buffer.length == length && !memcmp(buffer.data, text, length);
}

static size_t count_names(const struct place *place)
{
	_cleanup_closedir_ DIR *directory = opendir(place->directory);
	size_t count = 0;

	assert_non_null(directory);
	while (readdir(directory))
		count++;
	return count - 2; /* `.` and `..` */
}

static int put_new(const struct place *place, struct error **error)
{
	struct output *output = output_open(place->path, error);
	int result = -1;

	if (output) {
		output_write(output, place->text, 1000);
		output_flush(output);
		output_write(output, place->text + 1000, SIZE - 1000);
		result = output_commit(output, error);
	}
	output_free(output);
	return result;
}

/* After a call failed: the error is told, and the file is whole. The new one may stand already when only the
 * directory could not be written to disk. */
static void judge(const struct place *place, int result, const struct error *error)
{
	assert_true(result ? error && *error_message(error) : !error);
	assert_true(holds(place, place->text, SIZE) || (result && holds(place, old_text, strlen(old_text))));
	assert_int_equal(count_names(place), 1);
}

static void with_each_failure_there(const struct place *place, enum call call, int number, bool lasting)
{
	unsigned long failures = 0;

	for (unsigned long nth = 1;; nth++) {
		_cleanup_error_ struct error *error = NULL;
		unsigned long calls;
		int result;

		put_old(place);
		inject_arm(call, nth, number, lasting);
		result = put_new(place, &error);
		calls = inject_disarm();
		judge(place, result, error);
		failures += result != 0;
		if (calls < nth)
			break;
	}
	assert_true(failures > 0);
}

/* On a file system with O_TMPFILE and on one without. */
static void with_each_failure(const struct place *place, enum call call, int number, bool lasting)
{
	with_each_failure_there(place, call, number, lasting);
	inject_no_unnamed_files(true);
	with_each_failure_there(place, call, number, lasting);
	inject_no_unnamed_files(false);
}

static void test_full_disk(void **state)
{
	with_each_failure(*state, CALL_WRITE, ENOSPC, false);
	with_each_failure(*state, CALL_WRITE, ENOSPC, true);
}

static void test_broken_disk(void **state)
{
	with_each_failure(*state, CALL_WRITE, EIO, false);
}

/* Also of the copy, where the file system has no O_TMPFILE. */
static void test_disk_that_cannot_be_read(void **state)
{
	inject_no_unnamed_files(true);
	with_each_failure_there(*state, CALL_READ, EIO, false);
	inject_no_unnamed_files(false);
}

static void test_no_descriptors(void **state)
{
	with_each_failure(*state, CALL_OPEN, EMFILE, false);
}

static void test_nothing_to_look_at(void **state)
{
	with_each_failure(*state, CALL_LOOK, EACCES, false);
}

static void test_no_memory(void **state)
{
	with_each_failure(*state, CALL_ALLOCATE, ENOMEM, false);
}

static void with_short_writes(const struct place *place)
{
	for (unsigned long most = 7; most < SIZE; most *= 100) {
		_cleanup_error_ struct error *error = NULL;
		put_old(place);
		inject_short_writes(most);
		assert_int_equal(put_new(place, &error), 0);
		inject_disarm();
		assert_true(holds(place, place->text, SIZE));
		assert_int_equal(count_names(place), 1);
	}
}

/* Writes of a few bytes, with signals between them, change nothing. */
static void test_short_writes(void **state)
{
	with_short_writes(*state);
	inject_no_unnamed_files(true);
	with_short_writes(*state);
	inject_no_unnamed_files(false);
}

/* Neither where a file can be without a name nor where it cannot is one left by who is ended. */
static void assert_ended_leaves_nothing(const struct place *place, int number)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		struct output *output = output_open(place->path, NULL);
		if (!output)
			_exit(1);
		output_write(output, place->text, SIZE);
		output_flush(output);
		raise(number);
		_exit(2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == number);
	assert_true(holds(place, old_text, strlen(old_text)));
	assert_int_equal(count_names(place), 1);
}

static void test_signals(void **state)
{
	static const int numbers[] = {SIGHUP, SIGINT, SIGTERM, SIGKILL};

	put_old(*state);
	for (int lacking = 0; lacking < 2; lacking++) {
		inject_no_unnamed_files(lacking);
		for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
			signal(numbers[i], SIG_DFL); /* nohup(1) has SIGHUP ignored */
			assert_ended_leaves_nothing(*state, numbers[i]);
		}
	}
	inject_no_unnamed_files(false);
}

#define AT_PLACE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		AT_PLACE(test_full_disk),
		AT_PLACE(test_broken_disk),
		AT_PLACE(test_no_descriptors),
		AT_PLACE(test_nothing_to_look_at),
		AT_PLACE(test_no_memory),
		AT_PLACE(test_short_writes),
		AT_PLACE(test_disk_that_cannot_be_read),
		AT_PLACE(test_signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
