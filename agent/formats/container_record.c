
#include "agent/formats/field.h"
#include "proctor/cleanup.h"

static json_t *init_pid(const void *record, const struct field *field, struct record_context *context)
{
	const struct container *container = record;

	(void)field;
	return container->init ? json_of_number((uint64_t)container->init->pid, context) : NULL;
}

static json_t *root_read_only(const void *record, const struct field *field, struct record_context *context)
{
	const struct container *container = record;
	const struct mount_namespace *namespace = container->mount_namespace;

	(void)field;
	if (!namespace || !namespace->root)
		return NULL;
	return json_made(json_boolean(namespace->root->options & MOUNT_READ_ONLY), context);
}

static json_t *mount_namespace(const void *record, const struct field *field, struct record_context *context)
{
	const struct container *container = record;

	(void)field;
	return container->mount_namespace ? json_of_number(container->mount_namespace->inode, context) : NULL;
}

static json_t *all_devices(const void *record, const struct field *field, struct record_context *context)
{
	const struct container *container = record;

	(void)field;
	return container->all_devices_known ? json_made(json_boolean(container->all_devices), context) : NULL;
}

static const char *const route_states[] = {"none", "blocked", "open", NULL};

static json_t *imds_route(const void *record, const struct field *field, struct record_context *context)
{
	const struct container *container = record;

	(void)field;
	return container->imds_route ? json_of_text(route_states[container->imds_route - 1], context) : NULL;
}

/* ---- limits ------------------------------------------------------------------------------------- */

#define LIMIT(limit, text)                                                                                   \
	{                                                                                                    \
		.name = #limit, .type = FIELD_OBJECT, .optional = true, .description = (text),               \
		.members = field_limit, .item = field_limit_item, MEMBER(struct limits, limit)               \
	}

static const struct field limits_fields[] = {
	LIMIT(memory, "Bytes of memory."),
	LIMIT(swap, "Bytes of swap (cgroup v2), or of memory and swap together (v1)."),
	LIMIT(cpu, "Thousandths of a processor: quota over period."),
	LIMIT(cpu_weight, "Share of the processors when they are short, where it is not the default."),
	LIMIT(pids, "Tasks."),
	LIMIT(open_files, "Open files of its first process (soft limit)."),
	LIMIT(processes, "Processes of the user of its first process (soft limit)."),
	LIMIT(locked_memory, "Bytes of memory that its first process may lock (soft limit)."),
	LIMIT(core, "Bytes of a core dump of its first process (soft limit)."),
	{0},
};

/* ---- devices ------------------------------------------------------------------------------------ */

static const char *const device_types[] = {"block", "character", NULL};

static json_t *device_type(const void *record, const struct field *field, struct record_context *context)
{
	const struct device *device = record;

	(void)field;
	return json_of_text(device_types[!device->block], context);
}

static const struct field device_fields[] = {
	{.name = "path",
	 .type = FIELD_STRING,
	 .description = "Its path in the container.",
	 .get = field_text,
	 MEMBER(struct device, path)},
	{.name = "type",
	 .type = FIELD_STRING,
	 .description = "Its type.",
	 .values = device_types,
	 .get = device_type},
	{.name = "major",
	 .type = FIELD_INTEGER,
	 .description = "Major number.",
	 .get = field_number,
	 MEMBER(struct device, major)},
	{.name = "minor",
	 .type = FIELD_INTEGER,
	 .description = "Minor number.",
	 .get = field_number,
	 MEMBER(struct device, minor)},
	{.name = "mode",
	 .type = FIELD_STRING,
	 .description = "Permission bits in octal.",
	 .pattern = OCTAL_PATTERN,
	 .get = field_mode,
	 MEMBER(struct device, mode)},
	{0},
};

enum { KNOWS_DEVICES = 1 << 0, KNOWS_TOOLS = 1 << 1, KNOWS_PROGRAMS = 1 << 2 };

static uint32_t known(const void *record)
{
	const struct container *container = record;

	return (container->devices_known ? KNOWS_DEVICES : 0) |
	       (container->files_walked || container->tool_count ? KNOWS_TOOLS : 0) |
	       (container->programs_known || container->program_count ? KNOWS_PROGRAMS : 0);
}

static const void *device_item(const void *record, const struct field *field, size_t index)
{
	const struct container *container = record;

	(void)field;
	return index < container->device_count ? &container->devices[index] : NULL;
}

/* ---- files -------------------------------------------------------------------------------------- */

static const void *tool_item(const void *record, const struct field *field, size_t index)
{
	const struct container *container = record;

	(void)field;
	return index < container->tool_count ? &container->tools[index] : NULL;
}

static json_t *written(const void *record, const struct field *field, struct record_context *context)
{
	const struct container *container = record;

	(void)field;
	return container->written ? json_of_texts(container->written, context) : NULL;
}

static json_t *sources(const void *record, const struct field *field, struct record_context *context)
{
	const struct container *container = record;

	(void)field;
	return container->sources ? json_of_texts(container->sources, context) : NULL;
}

/* ---- the container ------------------------------------------------------------------------------ */

