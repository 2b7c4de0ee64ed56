#include "agent/formats/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "proctor/cleanup.h"

enum { GAP = 2, DEFAULT_WIDTH = 80, NARROWEST = 20, BRANCH_LEVELS = 24 };

/* Stands for what was cut off; one column wide. */
static const char ellipsis[] = "…";

/* A cell's text lies in table.text, one behind the other. */
struct cell {
	uint32_t length;
	uint32_t width : 24, style : 8;
};

struct table {
	const struct table_column *const *columns;
	size_t column_count;
	size_t *widths;     /* of the widest cell of each column, or its header */
	uint64_t keep_ends; /* one bit for each column that is cut at its start */
	struct cell *cells;
	size_t cell_count, cell_capacity;
	char *text;
	size_t length, capacity;
	size_t prefix_length, prefix_width; /* of the cell that comes next; stands in `text` already */
	bool failed;
};

enum table_style table_style_of(enum severity severity)
{
	switch (severity) {
	case SEVERITY_INFO:
		return STYLE_INFO;
	case SEVERITY_LOW:
		return STYLE_LOW;
	case SEVERITY_MEDIUM:
		return STYLE_MEDIUM;
	case SEVERITY_HIGH:
		return STYLE_HIGH;
	case SEVERITY_CRITICAL:
		return STYLE_CRITICAL;
	default:
		return STYLE_PLAIN;
	}
}

static size_t terminal_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	uint64_t number;

	if (columns && text_read_number(&columns, columns + strlen(columns), 10, &number) && !*columns &&
	    number)
		return number > NARROWEST ? (size_t)number : NARROWEST;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || size.ws_col == 0)
		return DEFAULT_WIDTH;
	return size.ws_col > NARROWEST ? size.ws_col : NARROWEST;
}

struct table_look table_look_of(const struct output *output)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (!output_is_terminal(output))
		return (struct table_look){0};
	return (struct table_look){
		.width = terminal_width(),
		.colour = !(no_color && *no_color) && term && strcmp(term, "dumb") != 0,
	};
}

static const char *const style_codes[STYLE_COUNT] = {
	[STYLE_PLAIN] = "",          [STYLE_INFO] = "\033[2m",   [STYLE_LOW] = "\033[36m",
	[STYLE_MEDIUM] = "\033[33m", [STYLE_HIGH] = "\033[31m",  [STYLE_CRITICAL] = "\033[1;31m",
	[STYLE_FAINT] = "\033[2m",   [STYLE_STRONG] = "\033[1m",
};

const char *table_style_start(const struct table_look *look, enum table_style style)
{
	return look->colour ? style_codes[style] : "";
}

const char *table_style_end(const struct table_look *look, enum table_style style)
{
	return look->colour && *style_codes[style] ? "\033[0m" : "";
}

struct table *table_new(const struct table_column *const *columns, size_t count)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->columns = columns;
	table->column_count = count;
	table->widths = calloc(count ? count : 1, sizeof(*table->widths));
	if (!table->widths) {
		free(table);
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		table->widths[i] = strlen(columns[i]->header);
	return table;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	free(table->widths);
	free(table->cells);
	free(table->text);
	free(table);
}

void table_keep_ends(struct table *table, size_t column)
{
	if (column < 64)
		table->keep_ends |= (uint64_t)1 << column;
}

/* Room for `more` members behind the `count` of *array. */
static bool reserve(void *array, size_t *capacity, size_t count, size_t more, size_t size)
{
	void **memory = array;
	size_t larger = *capacity ? *capacity : 1024;
	void *grown;

	if (*capacity >= count && *capacity - count >= more)
		return true;
	while (larger < count + more)
		if (__builtin_mul_overflow(larger, (size_t)2, &larger))
			return false;
	grown = reallocarray(*memory, larger, size);
	if (!grown)
		return false;
	*memory = grown;
	*capacity = larger;
	return true;
}

