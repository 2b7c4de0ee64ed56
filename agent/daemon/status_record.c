#include "agent/daemon/status_record.h"

#include <string.h>

#include "agent/formats/field.h"
#include "agent/sinks/url.h"
#include "proctor/cleanup.h"
#include "proctor/version.h"

static json_t *json_of_seconds(double seconds)
{
	struct record_context context = {0};

	return seconds > 0 ? json_of_time((time_t)seconds, -1, &context) : NULL;
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

/* A member of what others made, or nothing. */
static void put_from(json_t *object, const json_t *from, const char *name)
{
	json_t *value = json_object_get(from, name);

	if (value)
		json_object_set(object, name, value);
}

/* {"auditor":…} of one member of what each process reported. */
static json_t *reported(const struct status_facts *facts, const char *name)
{
	json_t *object = json_object();
	const char *role;
	json_t *report;

	json_object_foreach((json_t *)facts->reports, role, report)
	{
		json_t *value = json_object_get(report, name);
		if (value)
			json_object_set(object, role, value);
	}
	return object;
}

static json_t *events_of(const struct status_facts *facts)
{
	return json_pack("{s:o, s:o, s:o}", "events", number(facts->counters.events), "overruns",
			 number(facts->counters.overruns), "unread", number(facts->counters.unread));
}

static json_t *learning_of(const struct status_facts *facts)
{
	const json_t *report = json_object_get(json_object_get(facts->reports, "auditor"), "learning");
	json_t *object = json_object();

	if (!json_is_object(report) || !object)
		return object;
	put_from(object, report, "in_force");
	put_from(object, report, "reason");
	if (!json_is_true(json_object_get(report, "in_force")))
		return object;
	put_from(object, report, "evidence");
	put(object, "since",
	    json_of_seconds((double)json_integer_value(json_object_get(report, "since")) / 1000));
	put(object, "checks", number(facts->counters.checks));
	put(object, "lost", number(facts->counters.checks_lost));
	put(object, "unseen", number(facts->counters.checks_unseen));
	return object;
}

/* What status and heartbeat both tell. */
static json_t *common(const struct status_facts *facts)
{
	json_t *object = store_state_json(facts->state);

	put(object, "version", json_string(proctor_version));
	put(object, "started_at", json_of_seconds((double)facts->started));
	put(object, "events", facts->reports ? events_of(facts) : NULL);
	put(object, "event_sources",
	    json_deep_copy(json_object_get(json_object_get(facts->reports, "auditor"), "events")));
	if (json_object_get(json_object_get(facts->reports, "auditor"), "learning"))
		put(object, "learning", learning_of(facts));
	put(object, "confinement", facts->reports ? reported(facts, "confinement") : NULL);
	return object;
}

json_t *heartbeat_json(const struct status_facts *facts)
{
	json_t *object = common(facts);

	put_from(object, facts->summary, "seen");
	put_from(object, facts->summary, "coverage");
	put_from(object, facts->summary, "duration_ms");
	return object;
}

/* Where the records of a sink go; NULL: it is not in the settings any more. */
static json_t *url_of(const struct settings *settings, const char *sink)
{
	for (size_t i = 0; sink && i < settings->sink_count; i++) {
		_cleanup_free_ char *shown = NULL;
		if (strcmp(settings->sinks[i].name, sink) != 0)
			continue;
		shown = url_shown(settings->sinks[i].options.url);
		return shown ? json_string(shown) : NULL;
	}
	return NULL;
}

static void put_urls(json_t *queue, const struct settings *settings)
{
	json_t *sink;
	size_t i;

	json_array_foreach(queue, i, sink)
		put(sink, "url", url_of(settings, json_string_value(json_object_get(sink, "sink"))));
}

static json_t *last_pass(const struct status_facts *facts)
{
	json_t *pass = json_object();

	if (!facts->summary)
		return pass;
	put(pass, "time", json_of_seconds(facts->pass_time));
	put(pass, "age_seconds", number(facts->pass_age / 1000));
	put(pass, "full", json_boolean(facts->pass_full));
	put_from(pass, facts->summary, "duration_ms");
	put_from(pass, facts->summary, "seen");
	return pass;
}

json_t *status_json(const struct status_facts *facts)
{
	json_t *object = common(facts);

	put(object, "running", json_true());
	put(object, "uptime_seconds", number(facts->uptime / 1000));
	put(object, "interval", number(facts->settings->interval));
	put(object, "state", json_string(facts->settings->state ? facts->settings->state : "memory"));
	put(object, "sequence", json_integer(facts->state->sequence));
	put(object, "restarts", number(facts->restarts));
	put(object, "passes", number(facts->counters.passes));
	put(object, "full_passes", number(facts->counters.full_passes));
	put(object, "pids", reported(facts, "pid"));
	put(object, "last_pass", last_pass(facts));
	put_urls(json_object_get(object, "queue"), facts->settings);
	return object;
}
