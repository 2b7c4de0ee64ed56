#include "agent/sinks/otlp_encode.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/sinks/otlp_attributes.h"
#include "agent/sinks/queued.h"
#include "proctor/cleanup.h"
#include "proctor/text.h"
#include "proctor/version.h"

/* ---- a record ------------------------------------------------------------------------------------ */

/* Nanoseconds since 1970 of RFC 3339 in UTC; 0: it is no such time. */
static uint64_t nanoseconds_of(const char *time)
{
	struct tm parts = {0};
	const char *at = time ? strptime(time, "%Y-%m-%dT%H:%M:%S", &parts) : NULL;
	uint64_t fraction = 0, unit = 1000000000;
	time_t seconds = at ? timegm(&parts) : -1;

	if (at && *at == '.')
		for (at++; *at >= '0' && *at <= '9' && unit > 1; at++) {
			unit /= 10;
			fraction += unit * (uint64_t)(*at - '0');
		}
	if (!at || strcmp(at, "Z") != 0 || seconds < 0 || (uint64_t)seconds >= UINT64_MAX / 1000000000)
		return 0;
	return (uint64_t)seconds * 1000000000 + fraction;
}

/* ---- a log record -------------------------------------------------------------------------------- */

/* It happened when Proctor observed it. */
static void put_time(struct otlp_text *text, const json_t *record)
{
	uint64_t time = nanoseconds_of(json_string_value(json_object_get(record, "time")));
	char members[96];

	if (!time)
		return;
	snprintf(members, sizeof(members), "\"timeUnixNano\":\"%llu\",\"observedTimeUnixNano\":\"%llu\",",
		 (unsigned long long)time, (unsigned long long)time);
	otlp_puts(text, members);
}

static void put_severity(struct otlp_text *text, enum severity severity)
{
	/* SeverityNumber: FATAL, ERROR, WARN, INFO2, INFO. */
	static const unsigned numbers[SEVERITY_COUNT] = {
		[SEVERITY_CRITICAL] = 21, [SEVERITY_HIGH] = 17, [SEVERITY_MEDIUM] = 13,
		[SEVERITY_LOW] = 10,      [SEVERITY_INFO] = 9,
	};
	char members[64];

	snprintf(members, sizeof(members), "\"severityNumber\":%u,\"severityText\":\"%s\",",
		 numbers[severity], severity_names[severity]);
	otlp_puts(text, members);
}

/* What is no object, as a text; bytes that are no UTF-8 as text_escape writes them. */
static json_t *text_of(const struct queued *record)
{
	json_t *json = json_stringn(record->text, record->length);
	size_t size = 4 * record->length + 1;
	_cleanup_free_ char *escaped = json ? NULL : malloc(size);

	if (!escaped)
		return json;
	text_escape(escaped, size, record->text, record->length);
	return json_string(escaped);
}

static void put_body(struct otlp_text *text, const struct queued *queued, const json_t *record)
{
	_cleanup_json_ json_t *whole = record ? NULL : text_of(queued);

	if (record || whole)
		otlp_put_value(text, record ? record : whole);
	else
		text->failed = true;
}

static void put_log_record(struct otlp_text *text, const struct queued *queued, const json_t *record)
{
	otlp_put_comma(text);
	otlp_puts(text, "{");
	put_time(text, record);
	put_severity(text, queued_severity(queued, record));
	otlp_puts(text, "\"body\":");
	put_body(text, queued, record);
	otlp_puts(text, ",\"attributes\":[");
	otlp_put_record_attributes(text, record);
	otlp_puts(text, "]}");
}

/* ---- a batch ------------------------------------------------------------------------------------- */

/* The log records of one resource, with what stands before them. */
struct batch {
	struct otlp_text *groups;
	size_t group_count;
	json_t *numbers; /* of groups, by the text of their resource */
};

static void free_batch(struct batch *batch)
{
	for (size_t i = 0; i < batch->group_count; i++)
		buffer_free(&batch->groups[i].buffer);
	free(batch->groups);
	json_decref(batch->numbers);
}

static void begin_group(struct otlp_text *group, const char *resource)
{
	otlp_puts(group, "{\"resource\":{\"attributes\":[");
	otlp_puts(group, resource);
	otlp_puts(group, "]},\"scopeLogs\":[{\"scope\":{\"name\":\"proctor\",\"version\":\"");
	otlp_puts(group, proctor_version);
	otlp_puts(group, "\"},\"logRecords\":[");
}

static void end_group(struct otlp_text *group)
{
	otlp_puts(group, "],\"schemaUrl\":\"");
	otlp_puts(group, otlp_schema_url);
	otlp_puts(group, "\"}],\"schemaUrl\":\"");
	otlp_puts(group, otlp_schema_url);
	otlp_puts(group, "\"}");
}

/* The group of the resource; NULL without memory. */
static struct otlp_text *group_of(struct batch *batch, const char *resource)
{
	const json_t *number = json_object_get(batch->numbers, resource);
	struct otlp_text *larger;

	if (number)
		return &batch->groups[json_integer_value(number)];
	larger = reallocarray(batch->groups, batch->group_count + 1, sizeof(*batch->groups));
	if (!larger)
		return NULL;
	batch->groups = larger;
	larger[batch->group_count] = (struct otlp_text){0};
	begin_group(&larger[batch->group_count], resource);
	if (json_object_set_new(batch->numbers, resource, json_integer((json_int_t)batch->group_count++)))
		return NULL;
	return &larger[batch->group_count - 1];
}

static int add(struct batch *batch, const struct queued *queued)
{
	struct otlp_text resource = {0}, *group = NULL;
	_cleanup_json_ json_t *record = queued_object(queued);

	otlp_put_resource(&resource, record);
	if (!resource.failed)
		group = group_of(batch, resource.buffer.data);
	buffer_free(&resource.buffer);
	if (!group)
		return -1;
	put_log_record(group, queued, record);
	return group->failed ? -1 : 0;
}

/* Each group goes as soon as it is copied. */
static int join(struct batch *batch, struct buffer *body)
{
	struct otlp_text whole = {.buffer = *body};

	otlp_puts(&whole, "{\"resourceLogs\":[");
	for (size_t i = 0; i < batch->group_count; i++) {
		struct otlp_text *group = &batch->groups[i];
		end_group(group);
		otlp_put_comma(&whole);
		otlp_put(&whole, group->buffer.data, group->buffer.length);
		whole.failed |= group->failed;
		buffer_free(&group->buffer);
	}
	otlp_puts(&whole, "]}");
	*body = whole.buffer;
	return whole.failed ? -1 : 0;
}

int otlp_encode(const struct queued *records, size_t count, struct buffer *body, struct error **error)
{
	__attribute__((cleanup(free_batch))) struct batch batch = {.numbers = json_object()};
	int result = batch.numbers ? 0 : -1;

	for (size_t i = 0; !result && i < count; i++)
		result = add(&batch, &records[i]);
	if (!result)
		result = join(&batch, body);
	return result ? error_set(error, 0, "encoding records for OpenTelemetry: out of memory") : 0;
}
