/* What was learned, for people: a line for each capability of each container, and what follows from them. */
#ifndef AGENT_LEARN_LEARN_TABLE_H
#define AGENT_LEARN_LEARN_TABLE_H

#include "proctor/learned.h"
#include "proctor/output.h"

/* -1 and *error without memory. */
int learn_table_print(const struct learned *learned, struct output *output, struct error **error);

#endif
