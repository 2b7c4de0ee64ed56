/* Text in lines as wide as the terminal. */
#ifndef AGENT_FORMATS_WRAP_H
#define AGENT_FORMATS_WRAP_H

#include "proctor/output.h"

/* Prints the text, escaped, from column `column` on; further lines are indented by `indent` blanks, and none
 * is longer than `width` columns (0: one line). A word that no line can hold is broken. The last
 * line is left open. -1 when memory is exhausted. */
int wrap_print(struct output *output, const char *text, size_t column, size_t indent, size_t width);

#endif
