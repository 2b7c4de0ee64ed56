#include "agent/formats/field.h"
#include "proctor/cleanup.h"

static json_t *severity(const void *record, const struct field *field, struct record_context *context)
{
	const struct finding *finding = record;

	(void)field;
	return json_of_text(severity_names[finding->severity], context);
}

static json_t *rule(const void *record, const struct field *field, struct record_context *context)
{
	const struct finding *finding = record;

	(void)field;
	return json_of_text(finding->rule->id, context);
}

static json_t *id(const void *record, const struct field *field, struct record_context *context)
{
	const struct finding *finding = record;

	(void)field;
	return json_of_text(finding->id, context);
}

static json_t *container_id(const void *record, const struct field *field, struct record_context *context)
{
	const struct finding *finding = record;

	(void)field;
	return finding->container ? json_of_text(finding->container->id, context) : NULL;
}

static json_t *container_ids(const void *record, const struct field *field, struct record_context *context)
{
	const struct finding *finding = record;
	json_t *array = finding->container_count ? json_made(json_array(), context) : NULL;

	(void)field;
	for (size_t i = 0; array && i < finding->container_count; i++)
		json_append(array, json_of_text(finding->containers[i]->id, context), context);
	return array;
}

/* What its owner calls the container: a text of struct container at the field's offset. */
static json_t *container_text(const void *record, const struct field *field, struct record_context *context)
{
	const struct finding *finding = record;

	return finding->container ? field_text(finding->container, field, context) : NULL;
}

static json_t *task(const void *record, const struct field *field, struct record_context *context)
{
	const struct finding *finding = record;
	_cleanup_free_ char *label = NULL;

	(void)field;
	if (task_label(finding->container, &label))
		return json_made(NULL, context);
	return json_of_text(label, context);
}

static const void *ecs_task_item(const void *record, const struct field *field, size_t index)
{
	const struct finding *finding = record;

	(void)field, (void)index;
	return finding->container ? finding->container->task : NULL;
}

static const void *pod_item(const void *record, const struct field *field, size_t index)
{
	const struct finding *finding = record;

	(void)field, (void)index;
	return finding->container ? finding->container->pod : NULL;
}

static json_t *references(const void *record, const struct field *field, struct record_context *context)
{
	const struct finding *finding = record;

	(void)field;
	return json_of_texts(finding->rule->references, context);
}

static json_t *pids(const void *record, const struct field *field, struct record_context *context)
{
	const struct finding *finding = record;
	json_t *array = json_made(json_array(), context);

	(void)field;
	for (size_t i = 0; array && i < finding->pid_count; i++)
		json_append(array, json_of_number((uint64_t)finding->pids[i], context), context);
	return array;
}

static json_t *evidence_value(const struct evidence *evidence, struct record_context *context)
{
	switch (evidence->type) {
	case EVIDENCE_TEXT:
		return json_of_text(evidence->text, context);
	case EVIDENCE_NUMBER:
		return json_made(json_integer(evidence->number), context);
	case EVIDENCE_BOOLEAN:
		return json_made(json_boolean(evidence->number), context);
	case EVIDENCE_CAPABILITIES:
		return json_of_capabilities(evidence->capabilities, context);
	}
	return NULL;
}

static json_t *evidence(const void *record, const struct field *field, struct record_context *context)
{
	const struct finding *finding = record;
	json_t *map = json_made(json_object(), context);

	(void)field;
	for (const struct evidence *fact = finding->evidence; map && fact; fact = fact->next) {
		json_t *value = evidence_value(fact, context);
		if (value && json_object_set_new(map, fact->name, value))
			context->failed = true;
	}
	return map;
}

static const struct field subject_fields[] = {
	{.name = "kind",
	 .type = FIELD_STRING,
	 .description = "What it is about: `process`, `container`, `mount`, `file`, `host`.",
	 .get = field_text,
	 MEMBER(struct finding, kind)},
	{.name = "pids",
	 .type = FIELD_INTEGERS,
	 .description = "Its processes, the first hundred of them.",
	 .get = pids},
	{.name = "count",
	 .type = FIELD_INTEGER,
	 .description = "How many subjects there are in all.",
	 .get = field_number,
	 MEMBER(struct finding, count)},
	{.name = "executable",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "The file that its processes run.",
	 .get = field_text,
	 MEMBER(struct finding, executable)},
	{.name = "path",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "The file, mount point, device or setting at fault.",
	 .get = field_text,
	 MEMBER(struct finding, path)},
	{0},
};

