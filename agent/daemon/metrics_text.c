#include "agent/daemon/metrics_text.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "proctor/cleanup.h"
#include "proctor/version.h"

enum { COLLECTORS_MOST = 64 };

struct metrics_writer {
	FILE *out;
	const struct metric *metric; /* whose samples are written */
	bool begun;                  /* its HELP and TYPE are */
	json_t *summary;             /* NULL: none, or not understood */
};

/* ---- samples ------------------------------------------------------------------------------------ */

/* A value of a label: backslash, quote and line feed are escaped. */
static void put_label(FILE *out, const char *name, const char *value)
{
	fprintf(out, "%s=\"", name);
	for (; *value; value++)
		if (*value == '\n')
			fputs("\\n", out);
		else if (*value == '\\' || *value == '"')
			fprintf(out, "\\%c", *value);
		else
			putc(*value, out);
	putc('"', out);
}

/* One sample, with pairs of label and value ended by NULL. */
__attribute__((sentinel)) static void put(struct metrics_writer *writer, double value, ...)
{
	const struct metric *metric = writer->metric;
	const char *between = "{", *label;
	va_list labels;

	if (!writer->begun)
		fprintf(writer->out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name,
			metric->type);
	writer->begun = true;
	fputs(metric->name, writer->out);
	va_start(labels, value);
	for (; (label = va_arg(labels, const char *)); between = ",") {
		fputs(between, writer->out);
		put_label(writer->out, label, va_arg(labels, const char *));
	}
	va_end(labels);
	fprintf(writer->out, "%s %.17g\n", *between == '{' ? "" : "}", value);
}

/* ---- what the store knows ------------------------------------------------------------------------ */

static void put_findings(struct metrics_writer *writer, const struct metrics_facts *facts)
{
	for (size_t i = 0; i < facts->state->rule_count; i++) {
		const struct rule_count *rule = &facts->state->rules[i];
		put(writer, (double)rule->count, "rule", rule->rule, "severity",
		    severity_names[rule->severity], NULL);
	}
}

static void put_suppressed(struct metrics_writer *writer, const struct metrics_facts *facts)
{
	put(writer, (double)facts->state->suppressed, NULL);
}

static void put_degraded(struct metrics_writer *writer, const struct metrics_facts *facts)
{
	put(writer, facts->state->degraded, NULL);
}

#define SINK_METRIC(suffix, value)                                                                           \
	static void put_sink_##suffix(struct metrics_writer *writer, const struct metrics_facts *facts)      \
	{                                                                                                    \
		for (size_t i = 0; i < facts->state->sink_count; i++) {                                      \
			const struct sink_state *sink = &facts->state->sinks[i];                             \
			put(writer, (double)(value), "sink", sink->name, NULL);                              \
		}                                                                                            \
	}

SINK_METRIC(records, sink->waiting)
SINK_METRIC(bytes, sink->waiting_bytes)
SINK_METRIC(oldest, sink->oldest)
SINK_METRIC(sent, sink->sent)
SINK_METRIC(dropped, sink->dropped)
SINK_METRIC(refused, sink->refused)
SINK_METRIC(letters, sink->dead_letters)

/* ---- what the last pass saw ----------------------------------------------------------------------- */

/* The auditor sent it, and is not trusted: what is no collector's entry, or comes twice, is passed over. */
static bool is_first(json_t *coverage, size_t index, const char *collector)
{
	for (size_t i = 0; i < index; i++) {
		const char *other =
			json_string_value(json_object_get(json_array_get(coverage, i), "collector"));
		if (other && !strcmp(other, collector))
			return false;
	}
	return true;
}

static void put_coverage(struct metrics_writer *writer, const char *member, double factor)
{
	json_t *coverage = json_object_get(writer->summary, "coverage");

	for (size_t i = 0; i < json_array_size(coverage) && i < COLLECTORS_MOST; i++) {
		json_t *entry = json_array_get(coverage, i), *value = json_object_get(entry, member);
		const char *collector = json_string_value(json_object_get(entry, "collector"));
		if (collector && json_is_number(value) && is_first(coverage, i, collector))
			put(writer, json_number_value(value) * factor, "collector", collector, NULL);
	}
}

static void put_seen(struct metrics_writer *writer, const struct metrics_facts *facts)
{
	(void)facts;
	put_coverage(writer, "seen", 1);
}

static void put_missed(struct metrics_writer *writer, const struct metrics_facts *facts)
{
	(void)facts;
	put_coverage(writer, "missed", 1);
}

static void put_duration(struct metrics_writer *writer, const struct metrics_facts *facts)
{
	(void)facts;
	put_coverage(writer, "duration_ms", 0.001);
}

static void put_pass_duration(struct metrics_writer *writer, const struct metrics_facts *facts)
{
	json_t *value = json_object_get(writer->summary, "duration_ms");

	(void)facts;
	if (json_is_number(value))
		put(writer, json_number_value(value) * 0.001, NULL);
}

static void put_pass_time(struct metrics_writer *writer, const struct metrics_facts *facts)
{
	if (facts->summary)
		put(writer, facts->pass_time, NULL);
}

