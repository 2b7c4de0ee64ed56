/* INI text with the place of each of its words, so that what is wrong can be pointed at.
 *
 * inih tells which lines are entries, and their keys. It has room for 198 bytes of a line: values are taken
 * from the lines themselves, sections and comments are kept from it, and what it lets pass in silence (NUL
 * bytes, sections without keys) is an error here. */
#ifndef AGENT_INI_H
#define AGENT_INI_H

#include <stdbool.h>
#include <stddef.h>

#include "proctor/error.h"

/* `key = value`, or the begin of a section. Lives during the visit only. */
struct ini_entry {
	const char *section; /* "" before the first one */
	const char *key;     /* NULL: the section begins here */
	const char *value;
	bool continued; /* an indented line that goes on with the value of `key` */
	size_t line;
	size_t column; /* where an error lies: of the key, until the visitor sets it to value_column */
	size_t value_column;
};

/* Called for each entry. -1 and *error, without the place, when it is wrong. */
typedef int (*ini_visitor)(void *state, struct ini_entry *entry, struct error **error);

/* Visits the entries of the file. -1 and *error, with file, line and column, when it cannot be read, is more
 * than a megabyte, is not INI, or the visitor refuses an entry. */
int ini_visit(const char *path, ini_visitor visitor, void *state, struct error **error);

#endif
