/* Myers, An O(ND) Difference Algorithm and Its Variations (1986): the greedy algorithm, with each step kept
 * for the way back. */
#include "agent/remedy/diff.h"

#include <stdbool.h>
#include <string.h>

#include "proctor/cleanup.h"

enum {
	CONTEXT = 3,
	APART = 2 * CONTEXT, /* unchanged lines that part two hunks, and one more */
	STEPS_MAX = 2000,
};

struct line {
	const char *text;
	size_t length;
};

struct lines {
	struct line *list;
	size_t count;
};

/* Lines of both texts: which of them are in the other one as well, in the same order. */
struct diff {
	struct lines before, after;
	bool *removed, *added; /* by line */
	FILE *file;
};

/* ---- lines -------------------------------------------------------------------------------------- */

static int lines_split(struct lines *lines, const char *text)
{
	size_t count = 1;

	for (const char *cursor = text; *cursor; cursor++)
		count += *cursor == '\n';
	lines->list = calloc(count, sizeof(*lines->list));
	if (!lines->list)
		return -1;
	while (*text) {
		size_t length = strcspn(text, "\n");
		lines->list[lines->count++] = (struct line){text, length};
		text += length + (text[length] == '\n');
	}
	return 0;
}

static bool same_line(const struct diff *diff, size_t before, size_t after)
{
	const struct line *left = &diff->before.list[before], *right = &diff->after.list[after];

	return left->length == right->length && !memcmp(left->text, right->text, left->length);
}

/* ---- the shortest script ------------------------------------------------------------------------ */

/* How far each diagonal, from -step to step, was followed with that many differences. */
struct step {
	ptrdiff_t *reach;
};

static ptrdiff_t *diagonal(const struct step *steps, ptrdiff_t step, ptrdiff_t number)
{
	return &steps[step].reach[number + step];
}

/* Where diagonal `number` starts in this step: one line down or to the right of the step before. */
static ptrdiff_t start_of(const struct step *steps, ptrdiff_t step, ptrdiff_t number)
{
	if (step == 0)
		return 0;
	if (number == -step || (number != step && *diagonal(steps, step - 1, number - 1) <
							  *diagonal(steps, step - 1, number + 1)))
		return *diagonal(steps, step - 1, number + 1);
	return *diagonal(steps, step - 1, number - 1) + 1;
}

/* Follows all diagonals of a step. 1 when the end of both is reached. */
static int take_step(const struct diff *diff, struct step *steps, ptrdiff_t step)
{
	ptrdiff_t before_count = (ptrdiff_t)diff->before.count, after_count = (ptrdiff_t)diff->after.count;

	steps[step].reach = calloc(2 * (size_t)step + 1, sizeof(*steps[step].reach));
	if (!steps[step].reach)
		return -1;
	for (ptrdiff_t number = -step; number <= step; number += 2) {
		ptrdiff_t before = start_of(steps, step, number), after = before - number;
		while (before < before_count && after < after_count && after >= 0 &&
		       same_line(diff, (size_t)before, (size_t)after)) {
			before++;
			after++;
		}
		*diagonal(steps, step, number) = before;
		if (before >= before_count && after >= after_count)
			return 1;
	}
	return 0;
}

/* Goes back from the end, noting which lines each step removed or added. */
static void note_script(struct diff *diff, const struct step *steps, ptrdiff_t step)
{
	ptrdiff_t before = (ptrdiff_t)diff->before.count, after = (ptrdiff_t)diff->after.count;

	for (; step > 0; step--) {
		ptrdiff_t number = before - after;
		bool down = number == -step ||
			    (number != step &&
			     *diagonal(steps, step - 1, number - 1) < *diagonal(steps, step - 1, number + 1));
		ptrdiff_t previous = down ? number + 1 : number - 1;
		before = *diagonal(steps, step - 1, previous);
		after = before - previous;
		if (down)
			diff->added[after] = true;
		else
			diff->removed[before] = true;
	}
}

static void note_all(struct diff *diff)
{
	memset(diff->removed, true, diff->before.count);
	memset(diff->added, true, diff->after.count);
}

