/* What is told of a program that processes of a container execute. */
#include "agent/formats/field.h"

const char *const field_origins[] = {"image", "run-time", "mount", NULL};

json_t *field_origin(const void *record, const struct field *field, struct record_context *context)
{
	enum file_origin origin = *(const enum file_origin *)((const char *)record + field->offset);

	return origin == ORIGIN_UNKNOWN ? NULL : json_of_text(field_origins[origin - ORIGIN_IMAGE], context);
}

static json_t *mount_point(const void *record, const struct field *field, struct record_context *context)
{
	const struct program *program = record;

	(void)field;
	return program->mount ? json_of_text(program->mount->point, context) : NULL;
}

static json_t *pids(const void *record, const struct field *field, struct record_context *context)
{
	const struct program *program = record;
	json_t *array = json_made(json_array(), context);

	(void)field;
	for (size_t i = 0; array && i < program->process_count && i < FINDING_PIDS_MAX; i++)
		json_append(array, json_of_number((uint64_t)program->processes[i]->pid, context), context);
	return array;
}

static json_t *mode(const void *record, const struct field *field, struct record_context *context)
{
	return ((const struct program *)record)->known ? field_mode(record, field, context) : NULL;
}

static json_t *id(const void *record, const struct field *field, struct record_context *context)
{
	return ((const struct program *)record)->known ? field_number(record, field, context) : NULL;
}

const struct field field_program[] = {
	{.name = "path",
	 .type = FIELD_STRING,
	 .description = "Its path in the container.",
	 .get = field_text,
	 MEMBER(struct program, path)},
	{.name = "origin",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Where it comes from; left out when that is not known.",
	 .values = field_origins,
	 .get = field_origin,
	 MEMBER(struct program, origin)},
	{.name = "mount",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Where what it lies on is mounted.",
	 .get = mount_point},
	{.name = "pids",
	 .type = FIELD_INTEGERS,
	 .description = "The processes that execute it, at most 100.",
	 .get = pids},
	{.name = "processes",
	 .type = FIELD_INTEGER,
	 .description = "How many they are.",
	 .get = field_number,
	 MEMBER(struct program, process_count)},
	{.name = "executable",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether a process was started from it; else it is a library.",
	 .get = field_boolean,
	 MEMBER(struct program, executable)},
	{.name = "deleted",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether no link to it is left.",
	 .get = field_boolean,
	 MEMBER(struct program, deleted)},
	{.name = "memfd",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether it lies in memory only, made by memfd_create(2).",
	 .get = field_boolean,
	 MEMBER(struct program, memfd)},
	{.name = "mode",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Permission bits in octal.",
	 .pattern = OCTAL_PATTERN,
	 .get = mode,
	 MEMBER(struct program, mode)},
	{.name = "uid",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .description = "Its owner, as the auditor's user namespace sees it.",
	 .get = id,
	 MEMBER(struct program, uid)},
	{.name = "gid",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .description = "Its group, as the auditor's user namespace sees it.",
	 .get = id,
	 MEMBER(struct program, gid)},
	{0},
};

/* What there is to tell: it is not the image's, or not only root could write to it. */
static bool is_remarkable(const struct program *program)
{
	return program->origin == ORIGIN_RUN_TIME || program->origin == ORIGIN_MOUNT || program->memfd ||
	       program->deleted || (program->known && (program->uid != 0 || (program->mode & 0022)));
}

const void *item_program(const void *record, const struct field *field, size_t index)
{
	const struct container *container = record;

	(void)field;
	for (size_t i = 0; i < container->program_count; i++)
		if (is_remarkable(&container->programs[i]) && !index--)
			return &container->programs[i];
	return NULL;
}
