/* The nearest of many names to one that was mistyped. */
#ifndef AGENT_NEAREST_H
#define AGENT_NEAREST_H

#include <stddef.h>

enum { NEAREST_SIZE = 64 };

/* Starts with nearest_to. */
struct nearest {
	char wanted[NEAREST_SIZE]; /* empty: too long to be any name */
	char name[NEAREST_SIZE];   /* the nearest one so far; empty: none is near */
	size_t distance;           /* the next one has to be nearer than this */
};

void nearest_to(struct nearest *nearest, const char *wanted);

/* Offers `name`, compared by `alias`: itself, or what it also goes by. Case does not count, nor whether words
 * are joined by - or _. */
void nearest_offer(struct nearest *nearest, const char *name, const char *alias);

#endif
