/* Libraries that are loaded when they are wanted (dlopen(3)), so that they cost no other start. */
#ifndef PROCTOR_LIBRARY_H
#define PROCTOR_LIBRARY_H

#include <stddef.h>

struct library_function {
	const char *name;
	size_t offset; /* of the pointer to it, in the struct of the library's functions */
};

/* Loads the library for as long as the process lives, and fills in its functions. -1: it is not installed, or
 * lacks one of them. */
int library_load(const char *file, const struct library_function *functions, size_t count, void *into);

#endif
