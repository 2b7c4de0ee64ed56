#include "agent/sinks/otlp_text.h"

#include <string.h>

#include "proctor/cleanup.h"

void otlp_put(struct otlp_text *text, const char *data, size_t length)
{
	if (!text->failed && buffer_append(&text->buffer, data, length))
		text->failed = true;
}

void otlp_puts(struct otlp_text *text, const char *string)
{
	otlp_put(text, string, strlen(string));
}

void otlp_put_comma(struct otlp_text *text)
{
	if (text->buffer.length && text->buffer.data[text->buffer.length - 1] != '[')
		otlp_put(text, ",", 1);
}

/* ---- JSON as it is ------------------------------------------------------------------------------- */

static int put_chunk(const char *data, size_t length, void *text)
{
	otlp_put(text, data, length);
	return ((struct otlp_text *)text)->failed ? -1 : 0;
}

static void put_json(struct otlp_text *text, const json_t *json)
{
	if (!json || json_dump_callback(json, put_chunk, text, JSON_COMPACT | JSON_ENCODE_ANY))
		text->failed = true;
}

static void put_string(struct otlp_text *text, const char *string)
{
	_cleanup_json_ json_t *json = json_string(string);

	put_json(text, json);
}

/* ---- AnyValue ------------------------------------------------------------------------------------ */

static void put_integer(struct otlp_text *text, json_int_t number)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "\"%" JSON_INTEGER_FORMAT "\"", number);
	otlp_puts(text, digits);
}

static void put_array(struct otlp_text *text, const json_t *array)
{
	otlp_puts(text, "{\"values\":[");
	for (size_t i = 0; i < json_array_size(array); i++) {
		otlp_put_comma(text);
		otlp_put_value(text, json_array_get(array, i));
	}
	otlp_puts(text, "]}");
}

static void put_object(struct otlp_text *text, const json_t *object)
{
	const char *key;
	json_t *value;

	otlp_puts(text, "{\"values\":[");
	json_object_foreach((json_t *)object, key, value) otlp_put_attribute(text, key, value);
	otlp_puts(text, "]}");
}

static void put_content(struct otlp_text *text, const json_t *json)
{
	switch (json_typeof(json)) {
	case JSON_INTEGER:
		put_integer(text, json_integer_value(json));
		break;
	case JSON_ARRAY:
		put_array(text, json);
		break;
	case JSON_OBJECT:
		put_object(text, json);
		break;
	default:
		put_json(text, json);
	}
}

void otlp_put_value(struct otlp_text *text, const json_t *json)
{
	static const char *const members[] = {
		[JSON_OBJECT] = "\"kvlistValue\":", [JSON_ARRAY] = "\"arrayValue\":",
		[JSON_STRING] = "\"stringValue\":", [JSON_INTEGER] = "\"intValue\":",
		[JSON_REAL] = "\"doubleValue\":",   [JSON_TRUE] = "\"boolValue\":",
		[JSON_FALSE] = "\"boolValue\":",    [JSON_NULL] = NULL,
	};
	const char *member = members[json_typeof(json)];

	otlp_puts(text, "{");
	if (member) {
		otlp_puts(text, member);
		put_content(text, json);
	}
	otlp_puts(text, "}");
}

void otlp_put_attribute(struct otlp_text *text, const char *key, const json_t *value)
{
	otlp_put_comma(text);
	otlp_puts(text, "{\"key\":");
	put_string(text, key);
	otlp_puts(text, ",\"value\":");
	otlp_put_value(text, value);
	otlp_puts(text, "}");
}
