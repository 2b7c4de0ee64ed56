/* Settings, and what is made and printed of them and of metrics, while memory and reads fail: told, or whole,
 * and nothing is leaked. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "agent/daemon/log.h"
#include "agent/daemon/metrics.h"
#include "agent/daemon/places.h"
#include "agent/settings.h"
#include "proctor/cleanup.h"
#include "tests/fault/inject.h"

static char path[] = "/tmp/proctor-fault-settings-XXXXXX";

static const char text[] =
	"[agent]\ninterval = 1m\n[sink.a]\nurl = file:///a?rotate=1MiB\n[rules]\noff = mount.*\n"
	"[exception a]\nrule = *\npath = /x\nreason = r\n";

static const char *const environment[] = {"PROCTOR_QUICK=5",
					  "PROCTOR_RULES_OFF=limit.* host.*",
					  "PROCTOR_TO=stdout",
					  "PROCTOR_EXCEPTION_B_RULE=*",
					  "PROCTOR_EXCEPTION_B_PATH=/y",
					  "PROCTOR_EXCEPTION_B_REASON=r",
					  NULL};

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 || write(fd, text, strlen(text)) < 0 || close(fd) ? -1 : 0;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static struct settings *read_settings(struct error **error)
{
	return settings_read(&(struct settings_options){.config_file = path}, (char *const *)environment,
			     1709208000, error);
}

static void assert_whole(const struct settings *settings)
{
	assert_int_equal(settings->interval, 60);
	assert_int_equal(settings->quick, 5);
	assert_int_equal(settings->sink_count, 2);
	assert_int_equal(settings->config->rule_off_count, 2);
	assert_int_equal(settings->config->exception_count, 2);
}

static void with_each_failure(enum call call, int number)
{
	for (unsigned long nth = 1, calls = nth; nth <= calls + 1; nth++) {
		_cleanup_error_ struct error *error = NULL;
		struct settings *settings;

		inject_arm(call, nth, number, false);
		settings = read_settings(&error);
		calls = inject_disarm();
		assert_true(settings ? !error : error && *error_message(error));
		if (settings)
			assert_whole(settings);
		assert_true(settings || nth <= calls);
		settings_free(settings);
	}
}

static void test_no_memory(void **state)
{
	(void)state;
	with_each_failure(CALL_ALLOCATE, ENOMEM);
}

static void test_a_file_that_cannot_be_read(void **state)
{
	(void)state;
	with_each_failure(CALL_OPEN, EMFILE);
	with_each_failure(CALL_READ, EIO);
}

/* No line is printed in part. */
static void test_printing_without_memory(void **state)
{
	struct settings *settings = read_settings(NULL);

	(void)state;
	assert_non_null(settings);
	for (unsigned long nth = 1, calls = nth; nth <= calls + 1; nth++) {
		struct output *output = output_open("/dev/null", NULL);
		assert_non_null(output);
		inject_arm(CALL_ALLOCATE, nth, ENOMEM, false);
		settings_print(settings, output);
		calls = inject_disarm();
		output_free(output);
	}
	settings_free(settings);
}

static void test_places_without_memory(void **state)
{
	struct settings *settings = read_settings(NULL);

	(void)state;
	assert_non_null(settings);
	settings->sinks[0].options.token_file = "/etc/passwd";
	for (unsigned long nth = 1, calls = nth; nth <= calls + 1; nth++) {
		_cleanup_error_ struct error *error = NULL;
		struct places places;
		inject_arm(CALL_ALLOCATE, nth, ENOMEM, false);
		int result = places_of(&places, settings, &error);
		calls = inject_disarm();
		assert_true(result ? !!error : places.written[0] && places.written[1] && places.read[0]);
		places_free(&places);
	}
	settings_free(settings);
}

static void test_metrics_without_memory(void **state)
{
	static const char summary[] = "{\"coverage\":[{\"collector\":\"a\",\"seen\":1}]}";
	struct store_state store = {0};
	struct metrics_facts facts = {.state = &store, .summary = summary, .summary_length = strlen(summary)};

	(void)state;
	for (unsigned long nth = 1, calls = nth; nth <= calls + 1; nth++) {
		char *metrics;
		inject_arm(CALL_ALLOCATE, nth, ENOMEM, false);
		metrics = metrics_text(&facts);
		calls = inject_disarm();
		assert_true(!metrics || strstr(metrics, "\nproctor_build_info{"));
		free(metrics);
	}
}

static void test_logging_without_memory(void **state)
{
	int ends[2];
	char line[4096];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	for (enum log_format format = LOG_LOGFMT; format <= LOG_JSON; format++)
		for (unsigned long nth = 1, calls = nth; nth <= calls + 1; nth++) {
			struct log log = {.format = format, .process = "parent", .fd = ends[1]};
			ssize_t length;
			inject_arm(CALL_ALLOCATE, nth, ENOMEM, false);
			log_write(&log, LOG_ERROR, "message", "key", "a value", NULL);
			calls = inject_disarm();
			length = read(ends[0], line, sizeof(line));
			assert_true(length > 1 && line[length - 1] == '\n');
			if (format == LOG_JSON) {
				_cleanup_json_ json_t *object = json_loadb(line, (size_t)length, 0, NULL);
				assert_non_null(object);
			}
		}
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_a_file_that_cannot_be_read),
		cmocka_unit_test(test_printing_without_memory),
		cmocka_unit_test(test_metrics_without_memory),
		cmocka_unit_test(test_places_without_memory),
		cmocka_unit_test(test_logging_without_memory),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
