#include "agent/sinks/fluent_encode.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <msgpack/pack.h>
#include <string.h>
#include <time.h>

#include "agent/sinks/gzip.h"
#include "agent/sinks/queued.h"
#include "proctor/cleanup.h"

enum { EVENT_TIME = 0 };

int fluent_append(void *buffer, const char *data, size_t length)
{
	return buffer_append(buffer, data, length);
}

/* ---- a record ----------------------------------------------------------------------------------- */

static int pack_text(msgpack_packer *packer, const char *text)
{
	return msgpack_pack_str_with_body(packer, text, strlen(text));
}

static int pack_value(msgpack_packer *packer, const json_t *value);

static int pack_object(msgpack_packer *packer, const json_t *object)
{
	const char *key;
	json_t *value;
	int result = msgpack_pack_map(packer, json_object_size(object));

	json_object_foreach((json_t *)object, key, value)
	{
		if (!result)
			result = pack_text(packer, key) || pack_value(packer, value) ? -1 : 0;
	}
	return result;
}

static int pack_array(msgpack_packer *packer, const json_t *array)
{
	size_t count = json_array_size(array);
	int result = msgpack_pack_array(packer, count);

	for (size_t i = 0; !result && i < count; i++)
		result = pack_value(packer, json_array_get(array, i));
	return result;
}

static int pack_value(msgpack_packer *packer, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return pack_object(packer, value);
	case JSON_ARRAY:
		return pack_array(packer, value);
	case JSON_STRING:
		return msgpack_pack_str_with_body(packer, json_string_value(value),
						  json_string_length(value));
	case JSON_INTEGER:
		return msgpack_pack_int64(packer, json_integer_value(value));
	case JSON_REAL:
		return msgpack_pack_double(packer, json_real_value(value));
	case JSON_TRUE:
		return msgpack_pack_true(packer);
	case JSON_FALSE:
		return msgpack_pack_false(packer);
	case JSON_NULL:
		break;
	}
	return msgpack_pack_nil(packer);
}

/* ---- its time ----------------------------------------------------------------------------------- */

/* The digits behind the point; what is behind them. */
static const char *read_fraction(const char *digits, uint32_t *nanoseconds)
{
	uint32_t unit = 100000000;

	for (*nanoseconds = 0; *digits >= '0' && *digits <= '9'; digits++, unit /= 10)
		*nanoseconds += (uint32_t)(*digits - '0') * unit;
	return digits;
}

/* A time as records have it: RFC 3339, in UTC. */
static bool read_time(const char *text, time_t *seconds, uint32_t *nanoseconds)
{
	struct tm parts = {0};
	const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &parts) : NULL;

	*nanoseconds = 0;
	if (end && *end == '.')
		end = read_fraction(end + 1, nanoseconds);
	*seconds = timegm(&parts);
	return end && !strcmp(end, "Z");
}

/* EventTime: seconds and nanoseconds as 32 bits each, in network order. */
static int pack_time(msgpack_packer *packer, const json_t *record)
{
	struct timespec now;
	time_t seconds;
	uint32_t nanoseconds, parts[2];

	if (!read_time(json_string_value(json_object_get(record, "time")), &seconds, &nanoseconds)) {
		clock_gettime(CLOCK_REALTIME, &now);
		seconds = now.tv_sec;
		nanoseconds = (uint32_t)now.tv_nsec;
	}
	parts[0] = htonl((uint32_t)seconds);
	parts[1] = htonl(nanoseconds);
	return msgpack_pack_ext_with_body(packer, parts, sizeof(parts), EVENT_TIME);
}

/* ---- the message -------------------------------------------------------------------------------- */

/* As Fluentd and FireLens have what is but text. */
static int pack_log(msgpack_packer *packer, const struct queued *record)
{
	return msgpack_pack_map(packer, 1) || pack_text(packer, "log") ||
			       msgpack_pack_str_with_body(packer, record->text, record->length)
		       ? -1
		       : 0;
}

static int add_entry(struct buffer *entries, const struct queued *record)
{
	_cleanup_json_ json_t *json = queued_object(record);
	msgpack_packer packer;

	msgpack_packer_init(&packer, entries, fluent_append);
	if (msgpack_pack_array(&packer, 2) || pack_time(&packer, json))
		return -1;
	return json ? pack_object(&packer, json) : pack_log(&packer, record);
}

static int add_entries(struct buffer *entries, const struct queued *records, size_t count)
{
	int result = 0;

	for (size_t i = 0; !result && i < count; i++)
		result = add_entry(entries, &records[i]);
	return result;
}

static int pack_options(msgpack_packer *packer, const struct fluent_form *form, size_t count)
{
	if (msgpack_pack_map(packer, form->gzip ? 3 : 2) || pack_text(packer, "chunk") ||
	    pack_text(packer, form->chunk) || pack_text(packer, "size") || msgpack_pack_uint64(packer, count))
		return -1;
	return form->gzip ? pack_text(packer, "compressed") || pack_text(packer, "gzip") : 0;
}

static int pack_message(const struct fluent_form *form, const struct buffer *entries, size_t count,
			struct buffer *message)
{
	msgpack_packer packer;

	message->length = 0;
	msgpack_packer_init(&packer, message, fluent_append);
	return msgpack_pack_array(&packer, 3) || pack_text(&packer, form->tag) ||
			       msgpack_pack_bin_with_body(&packer, entries->data, entries->length) ||
			       pack_options(&packer, form, count)
		       ? -1
		       : 0;
}

int fluent_encode(const struct fluent_form *form, const struct queued *records, size_t count,
		  struct buffer *message, struct error **error)
{
	_cleanup_buffer_ struct buffer entries = {0}, packed = {0};

	if (add_entries(&entries, records, count))
		return error_set(error, 0, "encoding records: out of memory");
	if (form->gzip && gzip_pack(&entries, &packed, error))
		return -1;
	if (pack_message(form, form->gzip ? &packed : &entries, count, message))
		return error_set(error, 0, "encoding records: out of memory");
	return 0;
}
