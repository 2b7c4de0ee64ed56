/* Messages of syslog, and the records that are kept to be sent again. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "agent/sinks/syslog_message.h"
#include "agent/sinks/syslog_window.h"
#include "proctor/cleanup.h"

static const struct syslog_origin origin = {.facility = 3, .process = 42, .longest = 8192};

/* ---- messages ----------------------------------------------------------------------------------- */

/* The message of a record that goes in one. */
static void assert_message(const char *record, enum severity severity, const char *expected)
{
	_cleanup_syslog_message_ struct syslog_message message = {0};
	_cleanup_error_ struct error *error = NULL;
	const struct queued queued = {.severity = severity, .text = record, .length = strlen(record)};
	char text[8192 + 1];

	assert_int_equal(syslog_message_make(&message, &origin, &queued, &error), 0);
	assert_null(error);
	assert_int_equal(message.parts, 1);
	text[syslog_message_part(&message, 0, text)] = '\0';
	assert_string_equal(text, expected);
}

static void test_finding(void **state)
{
	static const char record[] =
		"{\"type\":\"finding\",\"record_id\":\"0a\",\"sequence\":7,\"time\":\"2026-02-03T04:05:06."
		"789Z\","
		"\"host\":{\"hostname\":\"web-1\"},\"status\":\"opened\",\"finding\":{\"id\":\"0b\","
		"\"rule\":\"file.setuid\",\"severity\":\"critical\",\"container_id\":\"c1\","
		"\"container_name\":\"web\",\"image\":\"shop:1\",\"task\":\"shop:42\"}}";
	_cleanup_free_ char *expected = NULL;

	(void)state;
	assert_true(asprintf(&expected,
			     "<26>1 2026-02-03T04:05:06.789Z web-1 proctor 42 finding [proctor@32473 "
			     "record_id=\"0a\" sequence=\"7\" status=\"opened\" rule=\"file.setuid\" "
			     "severity=\"critical\" fingerprint=\"0b\" container=\"web\" container_id=\"c1\" "
			     "image=\"shop:1\" task=\"shop:42\"] %s",
			     record) > 0);
	assert_message(record, SEVERITY_CRITICAL, expected);
}

/* The queue has the worst that was told of a finding, for which it is kept. */
static void test_the_severity_is_that_of_the_finding(void **state)
{
	(void)state;
	assert_message("{\"finding\":{\"severity\":\"low\"}}", SEVERITY_CRITICAL,
		       "<29>1 - - proctor 42 - [proctor@32473 severity=\"low\"] "
		       "{\"finding\":{\"severity\":\"low\"}}");
	assert_message("{\"finding\":{\"severity\":\"odd\"}}", SEVERITY_HIGH,
		       "<27>1 - - proctor 42 - [proctor@32473 severity=\"odd\"] "
		       "{\"finding\":{\"severity\":\"odd\"}}");
}

static void test_severities(void **state)
{
	static const struct {
		enum severity severity;
		const char *priority;
	} table[] = {{SEVERITY_CRITICAL, "<26>"}, {SEVERITY_HIGH, "<27>"}, {SEVERITY_MEDIUM, "<28>"},
		     {SEVERITY_LOW, "<29>"},      {SEVERITY_INFO, "<30>"}, {SEVERITY_NONE, "<30>"}};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		_cleanup_free_ char *expected = NULL;
		assert_true(asprintf(&expected, "%s1 - - proctor 42 - [proctor@32473] {}",
				     table[i].priority) > 0);
		assert_message("{}", table[i].severity, expected);
	}
}

/* Members that are missing, of another type, too long, or not what the header may hold. */
static void test_hostile_header(void **state)
{
	static const char *const times[] = {
		"2026-02-03T04:05:06Z",
		"2026-02-03T04:05:06.789",
		"2026-02-03T04:05:06.789Z ",
		"2026-02-03 04:05:06.789Z",
		"2026-02-03T04:05:06.7890Z",
		"",
		"] <13>1 -",
	};
	char record[1024], expected[2048], name[301];

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		snprintf(record, sizeof(record), "{\"time\":\"%s\",\"type\":3}", times[i]);
		snprintf(expected, sizeof(expected), "<30>1 - - proctor 42 - [proctor@32473] %s", record);
		assert_message(record, SEVERITY_INFO, expected);
	}
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(record, sizeof(record), "{\"host\":{\"hostname\":\"%s\"},\"type\":\"%s\"}", name, name);
	snprintf(expected, sizeof(expected), "<30>1 - %.255s proctor 42 %.32s [proctor@32473] %s", name, name,
		 record);
	assert_message(record, SEVERITY_INFO, expected);
	assert_message("{\"host\":{\"hostname\":\"a b\\n\\\"]\"},\"type\":\" \"}", SEVERITY_INFO,
		       "<30>1 - a_b_\"] proctor 42 _ [proctor@32473] "
		       "{\"host\":{\"hostname\":\"a b\\n\\\"]\"},\"type\":\" \"}");
	assert_message("{\"host\":[],\"finding\":7,\"status\":null,\"record_id\":{}}", SEVERITY_INFO,
		       "<30>1 - - proctor 42 - [proctor@32473] "
		       "{\"host\":[],\"finding\":7,\"status\":null,\"record_id\":{}}");
}

