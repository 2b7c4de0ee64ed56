/* Feeds libFuzzer's bytes to who makes messages of syslog: as a record, and as a text within one. What is
 * made keeps to RFC 5424, and its parts give the record. The first byte says which, the second how long
 * messages may be. */
#include <stdlib.h>
#include <string.h>

#include "agent/sinks/syslog_message.h"
#include "proctor/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Behind the structured data, which end in `]` outside of quotes; NULL: they do not. */
static const char *data_end(const char *at, const char *end)
{
	bool quoted = false;

	for (; at < end; at++)
		if (quoted && *at == '\\')
			at++;
		else if (*at == '"')
			quoted = !quoted;
		else if (!quoted && *at == ']')
			return at + 1;
	return NULL;
}

/* The six fields of the header in visible ASCII, the structured data without control characters, and ASCII
 * behind them. Where that begins. */
static const char *check_message(const char *text, size_t length)
{
	const char *at = text, *end = text + length, *body;

	for (int blanks = 0; blanks < 6 && at < end; at++) {
		if (*at < ' ' || *at > '~')
			abort();
		blanks += *at == ' ';
	}
	body = data_end(at, end);
	if (*at != '[' || !body || body == end || *body != ' ')
		abort();
	for (; at < end; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f || (at >= body && *at > '~'))
			abort();
	return body + 1;
}

static void check_record(const char *text, size_t length, size_t longest)
{
	const struct syslog_origin origin = {.facility = 3, .process = 1, .longest = longest};
	_cleanup_syslog_message_ struct syslog_message message;
	const struct queued record = {.text = text, .length = length};
	_cleanup_free_ char *out = malloc(longest), *joined = NULL;
	_cleanup_json_ json_t *before = NULL, *after = NULL;
	size_t used = 0;

	if (syslog_message_make(&message, &origin, &record, NULL))
		return;
	joined = malloc(message.body_length + 1);
	for (size_t part = 0; part < message.parts; part++) {
		size_t made = syslog_message_part(&message, part, out);
		const char *body = check_message(out, made);
		size_t more = made - (size_t)(body - out);
		if (made > longest || used + more > message.body_length)
			abort();
		memcpy(joined + used, body, more);
		used += more;
	}
	before = json_loadb(text, length, JSON_ALLOW_NUL, NULL);
	after = json_loadb(joined, used, JSON_ALLOW_NUL, NULL);
	if (!json_equal(before, after))
		abort();
}

static void check_texts(const char *text, size_t length, size_t longest)
{
	static const char form[] = "{s:s,s:s,s:s,s:{s:s},s:s,s:{s:s,s:s,s:s,s:s,s:s,s:s,s:s}}";
	_cleanup_free_ char *copy = strndup(text, length), *record = NULL;
	_cleanup_json_ json_t *json =
		json_pack(form, "type", copy, "record_id", copy, "time", copy, "host", "hostname", copy,
			  "status", copy, "finding", "id", copy, "rule", copy, "severity", copy,
			  "container_name", copy, "container_id", copy, "image", copy, "task", copy);

	record = json ? json_dumps(json, JSON_COMPACT) : NULL;
	if (record)
		check_record(record, strlen(record), longest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 2;
	size_t longest;

	if (size < 2)
		return 0;
	longest = SYSLOG_MESSAGE_LEAST + data[1];
	if (data[0] & 1)
		check_texts(text, size - 2, longest);
	else
		check_record(text, size - 2, longest);
	return 0;
}
