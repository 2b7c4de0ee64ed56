#include "agent/sinks/syslog_message.h"

#include <string.h>

#include "agent/sinks/queued.h"
#include "proctor/cleanup.h"

enum {
	HOSTNAME_MOST = 255, /* RFC 5424, 6 */
	MSGID_MOST = 32,
	VALUE_MOST = 200, /* bytes of a value as it is written; all of it stands in the JSON */
	PARTS_SIZE = 64,  /* of their numbers at most */
};

/* RFC 5424, 6.2.1 */
static const unsigned char severities[SEVERITY_COUNT] = {
	[SEVERITY_INFO] = 6, [SEVERITY_LOW] = 5,      [SEVERITY_MEDIUM] = 4,
	[SEVERITY_HIGH] = 3, [SEVERITY_CRITICAL] = 2,
};

/* What the structured data have, and where it stands in the record: a member, or one of the finding's. */
static const struct {
	const char *name, *member;
	bool of_finding;
} parameters[] = {
	{"record_id", "record_id", false},
	{"sequence", "sequence", false},
	{"status", "status", false},
	{"rule", "rule", true},
	{"severity", "severity", true},
	{"fingerprint", "id", true},
	{"container", "container_name", true},
	{"container_id", "container_id", true},
	{"image", "image", true},
	{"task", "task", true},
};

/* ---- header ------------------------------------------------------------------------------------- */

/* A field of the header: visible ASCII, what is not as `_`; `-` where there is nothing. */
static void put_name(FILE *out, const json_t *value, size_t most)
{
	const char *text = json_string_value(value);
	size_t length = json_string_length(value);

	if (!text || !length) {
		putc('-', out);
		return;
	}
	for (size_t i = 0; i < length && i < most; i++)
		putc(text[i] > ' ' && text[i] <= '~' ? text[i] : '_', out);
}

/* Records have their time as RFC 3339 tells it, in UTC and with milliseconds, which is what is wanted. */
static bool is_time(const char *text)
{
	static const char form[] = "0000-00-00T00:00:00.000Z";

	for (size_t i = 0; i < sizeof(form); i++)
		if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
			return false;
	return true;
}

static void put_header(FILE *out, const struct syslog_origin *origin, enum severity severity,
		       const json_t *record)
{
	const char *time = json_string_value(json_object_get(record, "time"));

	fprintf(out, "<%u>1 %s ", origin->facility * 8 + severities[severity],
		time && is_time(time) ? time : "-");
	put_name(out, json_object_get(json_object_get(record, "host"), "hostname"), HOSTNAME_MOST);
	fprintf(out, " proctor %d ", (int)origin->process);
	put_name(out, json_object_get(record, "type"), MSGID_MOST);
	putc(' ', out);
}

/* ---- structured data ---------------------------------------------------------------------------- */

/* Writes the byte as it stands in a value (RFC 5424, 6.3.3), and control characters as \xHH; returns the
 * length. */
static size_t escape_byte(char out[5], char byte)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char value = (unsigned char)byte;

	if (value < ' ' || value == 0x7f) {
		memcpy(out, (char[]){'\\', '\\', 'x', digits[value >> 4], digits[value & 15]}, 5);
		return 5;
	}
	if (byte == '"' || byte == '\\' || byte == ']') {
		out[0] = '\\';
		out[1] = byte;
		return 2;
	}
	out[0] = byte;
	return 1;
}

/* The length of a character of UTF-8, which jansson has checked, by its first byte. */
static size_t character_length(char first)
{
	unsigned char value = (unsigned char)first;

	return value < 0xc0 ? 1 : value < 0xe0 ? 2 : value < 0xf0 ? 3 : 4;
}

/* Whole characters; one that is too long ends in `...`. */
static void put_value(FILE *out, const char *text, size_t length)
{
	static const char cut[] = "...";
	char written[VALUE_MOST], escaped[5];
	size_t used = 0;

	for (size_t i = 0, step; i < length; i += step) {
		size_t more = escape_byte(escaped, text[i]);
		step = character_length(text[i]);
		more = step > 1 ? step : more;
		if (used + more > VALUE_MOST - strlen(cut)) {
			fwrite(written, 1, used, out);
			fputs(cut, out);
			return;
		}
		memcpy(written + used, step > 1 ? text + i : escaped, more);
		used += more;
	}
	fwrite(written, 1, used, out);
}

static void put_parameter(FILE *out, const char *name, const json_t *value)
{
	if (!json_is_string(value) && !json_is_integer(value))
		return;
	fprintf(out, " %s=\"", name);
	if (json_is_integer(value))
		fprintf(out, "%lld", (long long)json_integer_value(value));
	else
		put_value(out, json_string_value(value), json_string_length(value));
	putc('"', out);
}

