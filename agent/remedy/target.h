/* The targets: what each can express, and its writer. */
#ifndef AGENT_REMEDY_TARGET_H
#define AGENT_REMEDY_TARGET_H

#include "proctor/plan.h"

/* The target of that name; NULL and *error, which lists them all, when there is none. */
const struct target *target_parse(const char *name, struct error **error);

/* The name of the target at `index`; NULL behind the last. */
const char *target_name(size_t index);

/* Those for which capabilities can be written, `systemd` among them: for what was learned. NULL when there is
 * none of that name; and that at `index`, NULL behind the last. */
const struct target *target_of_learned(const char *name);
const char *target_of_learned_name(size_t index);

/* The same target where a task runs on Fargate; itself when it makes no difference. */
const struct target *target_on_fargate(const struct target *target);

/* The one of a definition of an ECS task. */
bool target_is_ecs(const struct target *target);

/* Writers: fill plan->fragment, plan->leave_out and plan->text. -1 when memory is exhausted. */
int write_ecs(struct plan *plan, struct arena *arena);
int write_docker(struct plan *plan, struct arena *arena);
int write_compose(struct plan *plan, struct arena *arena);
int write_kubernetes(struct plan *plan, struct arena *arena);
int write_dockerfile(struct plan *plan, struct arena *arena);
int write_systemd(struct plan *plan, struct arena *arena);

/* True when the plan has that change. */
static inline bool plan_has(const struct plan *plan, enum change_kind kind)
{
	return plan->kinds & UINT32_C(1) << kind;
}

#endif
