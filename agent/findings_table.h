/* What an agent remembers, as a table. */
#ifndef AGENT_FINDINGS_TABLE_H
#define AGENT_FINDINGS_TABLE_H

#include "agent/store/read.h"
#include "proctor/output.h"

/* Prints a line for each finding that the reader tells; ages are those at `now`, milliseconds since 1970.
 * *left_out: columns that had no room. -1 and *error. */
int findings_table_print(struct store_reader *reader, int64_t now, struct output *output, size_t *left_out,
			 struct error **error);

#endif
