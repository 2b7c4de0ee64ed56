#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "agent/sinks/otlp_answer.h"
#include "agent/sinks/otlp_encode.h"
#include "proctor/cleanup.h"
#include "proctor/version.h"

/* ---- what was encoded, read back ----------------------------------------------------------------- */

/* The JSON that an AnyValue was made of, owned by the caller. */
static json_t *value_back(const json_t *any)
{
	const char *member = json_object_iter_key(json_object_iter((json_t *)any));
	const json_t *content = member ? json_object_get(any, member) : NULL, *item;
	const json_t *values = json_object_get(content, "values");
	bool object = member && !strcmp(member, "kvlistValue");
	json_t *back = object ? json_object() : json_array();
	size_t i;

	assert_true(json_is_object(any) && json_object_size(any) <= 1);
	json_array_foreach(values, i, item) if (object)
		json_object_set_new(back, json_string_value(json_object_get(item, "key")),
				    value_back(json_object_get(item, "value")));
	else json_array_append_new(back, value_back(item));
	if (values)
		return back;
	json_decref(back);
	if (!member)
		return json_null();
	if (strcmp(member, "intValue") != 0)
		return json_incref((json_t *)content);
	assert_true(json_is_string(content));
	return json_integer(strtoll(json_string_value(content), NULL, 10));
}

/* The attributes as an object, owned by the caller. */
static json_t *attributes_back(const json_t *owner)
{
	json_t *back = json_object();
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(owner, "attributes"), i, item)
	{
		const char *key = json_string_value(json_object_get(item, "key"));
		assert_null(json_object_get(back, key)); /* each once */
		json_object_set_new(back, key, value_back(json_object_get(item, "value")));
	}
	return back;
}

