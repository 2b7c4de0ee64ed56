#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "collectors/read.h"
#include "proctor/cleanup.h"
#include "proctor/output.h"

static void cleanup_output(struct output **output)
{
	output_free(*output);
}

#define _cleanup_output_ __attribute__((cleanup(cleanup_output)))

/* A directory of its own, which is the working directory meanwhile. */
struct place {
	char path[64];
	int before;
};

static int place_make(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	strcpy(place->path, "/tmp/proctor-test-output-XXXXXX");
	place->before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	*state = place;
	return place->before < 0 || !mkdtemp(place->path) || chdir(place->path) ? -1 : 0;
}

static size_t entries(void)
{
	_cleanup_closedir_ DIR *directory = opendir(".");
	size_t count = 0;

	assert_non_null(directory);
	for (const struct dirent *entry; (entry = readdir(directory));)
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	return count;
}

static int place_remove(void **state)
{
	struct place *place = *state;
	_cleanup_closedir_ DIR *directory = opendir(".");

	for (const struct dirent *entry; (entry = readdir(directory));)
		unlink(entry->d_name);
	if (fchdir(place->before) || rmdir(place->path))
		return -1;
	close(place->before);
	free(place);
	return 0;
}

static void put(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void assert_holds(const char *path, const char *text)
{
	_cleanup_buffer_ struct buffer buffer = {0};

	assert_int_equal(buffer_read(&buffer, AT_FDCWD, path, 1 << 24), 0);
	assert_string_equal(buffer.data, text);
}

static mode_t mode_of(const char *path)
{
	struct stat status;

	assert_int_equal(lstat(path, &status), 0);
	return status.st_mode & 07777;
}

static void write_to(const char *path, const char *text)
{
	_cleanup_error_ struct error *error = NULL;
	_cleanup_output_ struct output *output = output_open(path, &error);

	assert_non_null(output);
	output_text(output, text);
	assert_int_equal(output_commit(output, &error), 0);
	assert_null(error);
}

static void assert_cannot_open(const char *path, int number)
{
	_cleanup_error_ struct error *error = NULL;

	assert_null(output_open(path, &error));
	assert_int_equal(error_number(error), number);
	assert_non_null(strstr(error_message(error), path));
}

static void test_a_new_file_appears_with_the_commit(void **state)
{
	_cleanup_error_ struct error *error = NULL;
	_cleanup_output_ struct output *output = NULL;
	mode_t mask = umask(027);

	(void)state;
	output = output_open("new", &error);
	umask(mask);
	assert_non_null(output);
	assert_false(output_is_terminal(output));
	output_format(output, "%d %s\n", 42, "bytes");
	output_flush(output);
	assert_int_equal(access("new", F_OK), -1);
	assert_int_equal(output_commit(output, &error), 0);
	assert_holds("new", "42 bytes\n");
	assert_int_equal(mode_of("new"), 0640);
	assert_int_equal(entries(), 1);
}

static void test_the_old_file_stays_until_the_commit(void **state)
{
	_cleanup_error_ struct error *error = NULL;
	_cleanup_output_ struct output *output = NULL;

	(void)state;
	put("file", "old");
	assert_int_equal(chmod("file", 0606), 0);
	output = output_open("./file", &error);
	assert_non_null(output);
	output_text(output, "new");
	output_flush(output);
	assert_holds("file", "old");
	assert_int_equal(entries(), 1);
	assert_int_equal(output_commit(output, &error), 0);
	assert_holds("file", "new");
	assert_int_equal(mode_of("file"), 0606);
	assert_int_equal(entries(), 1);
}

static void test_without_a_commit_nothing_is_left(void **state)
{
	_cleanup_error_ struct error *error = NULL;
	struct output *output;

	(void)state;
	put("file", "old");
	output = output_open("file", &error);
	assert_non_null(output);
	output_text(output, "new");
	output_flush(output);
	output_free(output);
	assert_holds("file", "old");
	assert_int_equal(entries(), 1);
}

static void test_a_link_is_followed_and_stays(void **state)
{
	struct stat status;

	(void)state;
	put("file", "old");
	assert_int_equal(symlink("file", "link"), 0);
	write_to("link", "new");
	assert_holds("file", "new");
	assert_int_equal(lstat("link", &status), 0);
	assert_true(S_ISLNK(status.st_mode));
	assert_int_equal(symlink("absent", "broken"), 0);
	assert_cannot_open("broken", 0);
	assert_int_equal(symlink("loop", "loop"), 0);
	assert_cannot_open("loop", ELOOP);
	assert_int_equal(entries(), 4);
}

static void test_places_that_cannot_be_written(void **state)
{
	static char long_name[300];

	(void)state;
	memset(long_name, 'n', sizeof(long_name) - 1);
	put("file", "old");
	assert_cannot_open("absent/file", ENOENT);
	assert_cannot_open("file/below", ENOTDIR);
	assert_cannot_open(".", EISDIR);
	assert_cannot_open("absent/", EISDIR);
	assert_cannot_open("", ENOENT);
	assert_cannot_open(long_name, ENAMETOOLONG);
	assert_cannot_open("/proc/proctor", ENOENT);
	assert_int_equal(entries(), 1);
}

static void test_the_longest_name_has_room_for_its_temporary(void **state)
{
	char name[256];

	(void)state;
	memset(name, 'n', 255);
	name[255] = '\0';
	write_to(name, "text");
	assert_holds(name, "text");
}

static void test_a_full_device(void **state)
{
	_cleanup_error_ struct error *error = NULL;
	_cleanup_output_ struct output *output = output_open("/dev/full", &error);
	struct stat status;

	(void)state;
	assert_non_null(output);
	output_text(output, "text");
	assert_int_equal(output_commit(output, &error), -1);
	assert_int_equal(error_number(error), ENOSPC);
	assert_non_null(strstr(error_message(error), "/dev/full"));
	assert_int_equal(stat("/dev/full", &status), 0);
	assert_true(S_ISCHR(status.st_mode));
}

/* The size limit stands for a disk that fills up half way. */
static void test_a_disk_that_fills_up_leaves_the_old_file(void **state)
{
	_cleanup_error_ struct error *error = NULL;
	_cleanup_output_ struct output *output = NULL;
	struct rlimit limit, small;

	(void)state;
	put("file", "old");
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = (struct rlimit){.rlim_cur = 100000, .rlim_max = limit.rlim_max};
	output = output_open("file", &error);
	assert_non_null(output);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (int i = 0; i < 100000; i++)
		output_text(output, "ten bytes\n");
	assert_int_equal(output_commit(output, &error), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(error_number(error), EFBIG);
	output_free(output);
	output = NULL;
	assert_holds("file", "old");
	assert_int_equal(entries(), 1);
}

static void test_a_pipe_without_reader(void **state)
{
	(void)state;
	assert_int_equal(mkfifo("pipe", 0600), 0);
	assert_cannot_open("pipe", ENXIO);
	assert_int_equal(entries(), 1);
}

/* The pipe is smaller than what is written, so that writes are short and would block. */
static void test_a_pipe_with_a_slow_reader(void **state)
{
	enum { SIZE = 1 << 20 };
	_cleanup_free_ char *data = malloc(SIZE);
	_cleanup_close_ int reader = -1;
	pid_t child;
	int status;

	(void)state;
	assert_non_null(data);
	memset(data, 'd', SIZE);
	assert_int_equal(mkfifo("pipe", 0600), 0);
	reader = open("pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(reader >= 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct output *output = output_open("pipe", NULL);
		close(reader);
		for (size_t at = 0; output && at < SIZE; at += 4096)
			output_write(output, data + at, 4096);
		if (output)
			output_write(output, data, SIZE);
		_exit(output && output_commit(output, NULL) == 0 ? 0 : 1);
	}
	assert_int_equal(fcntl(reader, F_SETFL, 0), 0);
	for (size_t got = 0; got < 2 * SIZE;) {
		ssize_t length = read(reader, data, 1000);
		assert_true(length >= 0);
		if (length == 0) /* the writer has not opened it yet */
			usleep(1000);
		got += (size_t)length;
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* Standard output, replaced in a child by something that fails. */
static int commit_to(int fd, const char *text)
{
	_cleanup_error_ struct error *error = NULL;
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		struct output *output;
		signal(SIGPIPE, SIG_IGN);
		close(STDOUT_FILENO);
		if (fd >= 0)
			dup2(fd, STDOUT_FILENO);
		output = output_open(NULL, &error);
		output_text(output, text);
		_exit(output_commit(output, &error) ? error_number(error) : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_standard_output_that_fails(void **state)
{
	_cleanup_close_ int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	_cleanup_close_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	_cleanup_close_ int read_only = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	assert_int_equal(commit_to(ends[1], "text"), EPIPE);
	close(ends[1]);
	assert_int_equal(commit_to(full, "text"), ENOSPC);
	assert_int_equal(commit_to(read_only, "text"), EBADF);
	assert_int_equal(commit_to(-1, "text"), EBADF);
	assert_int_equal(commit_to(-1, ""), EBADF);
	assert_int_equal(commit_to(null, "text"), 0);
}

static void test_any_amount(void **state)
{
	_cleanup_error_ struct error *error = NULL;
	_cleanup_output_ struct output *output = output_open("file", &error);
	_cleanup_buffer_ struct buffer buffer = {0};
	size_t total = 0;
	char data[200000];

	(void)state;
	assert_non_null(output);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)('a' + i % 23);
	for (size_t length = 1; length <= sizeof(data); length *= 3, total += length / 3)
		output_write(output, data, length);
	output_write(output, data, sizeof(data));
	assert_int_equal(output_commit(output, &error), 0);
	assert_int_equal(buffer_read(&buffer, AT_FDCWD, "file", 1 << 24), 0);
	assert_int_equal(buffer.length, total + sizeof(data));
	for (size_t length = 1, at = 0; length <= sizeof(data); at += length, length *= 3)
		assert_memory_equal(buffer.data + at, data, length);
	assert_memory_equal(buffer.data + total, data, sizeof(data));
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, place_make, place_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(test_a_new_file_appears_with_the_commit),
		IN_PLACE(test_the_old_file_stays_until_the_commit),
		IN_PLACE(test_without_a_commit_nothing_is_left),
		IN_PLACE(test_a_link_is_followed_and_stays),
		IN_PLACE(test_places_that_cannot_be_written),
		IN_PLACE(test_the_longest_name_has_room_for_its_temporary),
		IN_PLACE(test_a_full_device),
		IN_PLACE(test_a_disk_that_fills_up_leaves_the_old_file),
		IN_PLACE(test_a_pipe_without_reader),
		IN_PLACE(test_a_pipe_with_a_slow_reader),
		IN_PLACE(test_standard_output_that_fails),
		IN_PLACE(test_any_amount),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
