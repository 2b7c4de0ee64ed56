/* Plans for people: what to change, what that closes and breaks, what to paste. */
#ifndef AGENT_FORMATS_PLAN_TABLE_H
#define AGENT_FORMATS_PLAN_TABLE_H

#include "agent/formats/table.h"
#include "proctor/plan.h"

/* Prints all plans, and the diff of the task definition where there is one. -1 and *error when memory ran
 * out; what the output says is told by output_commit. */
int plan_table_print(const struct plans *plans, const struct table_look *look, struct output *output,
		     struct error **error);

#endif