static json_t *encode(const char *const *texts, size_t count)
{
	_cleanup_buffer_ struct buffer body = {0};
	struct queued *records = calloc(count + 1, sizeof(*records));
	json_t *request;

	assert_non_null(records);
	for (size_t i = 0; i < count; i++)
		records[i] = (struct queued){
			.severity = SEVERITY_LOW, .text = texts[i], .length = strlen(texts[i])};
	assert_int_equal(otlp_encode(records, count, &body, NULL), 0);
	free(records);
	request = json_loadb(body.data, body.length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	assert_non_null(request);
	return request;
}

static json_t *at(const json_t *request, size_t resource)
{
	return json_array_get(json_object_get(request, "resourceLogs"), resource);
}

static json_t *logs_at(const json_t *request, size_t resource)
{
	const json_t *scopes = json_object_get(at(request, resource), "scopeLogs");

	assert_true(!scopes || json_array_size(scopes) == 1);
	return json_object_get(json_array_get(scopes, 0), "logRecords");
}

/* The only log record of a request of that record. */
static json_t *only(const json_t *request)
{
	assert_int_equal(json_array_size(json_object_get(request, "resourceLogs")), 1);
	assert_int_equal(json_array_size(logs_at(request, 0)), 1);
	return json_array_get(logs_at(request, 0), 0);
}

static const char *text(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

/* ---- bodies -------------------------------------------------------------------------------------- */

/* The body is the record as it was. */
static void assert_whole(const char *record)
{
	_cleanup_json_ json_t *request = encode(&record, 1);
	_cleanup_json_ json_t *body = value_back(json_object_get(only(request), "body"));
	_cleanup_json_ json_t *expected = json_loads(record, JSON_ALLOW_NUL, NULL);

	assert_non_null(expected);
	assert_true(json_equal(body, expected));
}

static void test_every_type(void **state)
{
	(void)state;
	assert_whole("{}");
	assert_whole("{\"a\":null,\"b\":true,\"c\":false,\"d\":\"\",\"e\":[],\"f\":{}}");
	assert_whole("{\"n\":[0,-1,9223372036854775807,-9223372036854775808,9007199254740993]}");
	assert_whole("{\"r\":[0.5,1e300,-2.0,1e-300,0.1]}");
	assert_whole("{\"\":{\"\":[[[{\"x\":[null]}]]]}}");
	assert_whole("{\"s\":\"\\u0000 \\u001b[31m \\\" \\\\ \\ud83d\\ude00 \\u202e \\u2028 "
		     "\xc3\xa9\"}");
	assert_whole("{\"stringValue\":\"x\",\"kvlistValue\":{\"values\":[1]},\"key\":\"[\"}");
}

/* What is no object comes as the text that it is. */
static void assert_as_text(const char *record, const char *expected)
{
	_cleanup_json_ json_t *request = encode(&record, 1);
	const json_t *log = only(request);

	assert_string_equal(text(json_object_get(log, "body"), "stringValue"), expected);
	assert_string_equal(text(log, "severityText"), "low"); /* of the queue */
	assert_int_equal(json_array_size(json_object_get(log, "attributes")), 0);
	assert_null(json_object_get(log, "timeUnixNano"));
}

static void test_no_objects(void **state)
{
	static const char *const same[] = {"",
					   "[1]",
					   "1",
					   "{\"a\":1",
					   "{} {}",
					   "{\"a\":1e999}",
					   "\"x\"",
					   "{\"a\":92233720368547758080}",
					   "{\"a\":1,\"a\":2}",
					   "\x01[\"\\"};

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
		assert_as_text(same[i], same[i]);
	assert_as_text("{\"a\":\"\xff\"}", "{\"a\":\"\\xff\"}");
}

static char *nested(size_t depth)
{
	char *record = malloc(6 * depth + 2), *at_end = record;

	assert_non_null(record);
	for (size_t i = 1; i < depth; i++)
		at_end = stpcpy(at_end, "{\"a\":");
	at_end = stpcpy(at_end, "{}");
	for (size_t i = 1; i < depth; i++)
		*at_end++ = '}';
	*at_end = '\0';
	return record;
}

/* Deeper than a receiver takes. */
static void test_deep_nesting(void **state)
{
	static const size_t too_deep[] = {25, 2000, 100000};
	_cleanup_free_ char *deepest = nested(24);

	(void)state;
	assert_whole(deepest);
	for (size_t i = 0; i < sizeof(too_deep) / sizeof(*too_deep); i++) {
		_cleanup_free_ char *record = nested(too_deep[i]);
		assert_as_text(record, record);
	}
}

/* ---- what is told beside them -------------------------------------------------------------------- */

static void assert_time(const char *time, const char *expected)
{
	char record[128];
	const char *const records[] = {record};
	_cleanup_json_ json_t *request = NULL;

	snprintf(record, sizeof(record), "{\"time\":%s}", time);
	request = encode(records, 1);
	if (expected) {
		assert_string_equal(text(only(request), "timeUnixNano"), expected);
		assert_string_equal(text(only(request), "observedTimeUnixNano"), expected);
	} else {
		assert_null(json_object_get(only(request), "timeUnixNano"));
		assert_null(json_object_get(only(request), "observedTimeUnixNano"));
	}
}

static void test_times(void **state)
{
	(void)state;
	assert_time("\"2026-11-24T10:00:00Z\"", "1795514400000000000");
	assert_time("\"2026-11-24T10:00:00.123Z\"", "1795514400123000000");
	assert_time("\"1970-01-01T00:00:00.000000001Z\"", "1");
	assert_time("\"1970-01-01T00:00:00Z\"", NULL); /* 0 is unknown */
	assert_time("\"1969-12-31T23:59:59Z\"", NULL);
	assert_time("\"9999-12-31T23:59:59Z\"", NULL); /* more than 64 bits */
	assert_time("\"2026-11-24T10:00:00\"", NULL);
	assert_time("\"2026-11-24T10:00:00.12x\"", NULL);
	assert_time("\"2026-11-24T10:00:00+01:00\"", NULL);
	assert_time("\"tomorrow\"", NULL);
	assert_time("17", NULL);
}

static void test_severities(void **state)
{
	static const struct {
		const char *severity, *text;
		int number;
	} cases[] = {{"\"critical\"", "critical", 21}, {"\"high\"", "high", 17}, {"\"medium\"", "medium", 13},
		     {"\"low\"", "low", 10},           {"\"info\"", "info", 9},  {"\"none\"", "info", 9},
		     {"\"worst\"", "low", 10},         {"5", "low", 10},         {"{}", "low", 10}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char record[128];
		const char *const records[] = {record};
		snprintf(record, sizeof(record), "{\"finding\":{\"severity\":%s}}", cases[i].severity);
		_cleanup_json_ json_t *request = encode(records, 1);
		assert_int_equal(json_integer_value(json_object_get(only(request), "severityNumber")),
				 cases[i].number);
		assert_string_equal(text(only(request), "severityText"), cases[i].text);
	}
}

static void assert_attributes(const json_t *owner, const char *expected)
{
	_cleanup_json_ json_t *attributes = attributes_back(owner);
	_cleanup_json_ json_t *json = json_loads(expected, 0, NULL);
	_cleanup_free_ char *found = json_dumps(attributes, JSON_COMPACT);

	assert_non_null(json);
	if (!json_equal(attributes, json))
		fail_msg("%s instead of %s", found, expected);
}

static void assert_record_attributes(const char *record, const char *expected)
{
	_cleanup_json_ json_t *request = encode(&record, 1);

	assert_attributes(only(request), expected);
}

/* The attributes of its resource beside those that all have. */
static void assert_resource(const char *record, const char *expected)
{
	_cleanup_json_ json_t *request = encode(&record, 1);
	char all[2048];

	snprintf(all, sizeof(all),
		 "{\"service.name\":\"proctor\",\"service.version\":\"%s\",\"os.type\":\"linux\"%s%s}",
		 proctor_version, *expected ? "," : "", expected);
	assert_attributes(json_object_get(at(request, 0), "resource"), all);
}

static void test_record_attributes(void **state)
{
	(void)state;
	assert_record_attributes(
		"{\"type\":\"finding\",\"record_id\":\"0123\",\"sequence\":9007199254740993,"
		"\"status\":\"opened\",\"finding\":{\"id\":\"ab\",\"rule\":\"process.root-user\","
		"\"title\":\"T\",\"container_ids\":[\"c\",\"d\"],\"subject\":{\"path\":\"/p\","
		"\"executable\":\"/e\"}}}",
		"{\"event.name\":\"proctor.finding\",\"log.record.uid\":\"0123\","
		"\"proctor.sequence\":9007199254740993,\"proctor.status\":\"opened\","
		"\"proctor.finding.id\":\"ab\",\"proctor.finding.rule\":\"process.root-user\","
		"\"proctor.finding.title\":\"T\",\"proctor.finding.containers\":[\"c\",\"d\"],"
		"\"proctor.finding.path\":\"/p\",\"process.executable.path\":\"/e\"}");
	assert_record_attributes("{\"type\":\"heartbeat\",\"record_id\":\"1\",\"sequence\":0}",
				 "{\"event.name\":\"proctor.heartbeat\",\"log.record.uid\":\"1\","
				 "\"proctor.sequence\":0}");
	assert_record_attributes("{\"type\":1,\"record_id\":[],\"sequence\":\"1\",\"status\":{},"
				 "\"finding\":[{\"id\":\"x\"}]}",
				 "{}");
	assert_record_attributes("{\"finding\":{\"id\":null,\"rule\":1,\"subject\":\"x\","
				 "\"container_ids\":{}}}",
				 "{}");
}

#define TASK                                                                                                 \
	"\"task\":\"shop:42\",\"ecs_task\":{\"arn\":\"arn:aws:ecs:eu-west-1:123456789012:task/prod/7f\","    \
	"\"family\":\"shop\",\"revision\":\"42\",\"cluster\":\"prod\",\"launch_type\":\"FARGATE\","          \
	"\"availability_zone\":\"eu-west-1b\"}"

static void test_resource_of_a_task(void **state)
{
	(void)state;
	assert_resource("{\"host\":{\"hostname\":\"h\"},\"finding\":{\"container_id\":\"4f\","
			"\"container_name\":\"web\",\"image\":\"r:5000/shop/web:1.2@sha256:00\"," TASK "}}",
			"\"host.name\":\"h\",\"cloud.provider\":\"aws\",\"cloud.platform\":\"aws_ecs\","
			"\"cloud.region\":\"eu-west-1\",\"cloud.account.id\":\"123456789012\","
			"\"cloud.availability_zone\":\"eu-west-1b\","
			"\"aws.ecs.cluster.arn\":\"arn:aws:ecs:eu-west-1:123456789012:cluster/prod\","
			"\"aws.ecs.task.arn\":\"arn:aws:ecs:eu-west-1:123456789012:task/prod/7f\","
			"\"aws.ecs.task.family\":\"shop\",\"aws.ecs.task.revision\":\"42\","
			"\"aws.ecs.launchtype\":\"fargate\",\"container.id\":\"4f\","
			"\"container.name\":\"web\",\"container.image.name\":\"r:5000/shop/web\","
			"\"container.image.tags\":[\"1.2\"]");
}

/* What only one of several containers has is not told. */
static void test_resource_of_several_containers(void **state)
{
	(void)state;
	assert_resource("{\"finding\":{\"container_id\":\"4f\",\"container_ids\":[\"4f\",\"50\"],"
			"\"container_name\":\"web\",\"image\":\"shop/web:1\"," TASK "}}",
			"\"cloud.provider\":\"aws\",\"cloud.platform\":\"aws_ecs\","
			"\"cloud.region\":\"eu-west-1\",\"cloud.account.id\":\"123456789012\","
			"\"aws.ecs.cluster.arn\":\"arn:aws:ecs:eu-west-1:123456789012:cluster/prod\","
			"\"aws.ecs.task.family\":\"shop\",\"aws.ecs.launchtype\":\"fargate\","
			"\"container.name\":\"web\",\"container.image.name\":\"shop/web\"");
}

static void test_resource_of_others(void **state)
{
	(void)state;
	assert_resource("{\"host\":{\"hostname\":\"h\",\"ecs\":{\"cluster\":\"prod\",\"instance_arn\":"
			"\"arn:aws:ecs:eu-west-1:123456789012:container-instance/prod/9\"}}}",
			"\"host.name\":\"h\",\"cloud.provider\":\"aws\",\"cloud.platform\":\"aws_ecs\","
			"\"cloud.region\":\"eu-west-1\",\"cloud.account.id\":\"123456789012\","
			"\"aws.ecs.cluster.arn\":\"arn:aws:ecs:eu-west-1:123456789012:cluster/prod\"");
	assert_resource("{\"host\":{\"ecs\":{\"cluster\":\"prod\"}}}",
			"\"cloud.provider\":\"aws\",\"cloud.platform\":\"aws_ecs\"");
	assert_resource("{\"finding\":{\"pod\":{\"name\":\"p-1\",\"namespace\":\"n\",\"uid\":\"u\","
			"\"container\":\"c\"}}}",
			"\"k8s.namespace.name\":\"n\",\"k8s.pod.name\":\"p-1\",\"k8s.pod.uid\":\"u\","
			"\"k8s.container.name\":\"c\"");
	assert_resource("{\"finding\":{\"image\":\"busybox\"}}", "\"container.image.name\":\"busybox\"");
	assert_resource("{\"finding\":{\"image\":\"r:5000/x@sha256:0\"}}",
			"\"container.image.name\":\"r:5000/x\"");
	assert_resource("{\"finding\":{\"image\":\":\"}}",
			"\"container.image.name\":\"\",\"container.image.tags\":[\"\"]");
	assert_resource("[]", "");
}

static void test_resource_of_hostile_records(void **state)
{
	static const char *const nothing[] = {
		"{\"host\":[],\"finding\":7}",
		"{\"host\":{\"hostname\":{},\"ecs\":null},\"finding\":{\"container_id\":1,\"image\":[]}}",
		"{\"finding\":{\"ecs_task\":[\"arn\"],\"pod\":\"x\",\"container_name\":null,\"task\":{}}}",
		"{\"finding\":{\"ecs_task\":{\"launch_type\":\"0123456789abcdef\",\"cluster\":\"c\"}}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(nothing) / sizeof(*nothing); i++)
		assert_resource(nothing[i], "");
	assert_resource("{\"finding\":{\"ecs_task\":{\"arn\":\"a:b:::\",\"cluster\":\"\"}}}",
			"\"cloud.provider\":\"aws\",\"cloud.platform\":\"aws_ecs\","
			"\"aws.ecs.cluster.arn\":\"a:b:::cluster/\",\"aws.ecs.task.arn\":\"a:b:::\"");
	assert_resource(
		"{\"finding\":{\"ecs_task\":{\"arn\":\"\",\"cluster\":\"c\"}}}",
		"\"cloud.provider\":\"aws\",\"cloud.platform\":\"aws_ecs\",\"aws.ecs.task.arn\":\"\"");
}

/* ---- batches ------------------------------------------------------------------------------------- */

static void test_grouped_by_resource(void **state)
{
	static const char *const records[] = {"{\"sequence\":1,\"host\":{\"hostname\":\"a\"}}",
					      "{\"sequence\":2}",
					      "{\"sequence\":3,\"host\":{\"hostname\":\"a\"}}", "no JSON",
					      "{\"sequence\":5,\"host\":{\"hostname\":\"b\"}}"};
	static const struct {
		size_t resource, log;
		int sequence;
	} places[] = {{0, 0, 1}, {0, 1, 3}, {1, 0, 2}, {2, 0, 5}};
	_cleanup_json_ json_t *request = encode(records, 5);

	(void)state;
	assert_int_equal(json_array_size(json_object_get(request, "resourceLogs")), 3);
	assert_int_equal(json_array_size(logs_at(request, 0)), 2);
	assert_int_equal(json_array_size(logs_at(request, 1)), 2);
	assert_int_equal(json_array_size(logs_at(request, 2)), 1);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		const json_t *log = json_array_get(logs_at(request, places[i].resource), places[i].log);
		_cleanup_json_ json_t *attributes = attributes_back(log);
		assert_int_equal(json_integer_value(json_object_get(attributes, "proctor.sequence")),
				 places[i].sequence);
	}
}

static void test_no_records(void **state)
{
	_cleanup_json_ json_t *request = encode(NULL, 0);

	(void)state;
	assert_int_equal(json_array_size(json_object_get(request, "resourceLogs")), 0);
}

/* ---- answers ------------------------------------------------------------------------------------- */

static struct delivered judge(const char *answer, int expected)
{
	_cleanup_error_ struct error *error = NULL;
	struct delivered delivered = {.out = 7};

	assert_int_equal(otlp_judge(answer, strlen(answer), 7, &delivered, &error), expected);
	assert_true(!error == !expected);
	return delivered;
}

static void test_accepted(void **state)
{
	static const char *const answers[] = {
		"",
		"\r\n",
		"{}",
		" {\"partialSuccess\":{}}",
		"{\"partialSuccess\":null}",
		"{\"partialSuccess\":{\"rejectedLogRecords\":0}}",
		"{\"partialSuccess\":{\"rejectedLogRecords\":\"0\",\"errorMessage\":\"slow down\"}}",
		"{\"partialSuccess\":{\"rejectedLogRecords\":null,\"errorMessage\":7}}",
		"{\"unknown\":[{}],\"partialSuccess\":{\"unknown\":1}}"};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		struct delivered delivered = judge(answers[i], 0);
		assert_int_equal(delivered.out, 7);
		assert_int_equal(delivered.refused, 0);
	}
}

static void assert_refused(const char *answer, const char *reason)
{
	struct delivered delivered = judge(answer, 0);

	assert_int_equal(delivered.out, 0);
	assert_int_equal(delivered.refused, 7);
	assert_string_equal(delivered.reason, reason);
}

static void test_refused(void **state)
{
	char answer[9000], reason[300];

	(void)state;
	assert_refused("{\"partialSuccess\":{\"rejectedLogRecords\":2}}", "2 of 7 rejected");
	assert_refused("{\"partialSuccess\":{\"rejectedLogRecords\":\"7\",\"errorMessage\":\"too old\"}}",
		       "7 of 7 rejected: too old");
	assert_refused("{\"partialSuccess\":{\"rejectedLogRecords\":\"18446744073709551615\","
		       "\"errorMessage\":\"\\u001b[31m\\n\"}}",
		       "18446744073709551615 of 7 rejected: \\x1b[31m\\n");
	assert_refused("{\"partialSuccess\":{\"rejectedLogRecords\":1,\"errorMessage\":{}}}",
		       "1 of 7 rejected");
	memset(reason, 'x', sizeof(reason));
	snprintf(answer, sizeof(answer),
		 "{\"partialSuccess\":{\"rejectedLogRecords\":1,\"errorMessage\":\"%.*s\"}}", 299, reason);
	memcpy(reason, "1 of 7 rejected: ", strlen("1 of 7 rejected: "));
	reason[255] = '\0';
	assert_refused(answer, reason);
}

static void test_no_answers(void **state)
{
	static const char *const answers[] = {
		"<html>welcome</html>",
		"ok",
		"[]",
		"null",
		"{",
		"{} {}",
		"\x0a\x02\x08\x01",
		"\xff",
		"{\"partialSuccess\":[]}",
		"{\"partialSuccess\":\"all\"}",
		"{\"partialSuccess\":{\"rejectedLogRecords\":-1}}",
		"{\"partialSuccess\":{\"rejectedLogRecords\":\"-1\"}}",
		"{\"partialSuccess\":{\"rejectedLogRecords\":\"\"}}",
		"{\"partialSuccess\":{\"rejectedLogRecords\":\"1 \"}}",
		"{\"partialSuccess\":{\"rejectedLogRecords\":\"18446744073709551616\"}}",
		"{\"partialSuccess\":{\"rejectedLogRecords\":1.5}}",
		"{\"partialSuccess\":{\"rejectedLogRecords\":true}}",
		"{\"partialSuccess\":{},\"partialSuccess\":{\"rejectedLogRecords\":1}}"};
	_cleanup_free_ char *deep = nested(100000);

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		struct delivered delivered = judge(answers[i], -1);
		assert_int_equal(delivered.out + delivered.refused, 0);
	}
	judge(deep, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_type),
		cmocka_unit_test(test_no_objects),
		cmocka_unit_test(test_deep_nesting),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_severities),
		cmocka_unit_test(test_record_attributes),
		cmocka_unit_test(test_resource_of_a_task),
		cmocka_unit_test(test_resource_of_several_containers),
		cmocka_unit_test(test_resource_of_others),
		cmocka_unit_test(test_resource_of_hostile_records),
		cmocka_unit_test(test_grouped_by_resource),
		cmocka_unit_test(test_no_records),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
