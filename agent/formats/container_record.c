#include <string.h>

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

static json_t *limit_unlimited(const void *record, const struct field *field, struct record_context *context)
{
	const struct limit *limit = record;

	(void)field;
	return json_made(json_boolean(limit->state == LIMIT_NONE), context);
}

static json_t *limit_value(const void *record, const struct field *field, struct record_context *context)
{
	const struct limit *limit = record;

	(void)field;
	return limit->state == LIMIT_SET ? json_of_number(limit->value, context) : NULL;
}

static const struct field limit_fields[] = {
	{.name = "unlimited",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether it is known that there is none.",
	 .get = limit_unlimited},
	{.name = "value",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .description = "The limit.",
	 .get = limit_value},
	{.name = "source",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "The file that tells it.",
	 .get = field_text,
	 MEMBER(struct limit, source)},
	{0},
};

static const void *limit_item(const void *record, const struct field *field, size_t index)
{
	const struct limit *limit = item_member(record, field, index);

	return limit->state == LIMIT_UNKNOWN ? NULL : limit;
}

#define LIMIT(limit, text)                                                                                   \
	{                                                                                                    \
		.name = #limit, .type = FIELD_OBJECT, .optional = true, .description = (text),               \
		.members = limit_fields, .item = limit_item, MEMBER(struct limits, limit)                    \
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

enum { KNOWS_DEVICES = 1 };

static uint32_t known(const void *record)
{
	return ((const struct container *)record)->devices_known ? KNOWS_DEVICES : 0;
}

static const void *device_item(const void *record, const struct field *field, size_t index)
{
	const struct container *container = record;

	(void)field;
	return index < container->device_count ? &container->devices[index] : NULL;
}

/* ---- who it is ---------------------------------------------------------------------------------- */

#define TEXT(struct_type, member_name, field_name, text)                                                     \
	{                                                                                                    \
		.name = (field_name), .type = FIELD_STRING, .optional = true, .description = (text),         \
		.get = field_text, MEMBER(struct_type, member_name)                                          \
	}

static const struct field task_fields[] = {
	TEXT(struct task, arn, "arn", "Its ARN."),
	TEXT(struct task, family, "family", "Family of its task definition."),
	TEXT(struct task, revision, "revision", "Revision of its task definition."),
	TEXT(struct task, cluster, "cluster", "Name or ARN of the cluster."),
	TEXT(struct task, launch_type, "launch_type", "`EC2`, `FARGATE` or `EXTERNAL`."),
	TEXT(struct task, availability_zone, "availability_zone", "Where it runs."),
	{0},
};

static const struct field pod_fields[] = {
	TEXT(struct pod, name, "name", "Its name."),
	TEXT(struct pod, name_space, "namespace", "Its namespace in Kubernetes."),
	TEXT(struct pod, uid, "uid", "Its uid."),
	TEXT(struct pod, container, "container", "What it calls the container."),
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

static json_t *labels(const void *record, const struct field *field, struct record_context *context)
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

static json_t *sources(const void *record, const struct field *field, struct record_context *context)
{
	const struct container *container = record;

	(void)field;
	return container->sources ? json_of_texts(container->sources, context) : NULL;
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
	 .members = limit_fields,
	 .item = limit_item,
	 MEMBER(struct declared, memory)},
	{.name = "cpu",
	 .type = FIELD_OBJECT,
	 .optional = true,
	 .description = "Thousandths of a processor.",
	 .members = limit_fields,
	 .item = limit_item,
	 MEMBER(struct declared, cpu)},
	{.name = "pids",
	 .type = FIELD_OBJECT,
	 .optional = true,
	 .description = "Tasks.",
	 .members = limit_fields,
	 .item = limit_item,
	 MEMBER(struct declared, pids)},
	{0},
};

static const struct field declared_fields[] = {
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
	TEXT(struct container, image_id, "image_id", "Digest of the image's configuration."),
	TEXT(struct container, image_digest, "image_digest",
	     "Digest of the image's manifest, by which it is pulled."),
	{.name = "task",
	 .type = FIELD_OBJECT,
	 .optional = true,
	 .description = "The ECS task it is of.",
	 .members = task_fields,
	 .item = item_pointer,
	 MEMBER(struct container, task)},
	{.name = "pod",
	 .type = FIELD_OBJECT,
	 .optional = true,
	 .description = "The Kubernetes pod it is of.",
	 .members = pod_fields,
	 .item = item_pointer,
	 MEMBER(struct container, pod)},
	{.name = "labels",
	 .type = FIELD_MAP,
	 .optional = true,
	 .description = "Its labels and annotations: those by which ECS, Kubernetes, Compose and images say "
			"who it is; with --with-arguments the others, which may hold secrets, as well.",
	 .get = labels},
	{.name = "declared",
	 .type = FIELD_OBJECT,
	 .optional = true,
	 .description = "What those who started it declared it to be; what it is, the other fields tell.",
	 .members = declared_fields,
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
