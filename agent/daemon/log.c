#include "agent/daemon/log.h"

#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/write_now.h"
#include "proctor/cleanup.h"
#include "proctor/text.h"

enum { VALUE_MOST = 1024 }; /* bytes of a value; more are cut */

static const char *const level_names[] = {
	[LOG_ERROR] = "error", [LOG_WARNING] = "warning", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};

/* How a format has a line. */
static const struct form {
	const char *begin, *between, *sign, *end;
} forms[] = {
	[LOG_LOGFMT] = {"", " ", "=", "\n"},
	[LOG_JSON] = {"{", ",", ":", "}\n"},
};

/* Not longer than what a pipe takes as a whole, for three processes write to it. */
struct line {
	const struct form *form;
	bool json;
	size_t length;
	char text[PIPE_BUF];
};

/* Without control characters, and of no more than a line has room for. Owned by the caller. */
static char *escape(const char *value)
{
	size_t length = strnlen(value, VALUE_MOST), size = text_escape(NULL, 0, value, length) + 1;
	char *out = malloc(size);

	if (out)
		text_escape(out, size, value, length);
	return out;
}

static char *quote_json(const char *text)
{
	_cleanup_json_ json_t *string = json_string(text);

	return string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
}

/* In quotes when it would else be more words than one: text_escape has escaped backslashes. */
static char *quote_logfmt(const char *text)
{
	char *quoted, *out;

	if (*text && !text[strcspn(text, " =\"")])
		return strdup(text);
	quoted = out = malloc(2 * strlen(text) + 3);
	if (!quoted)
		return NULL;
	*out++ = '"';
	for (; *text; text++) {
		if (*text == '"')
			*out++ = '\\';
		*out++ = *text;
	}
	*out++ = '"';
	*out = '\0';
	return quoted;
}

/* Adds a pair, or nothing when there is no room for all of it. */
static void add(struct line *line, const char *key, const char *value)
{
	_cleanup_free_ char *escaped = escape(value);
	_cleanup_free_ char *quoted = !escaped     ? NULL
				      : line->json ? quote_json(escaped)
						   : quote_logfmt(escaped);
	const char *mark = line->json ? "\"" : "";
	size_t room = sizeof(line->text) - line->length - strlen(line->form->end);
	_cleanup_free_ char *pair = NULL;
	int length;

	if (!quoted)
		return;
	length = asprintf(&pair, "%s%s%s%s%s%s", line->length ? line->form->between : line->form->begin, mark,
			  key, mark, line->form->sign, quoted);
	if (length < 0)
		pair = NULL;
	if (length < 0 || (size_t)length > room)
		return;
	memcpy(line->text + line->length, pair, (size_t)length);
	line->length += (size_t)length;
}

static void add_time(struct line *line)
{
	struct timespec now;
	struct tm utc;
	char day[32], text[48];

	if (clock_gettime(CLOCK_REALTIME, &now) || !gmtime_r(&now.tv_sec, &utc) ||
	    !strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &utc))
		return;
	snprintf(text, sizeof(text), "%s.%03ldZ", day, now.tv_nsec / 1000000);
	add(line, "time", text);
}

static void write_line(const struct log *log, struct line *line)
{
	struct pollfd polled = {.fd = log->fd, .events = POLLOUT};

	memcpy(line->text + line->length, line->form->end, strlen(line->form->end));
	line->length += strlen(line->form->end);
	if (poll(&polled, 1, 0) == 1 && write_now(log->fd, line->text, line->length) < 0)
		return; /* nobody takes it: nothing to be done */
}

void log_write(const struct log *log, enum log_level level, const char *message, ...)
{
	struct line line = {.form = &forms[log->format], .json = log->format == LOG_JSON};
	va_list pairs;
	const char *key;

	if (level > log->level)
		return;
	add_time(&line);
	add(&line, "level", level_names[level]);
	add(&line, "process", log->process);
	add(&line, "message", message);
	va_start(pairs, message);
	while ((key = va_arg(pairs, const char *)))
		add(&line, key, va_arg(pairs, const char *));
	va_end(pairs);
	write_line(log, &line);
}

void log_error(const struct log *log, enum log_level level, const char *message, struct error **error)
{
	log_write(log, level, message, "error", error_message(*error), NULL);
	error_free(*error);
	*error = NULL;
}
