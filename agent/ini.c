#include "agent/ini.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "collectors/read.h"
#include "proctor/cleanup.h"

enum { SIZE_LIMIT = 1 << 20 };

static const char blanks[] = " \t\r\n\v\f", comments[] = ";#";

/* The text on its way through inih. */
struct ini {
	const char *path;
	ini_visitor visitor;
	void *state;
	const char *cursor, *end;
	const char *line;      /* that inih was given last */
	size_t length, number; /* of that line */
	bool unanswered;       /* that line is an entry that inih has not told of yet */
	bool after_key;        /* an indented line goes on with the value of the key before */
	char *section;
	struct error *error; /* the first one; what follows is not looked at */
};

static void fail(struct ini *ini, size_t line, size_t column)
{
	error_context(&ini->error, "%s:%zu:%zu", ini->path, line, column);
	ini->cursor = ini->end;
}

/* How many bytes of the line up to its first word, from `start` on. */
static size_t skip_blanks(const struct ini *ini, size_t start)
{
	while (start < ini->length && strchr(blanks, ini->line[start]))
		start++;
	return start;
}

static void visit(struct ini *ini, struct ini_entry *entry)
{
	if (ini->visitor(ini->state, entry, &ini->error))
		fail(ini, entry->line, entry->column);
}

/* inih would cut a long name, and is silent about a section without keys. */
static void begin_section(struct ini *ini)
{
	struct ini_entry entry = {.line = ini->number, .column = 2, .value_column = 2};
	const char *close = memchr(ini->line, ']', ini->length);
	size_t behind = skip_blanks(ini, close ? (size_t)(close - ini->line) + 1 : ini->length);

	if (!close || (behind < ini->length && !strchr(comments, ini->line[behind]))) {
		error_set(&ini->error, 0,
			  close ? "text behind the name of a section" : "a section without its `]`");
		fail(ini, ini->number, behind + 1);
		return;
	}
	free(ini->section);
	ini->section = strndup(ini->line + 1, (size_t)(close - ini->line) - 1);
	ini->after_key = false;
	entry.section = ini->section;
	if (ini->section) {
		visit(ini, &entry);
		return;
	}
	error_set(&ini->error, 0, "out of memory");
	fail(ini, ini->number, 1);
}

/* inih would end the line there. */
static bool line_is_good(struct ini *ini)
{
	const char *zero = memchr(ini->line, '\0', ini->length);

	if (!zero)
		return true;
	error_set(&ini->error, 0, "a NUL byte");
	fail(ini, ini->number, (size_t)(zero - ini->line) + 1);
	return false;
}

/* A line that was no comment and of which inih told nothing. */
static bool line_was_answered(struct ini *ini)
{
	if (!ini->unanswered)
		return true;
	error_set(&ini->error, 0, "neither a [section] nor KEY = VALUE");
	fail(ini, ini->number, skip_blanks(ini, 0) + 1);
	return false;
}

/* Where the sign between key and value stands; the length of the line when there is none. */
static size_t sign_at(const struct ini *ini)
{
	size_t at = 0;

	while (at < ini->length && ini->line[at] != '=' && ini->line[at] != ':')
		at++;
	return at;
}

static char *give_text(char *out, size_t room, const char *text)
{
	snprintf(out, room, "%s", text);
	return out;
}

/* Gives inih as much of an entry as it has room for, from its first word at `start` on, behind one blank when
 * it is indented: only the key has to be whole. */
static char *give_entry(struct ini *ini, char *out, size_t room, size_t start)
{
	size_t from = start ? start - 1 : 0, most = room - 2, length = ini->length - from;

	ini->unanswered = true;
	if (length > most && !(ini->after_key && start) && sign_at(ini) - from >= most) {
		error_set(&ini->error, 0, "no `=` in the first %zu bytes of a key", most);
		fail(ini, ini->number, start + 1);
		return NULL;
	}
	if (length > most)
		length = most;
	memcpy(out, ini->line + from, length);
	memcpy(out + length, "\n", 2);
	return out;
}

