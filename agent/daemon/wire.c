#include "agent/daemon/wire.h"

#include <stdlib.h>
#include <string.h>

#define NO_TEXT UINT32_MAX /* in the place of a length */

static void put(struct wire_writer *writer, const void *data, size_t length)
{
	size_t needed = writer->length + length, capacity = writer->capacity;
	char *grown;

	if (writer->fault)
		return;
	if (needed > capacity) {
		capacity = needed > 2 * capacity ? needed : 2 * capacity;
		grown = realloc(writer->data, capacity);
		if (!grown) {
			writer->fault = "memory is exhausted";
			return;
		}
		writer->data = grown;
		writer->capacity = capacity;
	}
	if (length)
		memcpy(writer->data + writer->length, data, length);
	writer->length = needed;
}

void wire_put_32(struct wire_writer *writer, uint32_t number)
{
	put(writer, &number, sizeof(number));
}

void wire_put_64(struct wire_writer *writer, uint64_t number)
{
	put(writer, &number, sizeof(number));
}

void wire_put_text(struct wire_writer *writer, const struct wire_text *rule, const char *data, size_t length)
{
	if (!data && rule->optional) {
		wire_put_32(writer, NO_TEXT);
		return;
	}
	if (!data || length > rule->max) {
		writer->fault = writer->fault ? writer->fault : rule->what;
		return;
	}
	wire_put_32(writer, (uint32_t)length);
	put(writer, data, length);
	put(writer, "", 1);
}

size_t wire_text_size(const char *data, size_t length)
{
	return sizeof(uint32_t) + (data ? length + 1 : 0);
}

void wire_fault(struct wire_reader *reader, const char *what)
{
	if (!reader->fault)
		reader->fault = what;
	reader->cursor = reader->end;
}

/* Moves the next bytes to `data`; zeros where there are none. */
static void take(struct wire_reader *reader, void *data, size_t length, const char *what)
{
	memset(data, 0, length);
	if ((size_t)(reader->end - reader->cursor) < length) {
		wire_fault(reader, what);
		return;
	}
	memcpy(data, reader->cursor, length);
	reader->cursor += length;
}

uint64_t wire_take_64(struct wire_reader *reader, uint64_t max, const char *what)
{
	uint64_t number;

	take(reader, &number, sizeof(number), what);
	if (number <= max)
		return number;
	wire_fault(reader, what);
	return 0;
}

uint32_t wire_take_32(struct wire_reader *reader, uint32_t max, const char *what)
{
	uint32_t number;

	take(reader, &number, sizeof(number), what);
	if (number <= max)
		return number;
	wire_fault(reader, what);
	return 0;
}

size_t wire_take_count(struct wire_reader *reader, size_t max, size_t size, const char *what)
{
	size_t count = wire_take_32(reader, UINT32_MAX, what);

	if (count <= max && count <= (size_t)(reader->end - reader->cursor) / size)
		return count;
	wire_fault(reader, what);
	return 0;
}

/* The length of the text at the cursor, all of which is there; false, and a fault, when it does not fit. */
static bool take_length(struct wire_reader *reader, const struct wire_text *rule, size_t *length)
{
	*length = wire_take_32(reader, UINT32_MAX, rule->what);
	if (*length <= rule->max && *length < (size_t)(reader->end - reader->cursor) &&
	    !reader->cursor[*length])
		return true;
	wire_fault(reader, rule->what);
	return false;
}

const char *wire_take_text(struct wire_reader *reader, const struct wire_text *rule, size_t *length)
{
	static const char none[sizeof(uint32_t)] = "\xff\xff\xff\xff";
	const char *text;
	size_t taken;

	if (length)
		*length = 0;
	if (rule->optional && (size_t)(reader->end - reader->cursor) >= sizeof(none) &&
	    !memcmp(reader->cursor, none, sizeof(none))) {
		reader->cursor += sizeof(none);
		return NULL;
	}
	if (!take_length(reader, rule, &taken))
		return "";
	text = reader->cursor;
	if (rule->valid && !rule->valid(text, taken)) {
		wire_fault(reader, rule->what);
		return "";
	}
	reader->cursor += taken + 1;
	if (length)
		*length = taken;
	return text;
}
