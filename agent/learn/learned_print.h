/* What was learned, as commands print it. */
#ifndef AGENT_LEARN_LEARNED_PRINT_H
#define AGENT_LEARN_LEARNED_PRINT_H

#include "agent/formats/format.h"
#include "proctor/error.h"
#include "proctor/learned.h"
#include "proctor/proof.h"

/* Into the file (NULL: standard output), with what was proven of it (NULL: nothing). -1 and *error. */
int learned_print(const char *file, enum format format, const struct learned *learned,
		  const struct proof *proof, struct error **error);

#endif
