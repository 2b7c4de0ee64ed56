/* What `explain` tells, for people. */
#ifndef AGENT_EXPLAIN_PRINT_H
#define AGENT_EXPLAIN_PRINT_H

#include "proctor/output.h"
#include "proctor/record.h"

/* Prints all that is known of the rules and capabilities of the reference, as wide as the terminal, else 80
 * columns. -1 and *error when memory ran out; what the output says is told by output_commit. */
int explain_print(const struct reference *reference, struct output *output, struct error **error);

#endif
