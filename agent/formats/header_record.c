/* What stands first: who audited what, when; or, of no machine, only who wrote it. Its fields are members of
 * the document itself. */
#include <stdio.h>

#include "agent/formats/field.h"
#include "proctor/version.h"

static json_t *schema_version(const void *record, const struct field *field, struct record_context *context)
{
	(void)record, (void)field;
	return json_of_text(record_schema_version, context);
}

static json_t *agent_name(const void *record, const struct field *field, struct record_context *context)
{
	(void)record, (void)field;
	return json_of_text("proctor", context);
}

static json_t *agent_version(const void *record, const struct field *field, struct record_context *context)
{
	(void)record, (void)field;
	return json_of_text(proctor_version, context);
}

static const struct field agent_fields[] = {
	{.name = "name", .type = FIELD_STRING, .description = "`proctor`.", .get = agent_name},
	{.name = "version", .type = FIELD_STRING, .description = "Its version.", .get = agent_version},
	{0},
};

/* What every document tells of itself, whatever its record. */
#define ABOUT                                                                                                \
	{.name = "schema_version",                                                                           \
	 .type = FIELD_STRING,                                                                               \
	 .description = "Version of the schema that this is written by.",                                    \
	 .pattern = "^1\\.[0-9]+$",                                                                          \
	 .get = schema_version},                                                                             \
	{                                                                                                    \
		.name = "agent", .type = FIELD_OBJECT, .description = "The program that wrote this.",        \
		.members = agent_fields,                                                                     \
	}

static json_t *started_at(const void *record, const struct field *field, struct record_context *context)
{
	const struct snapshot *snapshot = record;

	(void)field;
	return json_of_time(snapshot->started_at.tv_sec, snapshot->started_at.tv_nsec, context);
}

static json_t *duration(const void *record, const struct field *field, struct record_context *context)
{
	const struct snapshot *snapshot = record;

	(void)field;
	return context->unfinished ? NULL
				   : json_of_number((snapshot->duration_ns + 500000) / 1000000, context);
}

static json_t *boot_time(const void *record, const struct field *field, struct record_context *context)
{
	const struct host *host = record;

	(void)field;
	return host->boot_time ? json_of_time(host->boot_time, -1, context) : NULL;
}

static const char *const cgroup_versions[] = {"v1", "v2", "hybrid", NULL};

static json_t *cgroup_version(const void *record, const struct field *field, struct record_context *context)
{
	const struct host *host = record;

	(void)field;
	if (host->cgroup_version < 1 || host->cgroup_version > 3)
		return NULL;
	return json_of_text(cgroup_versions[host->cgroup_version - 1], context);
}

static json_t *lsms(const void *record, const struct field *field, struct record_context *context)
{
	const struct host *host = record;
	json_t *array = host->lsms_known ? json_made(json_array(), context) : NULL;

	(void)field;
	for (size_t i = 0; array && i < host->lsm_count; i++)
		json_append(array, json_of_text(host->lsms[i], context), context);
	return array;
}

static json_t *sysctls(const void *record, const struct field *field, struct record_context *context)
{
	const struct host *host = record;
	json_t *map = json_made(json_object(), context);

	(void)field;
	for (size_t i = 0; map && i < host->sysctl_count; i++)
		if (json_object_set_new(map, host->sysctls[i].name,
					json_of_text(host->sysctls[i].value, context)))
			context->failed = true;
	return map;
}

static const char *const views[] = {
	[VIEW_HOST] = "host", [VIEW_TASK] = "task", [VIEW_CONTAINER] = "container", NULL};

static json_t *view(const void *record, const struct field *field, struct record_context *context)
{
	const struct host *host = record;

	(void)field;
	return json_of_text(views[host->view], context);
}

/* ---- the ECS agent ------------------------------------------------------------------------------ */

static json_t *setting(const void *record, const struct field *field, struct record_context *context)
{
	return ((const struct ecs_agent *)record)->configuration_known ? field_boolean(record, field, context)
								       : NULL;
}

