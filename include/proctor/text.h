/* Hostile bytes made printable, and numbers read without trust. */
#ifndef PROCTOR_TEXT_H
#define PROCTOR_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes with a length: may hold NUL. Lives where its owner says (in a snapshot: the arena). */
struct bytes {
	const char *data;
	size_t length;
};

/* Behind the last byte; NULL, to which nothing may be added, where there is no data. */
static inline const char *bytes_end(struct bytes bytes)
{
	return bytes.length ? bytes.data + bytes.length : bytes.data;
}

/* Reads an unsigned decimal, octal or hexadecimal number (`base` 10, 8, 16) at *cursor, before `end`,
 * and moves *cursor behind it. False, with *cursor unmoved, when there is no digit or it overflows. */
bool text_read_number(const char **cursor, const char *end, unsigned base, uint64_t *value);

/* Writes `length` bytes as text that is safe on a terminal, in a log and in JSON: valid UTF-8 stays;
 * control characters, DEL, C1 controls, bidirectional controls and invalid bytes become \xHH of each
 * byte (\n, \t, \r and \\ by their letter). Always ends in NUL. Returns the bytes that the whole result needs
 * without the NUL, as snprintf(3). */
size_t text_escape(char *out, size_t size, const char *data, size_t length);

/* True when it is valid UTF-8 without any of the characters that text_escape writes as \xHH or a letter. */
bool text_is_safe(const char *data, size_t length);

/* Columns the valid UTF-8 string occupies on a terminal (wide and combining characters counted). */
size_t text_width(const char *text);

/* True when `text` matches the shell pattern, with `*` crossing slashes: fnmatch(3) without flags. */
bool text_glob(const char *pattern, const char *text);

#endif
