#include <stdio.h>
#include <sys/stat.h>

#include "agent/formats/field.h"

static json_t *container_id(const void *record, const struct field *field, struct record_context *context)
{
	const struct file *file = record;

	(void)field;
	return file->container ? json_of_text(file->container->id, context) : NULL;
}

static json_t *setuid_bit(const void *record, const struct field *field, struct record_context *context)
{
	const struct file *file = record;

	(void)field;
	return json_made(json_boolean(file->mode & S_ISUID), context);
}

static json_t *setgid_bit(const void *record, const struct field *field, struct record_context *context)
{
	const struct file *file = record;

	(void)field;
	return json_made(json_boolean(file->mode & S_ISGID), context);
}

static json_t *device(const void *record, const struct field *field, struct record_context *context)
{
	const struct file *file = record;
	char text[32];

	(void)field;
	snprintf(text, sizeof(text), "%u:%u", file->device_major, file->device_minor);
	return json_of_text(text, context);
}

/* The user namespace of the file's container; NULL when it is not known, or the file is the host's. */
static const struct user_namespace *user_namespace_of(const struct file *file)
{
	const struct process *init = file->container ? file->container->init : NULL;
	const struct user_namespace *space = init ? init->user_namespace : NULL;

	return space && space->mapped ? space : NULL;
}

static json_t *container_uid(const void *record, const struct field *field, struct record_context *context)
{
	const struct file *file = record;
	const struct user_namespace *space = user_namespace_of(file);
	uint32_t inside;

	(void)field;
	if (!space || !user_namespace_inside(space->uids, space->uid_count, file->uid, &inside))
		return NULL;
	return json_of_number(inside, context);
}

static json_t *container_gid(const void *record, const struct field *field, struct record_context *context)
{
	const struct file *file = record;
	const struct user_namespace *space = user_namespace_of(file);
	uint32_t inside;

	(void)field;
	if (!space || !user_namespace_inside(space->gids, space->gid_count, file->gid, &inside))
		return NULL;
	return json_of_number(inside, context);
}

/* ---- capabilities of the file ------------------------------------------------------------------- */

static json_t *understood(const void *record, const struct field *field, struct record_context *context)
{
	const struct file_capability *capability = record;

	(void)field;
	return json_made(json_boolean(capability->version != FILE_CAPABILITY_NOT_UNDERSTOOD), context);
}

static json_t *permitted(const void *record, const struct field *field, struct record_context *context)
{
	const struct file_capability *capability = record;

	return capability->version == FILE_CAPABILITY_NOT_UNDERSTOOD
		       ? NULL
		       : field_capabilities(record, field, context);
}

static json_t *effective(const void *record, const struct field *field, struct record_context *context)
{
	const struct file_capability *capability = record;

	return capability->version == FILE_CAPABILITY_NOT_UNDERSTOOD ? NULL
								     : field_boolean(record, field, context);
}

static json_t *version(const void *record, const struct field *field, struct record_context *context)
{
	const struct file_capability *capability = record;

	return capability->version == FILE_CAPABILITY_NOT_UNDERSTOOD ? NULL
								     : field_number(record, field, context);
}

static json_t *root_id(const void *record, const struct field *field, struct record_context *context)
{
	const struct file_capability *capability = record;

	return capability->version == 3 ? field_number(record, field, context) : NULL;
}

static const struct field capability_fields[] = {
	{.name = "understood",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether the attribute could be read and has a form that the kernel knows.",
	 .get = understood},
	{.name = "permitted",
	 .type = FIELD_STRINGS,
	 .optional = true,
	 .description = "What executing it gives, within the bounding set.",
	 .pattern = CAPABILITY_PATTERN,
	 .get = permitted,
	 MEMBER(struct file_capability, permitted)},
	{.name = "inheritable",
	 .type = FIELD_STRINGS,
	 .optional = true,
	 .description = "What executing it gives to a process that has it inheritable.",
	 .pattern = CAPABILITY_PATTERN,
	 .get = permitted,
	 MEMBER(struct file_capability, inheritable)},
	{.name = "effective",
	 .type = FIELD_BOOLEAN,
	 .optional = true,
	 .description = "Whether what it gives is effective at once.",
	 .get = effective,
	 MEMBER(struct file_capability, effective)},
	{.name = "version",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .description = "Version of the attribute; left out, with all that follows from it, when it is not "
			"understood.",
	 .get = version,
	 MEMBER(struct file_capability, version)},
	{.name = "root_id",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .description = "Version 3: the uid that is root in the user namespace where they count.",
	 .get = root_id,
	 MEMBER(struct file_capability, root_id)},
	{0},
};