static int find_script(struct diff *diff)
{
	struct step *steps = calloc(STEPS_MAX, sizeof(*steps));
	ptrdiff_t step = 0;
	int result = steps ? 0 : -1;

	for (; steps && step < STEPS_MAX && result == 0; step++)
		result = take_step(diff, steps, step);
	if (result > 0)
		note_script(diff, steps, step - 1);
	else if (result == 0)
		note_all(diff);
	for (ptrdiff_t i = 0; steps && i < step; i++)
		free(steps[i].reach);
	free(steps);
	return result < 0 ? -1 : 0;
}

/* ---- hunks -------------------------------------------------------------------------------------- */

struct place {
	size_t before, after; /* lines */
};

static bool is_change(const struct diff *diff, struct place at)
{
	return (at.before < diff->before.count && diff->removed[at.before]) ||
	       (at.after < diff->after.count && diff->added[at.after]);
}

static bool is_end(const struct diff *diff, struct place at)
{
	return at.before >= diff->before.count && at.after >= diff->after.count;
}

static void put_line(const struct diff *diff, char mark, const struct line *line)
{
	fprintf(diff->file, "%c%.*s\n", mark, (int)line->length, line->text);
}

/* Passes one line: removed, added, or in both. */
static struct place pass(const struct diff *diff, struct place at, bool print)
{
	bool removed = at.before < diff->before.count && diff->removed[at.before];
	bool added = !removed && at.after < diff->after.count && diff->added[at.after];

	if (print && added)
		put_line(diff, '+', &diff->after.list[at.after]);
	else if (print)
		put_line(diff, removed ? '-' : ' ', &diff->before.list[at.before]);
	at.before += !added;
	at.after += !removed;
	return at;
}

/* The end of the hunk that starts at a change: so many lines behind its last change. */
static struct place hunk_end(const struct diff *diff, struct place at)
{
	struct place end = at;
	size_t unchanged = 0;

	while (!is_end(diff, at) && unchanged <= APART) {
		bool change = is_change(diff, at);
		at = pass(diff, at, false);
		unchanged = change ? 0 : unchanged + 1;
		if (unchanged <= CONTEXT)
			end = at;
	}
	return end;
}

/* As diff -u has it: an empty range is told by the line before it. */
static void put_range(const struct diff *diff, char mark, size_t start, size_t end)
{
	if (end - start == 1)
		fprintf(diff->file, " %c%zu", mark, start + 1);
	else
		fprintf(diff->file, " %c%zu,%zu", mark, end > start ? start + 1 : start, end - start);
}

static void put_hunk(const struct diff *diff, struct place start, struct place end)
{
	fprintf(diff->file, "@@");
	put_range(diff, '-', start.before, end.before);
	put_range(diff, '+', start.after, end.after);
	fprintf(diff->file, " @@\n");
	while (start.before < end.before || start.after < end.after)
		start = pass(diff, start, true);
}

static void put_hunks(const struct diff *diff, const char *before_name, const char *after_name)
{
	struct place at = {0};
	bool any = false;

	while (!is_end(diff, at)) {
		size_t back = at.before < CONTEXT ? at.before : CONTEXT;
		struct place start = {at.before - back, at.after - back}, end;
		if (!is_change(diff, at)) {
			at = pass(diff, at, false);
			continue;
		}
		end = hunk_end(diff, at);
		if (!any)
			fprintf(diff->file, "--- %s\n+++ %s\n", before_name, after_name);
		any = true;
		put_hunk(diff, start, end);
		at = end;
	}
}

static int diff_make(struct diff *diff, const char *before, const char *after)
{
	if (lines_split(&diff->before, before) || lines_split(&diff->after, after))
		return -1;
	diff->removed = calloc(diff->before.count + 1, sizeof(bool));
	diff->added = calloc(diff->after.count + 1, sizeof(bool));
	return diff->removed && diff->added ? find_script(diff) : -1;
}

char *diff_unified(const char *before_name, const char *before, const char *after_name, const char *after)
{
	struct diff diff = {0};
	char *text = NULL;
	size_t size;
	int result = diff_make(&diff, before, after);

	diff.file = result ? NULL : open_memstream(&text, &size);
	if (diff.file)
		put_hunks(&diff, before_name, after_name);
	if (!diff.file || fclose(diff.file)) {
		free(text);
		text = NULL;
	}
	free(diff.before.list);
	free(diff.after.list);
	free(diff.removed);
	free(diff.added);
	return text;
}
