/* Encoding for OpenTelemetry, and judging its answers, with each allocation failing in turn: what comes out
 * of it are all records, or an error that says so. What leaks, the sanitizers tell. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "agent/sinks/otlp_answer.h"
#include "agent/sinks/otlp_encode.h"
#include "proctor/cleanup.h"
#include "tests/fault/inject.h"

enum { RECORDS = 5 };

/* Words of at most 13 letters: jansson's lexer goes on as if memory were there when longer ones find none
 * (lex_save). Three resources, and more text than the first buffers hold. */
static const char *const texts[RECORDS] = {
	"{\"type\":\"finding\",\"time\":\"t\",\"host\":{\"hostname\":\"h\"},\"finding\":{\"severity\":"
	"\"high\","
	"\"image\":\"web:1\",\"container_id\":\"c\",\"ecs_task\":{\"arn\":\"a:b:c:d:e:f\",\"cluster\":\"p\","
	"\"launch_type\":\"EC2\"}}}",
	"{\"a\":[1,2.5,null,true,[\"b\",{\"c\":{}}]],\"host\":{\"ecs\":{}}}",
	"no JSON",
	"{\"a\":\"\xff\"}",
	"{\"host\":{\"hostname\":\"h\"},\"n\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,"
	"24,25,"
	"26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,"
	"59,"
	"60,61,62,63,64,65,66,67,68,69,70,71,72,73,74,75,76,77,78,79,80,81,82,83,84,85,86,87,88,89,90,91,92,"
	"93]}",
};

static int encode(struct buffer *body, struct error **error)
{
	struct queued records[RECORDS];

	for (size_t i = 0; i < RECORDS; i++)
		records[i] = (struct queued){
			.severity = SEVERITY_LOW, .text = texts[i], .length = strlen(texts[i])};
	return otlp_encode(records, RECORDS, body, error);
}

static bool is_one_of_them(const char *text)
{
	for (size_t i = 0; i < RECORDS; i++)
		if (!strcmp(text, texts[i]) || !strcmp(text, "{\"a\":\"\\xff\"}"))
			return true;
	return false;
}

/* Each record is there: as an object, or, where there was no memory to read it, as its text. */
static void assert_all_there(const struct buffer *body)
{
	_cleanup_json_ json_t *request = json_loadb(body->data, body->length, 0, NULL);
	const json_t *group, *log;
	size_t count = 0, i, j;

	json_array_foreach(json_object_get(request, "resourceLogs"), i, group)
	{
		const json_t *scope = json_array_get(json_object_get(group, "scopeLogs"), 0);
		json_array_foreach(json_object_get(scope, "logRecords"), j, log)
		{
			const json_t *any = json_object_get(log, "body");
			const char *text = json_string_value(json_object_get(any, "stringValue"));
			assert_true(text ? is_one_of_them(text)
					 : json_object_get(any, "kvlistValue") != NULL);
			count++;
		}
	}
	assert_int_equal(count, RECORDS);
}

static void encode_with_each_failure(bool lasting)
{
	unsigned long failures = 0, calls = 1;

	for (unsigned long nth = 1; nth <= calls; nth++) {
		_cleanup_buffer_ struct buffer body = {0};
		_cleanup_error_ struct error *error = NULL;
		int result;

		inject_arm(CALL_ALLOCATE, nth, ENOMEM, lasting);
		result = encode(&body, &error);
		calls = inject_disarm();
		assert_true(result ? strstr(error_message(error), "emory") != NULL : !error);
		if (!result)
			assert_all_there(&body);
		failures += result != 0;
	}
	assert_true(failures > 0);
}

static void test_encoding(void **state)
{
	(void)state;
	encode_with_each_failure(false);
	encode_with_each_failure(true);
}

/* None becomes an acceptance. */
static void test_judging(void **state)
{
	static const char answer[] = "{\"partialSuccess\":{\"rejectedLogRecords\":\"1\"}}";
	unsigned long calls = 1;

	(void)state;
	for (unsigned long nth = 1; nth <= calls; nth++) {
		_cleanup_error_ struct error *error = NULL;
		struct delivered delivered = {.out = 3};
		int result;

		inject_arm(CALL_ALLOCATE, nth, ENOMEM, true);
		result = otlp_judge(answer, strlen(answer), 3, &delivered, &error);
		calls = inject_disarm();
		assert_int_equal(delivered.out, 0);
		assert_int_equal(delivered.refused, result ? 0 : 3);
	}
	assert_true(calls > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encoding),
		cmocka_unit_test(test_judging),
	};

	json_set_alloc_funcs(malloc, free); /* jansson's allocations, too, go through inject.c */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
