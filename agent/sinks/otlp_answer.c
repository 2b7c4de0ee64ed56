#include "agent/sinks/otlp_answer.h"

#include <jansson.h>
#include <string.h>

#include "proctor/cleanup.h"
#include "proctor/text.h"

/* What rejectedLogRecords says: an integer, which protobuf's JSON has as a text or as a number. Left out it
 * is 0. -1: it is none. */
static int take_rejected(const json_t *success, uint64_t *rejected)
{
	const json_t *value = json_object_get(success, "rejectedLogRecords");
	const char *text = json_string_value(value), *end = text ? text + strlen(text) : NULL;

	*rejected = 0;
	if (!value || json_is_null(value))
		return 0;
	if (text)
		return text_read_number(&text, end, 10, rejected) && text == end ? 0 : -1;
	*rejected = (uint64_t)json_integer_value(value);
	return json_is_integer(value) && json_integer_value(value) >= 0 ? 0 : -1;
}

static void refuse_all(size_t count, uint64_t rejected, const char *message, struct delivered *delivered)
{
	int length = snprintf(delivered->reason, sizeof(delivered->reason), "%llu of %zu rejected",
			      (unsigned long long)rejected, count);
	char *end = delivered->reason + length;

	delivered->out = 0;
	delivered->refused = count;
	if (!message || !*message)
		return;
	length += snprintf(end, sizeof(delivered->reason) - (size_t)length, ": ");
	text_escape(delivered->reason + length, sizeof(delivered->reason) - (size_t)length, message,
		    strlen(message));
}

static int judge_success(const json_t *success, size_t count, struct delivered *delivered)
{
	uint64_t rejected;

	if (success && !json_is_null(success) && !json_is_object(success))
		return -1;
	if (take_rejected(success, &rejected))
		return -1;
	if (rejected)
		refuse_all(count, rejected, json_string_value(json_object_get(success, "errorMessage")),
			   delivered);
	return 0;
}

static bool is_blank(const char *body, size_t length)
{
	while (length && strchr(" \t\r\n", body[length - 1]) && body[length - 1])
		length--;
	return !length;
}

int otlp_judge(const char *body, size_t length, size_t count, struct delivered *delivered,
	       struct error **error)
{
	_cleanup_json_ json_t *answer = json_loadb(body, length, JSON_REJECT_DUPLICATES, NULL);

	delivered->out = count;
	if (is_blank(body, length))
		return 0;
	if (json_is_object(answer) &&
	    !judge_success(json_object_get(answer, "partialSuccess"), count, delivered))
		return 0;
	delivered->out = 0;
	error_set(error, 0, "it accepts the records with an answer that is none of OTLP's");
	return error_remedy(error, "check that the URL leads to a receiver of OpenTelemetry");
}
