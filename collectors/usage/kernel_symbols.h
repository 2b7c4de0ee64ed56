/* Where functions of the kernel lie in memory, by /proc/kallsyms: those that are asked for, no others. */
#ifndef COLLECTORS_USAGE_KERNEL_SYMBOLS_H
#define COLLECTORS_USAGE_KERNEL_SYMBOLS_H

#include <stdint.h>
#include <stdio.h>

#include "proctor/error.h"

struct kernel_symbol {
	uint64_t start, end; /* of its code; [start, end) */
	size_t wanted;       /* its number among the names that were asked for */
};

/* Ascending, without overlaps. Freed by kernel_symbols_free. */
struct kernel_symbols {
	struct kernel_symbol *list;
	size_t count;
	bool hidden; /* all addresses are 0: kernel.kptr_restrict */
};

/* Reads the file for the functions of `names`, ended by NULL; a compiler's parts of one (`.isra.0`, `.cold`)
 * are the function. -1 and *error. */
int kernel_symbols_read(struct kernel_symbols *symbols, FILE *file, const char *const *names,
			struct error **error);

/* The number of the name that the address belongs to; -1: none of them. */
int kernel_symbols_find(const struct kernel_symbols *symbols, uint64_t address);

void kernel_symbols_free(struct kernel_symbols *symbols);

#endif
