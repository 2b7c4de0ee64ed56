/* proctor audit --remediate, proctor recommend: what to change so that findings are gone. */
#ifndef AGENT_REMEDIATE_H
#define AGENT_REMEDIATE_H

#include "agent/remedy/task_definition.h"

struct remediation {
	const char *option;                /* that says for what: `--remediate` */
	const struct target *target;       /* NULL: not asked for */
	const char *task_definition_file;  /* NULL: none */
	const char *write_task_definition; /* where the changed one goes; NULL: nowhere */
	struct task_definition definition;
};

/* Checks that the options go together, and reads the task definition. Returns an enum exit_status. */
int remediation_start(struct remediation *remediation, struct error **error);

/* The plans for the containers of the snapshot; with a task definition only for those that are in it, in
 * which they are made. They point into the snapshot and the findings; owned by the caller. NULL and *error
 * when memory is exhausted, and when none of the containers is in the definition. */
struct plans *remediation_plan(struct remediation *remediation, const struct snapshot *snapshot,
			       const struct findings *findings, enum severity minimum, struct error **error);

/* Makes plans of other origin in the task definition, if there is one, as remediation_plan does. -1 and
 * *error. */
int remediation_apply(struct remediation *remediation, const struct snapshot *snapshot, struct plans *plans,
		      struct error **error);

/* Writes the changed task definition where the options say. */
int remediation_write(const struct remediation *remediation, struct error **error);

void remediation_end(struct remediation *remediation);

#endif