/* RFC 5612 keeps the number 32473 for examples: Proctor has none of its own. */
static void put_data(FILE *out, const json_t *record)
{
	const json_t *finding = json_object_get(record, "finding");

	fputs("[proctor@32473", out);
	for (size_t i = 0; i < sizeof(parameters) / sizeof(*parameters); i++)
		put_parameter(
			out, parameters[i].name,
			json_object_get(parameters[i].of_finding ? finding : record, parameters[i].member));
}

/* ---- body --------------------------------------------------------------------------------------- */

static void put_unit(FILE *out, unsigned unit)
{
	fprintf(out, "\\u%04x", unit);
}

/* Outside of ASCII are only characters within strings, where JSON lets them be written so (RFC 8259, 7);
 * above 0xffff as two surrogates. */
static void put_character(FILE *out, const char *text, size_t length)
{
	unsigned point = (unsigned char)text[0] & (length == 1 ? 0x7fu : 0xffu >> (length + 1));

	for (size_t i = 1; i < length; i++)
		point = point << 6 | ((unsigned char)text[i] & 0x3fu);
	if (point >= 0x10000) {
		put_unit(out, 0xd800 + ((point - 0x10000) >> 10));
		put_unit(out, 0xdc00 + ((point - 0x10000) & 0x3ff));
	} else if (point >= ' ') {
		put_unit(out, point);
	} else {
		putc(' ', out); /* between the tokens of JSON */
	}
}

static void put_body(FILE *out, const char *text, size_t length)
{
	const char *end = text + length;

	while (text < end) {
		const char *plain = text;
		size_t step;
		while (text < end && *text >= ' ' && *text <= '~')
			text++;
		fwrite(plain, 1, (size_t)(text - plain), out);
		if (text == end)
			return;
		step = character_length(*text);
		put_character(out, text, step);
		text += step;
	}
}

/* ---- all of it ---------------------------------------------------------------------------------- */

static int close_text(FILE *out, struct error **error)
{
	bool failed = ferror(out) != 0;

	if (fclose(out) || failed)
		return error_set(error, 0, "making a message of syslog: out of memory");
	return 0;
}

static int make_head(struct syslog_message *message, const struct syslog_origin *origin,
		     enum severity severity, const json_t *record, struct error **error)
{
	FILE *out = open_memstream(&message->head, &message->head_length);

	if (!out)
		return error_set(error, 0, "making a message of syslog: out of memory");
	put_header(out, origin, severity, record);
	put_data(out, record);
	return close_text(out, error);
}

static int make_body(struct syslog_message *message, const struct queued *record, struct error **error)
{
	FILE *out = open_memstream(&message->body, &message->body_length);

	if (!out)
		return error_set(error, 0, "making a message of syslog: out of memory");
	put_body(out, record->text, record->length);
	return close_text(out, error);
}

static void divide(struct syslog_message *message, size_t longest)
{
	message->room = longest - message->head_length - strlen("] ");
	message->parts = 1;
	if (message->body_length <= message->room)
		return;
	message->room -= PARTS_SIZE;
	message->parts = (message->body_length + message->room - 1) / message->room;
}

int syslog_message_make(struct syslog_message *message, const struct syslog_origin *origin,
			const struct queued *record, struct error **error)
{
	json_error_t fault;
	_cleanup_json_ json_t *json = json_loadb(record->text, record->length, JSON_ALLOW_NUL, &fault);

	*message = (struct syslog_message){0};
	if (!json && json_error_code(&fault) == json_error_out_of_memory)
		return error_set(error, 0, "making a message of syslog: out of memory");
	if (!json_is_object(json)) {
		error_set(error, 0, "no JSON object: %s", json ? "something else" : fault.text);
		return 1;
	}
	if (make_head(message, origin, queued_severity(record, json), json, error) ||
	    make_body(message, record, error))
		return -1;
	divide(message, origin->longest);
	return 0;
}

static size_t put_text(char *out, size_t at, const char *text, size_t length)
{
	memcpy(out + at, text, length);
	return at + length;
}

size_t syslog_message_part(const struct syslog_message *message, size_t part, char *out)
{
	size_t from = part * message->room, left = message->body_length - from;
	size_t length = put_text(out, 0, message->head, message->head_length);

	if (message->parts > 1)
		length += (size_t)snprintf(out + length, PARTS_SIZE, " part=\"%zu\" parts=\"%zu\"", part + 1,
					   message->parts);
	length = put_text(out, length, "] ", strlen("] "));
	return put_text(out, length, message->body + from, left < message->room ? left : message->room);
}

void syslog_message_free(struct syslog_message *message)
{
	free(message->head);
	free(message->body);
	*message = (struct syslog_message){0};
}