/* Bytes that are one column each and stand for themselves, at the start of `data`. */
static size_t plain_length(const char *data, size_t length)
{
	size_t i = 0;

	while (i < length && data[i] >= ' ' && data[i] < 0x7f && data[i] != '\\')
		i++;
	return i;
}

/* Adds the escaped bytes to table->text and tells their columns; false without memory. */
static bool text_add(struct table *table, const char *data, size_t length, size_t *width)
{
	size_t needed, room = length < SIZE_MAX / 8 ? 4 * length + 1 : 0; /* \xHH for each byte */
	char *at;

	if (!room || length > UINT32_MAX / 8 ||
	    !reserve(&table->text, &table->capacity, table->length, length + 1, 1))
		return false;
	at = table->text + table->length;
	*width = needed = plain_length(data, length);
	if (needed == length) {
		if (length)
			memcpy(at, data, length);
	} else {
		if (!reserve(&table->text, &table->capacity, table->length, room, 1))
			return false;
		at = table->text + table->length;
		needed = text_escape(at, room, data, length);
		*width = text_width(at);
	}
	table->length += needed;
	return true;
}

void table_prefix(struct table *table, const char *prefix)
{
	size_t length = strlen(prefix);

	if (!reserve(&table->text, &table->capacity, table->length, length + 1, 1)) {
		table->failed = true;
		return;
	}
	memcpy(table->text + table->length, prefix, length + 1);
	table->prefix_length = length;
	table->prefix_width = text_width(prefix);
	table->length += length;
}

void table_cell(struct table *table, enum table_style style, const char *data, size_t length)
{
	size_t column = table->cell_count % table->column_count;
	size_t start = table->length, width;

	if (table->failed)
		return;
	if (!reserve(&table->cells, &table->cell_capacity, table->cell_count, 1, sizeof(*table->cells)) ||
	    !text_add(table, data, length, &width)) {
		table->failed = true;
		return;
	}
	width += table->prefix_width;
	if (width > 0xffffff) /* of the bit field */
		width = 0xffffff;
	table->cells[table->cell_count++] = (struct cell){
		.length = (uint32_t)(table->length - start + table->prefix_length),
		.width = (uint32_t)width & 0xffffff,
		.style = style,
	};
	table->prefix_length = table->prefix_width = 0;
	if (width > table->widths[column])
		table->widths[column] = width;
}

void table_text(struct table *table, enum table_style style, const char *text)
{
	table_cell(table, style, text ? text : "-", text ? strlen(text) : 1);
}

void table_texts(struct table *table, enum table_style style, const char *const *texts, const char *between)
{
	_cleanup_free_ char *text = strdup("");

	for (; text && texts && *texts; texts++) {
		char *longer;
		if (asprintf(&longer, "%s%s%s", text, *text ? between : "", *texts) < 0)
			longer = NULL;
		free(text);
		text = longer;
	}
	table->failed |= !text;
	table_text(table, style, text && *text ? text : NULL);
}

void table_number(struct table *table, enum table_style style, uint64_t number)
{
	char text[24];
	char *at = text + sizeof(text);

	do
		*--at = (char)('0' + number % 10);
	while (number /= 10);
	table_cell(table, style, at, (size_t)(text + sizeof(text) - at));
}

/* ---- fitting ----------------------------------------------------------------------------------- */

/* Stands for the width of a column that is left out. */
static const size_t left_out = SIZE_MAX;

/* Columns that one more share for each unit of weight would take; the weights of those still growing. */
static size_t weights_growing(const struct table *table, const size_t *widths)
{
	size_t weights = 0;

	for (size_t i = 0; i < table->column_count; i++)
		if (widths[i] < table->widths[i])
			weights += table->columns[i]->weight;
	return weights;
}

