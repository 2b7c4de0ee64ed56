/* Text for people: headings, paragraphs, terms with their explanation, code as it stands. */
#ifndef AGENT_FORMATS_PROSE_H
#define AGENT_FORMATS_PROSE_H

#include "agent/formats/table.h"

/* Starts with the output and its look. */
struct prose {
	struct output *output;
	struct table_look look; /* width 0: no line is broken */
	bool failed;            /* memory ran out */
};

void prose_heading(struct prose *prose, const char *text);

/* A paragraph indented by `indent` blanks. */
void prose_paragraph(struct prose *prose, size_t indent, const char *text);

/* `term` in column `indent`, its text from `column` on; below it when the term or the terminal leaves no
 * room. */
void prose_entry(struct prose *prose, size_t indent, const char *term, size_t column, const char *text);

/* Lines that are not broken, each indented by `indent`. They are trusted: printed as they are. */
void prose_code(const struct prose *prose, size_t indent, const char *lines);

#endif
