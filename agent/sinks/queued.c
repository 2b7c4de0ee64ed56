#include "agent/sinks/queued.h"

static bool is_deeper(const json_t *json, unsigned most)
{
	const char *key;
	json_t *value;
	size_t i;

	if (!json_is_object(json) && !json_is_array(json))
		return false;
	if (!most)
		return true;
	json_object_foreach((json_t *)json, key, value) if (is_deeper(value, most - 1)) return true;
	json_array_foreach(json, i, value) if (is_deeper(value, most - 1)) return true;
	return false;
}

json_t *queued_object(const struct queued *queued)
{
	json_t *json =
		json_loadb(queued->text, queued->length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

	if (json_is_object(json) && !is_deeper(json, QUEUED_DEPTH_MOST))
		return json;
	json_decref(json);
	return NULL;
}

enum severity queued_severity(const struct queued *queued, const json_t *record)
{
	const char *name = json_string_value(json_object_get(json_object_get(record, "finding"), "severity"));
	enum severity severity = name ? severity_parse(name) : SEVERITY_COUNT;

	severity = severity == SEVERITY_COUNT ? queued->severity : severity;
	return severity == SEVERITY_NONE ? SEVERITY_INFO : severity;
}
