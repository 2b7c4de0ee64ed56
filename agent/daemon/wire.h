/* Numbers and texts as bytes that another process reads, and back.
 *
 * Both sides are one program on one machine: numbers are as the processor has them. A reader believes
 * nothing: it never reads beyond the end, and a number or text that does not fit its bound is its fault,
 * which stays; what is taken after that is 0, and an empty text. */
#ifndef AGENT_DAEMON_WIRE_H
#define AGENT_DAEMON_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire_writer {
	char *data; /* freed by the caller */
	size_t length, capacity;
	const char *fault; /* what did not fit, a constant; NULL: nothing */
};

struct wire_reader {
	const char *cursor, *end;
	const char *fault; /* what is not as it should be, a constant; NULL: nothing */
};

/* What a text has to be. */
struct wire_text {
	const char *what;                               /* `a finding's id` */
	size_t max;                                     /* bytes */
	bool optional;                                  /* may be NULL */
	bool (*valid)(const char *data, size_t length); /* NULL: any bytes */
};

void wire_put_32(struct wire_writer *writer, uint32_t number);
void wire_put_64(struct wire_writer *writer, uint64_t number);
void wire_put_text(struct wire_writer *writer, const struct wire_text *rule, const char *data, size_t length);

/* Bytes that wire_put_text adds. */
size_t wire_text_size(const char *data, size_t length);

uint32_t wire_take_32(struct wire_reader *reader, uint32_t max, const char *what);
uint64_t wire_take_64(struct wire_reader *reader, uint64_t max, const char *what);

/* The text where it lies in what is read, with a NUL behind it, and its length, unless that is NULL. NULL
 * where there is none. */
const char *wire_take_text(struct wire_reader *reader, const struct wire_text *rule, size_t *length);

/* A number of things of which each takes `size` bytes or more of what is left. */
size_t wire_take_count(struct wire_reader *reader, size_t max, size_t size, const char *what);

/* Makes this its fault, unless it has one. */
void wire_fault(struct wire_reader *reader, const char *what);

#endif
