#include "collectors/process_text.h"

#include <string.h>

#include "collectors/read.h"

static void skip_blanks(const char **cursor, const char *end)
{
	while (*cursor < end && (**cursor == ' ' || **cursor == '\t'))
		(*cursor)++;
}

/* Reads `count` blank-separated numbers that fit 32 bits. */
static bool read_ids(const char *cursor, const char *end, uint32_t *ids, size_t count)
{
	uint64_t value;

	for (size_t i = 0; i < count; i++) {
		skip_blanks(&cursor, end);
		if (!text_read_number(&cursor, end, 10, &value) || value > UINT32_MAX)
			return false;
		ids[i] = (uint32_t)value;
	}
	return true;
}

static bool read_number(const char *cursor, const char *end, unsigned base, uint64_t *value)
{
	skip_blanks(&cursor, end);
	return text_read_number(&cursor, end, base, value);
}

static bool read_small(const char *cursor, const char *end, uint32_t *value)
{
	return read_ids(cursor, end, value, 1);
}

/* The name as it is: the kernel writes newline and backslash as `\n` and `\\` (fs/proc/array.c,
 * proc_task_name). */
static void read_comm(const char *cursor, const char *end, struct status *status)
{
	size_t length = 0;

	if (cursor < end && *cursor == '\t')
		cursor++;
	for (; cursor < end && length + 1 < sizeof(status->comm); cursor++) {
		char c = *cursor;
		if (c == '\\' && cursor + 1 < end && (cursor[1] == 'n' || cursor[1] == '\\'))
			c = *++cursor == 'n' ? '\n' : '\\';
		status->comm[length++] = c;
	}
	status->comm[length] = '\0';
}

/* Lines that must be there, one bit each. */
enum required_line {
	LINE_NAME = 1 << 0,
	LINE_UID = 1 << 1,
	LINE_GID = 1 << 2,
	LINE_INHERITABLE = 1 << 3,
	LINE_PERMITTED = 1 << 4,
	LINE_EFFECTIVE = 1 << 5,
	LINE_BOUNDING = 1 << 6,
	LINES_REQUIRED = (1 << 7) - 1,
};

static bool key_is(const char *line, size_t length, const char *key, size_t key_length)
{
	return length == key_length && !memcmp(line, key, key_length);
}

#define KEY_IS(literal) key_is(line, length, literal, sizeof(literal) - 1)

static unsigned read_identity(const char *line, size_t length, const char *value, const char *end,
			      struct status *status)
{
	if (KEY_IS("Name")) {
		read_comm(value, end, status);
		return LINE_NAME;
	}
	if (KEY_IS("State")) {
		skip_blanks(&value, end);
		if (value < end)
			status->state = *value;
	} else if (KEY_IS("PPid")) {
		uint32_t ppid = 0;
		read_small(value, end, &ppid);
		status->ppid = (pid_t)ppid;
	} else if (KEY_IS("Uid")) {
		return read_ids(value, end, status->credentials.uid, ID_COUNT) ? LINE_UID : 0;
	} else if (KEY_IS("Gid")) {
		return read_ids(value, end, status->credentials.gid, ID_COUNT) ? LINE_GID : 0;
	} else if (KEY_IS("Groups")) {
		status->groups = value;
		status->groups_length = (size_t)(end - value);
	} else if (KEY_IS("Kthread")) {
		uint32_t flag = 0;
		status->kernel_thread_known = read_small(value, end, &flag);
		status->kernel_thread = flag != 0;
	} else if (KEY_IS("VmSize")) {
		status->has_memory = true;
	} else if (KEY_IS("Threads")) {
		read_small(value, end, &status->threads);
	}
	return 0;
}

static unsigned read_privilege(const char *line, size_t length, const char *value, const char *end,
			       struct status *status)
{
	struct credentials *credentials = &status->credentials;
	uint32_t number = 0;

