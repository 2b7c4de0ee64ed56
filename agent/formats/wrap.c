#include "agent/formats/wrap.h"

#include <stdio.h>
#include <string.h>

#include "proctor/cleanup.h"
#include "proctor/text.h"

/* Where printing stands. */
struct wrap {
	struct output *output;
	size_t column, indent, width;
	bool fresh; /* nothing stands on the line but its indent */
};

static void new_line(struct wrap *wrap)
{
	output_format(wrap->output, "\n%*s", (int)wrap->indent, "");
	wrap->column = wrap->indent;
	wrap->fresh = true;
}

/* Bytes of the character at `text`, and its columns. */
static size_t character(const char *text, size_t *columns)
{
	char one[8] = "";
	size_t length = 1;

	while (length < sizeof(one) - 1 && ((unsigned char)text[length] & 0xc0) == 0x80)
		length++;
	memcpy(one, text, length);
	*columns = text_width(one);
	return length;
}

/* Prints a word that is longer than a line, character by character. */
static void put_long_word(struct wrap *wrap, const char *word, size_t length)
{
	for (size_t step, columns; length; word += step, length -= step) {
		step = character(word, &columns);
		if (wrap->column + columns > wrap->width && !wrap->fresh)
			new_line(wrap);
		output_write(wrap->output, word, step);
		wrap->column += columns;
		wrap->fresh = false;
	}
}

static void put_word(struct wrap *wrap, const char *word, size_t length, size_t columns)
{
	size_t gap = wrap->fresh ? 0 : 1;

	bool further = !wrap->fresh || wrap->column > wrap->indent; /* right of where a new line begins */

	if (wrap->width && wrap->column + gap + columns > wrap->width && further) {
		new_line(wrap);
		gap = 0;
	}
	if (gap)
		output_text(wrap->output, " ");
	wrap->column += gap;
	if (wrap->width && wrap->column + columns > wrap->width) {
		put_long_word(wrap, word, length);
		return;
	}
	output_write(wrap->output, word, length);
	wrap->column += columns;
	wrap->fresh = false;
}

int wrap_print(struct output *output, const char *text, size_t column, size_t indent, size_t width)
{
	struct wrap wrap = {
		.output = output, .column = column, .indent = indent, .width = width, .fresh = true};
	size_t size = text_escape(NULL, 0, text, strlen(text)) + 1;
	_cleanup_free_ char *escaped = malloc(size);

	if (!escaped)
		return -1;
	text_escape(escaped, size, text, strlen(text));
	for (char *word = escaped, *end; *(word += strspn(word, " ")); word = end) {
		char ended_by;
		end = word + strcspn(word, " ");
		ended_by = *end;
		*end = '\0';
		put_word(&wrap, word, (size_t)(end - word), text_width(word));
		*end = ended_by;
	}
	return 0;
}
