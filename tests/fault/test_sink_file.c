/* The file's sink, with each of its calls failing in turn: what it says is out is in the files, whole and in
 * order, and the rest comes with the next try. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/read.h"
#include "proctor/cleanup.h"
#include "proctor/sink.h"
#include "tests/fault/inject.h"

enum { RECORDS = 40, SIZE = 500, FILES = 20 };

struct place {
	char directory[64], url[128];
	char texts[RECORDS][SIZE];
	struct queued records[RECORDS];
};

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	strcpy(place->directory, "/tmp/proctor-fault-sink-XXXXXX");
	assert_non_null(mkdtemp(place->directory));
	snprintf(place->url, sizeof(place->url), "file://%s/out?rotate=4KiB&keep=%d", place->directory,
		 FILES);
	for (int i = 0; i < RECORDS; i++) {
		memset(place->texts[i], 'x', SIZE);
		place->texts[i][snprintf(place->texts[i], SIZE, "%04d", i)] = 'x';
		place->records[i] = (struct queued){.sequence = i, .text = place->texts[i], .length = SIZE};
	}
	*state = place;
	return 0;
}

/* The name of PATH.N; of PATH for 0. */
static const char *name_of(const struct place *place, int number)
{
	static char name[96];
	int length = snprintf(name, sizeof(name), "%s/out", place->directory);

	if (number)
		snprintf(name + length, sizeof(name) - (size_t)length, ".%d", number);
	return name;
}

static void remove_files(const struct place *place)
{
	for (int number = 0; number <= FILES; number++)
		unlink(name_of(place, number));
}

static int teardown(void **state)
{
	struct place *place = *state;

	remove_files(place);
	assert_int_equal(rmdir(place->directory), 0); /* nothing else is in it */
	free(place);
	return 0;
}

/* How often each record stands in the files; the first time of each comes in their order. */
static void count_records(const struct place *place, int counts[RECORDS])
{
	int next = 0;

	memset(counts, 0, RECORDS * sizeof(*counts));
	for (int number = FILES; number >= 0; number--) {
		_cleanup_buffer_ struct buffer buffer = {0};
		const char *cursor, *line;
		size_t length;
		if (buffer_read(&buffer, AT_FDCWD, name_of(place, number), 1 << 24) < 0)
			continue;
		cursor = buffer.data;
		while (line_next(&cursor, buffer.data + buffer.length, &line, &length)) {
			int record = length == SIZE ? atoi(line) : -1;
			if (record < 0)
				continue; /* half a record, of which nothing was told */
			assert_memory_equal(line, place->texts[record], SIZE);
			assert_true(record <= next);
			next += record == next;
			counts[record]++;
		}
	}
}

static void assert_out(const struct place *place, size_t out)
{
	int counts[RECORDS];

	count_records(place, counts);
	for (size_t i = 0; i < out; i++)
		assert_true(counts[i] > 0);
}

/* Delivers all, in tries as they are needed; the first one under the armed failure. Returns whether that one
 * failed. */
static bool deliver_all(const struct place *place, unsigned long *calls)
{
	_cleanup_error_ struct error *error = NULL;
	const struct sink_options options = {.url = place->url};
	const struct sink_kind *kind = sink_kind_of(place->url, NULL);
	void *sink = kind->open(&options, &error);
	struct delivered first = {0}, second = {0};
	size_t out;
	int result = sink ? kind->deliver(sink, place->records, RECORDS, -1, &first, &error) : -1;

	*calls = inject_disarm();
	out = first.out;
	assert_true(result ? error && *error_message(error) : !error && out == RECORDS);
	assert_out(place, out);
	if (!sink)
		return true;
	if (result) {
		int again = kind->deliver(sink, place->records + out, RECORDS - out, -1, &second, &error);
		assert_int_equal(again, 0);
		assert_int_equal(out + second.out, RECORDS);
		assert_out(place, RECORDS);
	}
	kind->close(sink);
	return result;
}

static void with_each_failure(const struct place *place, enum call call, int number)
{
	unsigned long failures = 0;

	for (unsigned long nth = 1, calls = nth; nth <= calls + 1; nth++) {
		remove_files(place);
		inject_arm(call, nth, number, false);
		failures += deliver_all(place, &calls);
	}
	assert_true(failures > 0);
}

static void test_full_disk(void **state)
{
	with_each_failure(*state, CALL_WRITE, ENOSPC);
}

static void test_broken_disk(void **state)
{
	with_each_failure(*state, CALL_WRITE, EIO);
}

static void test_no_descriptors(void **state)
{
	with_each_failure(*state, CALL_OPEN, EMFILE);
}

static void test_nothing_to_look_at(void **state)
{
	with_each_failure(*state, CALL_LOOK, EIO);
}

static void test_no_memory(void **state)
{
	with_each_failure(*state, CALL_ALLOCATE, ENOMEM);
}

/* Of a record that was written in part nothing is left. */
static void test_short_writes(void **state)
{
	const struct place *place = *state;
	_cleanup_error_ struct error *error = NULL;
	const struct sink_kind *kind = sink_kind_of(place->url, NULL);
	void *sink = kind->open(&(struct sink_options){.url = place->url}, &error);
	_cleanup_buffer_ struct buffer buffer = {0};
	struct delivered delivered = {0};

	inject_short_writes(7);
	assert_int_equal(kind->deliver(sink, place->records, RECORDS, -1, &delivered, &error), -1);
	inject_disarm();
	assert_int_equal(delivered.out, 0);
	assert_int_equal(buffer_read(&buffer, AT_FDCWD, name_of(place, 0), 1 << 24), 0);
	assert_int_equal(buffer.length, 0);
	kind->close(sink);
}

#define AT_PLACE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		AT_PLACE(test_full_disk),          AT_PLACE(test_broken_disk), AT_PLACE(test_no_descriptors),
		AT_PLACE(test_nothing_to_look_at), AT_PLACE(test_no_memory),   AT_PLACE(test_short_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
