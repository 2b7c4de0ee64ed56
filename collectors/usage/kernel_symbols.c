#include "collectors/usage/kernel_symbols.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proctor/cleanup.h"

enum { SYMBOLS_MAX = 4000000 }; /* of text, of which a kernel has some 100,000 */

/* ---- one line ----------------------------------------------------------------------------------- */

struct line {
	uint64_t address;
	const char *name;
	size_t length; /* of the name, without a compiler's suffix */
};

/* `ffffffff81000000 T name\t[module]`. False: no function. */
static bool parse_line(const char *text, struct line *line)
{
	char *rest;

	line->address = strtoull(text, &rest, 16);
	if (rest == text || *rest != ' ' || !strchr("tTwW", rest[1]) || !rest[1] || rest[2] != ' ')
		return false;
	line->name = rest + 3;
	line->length = strcspn(line->name, ". \t\n");
	return line->length > 0;
}

static int number_of(const struct line *line, const char *const *names)
{
	for (int i = 0; names[i]; i++)
		if (!strncmp(names[i], line->name, line->length) && !names[i][line->length])
			return i;
	return -1;
}

/* ---- all of them -------------------------------------------------------------------------------- */

struct addresses {
	uint64_t *list;
	size_t count, capacity;
};

static int add_address(struct addresses *addresses, uint64_t address)
{
	size_t capacity = addresses->capacity ? 2 * addresses->capacity : 1 << 16;
	uint64_t *grown;

	if (addresses->count == addresses->capacity) {
		grown = capacity > SYMBOLS_MAX ? NULL
					       : reallocarray(addresses->list, capacity, sizeof(*grown));
		if (!grown)
			return -1;
		addresses->list = grown;
		addresses->capacity = capacity;
	}
	addresses->list[addresses->count++] = address;
	return 0;
}

static int add_symbol(struct kernel_symbols *symbols, uint64_t address, int wanted)
{
	struct kernel_symbol *grown = reallocarray(symbols->list, symbols->count + 1, sizeof(*grown));

	if (!grown)
		return -1;
	symbols->list = grown;
	grown[symbols->count++] = (struct kernel_symbol){.start = address, .wanted = (size_t)wanted};
	return 0;
}

static int compare_addresses(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

static int compare_symbols(const void *left, const void *right)
{
	return compare_addresses(&((const struct kernel_symbol *)left)->start,
				 &((const struct kernel_symbol *)right)->start);
}

/* The code of a function ends where the next one begins. */
static uint64_t end_of(const struct addresses *addresses, uint64_t start)
{
	size_t low = 0, high = addresses->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (addresses->list[middle] <= start)
			low = middle + 1;
		else
			high = middle;
	}
	return low < addresses->count ? addresses->list[low] : start;
}

static void set_ends(struct kernel_symbols *symbols, struct addresses *addresses)
{
	if (addresses->count)
		qsort(addresses->list, addresses->count, sizeof(*addresses->list), compare_addresses);
	if (symbols->count)
		qsort(symbols->list, symbols->count, sizeof(*symbols->list), compare_symbols);
	for (size_t i = 0; i < symbols->count; i++)
		symbols->list[i].end = end_of(addresses, symbols->list[i].start);
	symbols->hidden = !addresses->count || !addresses->list[addresses->count - 1];
}

int kernel_symbols_read(struct kernel_symbols *symbols, FILE *file, const char *const *names,
			struct error **error)
{
	struct addresses addresses = {0};
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	int result = 0;

	*symbols = (struct kernel_symbols){0};
	while (!result && getline(&text, &size, file) >= 0) {
		struct line line;
		int wanted;
		if (!parse_line(text, &line))
			continue;
		wanted = number_of(&line, names);
		result = add_address(&addresses, line.address);
		if (!result && wanted >= 0)
			result = add_symbol(symbols, line.address, wanted);
	}
	if (!result)
		set_ends(symbols, &addresses);
	free(addresses.list);
	if (!result && !ferror(file))
		return 0;
	kernel_symbols_free(symbols);
	return error_set(error, result ? ENOMEM : EIO, "reading the kernel's symbols");
}

int kernel_symbols_find(const struct kernel_symbols *symbols, uint64_t address)
{
	size_t low = 0, high = symbols->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (symbols->list[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low && address < symbols->list[low - 1].end ? (int)symbols->list[low - 1].wanted : -1;
}

void kernel_symbols_free(struct kernel_symbols *symbols)
{
	free(symbols->list);
	*symbols = (struct kernel_symbols){0};
}
