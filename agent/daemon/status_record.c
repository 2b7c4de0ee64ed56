#include "agent/daemon/status_record.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/sinks/url.h"
#include "proctor/cleanup.h"
#include "proctor/version.h"

static json_t *json_of_seconds(double seconds)
{
	time_t whole = (time_t)seconds;
	char text[64];
	struct tm utc;

	if (seconds <= 0 || !gmtime_r(&whole, &utc) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc))
		return NULL;
	return json_string(text);
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)(value > INT64_MAX ? INT64_MAX : value));
}

/* Takes `value`; NULL is left out. */
static void put(json_t *object, const char *name, json_t *value)
{
	if (value)
		json_object_set_new(object, name, value);
}

static json_t *findings_of(const struct store_state *state)
{
	json_t *object = json_object();

	for (enum severity severity = SEVERITY_CRITICAL; severity >= SEVERITY_INFO; severity--)
		put(object, severity_names[severity], number(state->open[severity]));
	put(object, "suppressed", number(state->suppressed));
	return object;
}

static json_t *url_of(const struct settings *settings, const char *sink)
{
	for (size_t i = 0; i < settings->sink_count; i++) {
		_cleanup_free_ char *shown = NULL;
		if (strcmp(settings->sinks[i].name, sink) != 0)
			continue;
		shown = url_shown(settings->sinks[i].url);
		return shown ? json_string(shown) : NULL;
	}
	return NULL;
}

static json_t *sinks_of(const struct status_facts *facts)
{
	json_t *array = json_array();

	for (size_t i = 0; i < facts->state->sink_count; i++) {
		const struct sink_state *sink = &facts->state->sinks[i];
		json_t *object = json_object();
		put(object, "name", json_string(sink->name));
		put(object, "url", url_of(facts->settings, sink->name));
		put(object, "waiting", number(sink->waiting));
		put(object, "waiting_bytes", number(sink->waiting_bytes));
		put(object, "oldest_seconds", number((uint64_t)sink->oldest));
		put(object, "sent", number(sink->sent));
		put(object, "dropped", number(sink->dropped));
		json_array_append_new(array, object);
	}
	return array;
}

static uint64_t dropped(const struct store_state *state)
{
	uint64_t count = 0;

	for (size_t i = 0; i < state->sink_count; i++)
		count += state->sinks[i].dropped;
	return count;
}

static json_t *counters_of(const struct status_facts *facts)
{
	json_t *object = json_object();

	put(object, "events", number(facts->counters.events));
	put(object, "event_overruns", number(facts->counters.overruns));
	put(object, "passes", number(facts->counters.passes));
	put(object, "full_passes", number(facts->counters.full_passes));
	put(object, "processes_unread", number(facts->counters.unread));
	put(object, "restarts", number(facts->restarts));
	put(object, "dropped", number(dropped(facts->state)));
	return object;
}

/* {"parent":…,"auditor":…,"shipper":…} of what each reported. */
static json_t *confinement_of(const struct status_facts *facts)
{
	json_t *object = json_object();
	const char *role;
	json_t *report;

	json_object_foreach((json_t *)facts->reports, role, report)
	{
		json_t *confinement = json_object_get(report, "confinement");
		if (confinement)
			json_object_set(object, role, confinement);
	}
	return object;
}

static json_t *events_of(const struct status_facts *facts)
{
	json_t *events = json_object_get(json_object_get(facts->reports, "auditor"), "events");

	return events ? json_incref(events) : json_array();
}

/* What status and heartbeat both tell. */
static json_t *common(const struct status_facts *facts)
{
	json_t *object = json_object();

	put(object, "version", json_string(proctor_version));
	put(object, "started", json_of_seconds((double)facts->started));
	put(object, "findings", findings_of(facts->state));
	put(object, "sinks", sinks_of(facts));
	put(object, "counters", counters_of(facts));
	put(object, "degraded", json_boolean(facts->state->degraded));
	put(object, "events", events_of(facts));
	put(object, "confinement", confinement_of(facts));
	return object;
}

json_t *status_json(const struct status_facts *facts)
{
	json_t *object = common(facts);
	json_t *pass = json_object();

	put(object, "running", json_true());
	put(object, "pid", json_integer(facts->parent));
	put(object, "uptime_seconds", number(facts->uptime / 1000));
	put(object, "interval", number(facts->settings->interval));
	put(object, "state", json_string(facts->settings->state ? facts->settings->state : "memory"));
	put(object, "sequence", json_integer(facts->state->sequence));
	if (facts->summary) {
		put(pass, "time", json_of_seconds(facts->pass_time));
		put(pass, "age_seconds", number(facts->pass_age / 1000));
		put(pass, "full", json_boolean(facts->pass_full));
		put(pass, "duration_ms", json_incref(json_object_get(facts->summary, "duration_ms")));
		put(pass, "seen", json_incref(json_object_get(facts->summary, "seen")));
	}
	put(object, "last_pass", pass);
	return object;
}

json_t *heartbeat_json(const struct status_facts *facts)
{
	json_t *object = common(facts);

	put(object, "seen", json_incref(json_object_get(facts->summary, "seen")));
	put(object, "coverage", json_incref(json_object_get(facts->summary, "coverage")));
	put(object, "duration_ms", json_incref(json_object_get(facts->summary, "duration_ms")));
	return object;
}
