/* Tables for people: columns as wide as what stands in them, fitted to the terminal.
 *
 * Cells are added row by row, from left to right, and printed when all are known. Whatever bytes they hold,
 * what is printed is one line for each row, without control characters, no wider than the terminal. */
#ifndef AGENT_FORMATS_TABLE_H
#define AGENT_FORMATS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proctor/output.h"
#include "proctor/rule.h"

struct table_column {
	const char *header;
	bool right; /* numbers */
	/* A column that may be cut has a weight: when the table is wider than the terminal, each of them is
	 * given `minimum` columns, and what room is left is shared out by weight. 0: never cut before those.
	 */
	unsigned weight;
	unsigned minimum;
	/* When even these have no room, columns are left out: of those that are kept least the last first. */
	enum table_keep { KEEP_IF_ROOM, KEEP_LONGER, KEEP_ALWAYS } keep;
};

/* How a cell looks where colour is allowed; severities look the same everywhere. */
enum table_style {
	STYLE_PLAIN,
	STYLE_INFO,
	STYLE_LOW,
	STYLE_MEDIUM,
	STYLE_HIGH,
	STYLE_CRITICAL,
	STYLE_FAINT,
	STYLE_STRONG,
	STYLE_COUNT
};

enum table_style table_style_of(enum severity severity);

/* What the place of printing allows. */
struct table_look {
	size_t width; /* columns of the terminal; 0: any */
	bool colour;
	bool headless; /* no line of headers */
};

/* The look for an output: a terminal has its width (COLUMNS, else what it says, else 80) and colours unless
 * NO_COLOR is set or TERM is dumb; anything else has neither limit nor colour. */
struct table_look table_look_of(const struct output *output);

/* The bytes that turn a style on, and those that turn it off; "" when there is no colour. */
const char *table_style_start(const struct table_look *look, enum table_style style);
const char *table_style_end(const struct table_look *look, enum table_style style);

struct table;

/* A new table of these columns, which outlive it; owned by the caller. NULL when memory is exhausted. */
struct table *table_new(const struct table_column *const *columns, size_t count);
void table_free(struct table *table);

/* Has a column (one of the first 64) cut at its start: its end tells most, as that of a path. */
void table_keep_ends(struct table *table, size_t column);

/* Adds the next cell: any bytes, escaped here. Without memory the table is kept as failed, told by
 * table_print. */
void table_cell(struct table *table, enum table_style style, const char *data, size_t length);

/* The same for a string; NULL, what is not known, is shown as `-`. */
void table_text(struct table *table, enum table_style style, const char *text);

/* Several, ended by NULL and parted by `between`, as one cell; none, or NULL, is shown as `-`. */
void table_texts(struct table *table, enum table_style style, const char *const *texts, const char *between);

void table_number(struct table *table, enum table_style style, uint64_t number);

/* Puts a branch of a tree (table_branch) in front of the next cell. It is trusted, valid UTF-8. */
void table_prefix(struct table *table, const char *prefix);

/* How many columns are left out where the lines are as wide as the look says. */
size_t table_left_out(const struct table *table, const struct table_look *look);

/* Prints the rows, whole ones only. -1 and *error when memory ran out on the way; what the output says of
 * itself is told by output_commit. */
int table_print(const struct table *table, const struct table_look *look, struct output *output,
		struct error **error);

enum { TABLE_BRANCH_SIZE = 256 };

/* The branch in front of an entry `depth` levels below its root (0: none): `last[i]` says whether its
 * ancestor at level i + 1, itself at depth - 1, is the last child of its parent. Deep trees keep their
 * innermost levels only, behind `… `. Returns `out`. */
const char *table_branch(char out[TABLE_BRANCH_SIZE], const bool *last, size_t depth);

#endif
