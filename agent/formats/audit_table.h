/* The findings for people: by container, worst first, each with why it matters and how to mend it. */
#ifndef AGENT_FORMATS_AUDIT_TABLE_H
#define AGENT_FORMATS_AUDIT_TABLE_H

#include "agent/formats/table.h"
#include "proctor/finding.h"

/* Prints the findings of the list that no exception accepts, a summary by severity, and the coverage. -1
 * and *error when memory ran out; what the output says is told by output_commit. */
int audit_table_print(const struct snapshot *snapshot, const struct findings *findings,
		      const struct table_look *look, struct output *output, struct error **error);

#endif