/* Of a section inih only has to know that it begins. */
static char *give_section(struct ini *ini, char *out, size_t room, size_t start)
{
	if (start == 0) {
		begin_section(ini);
	} else {
		error_set(&ini->error, 0, "a section that does not begin in the first column");
		fail(ini, ini->number, start + 1);
	}
	return ini->error ? NULL : give_text(out, room, "[.]\n");
}

/* Gives inih the next line, as fgets(3) would. */
static char *next_line(char *out, int room, void *stream)
{
	struct ini *ini = stream;
	size_t start;

	if (ini->error || !line_was_answered(ini) ||
	    !line_next(&ini->cursor, ini->end, &ini->line, &ini->length))
		return NULL;
	ini->number++;
	ini->unanswered = false;
	if (!line_is_good(ini))
		return NULL;
	start = skip_blanks(ini, 0);
	if (start == ini->length || strchr(comments, ini->line[start]))
		return give_text(out, (size_t)room, "\n");
	return ini->line[start] == '[' ? give_section(ini, out, (size_t)room, start)
				       : give_entry(ini, out, (size_t)room, start);
}

/* The value from `start` on, which inih may have been given a part of only: up to blanks at the end, or to a
 * blank and `;`, where a comment begins for inih. Owned by the caller; NULL: no memory. */
static char *copy_value(const struct ini *ini, size_t start)
{
	size_t end = start;

	for (size_t at = start; at < ini->length; at++) {
		if (ini->line[at] == ';' && strchr(blanks, ini->line[at - 1]))
			break;
		if (!strchr(blanks, ini->line[at]))
			end = at + 1;
	}
	return strndup(ini->line + start, end - start);
}

static int handle(void *user, const char *section, const char *name, const char *part)
{
	struct ini *ini = user;
	size_t start = skip_blanks(ini, 0);
	struct ini_entry entry = {
		.section = ini->section ? ini->section : "",
		.key = name,
		.continued = ini->after_key && start > 0,
		.line = ini->number,
		.column = start + 1,
	};
	size_t value = entry.continued ? start : skip_blanks(ini, sign_at(ini) + 1);
	_cleanup_free_ char *copy = copy_value(ini, value);

	(void)section, (void)part;
	entry.value = copy;
	entry.value_column = value + 1;
	ini->unanswered = false;
	ini->after_key = true;
	if (!copy)
		error_set(&ini->error, 0, "out of memory");
	else if (!ini->error)
		visit(ini, &entry);
	return !ini->error;
}

static int ini_parse_text(struct ini *ini, struct error **error)
{
	int result = ini_parse_stream(next_line, ini, handle, ini);

	free(ini->section);
	if (!ini->error && line_was_answered(ini) && result == 0)
		return 0;
	if (!ini->error)
		return error_set(error, 0, "%s: out of memory", ini->path);
	*error = ini->error;
	return -1;
}

static const char *after_last_newline(const struct buffer *buffer)
{
	const char *newline = memrchr(buffer->data, '\n', buffer->length);

	return newline ? newline + 1 : buffer->data;
}

int ini_visit(const char *path, ini_visitor visitor, void *state, struct error **error)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct ini ini = {.path = path, .visitor = visitor, .state = state};
	int cut = buffer_read(&buffer, AT_FDCWD, path, SIZE_LIMIT);

	if (cut < 0)
		return error_set(error, errno, "reading the configuration %s", path);
	ini.cursor = buffer.data;
	ini.end = buffer.data + buffer.length;
	if (cut) /* no part of a line is taken for all of it */
		ini.end = after_last_newline(&buffer);
	if (buffer.length >= 3 && !memcmp(buffer.data, "\xef\xbb\xbf", 3)) /* byte order mark */
		ini.cursor += 3;
	if (ini_parse_text(&ini, error))
		return -1;
	if (!cut)
		return 0;
	return error_set(error, 0, "%s:%zu:%zu: more than %d bytes of configuration", path, ini.number + 1,
			 (size_t)(buffer.data + buffer.length - ini.end) + 1, SIZE_LIMIT);
}
