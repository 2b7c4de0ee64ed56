#include "agent/remedy/task_definition.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "agent/remedy/diff.h"
#include "collectors/read.h"
#include "proctor/cleanup.h"

enum { SIZE_LIMIT = 4 << 20, INDENT = 4 }; /* as the AWS CLI prints it */

/* ---- reading ------------------------------------------------------------------------------------ */

static int parse(struct task_definition *definition, const struct buffer *buffer, struct error **error)
{
	json_error_t place;

	definition->json = json_loadb(buffer->data, buffer->length, JSON_REJECT_DUPLICATES, &place);
	if (definition->json)
		return 0;
	if (!*place.text || json_error_code(&place) == json_error_out_of_memory)
		return error_set(error, ENOMEM, "reading the task definition %s", definition->path);
	return error_set(error, 0, "%s:%d:%d: %s", definition->path, place.line, place.column, place.text);
}

/* What describe-task-definition prints has the definition within, and its tags beside it. */
static int unwrap(struct task_definition *definition)
{
	json_t *inner = json_object_get(definition->json, "taskDefinition");
	json_t *tags = json_object_get(definition->json, "tags");

	if (!json_is_object(inner))
		return 0;
	json_incref(inner);
	if (json_array_size(tags) && json_object_set(inner, "tags", tags)) {
		json_decref(inner);
		return -1;
	}
	json_decref(definition->json);
	definition->json = inner;
	return 0;
}

/* What ECS tells of a registered definition, and register-task-definition refuses. */
static void drop_registered(json_t *json)
{
	static const char *const members[] = {"taskDefinitionArn",  "revision",        "status",
					      "requiresAttributes", "compatibilities", "registeredAt",
					      "registeredBy",       "deregisteredAt"};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		json_object_del(json, members[i]);
}

static int check(const struct task_definition *definition, struct error **error)
{
	const json_t *containers = json_object_get(definition->json, "containerDefinitions"), *container;
	size_t index;

	if (!json_array_size(containers))
		return error_set(error, 0, "%s: it has no containerDefinitions", definition->path);
	json_array_foreach(containers, index, container)
	{
		if (!json_is_string(json_object_get(container, "name")))
			return error_set(error, 0, "%s: containerDefinitions[%zu] has no name",
					 definition->path, index);
	}
	return 0;
}

static bool is_for_fargate(const json_t *json)
{
	const json_t *launch_types = json_object_get(json, "requiresCompatibilities"), *type;
	size_t index;

	json_array_foreach(launch_types, index, type)
	{
		if (json_is_string(type) && !strcmp(json_string_value(type), "FARGATE"))
			return true;
	}
	return false;
}

/* In ASCII: it is shown on terminals. */
static char *text_of(const json_t *json)
{
	_cleanup_free_ char *text = json_dumps(json, JSON_INDENT(INDENT) | JSON_ENSURE_ASCII);
	char *lines = NULL;

	return text && asprintf(&lines, "%s\n", text) >= 0 ? lines : NULL;
}

int task_definition_read(struct task_definition *definition, const char *path, struct error **error)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	bool standard_input = !strcmp(path, "-");
	int cut = buffer_read(&buffer, AT_FDCWD, standard_input ? "/dev/stdin" : path, SIZE_LIMIT);

	*definition = (struct task_definition){.path = standard_input ? "standard input" : path};
	if (cut < 0)
		return error_set(error, errno, "reading the task definition %s", definition->path);
	if (cut)
		return error_set(error, 0, "%s: more than %d bytes of task definition", definition->path,
				 SIZE_LIMIT);
	if (parse(definition, &buffer, error))
		return -1;
	if (unwrap(definition))
		return error_set(error, ENOMEM, "reading the task definition %s", definition->path);
	drop_registered(definition->json);
	if (check(definition, error))
		return -1;
	definition->on_fargate = is_for_fargate(definition->json);
	definition->before = text_of(definition->json);
	return definition->before ? 0 : error_set(error, ENOMEM, "reading the task definition %s", path);
}

void task_definition_free(struct task_definition *definition)
{
	json_decref(definition->json);
	free(definition->before);
	*definition = (struct task_definition){0};
}

/* ---- which container is which ------------------------------------------------------------------- */

static bool has_text(const json_t *object, const char *name, const char *text)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value && text && !strcmp(value, text);
}

static json_t *find(const json_t *containers, const char *member, const char *text)
{
	json_t *container;
	size_t index;

	json_array_foreach((json_t *)containers, index, container)
	{
		if (has_text(container, member, text))
			return container;
	}
	return NULL;
}

static bool is_of_other_family(const struct task_definition *definition, const struct container *container)
{
	const char *family = json_string_value(json_object_get(definition->json, "family"));

	return family && container->task && container->task->family &&
	       strcmp(family, container->task->family) != 0;
}

json_t *task_definition_of(const struct task_definition *definition, const struct container *container,
			   bool only)
{
	const json_t *containers = json_object_get(definition->json, "containerDefinitions");
	json_t *found;

	if (is_of_other_family(definition, container))
		return NULL;
	found = find(containers, "name", container->name);
	if (!found)
		found = find(containers, "image", container->image);
	if (!found && only && !container->name && !container->image && json_array_size(containers) == 1)
		found = json_array_get(containers, 0);
	return found;
}

char *task_definition_diff(const struct task_definition *definition)
{
	_cleanup_free_ char *after = text_of(definition->json);

	return after ? diff_unified(definition->path, definition->before, "changed", after) : NULL;
}
