#include "agent/formats/prose.h"

#include <string.h>

#include "agent/formats/wrap.h"

enum { HANGING = 2, LEAST_ROOM = 24 }; /* columns of text, below which it goes under its term */

static void put_blanks(const struct prose *prose, size_t count)
{
	output_format(prose->output, "%*s", (int)count, "");
}

static void put_text(struct prose *prose, size_t column, const char *text)
{
	if (wrap_print(prose->output, text, column, column, prose->look.width))
		prose->failed = true;
}

/* As it stands, unless the terminal is too narrow for it. */
static void put_strong(struct prose *prose, size_t column, const char *text)
{
	output_text(prose->output, table_style_start(&prose->look, STYLE_STRONG));
	if (prose->look.width && column + text_width(text) > prose->look.width)
		put_text(prose, column, text);
	else
		output_text(prose->output, text);
	output_text(prose->output, table_style_end(&prose->look, STYLE_STRONG));
}

void prose_heading(struct prose *prose, const char *text)
{
	put_strong(prose, 0, text);
	output_text(prose->output, "\n");
}

void prose_paragraph(struct prose *prose, size_t indent, const char *text)
{
	put_blanks(prose, indent);
	put_text(prose, indent, text);
	output_text(prose->output, "\n");
}

void prose_entry(struct prose *prose, size_t indent, const char *term, size_t column, const char *text)
{
	size_t end = indent + text_width(term), width = prose->look.width;

	put_blanks(prose, indent);
	put_strong(prose, indent, term);
	if (end < column && (!width || column + LEAST_ROOM <= width)) {
		put_blanks(prose, column - end);
		put_text(prose, column, text);
		output_text(prose->output, "\n");
	} else {
		output_text(prose->output, "\n");
		prose_paragraph(prose, indent + HANGING, text);
	}
}

void prose_code(const struct prose *prose, size_t indent, const char *lines)
{
	for (size_t length; *lines; lines += length + (lines[length] == '\n')) {
		length = strcspn(lines, "\n");
		put_blanks(prose, length ? indent : 0);
		output_write(prose->output, lines, length);
		output_text(prose->output, "\n");
	}
}