static const struct field fields[] = {
	{.name = "id",
	 .type = FIELD_STRING,
	 .description =
		 "From the path of its cgroup, else `mnt-` and the inode number of its mount namespace.",
	 .get = field_text,
	 MEMBER(struct container, id)},
	{.name = "name",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "What its task or pod calls it, else its runtime.",
	 .get = field_text,
	 MEMBER(struct container, name)},
	{.name = "runtime",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "The runtime that made it, told by its cgroup, else by a source.",
	 .get = field_text,
	 MEMBER(struct container, runtime)},
	{.name = "kind",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "What orders it: `ecs`, `fargate`, `kubernetes`, or nothing, `standalone`.",
	 .get = field_text,
	 MEMBER(struct container, kind)},
	{.name = "image",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "The image it was made from, as its owner wrote it.",
	 .get = field_text,
	 MEMBER(struct container, image)},
	FIELD_TEXT(struct container, image_id, "image_id", "Digest of the image's configuration."),
	FIELD_TEXT(struct container, image_digest, "image_digest",
		   "Digest of the image's manifest, by which it is pulled."),
	{.name = "task",
	 .type = FIELD_OBJECT,
	 .optional = true,
	 .description = "The ECS task it is of.",
	 .members = field_task,
	 .item = item_pointer,
	 MEMBER(struct container, task)},
	{.name = "pod",
	 .type = FIELD_OBJECT,
	 .optional = true,
	 .description = "The Kubernetes pod it is of.",
	 .members = field_pod,
	 .item = item_pointer,
	 MEMBER(struct container, pod)},
	{.name = "labels",
	 .type = FIELD_MAP,
	 .optional = true,
	 .description = "Its labels and annotations: those by which ECS, Kubernetes, Compose and images say "
			"who it is; with --with-arguments the others, which may hold secrets, as well.",
	 .get = field_labels},
	{.name = "declared",
	 .type = FIELD_OBJECT,
	 .optional = true,
	 .description = "What those who started it declared it to be; what it is, the other fields tell.",
	 .members = field_declared,
	 .item = item_pointer,
	 MEMBER(struct container, declared)},
	{.name = "sources",
	 .type = FIELD_STRINGS,
	 .optional = true,
	 .description = "Who told who it is, the most believed first.",
	 .get = sources},
	{.name = "cgroup",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Path of its cgroup.",
	 .get = field_text,
	 MEMBER(struct container, cgroup)},
	{.name = "init_pid",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .description = "Its first process, from which the others stem.",
	 .get = init_pid},
	{.name = "processes",
	 .type = FIELD_INTEGER,
	 .description = "How many processes are in it.",
	 .get = field_number,
	 MEMBER(struct container, process_count)},
	{.name = "mount_namespace",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .description = "Inode number of its mount namespace.",
	 .get = mount_namespace},
	{.name = "root_read_only",
	 .type = FIELD_BOOLEAN,
	 .optional = true,
	 .description = "Whether its root is mounted read-only.",
	 .get = root_read_only},
	{.name = "limits",
	 .type = FIELD_OBJECT,
	 .description = "What it may use, as far as known; of several cgroups the nearest that limits.",
	 .members = limits_fields,
	 .item = item_member,
	 MEMBER(struct container, limits)},
	{.name = "devices",
	 .type = FIELD_OBJECTS,
	 .optional = true,
	 .known = KNOWS_DEVICES,
	 .description = "Device nodes that containers are not given by default.",
	 .members = device_fields,
	 .item = device_item},
	{.name = "all_devices",
	 .type = FIELD_BOOLEAN,
	 .optional = true,
	 .description = "Whether its cgroup lets it use every device (cgroup v1).",
	 .get = all_devices},
	{.name = "imds_route",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description =
		 "How its network routes 169.254.169.254, where an instance's metadata and credentials "
		 "are.",
	 .values = route_states,
	 .get = imds_route},
	{.name = "files_walked",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether all files in its root were looked at: a tool that is not told is not there.",
	 .get = field_boolean,
	 MEMBER(struct container, files_walked)},
	{.name = "tools",
	 .type = FIELD_OBJECTS,
	 .optional = true,
	 .known = KNOWS_TOOLS,
	 .description = "Programs by which an attacker goes on, by path.",
	 .members = field_tool,
	 .item = tool_item},
	{.name = "program_count",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .known = KNOWS_PROGRAMS,
	 .description = "How many files its processes execute: programs and libraries.",
	 .get = field_number,
	 MEMBER(struct container, program_count)},
	{.name = "programs",
	 .type = FIELD_OBJECTS,
	 .optional = true,
	 .known = KNOWS_PROGRAMS,
	 .description = "Those of them that are not the image's, or that not only root may write to.",
	 .members = field_program,
	 .item = item_program},
	{.name = "written",
	 .type = FIELD_STRINGS,
	 .optional = true,
	 .description =
		 "Paths that it has written in its root since it was started, or has open for writing; a "
		 "directory, as a whole, ends in `/`.",
	 .get = written},
	{.name = "auditor",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether the auditor runs in it.",
	 .get = field_boolean,
	 MEMBER(struct container, self)},
	{0},
};

static const void *at(struct record_context *context, size_t index)
{
	const struct snapshot *snapshot = context->snapshot;

	return index < snapshot->container_count ? snapshot->containers[index] : NULL;
}

const struct record_kind record_container = {
	.type = "container",
	.member = "containers",
	.description = "A set of processes that share a root of their own.",
	.fields = fields,
	.at = at,
	.known = known,
};