static json_t *pids_limit(const void *record, const struct field *field, struct record_context *context)
{
	return ((const struct ecs_agent *)record)->configuration_known ? field_number(record, field, context)
								       : NULL;
}

#define ECS_TEXT(member, text)                                                                               \
	{                                                                                                    \
		.name = #member, .type = FIELD_STRING, .optional = true, .description = (text),              \
		.get = field_text, MEMBER(struct ecs_agent, member)                                          \
	}
#define ECS_SETTING(member, text)                                                                            \
	{                                                                                                    \
		.name = #member, .type = FIELD_BOOLEAN, .optional = true, .description = (text),             \
		.get = setting, MEMBER(struct ecs_agent, member)                                             \
	}

static const struct field ecs_fields[] = {
	ECS_TEXT(version, "Its version."),
	ECS_TEXT(cluster, "The cluster that the instance is registered in."),
	ECS_TEXT(instance_arn, "ARN of the container instance."),
	ECS_SETTING(privileged_disabled, "ECS_DISABLE_PRIVILEGED: privileged containers are refused."),
	ECS_SETTING(task_limits_enabled,
		    "ECS_ENABLE_TASK_CPU_MEM_LIMIT: a task's limits are set on its cgroup."),
	ECS_SETTING(awsvpc_imds_blocked,
		    "ECS_AWSVPC_BLOCK_IMDS: awsvpc tasks do not reach the instance's metadata."),
	ECS_SETTING(offhost_introspection,
		    "ECS_ALLOW_OFFHOST_INTROSPECTION_ACCESS: the agent answers other machines and tasks."),
	ECS_SETTING(selinux_capable, "ECS_SELINUX_CAPABLE."),
	ECS_SETTING(apparmor_capable, "ECS_APPARMOR_CAPABLE."),
	{.name = "task_pids_limit",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .description = "ECS_TASK_PIDS_LIMIT: tasks (processes) that each ECS task may have; 0: no limit.",
	 .get = pids_limit,
	 MEMBER(struct ecs_agent, task_pids_limit)},
	{0},
};

static const void *ecs_item(const void *record, const struct field *field, size_t index)
{
	const struct ecs_agent *agent = item_member(record, field, index);

	return agent->present ? agent : NULL;
}

static const struct field host_fields[] = {
	{.name = "hostname",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Its name, as uname(2) tells it.",
	 .get = field_text,
	 MEMBER(struct host, hostname)},
	{.name = "kernel",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Release of the kernel.",
	 .get = field_text,
	 MEMBER(struct host, kernel)},
	{.name = "architecture",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Machine type, as uname(2) tells it.",
	 .get = field_text,
	 MEMBER(struct host, architecture)},
	{.name = "boot_id",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Random id of this boot.",
	 .get = field_text,
	 MEMBER(struct host, boot_id)},
	{.name = "boot_time",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "When it booted (RFC 3339, UTC).",
	 .get = boot_time},
	{.name = "processors",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .description = "Processors online.",
	 .get = field_number_known,
	 MEMBER(struct host, processors)},
	{.name = "memory_total",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .description = "Memory in bytes.",
	 .get = field_number_known,
	 MEMBER(struct host, memory_total)},
	{.name = "cgroup_version",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Which cgroup hierarchies are mounted; `hybrid`: v1 controllers beside a v2 tree.",
	 .values = cgroup_versions,
	 .get = cgroup_version},
	{.name = "lsms",
	 .type = FIELD_STRINGS,
	 .optional = true,
	 .description = "Linux security modules in use.",
	 .get = lsms},
	{.name = "last_capability",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .description = "Number of the last capability that the kernel knows.",
	 .get = field_number_known,
	 MEMBER(struct host, last_capability)},
	{.name = "view",
	 .type = FIELD_STRING,
	 .description = "What was seen: all processes of the machine, those of the containers that share the "
			"auditor's pid namespace (a task), or those of its own container.",
	 .values = views,
	 .get = view},
	{.name = "hidepid",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "The hidepid option of procfs, when it is on.",
	 .get = field_text,
	 MEMBER(struct host, hidepid)},
	{.name = "sysctls",
	 .type = FIELD_MAP,
	 .description = "Kernel settings that bear on privilege, by name.",
	 .get = sysctls},
	{.name = "ecs",
	 .type = FIELD_OBJECT,
	 .optional = true,
	 .description = "The ECS agent of a container instance and its settings, from /etc/ecs/ecs.config.",
	 .members = ecs_fields,
	 .item = ecs_item,
	 MEMBER(struct host, ecs)},
	{.name = "namespaces",
	 .type = FIELD_OBJECT,
	 .optional = true,
	 .description = "The host's own namespaces, as far as known.",
	 .members = field_namespaces,
	 .item = item_member,
	 MEMBER(struct host, namespaces)},
	{0},
};

