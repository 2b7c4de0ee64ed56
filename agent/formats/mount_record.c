#include <stdio.h>

#include "agent/formats/field.h"
#include "agent/formats/record_cache.h"

static json_t *namespace_inode(const void *record, const struct field *field, struct record_context *context)
{
	const struct mount_record *mount = record;

	(void)field;
	return json_of_number(mount->namespace->inode, context);
}

static json_t *container_id(const void *record, const struct field *field, struct record_context *context)
{
	const struct mount_record *mount = record;

	(void)field;
	return mount->container ? json_of_text(mount->container->id, context) : NULL;
}

static json_t *device(const void *record, const struct field *field, struct record_context *context)
{
	const struct mount_record *mount = record;
	char text[32];

	(void)field;
	snprintf(text, sizeof(text), "%u:%u", mount->mount.major, mount->mount.minor);
	return json_of_text(text, context);
}

static const char *const kinds[] = {
	[MOUNT_PLAIN] = "plain",
	[MOUNT_HOST_PATH] = "host-path",
	[MOUNT_RUNTIME_SOCKET] = "runtime-socket",
	[MOUNT_RUNTIME_FILE] = "runtime-file",
	NULL,
};

static json_t *kind(const void *record, const struct field *field, struct record_context *context)
{
	const struct mount_record *mount = record;

	(void)field;
	return json_of_text(kinds[mount->mount.kind], context);
}

static const char *const option_names[] = {"ro", "nosuid", "nodev", "noexec", NULL};

static json_t *options(const void *record, const struct field *field, struct record_context *context)
{
	const struct mount_record *mount = record;
	json_t *array = json_made(json_array(), context);

	(void)field;
	for (unsigned bit = 0; array && option_names[bit]; bit++)
		if (mount->mount.options & 1u << bit)
			json_append(array, json_string_nocheck(option_names[bit]), context);
	return array;
}

static json_t *read_only(const void *record, const struct field *field, struct record_context *context)
{
	const struct mount_record *mount = record;

	(void)field;
	return json_made(json_boolean(mount->mount.super_options & MOUNT_READ_ONLY), context);
}

static const struct field fields[] = {
	{.name = "namespace",
	 .type = FIELD_INTEGER,
	 .description = "Inode number of its mount namespace.",
	 .get = namespace_inode},
	{.name = "container_id",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "The container that lives in that namespace; left out for none.",
	 .get = container_id},
	{.name = "id",
	 .type = FIELD_INTEGER,
	 .description = "Its id in the namespace, as in mountinfo.",
	 .get = field_number,
	 MEMBER(struct mount_record, mount.id)},
	{.name = "parent",
	 .type = FIELD_INTEGER,
	 .description = "Id of the mount that it lies on.",
	 .get = field_number,
	 MEMBER(struct mount_record, mount.parent)},
	{.name = "point",
	 .type = FIELD_STRING,
	 .description = "Where it is mounted.",
	 .get = field_text,
	 MEMBER(struct mount_record, mount.point)},
	{.name = "root",
	 .type = FIELD_STRING,
	 .description = "Which directory of its file system is mounted there.",
	 .get = field_text,
	 MEMBER(struct mount_record, mount.root)},
	{.name = "file_system",
	 .type = FIELD_STRING,
	 .description = "Type of its file system.",
	 .get = field_text,
	 MEMBER(struct mount_record, mount.type)},
	{.name = "source",
	 .type = FIELD_STRING,
	 .description = "What the file system is on: a device, or any word.",
	 .get = field_text,
	 MEMBER(struct mount_record, mount.source)},
	{.name = "device",
	 .type = FIELD_STRING,
	 .description = "Its device number, as `major:minor`.",
	 .pattern = "^[0-9]+:[0-9]+$",
	 .get = device},
	{.name = "options",
	 .type = FIELD_STRINGS,
	 .description = "Options of the mount that restrict: ro, nosuid, nodev, noexec.",
	 .values = option_names,
	 .get = options},
	{.name = "file_system_read_only",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether the file system itself is read-only, however it is mounted.",
	 .get = read_only},
	{.name = "shared",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .description = "Peer group that mounts on it go to and come from.",
	 .get = field_number_known,
	 MEMBER(struct mount_record, mount.shared)},
	{.name = "master",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .description = "Peer group that mounts on it come from only.",
	 .get = field_number_known,
	 MEMBER(struct mount_record, mount.master)},
	{.name = "unbindable",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether it cannot be bind mounted.",
	 .get = field_boolean,
	 MEMBER(struct mount_record, mount.unbindable)},
	{.name = "covered",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether another mount hides it.",
	 .get = field_boolean,
	 MEMBER(struct mount_record, mount.covered)},
	{.name = "kind",
	 .type = FIELD_STRING,
	 .description =
		 "What it is to a container: a part of the host, a runtime's control socket, a file that "
		 "the runtime always binds in, or none of these.",
	 .values = kinds,
	 .get = kind},
	{.name = "host_path",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Where on the host its root lies; left out where that is not known or nowhere.",
	 .get = field_text,
	 MEMBER(struct mount_record, mount.host_path)},
	{.name = "bound_along",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether it came with the host path it lies on, bound with all mounts beneath.",
	 .get = field_boolean,
	 MEMBER(struct mount_record, mount.bound_along)},
	{.name = "upper",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Overlay: the directory that changes are written to.",
	 .get = field_text,
	 MEMBER(struct mount_record, mount.upper)},
	{.name = "work",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Overlay: its work directory.",
	 .get = field_text,
	 MEMBER(struct mount_record, mount.work)},
	{0},
};

static const struct container *container_in(const struct snapshot *snapshot,
					    const struct mount_namespace *namespace)
{
	for (size_t i = 0; i < snapshot->container_count; i++)
		if (snapshot->containers[i]->mount_namespace == namespace)
			return snapshot->containers[i];
	return NULL;
}

/* Indices ascend, so that the namespace of the last one is where the search goes on. */
static const void *at(struct record_context *context, size_t index)
{
	const struct snapshot *snapshot = context->snapshot;
	struct record_cache *cache = record_cache(context);
	struct mount_record *record = cache ? &cache->mount : NULL;

	if (!record)
		return NULL;
	if (index == 0) {
		cache->mount_namespace = cache->mounts_before = 0;
		record->namespace = NULL;
	}
	for (; cache->mount_namespace < snapshot->mount_namespace_count; cache->mount_namespace++) {
		const struct mount_namespace *namespace = snapshot->mount_namespaces[cache->mount_namespace];
		if (index - cache->mounts_before < namespace->mount_count) {
			if (record->namespace != namespace)
				record->container = container_in(snapshot, namespace);
			record->namespace = namespace;
			record->mount = namespace->mounts[index - cache->mounts_before];
			return record;
		}
		cache->mounts_before += namespace->mount_count;
	}
	return NULL;
}

const struct record_kind record_mount = {
	.type = "mount",
	.member = "mounts",
	.collector = "mount",
	.description = "A mount of a mount namespace, each namespace once.",
	.fields = fields,
	.at = at,
};
