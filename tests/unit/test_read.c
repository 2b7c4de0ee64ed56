#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "collectors/read.h"
#include "proctor/cleanup.h"

/* A directory of its own, removed with what is known to be in it. */
struct place {
	char path[64];
	int fd;
};

static int place_make(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	*state = place;
	strcpy(place->path, "/tmp/proctor-test-read-XXXXXX");
	assert_non_null(mkdtemp(place->path));
	place->fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(place->fd >= 0);
	return 0;
}

static int place_remove(void **state)
{
	struct place *place = *state;

	unlinkat(place->fd, "file", 0);
	unlinkat(place->fd, "link", 0);
	close(place->fd);
	rmdir(place->path);
	free(place);
	return 0;
}

static void place_write(const struct place *place, const char *data, size_t length)
{
	_cleanup_close_ int fd = openat(place->fd, "file", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, length), length);
}

static void test_reads_any_size(void **state)
{
	static const size_t sizes[] = {0, 1, 4094, 4095, 4096, 4097, 8191, 8192, 300000};
	_cleanup_free_ char *data = malloc(300000);
	_cleanup_buffer_ struct buffer buffer = {0};
	struct place *place = *state;

	for (size_t i = 0; i < 300000; i++)
		data[i] = (char)(i % 251);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		place_write(place, data, sizes[i]);
		assert_int_equal(buffer_read(&buffer, place->fd, "file", SIZE_MAX), 0);
		assert_int_equal(buffer.length, sizes[i]);
		assert_memory_equal(buffer.data, data, sizes[i]);
		assert_int_equal(buffer.data[sizes[i]], 0);
	}
}

static void test_limit_cuts_and_tells(void **state)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct place *place = *state;

	place_write(place, "0123456789", 10);
	assert_int_equal(buffer_read(&buffer, place->fd, "file", 10), 0);
	assert_int_equal(buffer_read(&buffer, place->fd, "file", 9), 1);
	assert_string_equal(buffer.data, "012345678");
	assert_int_equal(buffer_read(&buffer, place->fd, "file", 0), 1);
	assert_string_equal(buffer.data, "");
}

static void test_an_endless_file_ends_at_the_limit(void **state)
{
	_cleanup_buffer_ struct buffer buffer = {0};

	(void)state;
	assert_int_equal(buffer_read(&buffer, AT_FDCWD, "/dev/zero", 1 << 20), 1);
	assert_int_equal(buffer.length, 1 << 20);
}

static void test_failures_leave_an_empty_buffer(void **state)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct place *place = *state;

	place_write(place, "text", 4);
	assert_int_equal(buffer_read(&buffer, place->fd, "file", 100), 0);
	assert_int_equal(buffer_read(&buffer, place->fd, "absent", 100), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(buffer.length, 0);
	assert_int_equal(buffer_read(&buffer, place->fd, ".", 100), -1);
	assert_int_equal(errno, EISDIR);
	assert_int_equal(buffer.length, 0);
}

static void test_links(void **state)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct place *place = *state;

	assert_int_equal(symlinkat("a\nb (deleted)", place->fd, "link"), 0);
	assert_int_equal(buffer_readlink(&buffer, place->fd, "link"), 0);
	assert_string_equal(buffer.data, "a\nb (deleted)");
	assert_int_equal(buffer.length, 13);
	assert_int_equal(buffer_readlink(&buffer, place->fd, "absent"), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(buffer_readlink(&buffer, place->fd, "."), -1);
	assert_int_equal(errno, EINVAL);
}

static void test_the_longest_link(void **state)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct place *place = *state;
	char target[PATH_MAX];

	memset(target, 'x', sizeof(target));
	target[PATH_MAX - 1] = '\0';
	if (symlinkat(target, place->fd, "link"))
		skip(); /* not every file system takes one that long */
	assert_int_equal(buffer_readlink(&buffer, place->fd, "link"), 0);
	assert_int_equal(buffer.length, PATH_MAX - 1);
	assert_string_equal(buffer.data, target);
}

static void test_lines(void **state)
{
	static const char text[] = "one\n\nthr\0ee\nlast";
	const char *cursor = text, *end = text + sizeof(text) - 1, *line;
	size_t length;

	(void)state;
	assert_int_equal(line_next(&cursor, end, &line, &length), 1);
	assert_int_equal(length, 3);
	assert_memory_equal(line, "one", 3);
	assert_int_equal(line_next(&cursor, end, &line, &length), 1);
	assert_int_equal(length, 0);
	assert_int_equal(line_next(&cursor, end, &line, &length), 1);
	assert_int_equal(length, 6);
	assert_int_equal(line_next(&cursor, end, &line, &length), 1);
	assert_int_equal(length, 4);
	assert_memory_equal(line, "last", 4);
	assert_int_equal(line_next(&cursor, end, &line, &length), 0);
	cursor = end;
	assert_int_equal(line_next(&cursor, end, &line, &length), 0);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, place_make, place_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(test_reads_any_size),
		IN_PLACE(test_limit_cuts_and_tells),
		cmocka_unit_test(test_an_endless_file_ends_at_the_limit),
		IN_PLACE(test_failures_leave_an_empty_buffer),
		IN_PLACE(test_links),
		IN_PLACE(test_the_longest_link),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