	if (KEY_IS("CapInh"))
		return read_number(value, end, 16, &credentials->inheritable) ? LINE_INHERITABLE : 0;
	if (KEY_IS("CapPrm"))
		return read_number(value, end, 16, &credentials->permitted) ? LINE_PERMITTED : 0;
	if (KEY_IS("CapEff"))
		return read_number(value, end, 16, &credentials->effective) ? LINE_EFFECTIVE : 0;
	if (KEY_IS("CapBnd"))
		return read_number(value, end, 16, &credentials->bounding) ? LINE_BOUNDING : 0;
	if (KEY_IS("CapAmb")) {
		read_number(value, end, 16, &credentials->ambient);
	} else if (KEY_IS("NoNewPrivs")) {
		read_small(value, end, &number);
		credentials->no_new_privs = number != 0;
	} else if (KEY_IS("Seccomp")) {
		read_small(value, end, &number);
		credentials->seccomp = (uint8_t)number;
	} else if (KEY_IS("Seccomp_filters")) {
		credentials->seccomp_filters_known = read_small(value, end, &credentials->seccomp_filters);
	}
	return 0;
}

bool status_parse(const char *text, size_t length, struct status *status)
{
	const char *cursor = text, *end = text + length, *line;
	unsigned seen = 0;
	size_t size;

	*status = (struct status){.threads = 1};
	while (line_next(&cursor, end, &line, &size)) {
		const char *colon = memchr(line, ':', size);
		size_t key = colon ? (size_t)(colon - line) : 0;
		if (!key)
			continue;
		if (line[0] == 'C' || line[0] == 'N' || (line[0] == 'S' && key > 5))
			seen |= read_privilege(line, key, colon + 1, line + size, status);
		if (line[0] != 'C')
			seen |= read_identity(line, key, colon + 1, line + size, status);
	}
	return (seen & LINES_REQUIRED) == LINES_REQUIRED;
}

size_t status_groups(const struct status *status, uint32_t *groups, size_t capacity)
{
	const char *cursor = status->groups, *end;
	size_t count = 0;
	uint64_t value;

	if (!cursor)
		return 0;
	end = cursor + status->groups_length;
	for (skip_blanks(&cursor, end); text_read_number(&cursor, end, 10, &value) && value <= UINT32_MAX;
	     skip_blanks(&cursor, end)) {
		if (count < capacity)
			groups[count] = (uint32_t)value;
		count++;
	}
	return count;
}

bool stat_parse(const char *text, size_t length, struct stat_line *stat)
{
	enum { FIELD_FLAGS = 9, FIELD_START = 22 };
	const char *cursor = memrchr(text, ')', length), *end = text + length;
	uint64_t value;

	if (!cursor)
		return false;
	for (unsigned field = 3; field <= FIELD_START; field++) {
		cursor = memchr(cursor, ' ', (size_t)(end - cursor));
		if (!cursor)
			return false;
		cursor++;
		if (field != FIELD_FLAGS && field != FIELD_START)
			continue;
		const char *number = cursor;
		if (!text_read_number(&number, end, 10, &value))
			return false;
		if (field == FIELD_FLAGS)
			stat->flags = (uint32_t)value;
		else
			stat->start_time = value;
	}
	return true;
}

int id_map_parse(const char *text, size_t length, struct arena *arena, struct id_range **ranges,
		 size_t *count)
{
	const char *cursor = text, *end = text + length, *line;
	size_t size, capacity = 0;
	uint32_t numbers[3];

	*ranges = NULL;
	*count = 0;
	while (line_next(&cursor, end, &line, &size)) {
		if (!read_ids(line, line + size, numbers, 3))
			continue;
		struct id_range *grown = arena_grow(arena, *ranges, *count, &capacity, sizeof(**ranges));
		if (!grown)
			return -1;
		*ranges = grown;
		grown[(*count)++] = (struct id_range){numbers[0], numbers[1], numbers[2]};
	}
	return 0;
}