/* ---- counters ----------------------------------------------------------------------------------- */

static void put_passes(struct metrics_writer *writer, const struct metrics_facts *facts)
{
	uint64_t full = facts->counters.full_passes, all = facts->counters.passes;

	put(writer, (double)full, "kind", "full", NULL);
	put(writer, (double)(all > full ? all - full : 0), "kind", "partial", NULL);
}

#define COUNTER_METRIC(suffix, value)                                                                        \
	static void put_##suffix(struct metrics_writer *writer, const struct metrics_facts *facts)           \
	{                                                                                                    \
		put(writer, (double)(value), NULL);                                                          \
	}

COUNTER_METRIC(events, facts->counters.events)
COUNTER_METRIC(overruns, facts->counters.overruns)
COUNTER_METRIC(unread, facts->counters.unread)
COUNTER_METRIC(checks, facts->counters.checks)
COUNTER_METRIC(checks_lost, facts->counters.checks_lost)
COUNTER_METRIC(checks_unseen, facts->counters.checks_unseen)
COUNTER_METRIC(restarts, facts->auditor_restarts)
COUNTER_METRIC(started, facts->started)

static void put_build(struct metrics_writer *writer, const struct metrics_facts *facts)
{
	(void)facts;
	put(writer, 1, "version", proctor_version, NULL);
}

/* ---- the table ---------------------------------------------------------------------------------- */

const struct metric metrics_table[] = {
	{"proctor_findings", "gauge", "Findings that are open.", "rule,severity", put_findings},
	{"proctor_findings_suppressed", "gauge", "Findings that an exception accepts.", "", put_suppressed},
	{"proctor_coverage_seen", "gauge", "Subjects that a collector read whole in the last pass.",
	 "collector", put_seen},
	{"proctor_coverage_missed", "gauge",
	 "Subjects of which a collector could not read something in the last pass.", "collector", put_missed},
	{"proctor_collector_duration_seconds", "gauge", "How long a collector took in the last pass.",
	 "collector", put_duration},
	{"proctor_pass_duration_seconds", "gauge", "How long the last pass took.", "", put_pass_duration},
	{"proctor_last_pass_timestamp_seconds", "gauge", "When the last pass began, since 1970.", "",
	 put_pass_time},
	{"proctor_passes_total", "counter", "Passes over the machine since the auditor started.", "kind",
	 put_passes},
	{"proctor_events_total", "counter", "Events of the kernel since the auditor started.", "",
	 put_events},
	{"proctor_event_overruns_total", "counter",
	 "How often the kernel dropped events; each led to a full audit.", "", put_overruns},
	{"proctor_processes_unread_total", "counter", "Processes that ended before they could be read.", "",
	 put_unread},
	{"proctor_capability_checks_total", "counter",
	 "Checks of capabilities by containers that were granted and learned of.", "", put_checks},
	{"proctor_capability_checks_lost_total", "counter",
	 "Checks of capabilities for which there was no room.", "", put_checks_lost},
	{"proctor_capability_checks_unseen_total", "counter",
	 "Checks of capabilities by whom came and went between two looks.", "", put_checks_unseen},
	{"proctor_sink_queue_records", "gauge", "Records that wait for a sink.", "sink", put_sink_records},
	{"proctor_sink_queue_bytes", "gauge", "Bytes of records that wait for a sink.", "sink",
	 put_sink_bytes},
	{"proctor_sink_queue_oldest_seconds", "gauge", "Age of the oldest record that waits for a sink.",
	 "sink", put_sink_oldest},
	{"proctor_sink_records_sent_total", "counter", "Records that a sink delivered.", "sink",
	 put_sink_sent},
	{"proctor_sink_records_dropped_total", "counter",
	 "Records that fell out at a bound before a sink delivered them.", "sink", put_sink_dropped},
	{"proctor_sink_records_refused_total", "counter", "Records that a receiver refused for good.", "sink",
	 put_sink_refused},
	{"proctor_dead_letters", "gauge", "Records that a receiver refused for good, and that are kept.",
	 "sink", put_sink_letters},
	{"proctor_store_degraded", "gauge", "Whether what should be on disk is kept in memory.", "",
	 put_degraded},
	{"proctor_auditor_restarts_total", "counter", "How often the auditor was started anew.", "",
	 put_restarts},
	{"proctor_start_time_seconds", "gauge", "When the agent started, since 1970.", "", put_started},
	{"proctor_build_info", "gauge", "The version, as a label; always 1.", "version", put_build},
	{0},
};

char *metrics_text(const struct metrics_facts *facts)
{
	_cleanup_json_ json_t *summary =
		facts->summary ? json_loadb(facts->summary, facts->summary_length, 0, NULL) : NULL;
	struct metrics_writer writer = {.summary = summary};
	char *text = NULL;
	size_t size = 0;

	writer.out = open_memstream(&text, &size);
	if (!writer.out)
		return NULL;
	for (writer.metric = metrics_table; writer.metric->name; writer.metric++) {
		writer.begun = false;
		writer.metric->put(&writer, facts);
	}
	if (ferror(writer.out) | fclose(writer.out)) {
		free(text);
		return NULL;
	}
	return text;
}
