#include "proctor/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct error {
	char *message; /* NULL: memory ran out while it was made */
	int number;
	bool remedied; /* it says what can be done */
};

/* What stands for an error when there is no memory for one: never freed. */
static struct error out_of_memory = {.message = NULL, .number = ENOMEM};

int error_set(struct error **error, int number, const char *format, ...)
{
	char *text = NULL;
	va_list arguments;
	int length;

	if (!error)
		return -1;
	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	error_free(*error);
	*error = &out_of_memory;
	if (length < 0)
		return -1;
	struct error *made = calloc(1, sizeof(*made));
	if (made && number == 0) {
		made->message = text;
		text = NULL;
	} else if (made && asprintf(&made->message, "%s: %s", text, strerror(number)) < 0) {
		made->message = NULL;
	}
	free(text);
	if (made) {
		made->number = number;
		*error = made;
	}
	return -1;
}

/* Replaces the message by `first`, `between` and `second`, of which one is the message itself. */
static void error_join(struct error *error, const char *first, const char *between, const char *second)
{
	char *joined;

	if (asprintf(&joined, "%s%s%s", first, between, second) < 0)
		return;
	free(error->message);
	error->message = joined;
}

static bool error_is_open(struct error *const *error)
{
	return error && *error && *error != &out_of_memory && (*error)->message;
}

int error_context(struct error **error, const char *format, ...)
{
	va_list arguments;
	char *text;

	if (!error_is_open(error))
		return -1;
	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) >= 0) {
		error_join(*error, text, ": ", (*error)->message);
		free(text);
	}
	va_end(arguments);
	return -1;
}

int error_remedy(struct error **error, const char *format, ...)
{
	va_list arguments;
	char *text;

	if (!error_is_open(error))
		return -1;
	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) >= 0) {
		error_join(*error, (*error)->message, "; ", text);
		(*error)->remedied = true;
		free(text);
	}
	va_end(arguments);
	return -1;
}

int error_move(struct error **error, struct error **from)
{
	struct error *moved = *from;

	*from = NULL;
	if (!error) {
		error_free(moved);
		return -1;
	}
	error_free(*error);
	*error = moved;
	return -1;
}

bool error_has_remedy(const struct error *error)
{
	return error && error->remedied;
}

const char *error_message(const struct error *error)
{
	if (!error)
		return "unknown error";
	return error->message ? error->message : "out of memory";
}

int error_number(const struct error *error)
{
	return error ? error->number : 0;
}

void error_free(struct error *error)
{
	if (!error || error == &out_of_memory)
		return;
	free(error->message);
	free(error);
}
