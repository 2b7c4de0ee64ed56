#include "collectors/rlimit_text.h"

#include <string.h>

#include "collectors/read.h"

static void read_soft(const char *cursor, const char *end, const char *source, struct limit *limit)
{
	static const char unlimited[] = "unlimited";
	uint64_t value;

	while (cursor < end && *cursor == ' ')
		cursor++;
	if ((size_t)(end - cursor) >= sizeof(unlimited) - 1 &&
	    !memcmp(cursor, unlimited, sizeof(unlimited) - 1))
		*limit = (struct limit){.state = LIMIT_NONE};
	else if (text_read_number(&cursor, end, 10, &value))
		*limit = (struct limit){LIMIT_SET, value, source};
}

void rlimits_parse(const char *text, size_t length, const char *source, struct limits *limits)
{
	const struct {
		const char *name;
		struct limit *limit;
	} names[] = {
		{"Max open files ", &limits->open_files},
		{"Max processes ", &limits->processes},
		{"Max locked memory ", &limits->locked_memory},
		{"Max core file size ", &limits->core},
	};
	const char *cursor = text, *line;
	size_t size;

	while (line_next(&cursor, text + length, &line, &size))
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			size_t name = strlen(names[i].name);
			if (size > name && !memcmp(line, names[i].name, name))
				read_soft(line + name, line + size, source, names[i].limit);
		}
}
