#include "agent/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Copies what fits into `out`, small and with _ between words; false when it is longer. */
static bool fold(const char *text, char out[NEAREST_SIZE])
{
	size_t length = strlen(text);

	if (length >= NEAREST_SIZE)
		return false;
	for (size_t i = 0; i <= length; i++)
		out[i] = text[i] == '-' ? '_' : (char)tolower((unsigned char)text[i]);
	return true;
}

static size_t least(size_t one, size_t other)
{
	return one < other ? one : other;
}

/* How many characters have to be added, left out, replaced, or swapped with their neighbour. */
static size_t distance(const char *one, const char *other)
{
	size_t rows[3][NEAREST_SIZE], width = strlen(other);
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t k = 0; k <= width; k++)
		row[k] = k;
	for (size_t i = 1; one[i - 1]; i++) {
		size_t *free = before;
		before = last;
		last = row;
		row = free;
		row[0] = i;
		for (size_t k = 1; k <= width; k++) {
			row[k] = least(last[k], row[k - 1]) + 1;
			row[k] = least(row[k], last[k - 1] + (one[i - 1] != other[k - 1]));
			if (i > 1 && k > 1 && one[i - 1] == other[k - 2] && one[i - 2] == other[k - 1])
				row[k] = least(row[k], before[k - 2] + 1);
		}
	}
	return row[width];
}

void nearest_to(struct nearest *nearest, const char *wanted)
{
	*nearest = (struct nearest){0};
	if (!fold(wanted, nearest->wanted))
		nearest->wanted[0] = '\0';
	nearest->distance = least(strlen(nearest->wanted) / 3 + 1, 6); /* a third of it may be wrong */
}

void nearest_offer(struct nearest *nearest, const char *name, const char *alias)
{
	char folded[NEAREST_SIZE] = "";
	size_t found;

	if (!*nearest->wanted || !fold(alias, folded))
		return;
	found = distance(nearest->wanted, folded);
	if (found >= nearest->distance)
		return;
	nearest->distance = found;
	snprintf(nearest->name, sizeof(nearest->name), "%s", name);
}
