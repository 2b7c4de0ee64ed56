/* Where bytes go: stdout, or a file that is replaced as a whole.
 *
 * With a path, all is written to a file without a name, which output_commit makes durable and puts in the
 * place of the old one: whoever reads the path sees the old or the new content, never half, and a signal that
 * ends the program leaves nothing beside it. */
#ifndef PROCTOR_OUTPUT_H
#define PROCTOR_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "proctor/error.h"

struct output;

/* Opens stdout (`path` NULL) or the file without a name. NULL and *error when that cannot be done. */
struct output *output_open(const char *path, struct error **error);

/* The same for a file that, where it is new, no one else may read. */
struct output *output_open_private(const char *path, struct error **error);

/* Buffers `length` bytes and writes as the buffer fills. A failure is kept and told by output_commit; what
 * follows it is dropped. */
void output_write(struct output *output, const char *data, size_t length);
void output_text(struct output *output, const char *text);
void output_format(struct output *output, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes what is buffered now. */
void output_flush(struct output *output);

/* Writes the rest, fsyncs and renames. -1 and *error (also for a closed pipe or a full disk). */
int output_commit(struct output *output, struct error **error);

/* Frees it; without a commit before, the old file stays. NULL is allowed. */
void output_free(struct output *output);

/* True for stdout on a terminal. */
bool output_is_terminal(const struct output *output);

#endif
