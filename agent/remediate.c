#include "agent/remediate.h"

#include <errno.h>

#include "agent/command.h"
#include "agent/remedy/plan.h"
#include "agent/remedy/target.h"
#include "proctor/cleanup.h"
#include "proctor/output.h"

int remediation_start(struct remediation *remediation, struct error **error)
{
	const char *file = remediation->task_definition_file;

	if (file && (!remediation->target || !target_is_ecs(remediation->target))) {
		error_set(error, 0, "--task-definition goes with %s ecs only", remediation->option);
		return EXIT_USAGE;
	}
	if (!file && remediation->write_task_definition) {
		error_set(error, 0, "--write-task-definition needs --task-definition");
		return EXIT_USAGE;
	}
	if (file && task_definition_read(&remediation->definition, file, error))
		return EXIT_FAILED;
	return EXIT_AUDITED;
}

/* ---- the task definition ------------------------------------------------------------------------ */

/* Refuses a definition in which none of the containers is: it would come back as if all were well. */
static int check_containers(const struct task_definition *definition, const struct snapshot *snapshot,
			    struct error **error)
{
	char label[16];

	for (size_t i = 0; i < snapshot->container_count; i++)
		if (task_definition_of(definition, snapshot->containers[i], snapshot->container_count == 1))
			return 0;
	if (snapshot->container_count == 1)
		error_set(error, 0, "%s: no container definition is that of container '%s'", definition->path,
			  container_label(snapshot->containers[0], label, sizeof(label)));
	else
		error_set(error, 0, "%s: no container definition is that of any of these containers",
			  definition->path);
	return error_remedy(error, "they are told by name, else by image; --container chooses one");
}

/* Makes the plans in the definition; those for containers of others are dropped. */
static int change_definition(struct task_definition *definition, const struct snapshot *snapshot,
			     struct plans *plans)
{
	size_t count = 0;
	int result = 0;

	for (size_t i = 0; i < plans->count; i++) {
		struct plan *plan = &plans->list[i];
		json_t *container =
			task_definition_of(definition, plan->container, snapshot->container_count == 1);
		if (!container) {
			json_decref(plan->fragment);
			continue;
		}
		result |= task_definition_change(definition, container, plan);
		plans->list[count++] = *plan;
	}
	plans->count = count;
	plans->task_definition_file = definition->path;
	plans->task_definition = json_incref(definition->json);
	plans->diff = task_definition_diff(definition);
	return result || !plans->diff ? -1 : 0;
}

int remediation_apply(struct remediation *remediation, const struct snapshot *snapshot, struct plans *plans,
		      struct error **error)
{
	struct task_definition *definition = &remediation->definition;

	if (!definition->json)
		return 0;
	if (check_containers(definition, snapshot, error))
		return -1;
	if (!change_definition(definition, snapshot, plans))
		return 0;
	return error_set(error, ENOMEM, "changing the task definition %s", definition->path);
}

struct plans *remediation_plan(struct remediation *remediation, const struct snapshot *snapshot,
			       const struct findings *findings, enum severity minimum, struct error **error)
{
	const struct plan_request request = {.target = remediation->target,
					     .minimum = minimum,
					     .fargate = remediation->definition.on_fargate};
	struct plans *plans = plans_make(snapshot, findings, &request, error);

	if (!plans || !remediation_apply(remediation, snapshot, plans, error))
		return plans;
	plans_free(plans);
	return NULL;
}

int remediation_write(const struct remediation *remediation, struct error **error)
{
	_cleanup_free_ char *text = NULL;
	struct output *output;
	int result;

	if (!remediation->write_task_definition)
		return 0;
	text = json_dumps(remediation->definition.json, JSON_INDENT(4));
	if (!text)
		return error_set(error, ENOMEM, "writing the task definition");
	output = output_open(remediation->write_task_definition, error);
	if (!output)
		return -1;
	output_text(output, text);
	output_text(output, "\n");
	result = output_commit(output, error);
	output_free(output);
	return result;
}

void remediation_end(struct remediation *remediation)
{
	task_definition_free(&remediation->definition);
}
