#include "agent/since.h"

#include <stdio.h>
#include <string.h>

#include "proctor/text.h"

static int64_t unit_seconds(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return INT64_C(24) * 3600;
	case 'w':
		return INT64_C(7) * 24 * 3600;
	default:
		return 0;
	}
}

static int parse_age(const char *text, time_t now, int64_t *since)
{
	const char *cursor = text, *end = text + strlen(text);
	uint64_t number;
	int64_t unit;

	if (!text_read_number(&cursor, end, 10, &number) || end - cursor != 1)
		return -1;
	unit = unit_seconds(*cursor);
	if (!unit || number > (uint64_t)(now / unit))
		return -1;
	*since = ((int64_t)now - (int64_t)number * unit) * 1000;
	return 0;
}

static int parse_time(const char *text, int64_t *since)
{
	static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S",
					    "%Y-%m-%d %H:%M", "%Y-%m-%d"};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm time = {.tm_isdst = -1};
		const char *end = strptime(text, forms[i], &time);
		bool utc = end && !strcmp(end, "Z");
		if (!end || (*end && !utc))
			continue;
		*since = (int64_t)(utc ? timegm(&time) : mktime(&time)) * 1000;
		return *since < 0 ? -1 : 0;
	}
	return -1;
}

int since_parse(const char *text, time_t now, int64_t *since, struct error **error)
{
	if (!parse_age(text, now, since) || !parse_time(text, since))
		return 0;
	error_set(error, 0, "`%s` is neither an age nor a time", text);
	return error_remedy(error, "write 90s, 30m, 12h, 7d or 2026-11-24T10:00");
}

const char *since_age(int64_t milliseconds, char text[AGE_SIZE])
{
	static const struct {
		int64_t below, unit;
		char letter;
	} steps[] = {{120, 1, 's'},
		     {INT64_C(120) * 60, 60, 'm'},
		     {INT64_C(48) * 3600, 3600, 'h'},
		     {INT64_MAX, INT64_C(24) * 3600, 'd'}};
	int64_t seconds = milliseconds > 0 ? milliseconds / 1000 : 0;
	size_t i = 0;

	while (seconds >= steps[i].below)
		i++;
	snprintf(text, AGE_SIZE, "%lld%c", (long long)(seconds / steps[i].unit), steps[i].letter);
	return text;
}
