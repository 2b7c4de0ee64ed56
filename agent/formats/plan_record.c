#include <string.h>

#include "agent/formats/field.h"
#include "proctor/plan.h"

/* ---- changes ------------------------------------------------------------------------------------ */

static json_t *ids_of(const struct finding *const *findings, struct record_context *context)
{
	json_t *array = json_made(json_array(), context);

	for (; array && *findings; findings++)
		json_append(array, json_of_text((*findings)->id, context), context);
	return array;
}

static json_t *closes(const void *record, const struct field *field, struct record_context *context)
{
	const struct change *change = record;

	(void)field;
	return ids_of(change->closes, context);
}

static json_t *lowers(const void *record, const struct field *field, struct record_context *context)
{
	const struct change *change = record;

	(void)field;
	return ids_of(change->lowers, context);
}

static bool has_text(const json_t *array, const char *text)
{
	const json_t *item;
	size_t index;

	json_array_foreach(array, index, item)
	{
		if (!strcmp(json_string_value(item), text))
			return true;
	}
	return false;
}

static json_t *rules(const void *record, const struct field *field, struct record_context *context)
{
	const struct change *change = record;
	const struct finding *const *lists[] = {change->closes, change->lowers};
	json_t *array = json_made(json_array(), context);

	(void)field;
	for (size_t i = 0; array && i < 2; i++)
		for (const struct finding *const *finding = lists[i]; *finding; finding++)
			if (!has_text(array, (*finding)->rule->id))
				json_append(array, json_of_text((*finding)->rule->id, context), context);
	return array;
}

static json_t *side_effects(const void *record, const struct field *field, struct record_context *context)
{
	const struct change *change = record;

	(void)field;
	return json_of_texts(change->side_effects, context);
}

static const struct field change_fields[] = {
	{.name = "change",
	 .type = FIELD_STRING,
	 .description = "Its name: `drop-capabilities`.",
	 .get = field_text,
	 MEMBER(struct change, id)},
	{.name = "what",
	 .type = FIELD_STRING,
	 .description = "What is changed, in a sentence.",
	 .get = field_text,
	 MEMBER(struct change, what)},
	{.name = "question",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "What only who knows the program can tell; the safe default stands in the fragment.",
	 .get = field_text,
	 MEMBER(struct change, question)},
	{.name = "closes",
	 .type = FIELD_STRINGS,
	 .description = "Ids of the findings that are gone with this and the plan's other changes.",
	 .get = closes},
	{.name = "lowers",
	 .type = FIELD_STRINGS,
	 .description = "Ids of the findings that are there yet, but for information only.",
	 .get = lowers},
	{.name = "rules", .type = FIELD_STRINGS, .description = "The rules of both.", .get = rules},
	{.name = "side_effects",
	 .type = FIELD_STRINGS,
	 .description = "What it may break.",
	 .get = side_effects},
	{0},
};

static const void *change_item(const void *record, const struct field *field, size_t index)
{
	const struct plan *plan = record;

	(void)field;
	return index < plan->change_count ? &plan->changes[index] : NULL;
}

/* ---- what is left ------------------------------------------------------------------------------- */

static json_t *left_id(const void *record, const struct field *field, struct record_context *context)
{
	const struct left_finding *left = record;

	(void)field;
	return json_of_text(left->finding->id, context);
}

static json_t *left_rule(const void *record, const struct field *field, struct record_context *context)
{
	const struct left_finding *left = record;

	(void)field;
	return json_of_text(left->finding->rule->id, context);
}

static const struct field left_fields[] = {
	{.name = "finding", .type = FIELD_STRING, .description = "Its id.", .get = left_id},
	{.name = "rule", .type = FIELD_STRING, .description = "Id of its rule.", .get = left_rule},
	{.name = "reason",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Where it can be closed, or why it cannot be here.",
	 .get = field_text,
	 MEMBER(struct left_finding, reason)},
	{0},
};

static const void *left_item(const void *record, const struct field *field, size_t index)
{
	const struct plan *plan = record;

	(void)field;
	return index < plan->left_count ? &plan->left[index] : NULL;
}

/* ---- the plan ----------------------------------------------------------------------------------- */

