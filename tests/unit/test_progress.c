#include "tests/unit/test.h"

#include <fcntl.h>
#include <pty.h>
#include <string.h>
#include <unistd.h>

#include "agent/progress.h"
#include "proctor/cleanup.h"

/* What is written to stderr, a terminal or not, by progress that started `seconds` ago and is told `count`
 * times. */
static void show(bool terminal, uint64_t seconds, unsigned count, char *told, size_t size)
{
	int master, slave, saved = dup(STDERR_FILENO), pipes[2];
	struct progress progress = {0};
	struct request request = {0};
	size_t got = 0;
	ssize_t length;

	assert_true(saved >= 0);
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	assert_int_equal(pipe(pipes), 0);
	assert_true(dup2(terminal ? slave : pipes[1], STDERR_FILENO) >= 0);
	progress_start(&progress, &request);
	progress.started -= seconds * 1000000000u;
	for (unsigned i = 1; i <= count && request.progress; i++)
		request.progress(request.progress_context, "filesystem", i);
	progress_end(&progress);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	assert_int_equal(write(terminal ? slave : pipes[1], "#", 1), 1);
	for (told[0] = '\0'; !strchr(told, '#'); told[got] = '\0') { /* a terminal gives it in pieces */
		length = read(terminal ? master : pipes[0], told + got, size - 1 - got);
		assert_true(length > 0);
		got += (size_t)length;
	}
	for (size_t i = 0; i < 2; i++)
		close(pipes[i]);
	close(master);
	close(slave);
	close(saved);
}

static void test_nothing_within_the_first_second(void **state)
{
	char told[256];

	(void)state;
	show(true, 0, 5, told, sizeof(told));
	assert_string_equal(told, "#");
}

static void test_nothing_where_no_terminal_is(void **state)
{
	char told[256];

	(void)state;
	show(false, 10, 5, told, sizeof(told));
	assert_string_equal(told, "#");
}

static void test_one_line_that_is_cleared(void **state)
{
	char told[256];

	(void)state;
	show(true, 10, 1, told, sizeof(told));
	assert_string_equal(told, "\rfilesystem: 1\033[K\r\033[K#");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_within_the_first_second),
		cmocka_unit_test(test_nothing_where_no_terminal_is),
		cmocka_unit_test(test_one_line_that_is_cleared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