static void test_escaped_values(void **state)
{
	(void)state;
	assert_message("{\"finding\":{\"image\":\"a\\\"b]c\\\\d[e\\n\\u0000\\u007f\xc3\xa9\"}}",
		       SEVERITY_INFO,
		       "<30>1 - - proctor 42 - [proctor@32473 "
		       "image=\"a\\\"b\\]c\\\\d[e\\\\x0a\\\\x00\\\\x7f\xc3\xa9\"] "
		       "{\"finding\":{\"image\":\"a\\\"b]c\\\\d[e\\n\\u0000\\u007f\\u00e9\"}}");
}

/* The JSON is ASCII, and says the same. */
static void test_ascii_body(void **state)
{
	(void)state;
	assert_message("{\"x\":\n\t\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f\"}\r", SEVERITY_INFO,
		       "<30>1 - - proctor 42 - [proctor@32473] "
		       "{\"x\":  \"\\u00e9\\u20ac\\ud83d\\ude00\\u007f\"} ");
}

/* A value is cut between characters, and says so. */
static void test_long_value(void **state)
{
	char record[2048], value[1001] = "", *cut;
	_cleanup_syslog_message_ struct syslog_message message = {0};

	(void)state;
	for (int i = 0; i < 333; i++)
		strcat(value, i % 2 ? "\xe2\x82\xac" : "]");
	snprintf(record, sizeof(record), "{\"status\":\"%s\"}", value);
	assert_int_equal(syslog_message_make(&message, &origin,
					     &(struct queued){.text = record, .length = strlen(record)},
					     NULL),
			 0);
	cut = strstr(message.head, "...\"");
	assert_non_null(cut);
	assert_string_equal(cut, "...\"");
	assert_in_range(cut - strstr(message.head, "status=\"") - 8, 190, 197);
	assert_memory_equal(cut - 2, "\\]", 2);
}

static void test_no_record(void **state)
{
	static const char *const texts[] = {"", "x", "[]", "7", "{\"x\":\"\xff\"}", "{} {}", "{\"x\":"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		_cleanup_syslog_message_ struct syslog_message message = {0};
		_cleanup_error_ struct error *error = NULL;
		const struct queued record = {.text = texts[i], .length = strlen(texts[i])};
		assert_int_equal(syslog_message_make(&message, &origin, &record, &error), 1);
		assert_non_null(strstr(error_message(error), "no JSON object: "));
	}
}

/* Each part is as long as it may be at most, has the structured data, and all of them the record. */
static void assert_parts(size_t longest, size_t length)
{
	const struct syslog_origin narrow = {.facility = 23, .process = 1, .longest = longest};
	_cleanup_free_ char *record = malloc(length + 1), *joined = calloc(1, length + 1);
	_cleanup_free_ char *text = malloc(longest + 1);
	_cleanup_syslog_message_ struct syslog_message message = {0};
	size_t most = 0;

	memset(record, 'x', length);
	memcpy(record, "{\"record_id\":\"1\",\"x\":\"", 22);
	strcpy(record + length - 2, "\"}");
	assert_int_equal(syslog_message_make(&message, &narrow,
					     &(struct queued){.text = record, .length = length}, NULL),
			 0);
	for (size_t part = 0; part < message.parts; part++) {
		char numbers[64] = "] ";
		size_t bytes = syslog_message_part(&message, part, text);
		assert_in_range(bytes, 1, longest);
		most = bytes > most ? bytes : most;
		text[bytes] = '\0';
		if (message.parts > 1)
			snprintf(numbers, sizeof(numbers), " part=\"%zu\" parts=\"%zu\"] ", part + 1,
				 message.parts);
		assert_non_null(strstr(text, "record_id=\"1\""));
		assert_non_null(strstr(text, numbers));
		strcat(joined, strstr(text, numbers) + strlen(numbers));
	}
	assert_string_equal(joined, record);
	assert_int_equal(message.parts > 1, message.head_length + 2 + length > longest);
	assert_true(message.parts == 1 || most + 64 > longest);
}

static void test_parts(void **state)
{
	const size_t overhead = strlen("<190>1 - - proctor 1 - [proctor@32473 record_id=\"1\"] ");

	(void)state;
	for (int more = -2; more < 3; more++) {
		assert_parts(4096, 4096 - overhead + (size_t)(more + 2) - 2);
		assert_parts(8192, 8192 - overhead + (size_t)(more + 2) - 2);
	}
	assert_parts(4096, 300000);
	assert_parts(1 << 20, (1 << 20) + 1);
}