static const void *capability_item(const void *record, const struct field *field, size_t index)
{
	const struct file_capability *capability = item_member(record, field, index);

	return capability->version ? capability : NULL;
}

/* ---- the file ----------------------------------------------------------------------------------- */

static const struct field fields[] = {
	{.name = "path",
	 .type = FIELD_STRING,
	 .description = "Its path in the root of its container, or of the host.",
	 .get = field_text,
	 MEMBER(struct file, path)},
	{.name = "container_id",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "The container it is in; left out for the host's.",
	 .get = container_id},
	{.name = "mode",
	 .type = FIELD_STRING,
	 .description = "Permission bits in octal.",
	 .pattern = OCTAL_PATTERN,
	 .get = field_mode,
	 MEMBER(struct file, mode)},
	{.name = "uid",
	 .type = FIELD_INTEGER,
	 .description = "Its owner, as the auditor's user namespace sees it.",
	 .get = field_number,
	 MEMBER(struct file, uid)},
	{.name = "gid",
	 .type = FIELD_INTEGER,
	 .description = "Its group, as the auditor's user namespace sees it.",
	 .get = field_number,
	 MEMBER(struct file, gid)},
	{.name = "container_uid",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .description = "Its owner as the container sees it; left out when that is unmapped or not known.",
	 .get = container_uid},
	{.name = "container_gid",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .description = "Its group as the container sees it; left out when that is unmapped or not known.",
	 .get = container_gid},
	{.name = "setuid",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether it runs as its owner.",
	 .get = setuid_bit},
	{.name = "setgid",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether it runs as its group.",
	 .get = setgid_bit},
	{.name = "capabilities",
	 .type = FIELD_OBJECT,
	 .optional = true,
	 .description = "Its attribute security.capability, when it has one.",
	 .members = capability_fields,
	 .item = capability_item,
	 MEMBER(struct file, capability)},
	{.name = "links",
	 .type = FIELD_INTEGER,
	 .description = "How many names it has.",
	 .get = field_number,
	 MEMBER(struct file, links)},
	{.name = "device",
	 .type = FIELD_STRING,
	 .description = "Device number of its file system, as `major:minor`.",
	 .pattern = "^[0-9]+:[0-9]+$",
	 .get = device},
	{.name = "inode",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .description = "Its inode number: the same, on the same device, for each of its names.",
	 .get = field_number,
	 MEMBER(struct file, inode)},
	{.name = "nosuid",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether its mount is nosuid, so that it gives nothing.",
	 .get = field_boolean,
	 MEMBER(struct file, nosuid)},
	{.name = "noexec",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether its mount is noexec, so that it cannot be run.",
	 .get = field_boolean,
	 MEMBER(struct file, noexec)},
	{.name = "reachable",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether every directory above it lets anyone through.",
	 .get = field_boolean,
	 MEMBER(struct file, reachable)},
	{.name = "writable_directory",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether group or others can replace it in its directory.",
	 .get = field_boolean,
	 MEMBER(struct file, writable_directory)},
	{.name = "origin",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Where it comes from; left out when that is not known, and for the host's.",
	 .values = field_origins,
	 .get = field_origin,
	 MEMBER(struct file, origin)},
	{.name = "layer",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Directory of the overlay layer that it lies in.",
	 .get = field_text,
	 MEMBER(struct file, layer)},
	{0},
};

static const void *at(struct record_context *context, size_t index)
{
	const struct snapshot *snapshot = context->snapshot;

	return index < snapshot->file_count ? &snapshot->files[index] : NULL;
}

const struct record_kind record_file = {
	.type = "file",
	.member = "files",
	.collector = "filesystem",
	.description = "A file that gives privilege to whoever runs it.",
	.fields = fields,
	.at = at,
};
