/* What is told of who a container is, and of what it was declared to be. */
#include <string.h>

#include "agent/formats/field.h"
#include "proctor/cleanup.h"

const struct field field_task[] = {
	FIELD_TEXT(struct task, arn, "arn", "Its ARN."),
	FIELD_TEXT(struct task, family, "family", "Family of its task definition."),
	FIELD_TEXT(struct task, revision, "revision", "Revision of its task definition."),
	FIELD_TEXT(struct task, cluster, "cluster", "Name or ARN of the cluster."),
	FIELD_TEXT(struct task, launch_type, "launch_type", "`EC2`, `FARGATE` or `EXTERNAL`."),
	FIELD_TEXT(struct task, availability_zone, "availability_zone", "Where it runs."),
	{0},
};

const struct field field_pod[] = {
	FIELD_TEXT(struct pod, name, "name", "Its name."),
	FIELD_TEXT(struct pod, name_space, "namespace", "Its namespace in Kubernetes."),
	FIELD_TEXT(struct pod, uid, "uid", "Its uid."),
	FIELD_TEXT(struct pod, container, "container", "What it calls the container."),
	{0},
};

/* Labels that say who a container is. Others may hold secrets, as arguments do. */
static const char *const plain_labels[] = {
	"com.amazonaws.ecs.", "com.docker.compose.", "io.container.manager",      "io.kubernetes.",
	"nerdctl/name",       "nerdctl/namespace",   "org.opencontainers.image.", NULL,
};

/* Annotations that hold whole manifests, with environments and arguments. */
static const char *const secret_labels[] = {"io.kubernetes.cri-o.Annotations", "io.kubernetes.cri-o.Labels",
					    "io.kubernetes.cri-o.Metadata",
					    "com.docker.compose.project.environment_file", NULL};

static bool begins_with_any(const char *text, const char *const *starts)
{
	for (; *starts; starts++)
		if (!strncmp(text, *starts, strlen(*starts)))
			return true;
	return false;
}

json_t *field_labels(const void *record, const struct field *field, struct record_context *context)
{
	const struct container *container = record;
	json_t *map = container->label_count ? json_made(json_object(), context) : NULL;

	(void)field;
	for (size_t i = 0; map && i < container->label_count; i++) {
		const struct label *label = &container->labels[i];
		if (!context->with_arguments && (!begins_with_any(label->name, plain_labels) ||
						 begins_with_any(label->name, secret_labels)))
			continue;
		_cleanup_json_ json_t *name = json_of_text(label->name, context);
		if (name &&
		    json_object_set_new(map, json_string_value(name), json_of_text(label->value, context)))
			context->failed = true;
	}
	return map;
}

/* ---- what it was declared to be ------------------------------------------------------------------ */

static json_t *declared_boolean(const struct declared *declared, uint32_t fact, bool value,
				struct record_context *context)
{
	return declared->known & fact ? json_made(json_boolean(value), context) : NULL;
}

static json_t *declared_privileged(const void *record, const struct field *field,
				   struct record_context *context)
{
	const struct declared *declared = record;

	(void)field;
	return declared_boolean(declared, DECLARED_PRIVILEGED, declared->privileged, context);
}

static json_t *declared_read_only(const void *record, const struct field *field,
				  struct record_context *context)
{
	const struct declared *declared = record;

	(void)field;
	return declared_boolean(declared, DECLARED_READ_ONLY, declared->read_only, context);
}

static json_t *declared_capabilities(const void *record, const struct field *field,
				     struct record_context *context)
{
	const struct declared *declared = record;

	(void)field;
	return declared->known & DECLARED_CAPABILITIES ? json_of_capabilities(declared->capabilities, context)
						       : NULL;
}

static const struct field declared_limits[] = {
	{.name = "memory",
	 .type = FIELD_OBJECT,
	 .optional = true,
	 .description = "Bytes of memory.",
	 .members = field_limit,
	 .item = field_limit_item,
	 MEMBER(struct declared, memory)},
	{.name = "cpu",
	 .type = FIELD_OBJECT,
	 .optional = true,
	 .description = "Thousandths of a processor.",
	 .members = field_limit,
	 .item = field_limit_item,
	 MEMBER(struct declared, cpu)},
	{.name = "pids",
	 .type = FIELD_OBJECT,
	 .optional = true,
	 .description = "Tasks.",
	 .members = field_limit,
	 .item = field_limit_item,
	 MEMBER(struct declared, pids)},
	{0},
};

const struct field field_declared[] = {
	{.name = "privileged",
	 .type = FIELD_BOOLEAN,
	 .optional = true,
	 .description = "Whether it was to be privileged.",
	 .get = declared_privileged},
	{.name = "user",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Who it was to run as, as `1000:1000`.",
	 .get = field_text,
	 MEMBER(struct declared, user)},
	{.name = "readonly",
	 .type = FIELD_BOOLEAN,
	 .optional = true,
	 .description = "Whether its root was to be read-only.",
	 .get = declared_read_only},
	{.name = "capabilities",
	 .type = FIELD_STRINGS,
	 .optional = true,
	 .description = "All that it was to be granted in any set.",
	 .pattern = CAPABILITY_PATTERN,
	 .get = declared_capabilities},
	{.name = "limits",
	 .type = FIELD_OBJECT,
	 .description = "What it was to be limited to.",
	 .members = declared_limits},
	{0},
};
