/* Feeds libFuzzer's bytes to OpenTelemetry's sink: as what a receiver answers, or as records, one a line. The
 * first byte says which. */
#include <stdlib.h>
#include <string.h>

#include "agent/sinks/otlp_answer.h"
#include "agent/sinks/otlp_encode.h"
#include "proctor/cleanup.h"

enum { RECORDS = 16, COUNT = 7 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
	if (!truth)
		abort();
}

/* All records are out, or all are refused with a reason, or none is either. */
static void answer(const char *body, size_t length)
{
	_cleanup_error_ struct error *error = NULL;
	struct delivered delivered = {.out = COUNT};
	int result = otlp_judge(body, length, COUNT, &delivered, &error);

	require(!error == !result);
	require(memchr(delivered.reason, '\0', sizeof(delivered.reason)) != NULL);
	require(!delivered.refused == !*delivered.reason);
	require(delivered.out + delivered.refused == (result ? 0 : COUNT));
	require(!delivered.out || !delivered.refused);
}

/* As many log records as records, in JSON. */
static void encode(const char *text, size_t length)
{
	_cleanup_buffer_ struct buffer body = {0};
	struct queued records[RECORDS];
	const char *cursor = text;
	size_t count = 0, found = 0, i;
	const json_t *group;

	while (count < RECORDS &&
	       line_next(&cursor, text + length, &records[count].text, &records[count].length))
		records[count++].severity = SEVERITY_INFO;
	require(!otlp_encode(records, count, &body, NULL));
	_cleanup_json_ json_t *request =
		json_loadb(body.data, body.length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	require(request != NULL);
	json_array_foreach(json_object_get(request, "resourceLogs"), i, group)
	{
		const json_t *scope = json_array_get(json_object_get(group, "scopeLogs"), 0);
		found += json_array_size(json_object_get(scope, "logRecords"));
	}
	require(found == count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size && data[0] % 2)
		encode((const char *)data + 1, size - 1);
	else if (size)
		answer((const char *)data + 1, size - 1);
	return 0;
}
