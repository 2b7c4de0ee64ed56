#include "tests/unit/test.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/daemon/metrics_text.h"
#include "proctor/cleanup.h"

static char *text_of(const char *summary)
{
	struct rule_count rules[] = {{"process.root-user", SEVERITY_HIGH, 2},
				     {"a\"b\\c\nd", SEVERITY_LOW, UINT64_MAX}};
	struct sink_state sinks[] = {{.name = "to-1",
				      .waiting = 3,
				      .waiting_bytes = 300,
				      .oldest = 1.5,
				      .sent = 7,
				      .dropped = 1,
				      .refused = 9,
				      .dead_letters = 8},
				     {.name = "web"}};
	struct store_state store = {.rules = rules,
				    .rule_count = 2,
				    .sinks = sinks,
				    .sink_count = 2,
				    .suppressed = 4,
				    .degraded = true};
	struct metrics_facts facts = {
		.state = &store,
		.summary = summary,
		.summary_length = summary ? strlen(summary) : 0,
		.pass_time = 1709208000.25,
		.counters = {.events = 10, .overruns = 1, .passes = 5, .full_passes = 2, .unread = 3},
		.auditor_restarts = 6,
		.started = 1709200000};
	char *text = metrics_text(&facts);

	assert_non_null(text);
	return text;
}

static void assert_has(const char *text, const char *line)
{
	if (!strstr(text, line))
		fail_msg("'%s' is not in:\n%s", line, text);
}

static void test_all_of_it(void **state)
{
	_cleanup_free_ char *text = text_of(
		"{\"coverage\":[{\"collector\":\"process\",\"seen\":12,\"missed\":1,\"duration_ms\":34}],"
		"\"duration_ms\":50}");

	(void)state;
	assert_has(text,
		   "# HELP proctor_findings Findings that are open.\n# TYPE proctor_findings gauge\n"
		   "proctor_findings{rule=\"process.root-user\",severity=\"high\"} 2\n"
		   "proctor_findings{rule=\"a\\\"b\\\\c\\nd\",severity=\"low\"} 1.8446744073709552e+19\n"
		   "# HELP proctor_findings_suppressed ");
	assert_has(text, "\nproctor_findings_suppressed 4\n");
	assert_has(text, "\nproctor_coverage_seen{collector=\"process\"} 12\n");
	assert_has(text, "\nproctor_coverage_missed{collector=\"process\"} 1\n");
	assert_has(text, "\nproctor_collector_duration_seconds{collector=\"process\"} 0.034");
	assert_has(text, "\nproctor_last_pass_timestamp_seconds 1709208000.25\n");
	assert_has(text,
		   "\nproctor_passes_total{kind=\"full\"} 2\nproctor_passes_total{kind=\"partial\"} 3\n");
	assert_has(text, "\nproctor_sink_queue_records{sink=\"to-1\"} 3\n"
			 "proctor_sink_queue_records{sink=\"web\"} 0\n");
	assert_has(text, "\nproctor_sink_queue_oldest_seconds{sink=\"to-1\"} 1.5\n");
	assert_has(text, "\nproctor_sink_records_sent_total{sink=\"to-1\"} 7\n");
	assert_has(text, "\nproctor_sink_records_dropped_total{sink=\"to-1\"} 1\n");
	assert_has(text, "\nproctor_sink_records_refused_total{sink=\"to-1\"} 9\n");
	assert_has(text, "\nproctor_dead_letters{sink=\"to-1\"} 8\nproctor_dead_letters{sink=\"web\"} 0\n");
	assert_has(text, "\nproctor_store_degraded 1\n");
	assert_has(text, "\nproctor_auditor_restarts_total 6\n");
	assert_has(text, "\nproctor_build_info{version=\"");
}

/* The auditor's summary is not trusted: whatever it is, the text is one that Prometheus reads. */
static void test_hostile_summaries(void **state)
{
	static const char *const summaries[] = {
		NULL,
		"",
		"x",
		"[]",
		"{\"coverage\":1}",
		"{\"coverage\":[1,null,{},{\"collector\":1,\"seen\":1}]}",
		"{\"coverage\":[{\"collector\":\"process\",\"seen\":\"many\"}],\"duration_ms\":[]}",
		"{\"coverage\":[{\"collector\":\"\\u0000\",\"seen\":1}]}",
		"\xff",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(summaries) / sizeof(*summaries); i++) {
		_cleanup_free_ char *text = text_of(summaries[i]);
		assert_null(strstr(text, "proctor_coverage_seen"));
		assert_null(strstr(text, "proctor_pass_duration_seconds"));
		assert_has(text, "\nproctor_sink_records_refused_total{sink=\"to-1\"} 9\n");
		assert_has(text,
			   "\nproctor_dead_letters{sink=\"to-1\"} 8\nproctor_dead_letters{sink=\"web\"} 0\n");
		assert_has(text, "\nproctor_store_degraded 1\n");
	}
}

static size_t count_of(const char *text, const char *part)
{
	size_t count = 0;

	for (; (text = strstr(text, part)); text++)
		count++;
	return count;
}

static void test_no_sample_comes_twice(void **state)
{
	_cleanup_free_ char *text =
		text_of("{\"coverage\":[{\"collector\":\"a\",\"seen\":1},{\"collector\":\"a\",\"seen\":2},"
			"{\"collector\":\"b\\n} 1\",\"seen\":3}]}");

	(void)state;
	assert_int_equal(count_of(text, "proctor_coverage_seen{"), 2);
	assert_has(text, "\nproctor_coverage_seen{collector=\"a\"} 1\n"
			 "proctor_coverage_seen{collector=\"b\\n} 1\"} 3\n");
}

static void test_many_collectors(void **state)
{
	static char summary[200000] = "{\"coverage\":[";
	_cleanup_free_ char *text = NULL;
	size_t length = strlen(summary);

	(void)state;
	for (int i = 0; i < 5000; i++)
		length += (size_t)sprintf(summary + length, "%s{\"collector\":\"%d\",\"seen\":1}",
					  i ? "," : "", i);
	strcpy(summary + length, "]}");
	text = text_of(summary);
	assert_int_equal(count_of(text, "proctor_coverage_seen{"), 64);
}

/* As Prometheus wants names: a unit or nothing, and _total on counters only. */
static void test_names(void **state)
{
	(void)state;
	for (const struct metric *metric = metrics_table; metric->name; metric++) {
		const char *end = metric->name + strlen(metric->name) - strlen("_total");
		bool counter = !strcmp(metric->type, "counter");
		assert_int_equal(strncmp(metric->name, "proctor_", strlen("proctor_")), 0);
		assert_int_equal(!strcmp(end, "_total"), counter);
		assert_true(counter || !strcmp(metric->type, "gauge"));
		assert_int_equal(metric->help[strlen(metric->help) - 1], '.');
		for (const char *at = metric->name; *at; at++)
			assert_true(islower((unsigned char)*at) || *at == '_');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_it),
		cmocka_unit_test(test_hostile_summaries),
		cmocka_unit_test(test_no_sample_comes_twice),
		cmocka_unit_test(test_many_collectors),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