static json_t *container_id(const void *record, const struct field *field, struct record_context *context)
{
	const struct plan *plan = record;

	(void)field;
	return json_of_text(plan->container->id, context);
}

static json_t *container_name(const void *record, const struct field *field, struct record_context *context)
{
	const struct plan *plan = record;

	(void)field;
	return json_of_text(plan->container->name, context);
}

static json_t *target(const void *record, const struct field *field, struct record_context *context)
{
	const struct plan *plan = record;

	(void)field;
	return json_of_text(plan->target->name, context);
}

static json_t *fargate(const void *record, const struct field *field, struct record_context *context)
{
	const struct plan *plan = record;

	(void)field;
	return json_made(json_boolean(plan->target->fargate), context);
}

static json_t *leave_out(const void *record, const struct field *field, struct record_context *context)
{
	const struct plan *plan = record;

	(void)field;
	return json_of_texts(plan->leave_out, context);
}

static json_t *fragment(const void *record, const struct field *field, struct record_context *context)
{
	const struct plan *plan = record;

	(void)field, (void)context;
	return plan->text ? json_incref(plan->fragment) : NULL;
}

static const char *const target_names[] = {"ecs", "docker", "compose", "kubernetes", "dockerfile", NULL};

static const struct field plan_fields[] = {
	{.name = "container_id", .type = FIELD_STRING, .description = "The container.", .get = container_id},
	{.name = "container",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Its name.",
	 .get = container_name},
	{.name = "target",
	 .type = FIELD_STRING,
	 .description = "What the changes are written for.",
	 .values = target_names,
	 .get = target},
	{.name = "fargate",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether they are such that Fargate takes them.",
	 .get = fargate},
	{.name = "changes",
	 .type = FIELD_OBJECTS,
	 .description = "The changes; none that closes nothing.",
	 .members = change_fields,
	 .item = change_item},
	{.name = "fragment",
	 .type = FIELD_JSON,
	 .optional = true,
	 .description = "What to set, by target: members of a task definition; `options` of docker run and "
			"`image`; of a Compose file; of a pod; `lines` of a Dockerfile.",
	 .get = fragment},
	{.name = "text",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "The same as it is pasted: JSON, options, YAML, lines.",
	 .get = field_lines,
	 MEMBER(struct plan, text)},
	{.name = "leave_out",
	 .type = FIELD_STRINGS,
	 .description = "What to take away where the container is described.",
	 .get = leave_out},
	{.name = "left",
	 .type = FIELD_OBJECTS,
	 .description = "Findings that this does not close.",
	 .members = left_fields,
	 .item = left_item},
	{0},
};

static const void *plan_at(struct record_context *context, size_t index)
{
	return context->plans && index < context->plans->count ? &context->plans->list[index] : NULL;
}

const struct record_kind record_plan = {
	.type = "plan",
	.member = "plans",
	.description = "What to change so that the findings of a container are gone: with --remediate.",
	.fields = plan_fields,
	.at = plan_at,
};

/* ---- the task definition ------------------------------------------------------------------------ */

static json_t *definition(const void *record, const struct field *field, struct record_context *context)
{
	const struct plans *plans = record;

	(void)field, (void)context;
	return json_incref(plans->task_definition);
}

static const struct field definition_fields[] = {
	{.name = "file",
	 .type = FIELD_STRING,
	 .description = "Where it was read.",
	 .get = field_text,
	 MEMBER(struct plans, task_definition_file)},
	{.name = "definition",
	 .type = FIELD_JSON,
	 .description = "It with the changes, ready for register-task-definition.",
	 .get = definition},
	{.name = "diff",
	 .type = FIELD_STRING,
	 .description = "The changes as a unified diff of both, laid out alike; empty when there is none.",
	 .get = field_lines,
	 MEMBER(struct plans, diff)},
	{0},
};

static const void *definition_at(struct record_context *context, size_t index)
{
	return context->plans && context->plans->task_definition && index == 0 ? context->plans : NULL;
}

const struct record_kind record_task_definition = {
	.type = "task_definition",
	.member = "task_definition",
	.single = true,
	.description = "The changed definition of an ECS task: with --task-definition.",
	.fields = definition_fields,
	.at = definition_at,
};