/* Shares `room` columns out by weight; what one column does not need goes to the others. */
static void share_out(const struct table *table, size_t *widths, size_t room)
{
	size_t weights;

	while (room && (weights = weights_growing(table, widths))) {
		size_t share = room / weights ? room / weights : 1;
		for (size_t i = 0; i < table->column_count && room; i++) {
			size_t more = share * table->columns[i]->weight;
			size_t wanted = widths[i] != left_out ? table->widths[i] - widths[i] : 0;
			if (more > wanted)
				more = wanted;
			if (more > room)
				more = room;
			widths[i] += more;
			room -= more;
		}
	}
}

/* The column that can be missed most; column_count: none can. */
static size_t least_kept(const struct table *table, const size_t *widths)
{
	size_t least = table->column_count;
	enum table_keep keep = KEEP_ALWAYS;

	for (size_t i = table->column_count; i-- > 0;)
		if (widths[i] != left_out && table->columns[i]->keep < keep) {
			keep = table->columns[i]->keep;
			least = i;
		}
	return least;
}

/* Leaves out columns until the others fit into `limit`, or one is left. Returns what the lines take then,
 * with a gap behind each column. */
static size_t leave_out(const struct table *table, size_t *widths, size_t used, size_t limit)
{
	for (size_t shown = table->column_count; used > limit && shown > 1; shown--) {
		size_t least = least_kept(table, widths);
		if (least == table->column_count)
			return used;
		used -= widths[least] + GAP;
		widths[least] = left_out;
	}
	return used;
}

/* The width of each column, owned by the caller: as wide as its cells where the line has room for all. */
static size_t *fit(const struct table *table, size_t limit)
{
	size_t *widths = calloc(table->column_count + 1, sizeof(*widths));
	size_t used = 0;

	if (!widths)
		return NULL;
	for (size_t i = 0; i < table->column_count; i++) {
		const struct table_column *column = table->columns[i];
		bool cut = limit && column->weight && column->minimum < table->widths[i];
		widths[i] = cut ? column->minimum : table->widths[i];
		used += widths[i] + GAP;
	}
	if (limit)
		used = leave_out(table, widths, used, limit + GAP);
	if (used < limit + GAP)
		share_out(table, widths, limit + GAP - used);
	return widths;
}

size_t table_left_out(const struct table *table, const struct table_look *look)
{
	_cleanup_free_ size_t *widths = fit(table, look->width);
	size_t count = 0;

	for (size_t i = 0; widths && i < table->column_count; i++)
		count += widths[i] == left_out;
	return count;
}

/* ---- printing ---------------------------------------------------------------------------------- */

/* One line under construction. */
struct line {
	const struct table *table;
	const struct table_look *look;
	struct output *output;
	size_t left;    /* columns of the terminal behind what is printed */
	size_t padding; /* blanks due before the next cell that is not empty */
};

static void put_blanks(struct output *output, size_t count)
{
	static const char blanks[] = "                                                                ";

	for (size_t part; count; count -= part) {
		part = count < sizeof(blanks) - 1 ? count : sizeof(blanks) - 1;
		output_write(output, blanks, part);
	}
}

/* Bytes of the character at the start of the text; *columns: those it takes. */
static size_t character(const char *text, size_t length, size_t *columns)
{
	char one[8] = "";
	size_t step = 1;

	while (step < length && ((unsigned char)text[step] & 0xc0) == 0x80)
		step++;
	memcpy(one, text, step < sizeof(one) ? step : sizeof(one) - 1);
	*columns = text_width(one);
	return step;
}

/* How many bytes of the text, whole characters, fit into `width` columns; *used: those they take. */
static size_t cut_length(const char *text, size_t length, size_t width, size_t *used)
{
	size_t kept = 0, columns;

	for (*used = 0; kept < length; *used += columns) {
		size_t step = character(text + kept, length - kept, &columns);
		if (*used + columns > width)
			break;
		kept += step;
	}
	return kept;
}

/* How many bytes at the start of a text of *used columns are too many for `width` of them. */
static size_t drop_length(const char *text, size_t length, size_t width, size_t *used)
{
	size_t dropped = 0, columns;

	for (; dropped<length && * used> width; *used -= columns)
		dropped += character(text + dropped, length - dropped, &columns);
	return dropped;
}