#define SELF_SET(set, text)                                                                                  \
	{                                                                                                    \
		.name = #set, .type = FIELD_STRINGS, .description = (text), .get = field_capabilities,       \
		MEMBER(struct self, set), .pattern = CAPABILITY_PATTERN,                                     \
	}

static const struct field self_sets[] = {
	SELF_SET(effective, "Its effective set."),
	SELF_SET(permitted, "Its permitted set."),
	SELF_SET(bounding, "Its bounding set."),
	{0},
};

static const struct field self_fields[] = {
	{.name = "pid",
	 .type = FIELD_INTEGER,
	 .description = "Its process id.",
	 .get = field_number,
	 MEMBER(struct self, pid)},
	{.name = "uid",
	 .type = FIELD_INTEGER,
	 .description = "Its effective user id.",
	 .get = field_number,
	 MEMBER(struct self, uid)},
	{.name = "capabilities",
	 .type = FIELD_OBJECT,
	 .description = "What it was allowed to do: what it could not see follows from that.",
	 .members = self_sets},
	{.name = "securebits",
	 .type = FIELD_INTEGER,
	 .description = "Its securebits, as prctl(2) PR_GET_SECUREBITS tells them.",
	 .get = field_number,
	 MEMBER(struct self, securebits)},
	{.name = "initial_user_namespace",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether its user namespace is the host's.",
	 .get = field_boolean,
	 MEMBER(struct self, user_namespace_initial)},
	{.name = "namespaces",
	 .type = FIELD_OBJECT,
	 .optional = true,
	 .description = "The namespaces it was in.",
	 .members = field_namespaces,
	 .item = item_member,
	 MEMBER(struct self, namespaces)},
	{0},
};

static const void *self_item(const void *record, const struct field *field, size_t index)
{
	const struct snapshot *snapshot = record;

	(void)field, (void)index;
	return snapshot->self.pid ? &snapshot->self : NULL;
}

static const struct field fields[] = {
	ABOUT,
	{.name = "host",
	 .type = FIELD_OBJECT,
	 .description = "The machine.",
	 .members = host_fields,
	 .item = item_member,
	 MEMBER(struct snapshot, host)},
	{.name = "auditor",
	 .type = FIELD_OBJECT,
	 .optional = true,
	 .description = "The process that audited.",
	 .members = self_fields,
	 .item = self_item},
	{.name = "started_at",
	 .type = FIELD_STRING,
	 .description = "When it began to read facts (RFC 3339, UTC).",
	 .pattern = "^[0-9]{4,}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$",
	 .get = started_at},
	{.name = "duration_ms",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .description =
		 "How long reading them took; not in ndjson, where this is written before it is known.",
	 .get = duration},
	{0},
};

static const void *at(struct record_context *context, size_t index)
{
	return index == 0 ? context->snapshot : NULL;
}

const struct record_kind record_header = {
	.type = "header",
	.single = true,
	.description = "Who audited what, when.",
	.fields = fields,
	.at = at,
};

static const struct field about_fields[] = {ABOUT, {0}};

static const void *about_at(struct record_context *context, size_t index)
{
	return index == 0 ? context : NULL;
}

const struct record_kind record_about = {
	.type = "about",
	.single = true,
	.description = "Who wrote a document of reference.",
	.fields = about_fields,
	.at = about_at,
};
