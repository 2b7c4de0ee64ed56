/* What went wrong, said once, with context added on the way up.
 *
 * A function that can fail takes `struct error **error` and returns 0 or -1. The one that notices sets
 * it: what was being done, on what, errno, what to do. A caller may put context in front. main prints it
 * on one line. Passing NULL for `error` is allowed: the message is dropped. */
#ifndef PROCTOR_ERROR_H
#define PROCTOR_ERROR_H

#include <stdbool.h>

struct error;

/* Sets *error to the formatted message, followed by ": " and strerror(number) when `number` is not 0.
 * Replaces an earlier one. Returns -1, so that a caller can `return error_set(…)`. Never fails: without
 * memory the message is a constant "out of memory". */
int error_set(struct error **error, int number, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts the formatted text and ": " in front of the message. Returns -1. */
int error_context(struct error **error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends "; " and what the user can do. Returns -1. */
int error_remedy(struct error **error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Hands *from over to *error, replacing an earlier one; *from is NULL then. Returns -1. */
int error_move(struct error **error, struct error **from);

/* True when error_remedy said what the user can do. */
bool error_has_remedy(const struct error *error);

/* The message, owned by the error; "unknown error" for NULL. May hold hostile bytes: escape it where it
 * is printed. */
const char *error_message(const struct error *error);

/* errno as given to error_set, 0 for none or NULL. */
int error_number(const struct error *error);

/* Frees the error. NULL is allowed. */
void error_free(struct error *error);

#endif