/* Prints the cell's text in at most `width` columns (not 0) and returns how many it took. */
static size_t put_text(const struct line *line, size_t column, const struct cell *cell, const char *text,
		       size_t width)
{
	enum table_style style = (enum table_style)cell->style;
	size_t start = 0, length = cell->length, used = cell->width;
	bool cut = used > width, keeps_end = column < 64 && line->table->keep_ends >> column & 1;

	if (cut && keeps_end)
		start = drop_length(text, length, width - 1, &used);
	else if (cut)
		length = cut_length(text, length, width - 1, &used);
	output_text(line->output, table_style_start(line->look, style));
	if (cut && keeps_end)
		output_text(line->output, ellipsis);
	output_write(line->output, text + start, length - start);
	if (cut && !keeps_end)
		output_text(line->output, ellipsis);
	output_text(line->output, table_style_end(line->look, style));
	return used + cut;
}

/* Prints one cell in a column of `width`. Blanks are put out only when something follows them. */
static void put_cell(struct line *line, size_t column, const struct cell *cell, const char *text,
		     size_t width)
{
	bool right = line->table->columns[column]->right;
	size_t room = line->padding < line->left ? line->left - line->padding : 0;
	size_t before, used;

	if (width == left_out)
		return;
	if (width > room) /* the last resort: even the columns that are not cut are too wide */
		width = room;
	if (cell->width == 0 || width == 0) {
		line->padding += width + GAP;
		return;
	}
	before = right && cell->width < width ? width - cell->width : 0;
	put_blanks(line->output, line->padding + before);
	used = put_text(line, column, cell, text, width);
	line->left -= line->padding + before + used;
	line->padding = width - before - used + GAP;
}

static void put_headers(struct line line, const size_t *widths)
{
	for (size_t i = 0; i < line.table->column_count; i++) {
		const struct table_column *column = line.table->columns[i];
		size_t length = strlen(column->header);
		struct cell cell = {.length = (uint32_t)length,
				    .width = (uint32_t)length & 0xffffff,
				    .style = STYLE_STRONG};
		put_cell(&line, i, &cell, column->header, widths[i]);
	}
	output_write(line.output, "\n", 1);
}

static void put_rows(const struct line *start, const size_t *widths)
{
	const struct table *table = start->table;
	const struct cell *cell = table->cells;
	const char *text = table->text;

	for (size_t row = 0; row < table->cell_count / table->column_count; row++) {
		struct line line = *start;
		for (size_t i = 0; i < table->column_count; i++, text += cell->length, cell++)
			put_cell(&line, i, cell, text, widths[i]);
		output_write(line.output, "\n", 1);
	}
}

int table_print(const struct table *table, const struct table_look *look, struct output *output,
		struct error **error)
{
	_cleanup_free_ size_t *widths = table->failed ? NULL : fit(table, look->width);
	struct line start = {
		.table = table, .look = look, .output = output, .left = look->width ? look->width : SIZE_MAX};

	if (!widths)
		return error_set(error, 0, "printing a table: out of memory");
	if (!look->headless)
		put_headers(start, widths);
	put_rows(&start, widths);
	return 0;
}

const char *table_branch(char out[TABLE_BRANCH_SIZE], const bool *last, size_t depth)
{
	size_t first = depth > BRANCH_LEVELS ? depth - BRANCH_LEVELS : 0, length = 0;

	out[0] = '\0';
	if (first)
		length += (size_t)snprintf(out, TABLE_BRANCH_SIZE, "%s ", ellipsis);
	for (size_t i = first; i < depth; i++) {
		const char *piece = i + 1 == depth ? (last[i] ? "└─ " : "├─ ") : (last[i] ? "   " : "│  ");
		length += (size_t)snprintf(out + length, TABLE_BRANCH_SIZE - length, "%s", piece);
	}
	return out;
}