static const void *remedy_item(const void *record, const struct field *field, size_t index)
{
	const struct finding *finding = record;

	(void)field, (void)index;
	return &finding->rule->remedy;
}

static const struct field exception_fields[] = {
	{.name = "name",
	 .type = FIELD_STRING,
	 .description = "Its section of the configuration.",
	 .get = field_text,
	 MEMBER(struct exception, name)},
	{.name = "reason",
	 .type = FIELD_STRING,
	 .description = "Why the finding is accepted.",
	 .get = field_text,
	 MEMBER(struct exception, reason)},
	{.name = "expires",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "The last day it holds (UTC).",
	 .pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
	 .get = field_text,
	 MEMBER(struct exception, expires)},
	{0},
};

static const struct field fields[] = {
	{.name = "id",
	 .type = FIELD_STRING,
	 .description = "Fingerprint: the same on the next run and after a restart of the container.",
	 .pattern = "^[0-9a-f]{32}$",
	 .get = id},
	{.name = "rule", .type = FIELD_STRING, .description = "Id of the rule.", .get = rule},
	{.name = "severity",
	 .type = FIELD_STRING,
	 .description = "How bad it is here.",
	 .values = field_severities,
	 .get = severity},
	{.name = "title",
	 .type = FIELD_STRING,
	 .description = "What is wrong.",
	 .get = field_text,
	 MEMBER(struct finding, title)},
	{.name = "container_id",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "The container it is in, the worst one; left out for the host.",
	 .get = container_id},
	{.name = "container_ids",
	 .type = FIELD_STRINGS,
	 .optional = true,
	 .description = "All containers of that name, image or program that show it.",
	 .get = container_ids},
	{.name = "container_name",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "What its task or pod calls the container, else its runtime.",
	 .get = container_text,
	 MEMBER(struct container, name)},
	{.name = "image",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "The image of the container, as its owner wrote it.",
	 .get = container_text,
	 MEMBER(struct container, image)},
	{.name = "task",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Family and revision of the container's task definition, as `shop:42`.",
	 .get = task},
	{.name = "ecs_task",
	 .type = FIELD_OBJECT,
	 .optional = true,
	 .description = "The ECS task of the container.",
	 .members = field_task,
	 .item = ecs_task_item},
	{.name = "pod",
	 .type = FIELD_OBJECT,
	 .optional = true,
	 .description = "The Kubernetes pod of the container.",
	 .members = field_pod,
	 .item = pod_item},
	{.name = "subject", .type = FIELD_OBJECT, .description = "What shows it.", .members = subject_fields},
	{.name = "evidence", .type = FIELD_MAP, .description = "The facts that decided.", .get = evidence},
	{.name = "why",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "What it means here.",
	 .get = field_text,
	 MEMBER(struct finding, why)},
	{.name = "remediation",
	 .type = FIELD_OBJECT,
	 .description = "What to change, and where.",
	 .members = field_remedy,
	 .item = remedy_item},
	{.name = "references", .type = FIELD_STRINGS, .description = "Who asks for it.", .get = references},
	{.name = "exception",
	 .type = FIELD_OBJECT,
	 .optional = true,
	 .description = "Why it is accepted as it is, by the configuration.",
	 .members = exception_fields,
	 .item = item_pointer,
	 MEMBER(struct finding, exception)},
	{0},
};

static const void *at(struct record_context *context, size_t index)
{
	const struct findings *findings = context->findings;

	return findings && index < findings->count ? findings->list[index] : NULL;
}

const struct record_kind record_finding = {
	.type = "finding",
	.member = "findings",
	.description = "One thing to fix.",
	.fields = fields,
	.at = at,
};