/* With all that a hostile record can put there, the least bound leaves room for the record itself. */
static void test_room_beside_the_longest_head(void **state)
{
	static const char *const members[] = {"record_id", "sequence", "status", "time", "type"};
	static const char *const inner[] = {"rule",         "severity", "id",  "container_name",
					    "container_id", "image",    "task"};
	const struct syslog_origin narrow = {
		.facility = 23, .process = 4194304, .longest = SYSLOG_MESSAGE_LEAST};
	_cleanup_syslog_message_ struct syslog_message message = {0};
	_cleanup_json_ json_t *record = json_object(), *finding = json_object();
	_cleanup_free_ char *text = NULL;
	char value[1001];

	(void)state;
	memset(value, '"', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
		json_object_set_new(record, members[i], json_string(value));
	for (size_t i = 0; i < sizeof(inner) / sizeof(*inner); i++)
		json_object_set_new(finding, inner[i], json_string(value));
	json_object_set(record, "finding", finding);
	json_object_set_new(record, "host", json_pack("{s:s}", "hostname", value));
	text = json_dumps(record, 0);
	assert_int_equal(syslog_message_make(&message, &narrow,
					     &(struct queued){.text = text, .length = strlen(text)}, NULL),
			 0);
	assert_true(message.head_length < 3 * 1024);
	assert_true(message.room > 900);
}

/* ---- the window --------------------------------------------------------------------------------- */

static void keep(struct syslog_window *window, const char *names)
{
	for (; *names; names++) {
		const struct queued record = {.text = names, .length = 1, .severity = SEVERITY_LOW};
		assert_int_equal(syslog_window_keep(window, &record), 0);
	}
}

static void assert_pending(const struct syslog_window *window, const char *expected)
{
	char names[32] = "";

	for (size_t i = 0; i < syslog_window_pending(window); i++) {
		struct queued record = syslog_window_record(window, i);
		assert_int_equal(record.length, 1);
		assert_int_equal(record.severity, SEVERITY_LOW);
		strncat(names, record.text, 1);
	}
	assert_string_equal(names, expected);
}

static void test_window_after_a_reset(void **state)
{
	struct syslog_window window;

	(void)state;
	assert_int_equal(syslog_window_open(&window, 3), 0);
	assert_pending(&window, "");
	keep(&window, "ab");
	assert_pending(&window, "");
	syslog_window_ended(&window, 0);
	assert_pending(&window, "ab");
	syslog_window_sent(&window, 1);
	assert_pending(&window, "b");
	syslog_window_ended(&window, 0); /* however often */
	syslog_window_ended(&window, 0);
	assert_pending(&window, "ab");
	syslog_window_sent(&window, 2);
	keep(&window, "cde"); /* the oldest give way */
	syslog_window_ended(&window, 0);
	assert_pending(&window, "cde");
	assert_int_equal(window.bytes, 3);
	syslog_window_free(&window);
}

static void test_window_after_an_end_in_order(void **state)
{
	struct syslog_window window;

	(void)state;
	assert_int_equal(syslog_window_open(&window, 4), 0);
	keep(&window, "abcd");
	syslog_window_ended(&window, 3); /* once more, all of it */
	assert_pending(&window, "abcd");
	syslog_window_sent(&window, 3);
	syslog_window_ended(&window, 2); /* a and b were read twice; c perhaps not; d was not sent */
	assert_pending(&window, "cd");
	syslog_window_sent(&window, 2);
	keep(&window, "e");
	syslog_window_ended(&window, 2);
	assert_pending(&window, "e");
	syslog_window_free(&window);
}

static void test_window_of_bytes(void **state)
{
	struct syslog_window window;
	_cleanup_free_ char *large = calloc(1, SYSLOG_WINDOW_BYTES + 1);
	struct queued half = {.text = large, .length = SYSLOG_WINDOW_BYTES / 2};
	struct queued all = {.text = large, .length = SYSLOG_WINDOW_BYTES + 1};

	(void)state;
	assert_int_equal(syslog_window_open(&window, 100), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(syslog_window_keep(&window, &half), 0);
	assert_int_equal(window.count, 2);
	assert_int_equal(syslog_window_keep(&window, &all), 0);
	assert_int_equal(window.count, 1);
	syslog_window_ended(&window, 0);
	assert_int_equal(syslog_window_record(&window, 0).length, SYSLOG_WINDOW_BYTES + 1);
	syslog_window_free(&window);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finding),
		cmocka_unit_test(test_severities),
		cmocka_unit_test(test_the_severity_is_that_of_the_finding),
		cmocka_unit_test(test_hostile_header),
		cmocka_unit_test(test_escaped_values),
		cmocka_unit_test(test_ascii_body),
		cmocka_unit_test(test_long_value),
		cmocka_unit_test(test_no_record),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_room_beside_the_longest_head),
		cmocka_unit_test(test_window_after_a_reset),
		cmocka_unit_test(test_window_after_an_end_in_order),
		cmocka_unit_test(test_window_of_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
