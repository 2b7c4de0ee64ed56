/* The definition of an ECS task, as its owner has it in a file. */
#ifndef AGENT_REMEDY_TASK_DEFINITION_H
#define AGENT_REMEDY_TASK_DEFINITION_H

#include "proctor/plan.h"

struct task_definition {
	const char *path;
	json_t *json;    /* what register-task-definition takes */
	char *before;    /* the same as text, before any change */
	bool on_fargate; /* it is to run there, too */
};

/* Reads what `aws ecs describe-task-definition` prints or register-task-definition takes, from a file, or
 * standard input for `-`. Members that only a registered one has are left out; all others are kept, in their
 * order. -1 and *error, with line and column where it is not JSON. Freed by task_definition_free, also then.
 */
int task_definition_read(struct task_definition *definition, const char *path, struct error **error);
void task_definition_free(struct task_definition *definition);

/* The container definition of a running container, borrowed: by its name, else by its image, unless it is
 * known to be of a task of another family. Of a container of which nothing is known it is the only one there
 * is, when `only` says that no other container is meant. NULL when there is none. */
json_t *task_definition_of(const struct task_definition *definition, const struct container *container,
			   bool only);

/* Makes the changes of a plan in the definition and in that of its container. -1 when memory is exhausted. */
int task_definition_change(struct task_definition *definition, json_t *container, const struct plan *plan);

/* What was changed so far; owned by the caller. NULL when memory is exhausted. */
char *task_definition_diff(const struct task_definition *definition);

#endif
