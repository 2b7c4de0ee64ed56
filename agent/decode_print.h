/* What `decode` tells, for people. */
#ifndef AGENT_DECODE_PRINT_H
#define AGENT_DECODE_PRINT_H

#include "proctor/output.h"
#include "proctor/record.h"

/* Prints each set of the reference, or our own state with all of its sets. -1 and *error when memory ran out;
 * what the output says is told by output_commit. */
int decode_print(const struct reference *reference, struct output *output, struct error **error);

#endif
