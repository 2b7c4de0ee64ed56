#include "tests/unit/test.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/daemon/log.h"
#include "proctor/cleanup.h"

static char line[2 * PIPE_BUF];

/* What one call writes into a pipe. */
#define LOGGED(log, level, ...)                                                                              \
	({                                                                                                   \
		int ends_[2];                                                                                \
		assert_int_equal(pipe2(ends_, O_CLOEXEC | O_NONBLOCK), 0);                                   \
		(log)->fd = ends_[1];                                                                        \
		log_write(log, level, __VA_ARGS__, NULL);                                                    \
		read_line(ends_);                                                                            \
	})

static const char *read_line(const int ends[2])
{
	ssize_t length = read(ends[0], line, sizeof(line) - 1);

	line[length > 0 ? length : 0] = '\0';
	close(ends[0]);
	close(ends[1]);
	return line;
}

static struct log make_log(enum log_format format)
{
	return (struct log){.format = format, .level = LOG_INFO, .process = "auditor"};
}

/* One line, ended by its only line feed, without control characters, in valid UTF-8. */
static void assert_one_line(const char *text)
{
	_cleanup_json_ json_t *string = json_string(text);

	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	assert_non_null(string);
	for (; *text != '\n'; text++)
		assert_true((unsigned char)*text >= 0x20);
}

static void test_logfmt(void **state)
{
	struct log log = make_log(LOG_LOGFMT);
	const char *text = LOGGED(&log, LOG_WARNING, "sink is behind", "sink", "to-1", "records", "17",
				  "error", "a \"b\"=\\\n\x1b[0m\xff", "none", "");

	(void)state;
	assert_one_line(text);
	assert_true(text == strstr(text, "time=20"));
	assert_string_equal(strchr(text, ' '),
			    " level=warning process=auditor message=\"sink is behind\" sink=to-1 records=17 "
			    "error=\"a \\\"b\\\"=\\\\\\n\\x1b[0m\\xff\" none=\"\"\n");
}

static void test_json(void **state)
{
	struct log log = make_log(LOG_JSON);
	const char *text = LOGGED(&log, LOG_ERROR, "it \"broke\"", "error", "a\n\x01\xff\\", "sink", "to-1");
	_cleanup_json_ json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	(void)state;
	assert_one_line(text);
	assert_non_null(object);
	assert_int_equal(json_object_size(object), 6);
	assert_string_equal(json_string_value(json_object_get(object, "level")), "error");
	assert_string_equal(json_string_value(json_object_get(object, "process")), "auditor");
	assert_string_equal(json_string_value(json_object_get(object, "message")), "it \"broke\"");
	assert_string_equal(json_string_value(json_object_get(object, "error")), "a\\n\\x01\\xff\\\\");
	assert_int_equal(strlen(json_string_value(json_object_get(object, "time"))),
			 strlen("2026-01-01T00:00:00.000Z"));
}

static void test_levels(void **state)
{
	struct log log = make_log(LOG_LOGFMT);

	(void)state;
	assert_string_equal(LOGGED(&log, LOG_DEBUG, "x"), "");
	assert_string_not_equal(LOGGED(&log, LOG_INFO, "x"), "");
	log.level = LOG_ERROR;
	assert_string_equal(LOGGED(&log, LOG_WARNING, "x"), "");
	assert_string_not_equal(LOGGED(&log, LOG_ERROR, "x"), "");
}

/* A line is not longer than what a pipe takes as a whole, and whole for who reads it. */
static void test_long_values(void **state)
{
	static char value[100000];

	(void)state;
	for (enum log_format format = LOG_LOGFMT; format <= LOG_JSON; format++)
		for (int byte = 1; byte < 256; byte++) {
			struct log log = make_log(format);
			const char *text;
			memset(value, byte, sizeof(value) - 1);
			text = LOGGED(&log, LOG_ERROR, value, "a", value, "b", value, "c", value, "d", value,
				      "e", "short");
			assert_true(strlen(text) <= PIPE_BUF);
			assert_one_line(text);
			assert_non_null(strstr(text, "short"));
			if (format == LOG_JSON) {
				_cleanup_json_ json_t *object = json_loads(text, 0, NULL);
				assert_non_null(object);
			}
		}
}

static void test_errors(void **state)
{
	struct log log = make_log(LOG_LOGFMT);
	struct error *error = NULL;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	log.fd = ends[1];
	error_set(&error, 0, "no room");
	log_error(&log, LOG_ERROR, "keeping", &error);
	assert_null(error);
	assert_non_null(strstr(read_line(ends), "message=keeping error=\"no room\"\n"));
}

/* Nobody waits for the log, whoever reads it or not; the description stays a blocking one. */
static void test_nobody_reads(void **state)
{
	struct log log = make_log(LOG_LOGFMT);
	int ends[2];

	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		assert_int_equal(kind ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)
				      : pipe2(ends, O_CLOEXEC),
				 0);
		log.fd = ends[1];
		for (int i = 0; i < 20000; i++)
			log_write(&log, LOG_ERROR, "again", NULL);
		assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
		assert_non_null(strstr(read_line(ends), "message=again\n"));
	}
	log.fd = -1;
	log_write(&log, LOG_ERROR, "lost", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_logfmt), cmocka_unit_test(test_json),
		cmocka_unit_test(test_levels), cmocka_unit_test(test_long_values),
		cmocka_unit_test(test_errors), cmocka_unit_test(test_nobody_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
