/* What stands last: counts of all that stands before it. The record is the context itself. */
#include "agent/formats/field.h"

static json_t *files(const void *record, const struct field *field, struct record_context *context)
{
	const struct snapshot *snapshot = context->snapshot;

	(void)record, (void)field;
	return snapshot_lacks(snapshot, record_file.collector)
		       ? NULL
		       : json_of_number(snapshot->file_count, context);
}

static json_t *mounts(const void *record, const struct field *field, struct record_context *context)
{
	const struct snapshot *snapshot = context->snapshot;
	uint64_t count = 0;

	(void)record, (void)field;
	if (snapshot_lacks(snapshot, record_mount.collector))
		return NULL;
	for (size_t i = 0; i < snapshot->mount_namespace_count; i++)
		count += snapshot->mount_namespaces[i]->mount_count;
	return json_of_number(count, context);
}

static json_t *missed(const void *record, const struct field *field, struct record_context *context)
{
	const struct snapshot *snapshot = context->snapshot;
	uint64_t count = 0;

	(void)record, (void)field;
	for (size_t i = 0; i < snapshot->coverage_count; i++)
		count += snapshot->coverage[i].missed;
	return json_of_number(count, context);
}

static json_t *duration(const void *record, const struct field *field, struct record_context *context)
{
	(void)record, (void)field;
	return json_of_number((context->snapshot->duration_ns + 500000) / 1000000, context);
}

static const void *snapshot_item(const void *record, const struct field *field, size_t index)
{
	(void)field, (void)index;
	return ((const struct record_context *)record)->snapshot;
}

static const void *findings_item(const void *record, const struct field *field, size_t index)
{
	(void)field, (void)index;
	return ((const struct record_context *)record)->findings;
}

#define SEVERITY(severity, severity_name, text)                                                              \
	{                                                                                                    \
		.name = (severity_name), .type = FIELD_INTEGER, .description = (text), .get = field_number,  \
		MEMBER(struct findings, by_severity[severity])                                               \
	}

static const struct field finding_fields[] = {
	SEVERITY(SEVERITY_CRITICAL, "critical", "Critical ones."),
	SEVERITY(SEVERITY_HIGH, "high", "High ones."),
	SEVERITY(SEVERITY_MEDIUM, "medium", "Medium ones."),
	SEVERITY(SEVERITY_LOW, "low", "Low ones."),
	SEVERITY(SEVERITY_INFO, "info", "Those that are for information."),
	{.name = "excepted",
	 .type = FIELD_INTEGER,
	 .description = "Those that the configuration accepts; in none of the other counts.",
	 .get = field_number,
	 MEMBER(struct findings, excepted)},
	{0},
};

static const struct field seen_fields[] = {
	{.name = "processes",
	 .type = FIELD_INTEGER,
	 .description = "Processes.",
	 .get = field_number,
	 MEMBER(struct snapshot, process_count)},
	{.name = "containers",
	 .type = FIELD_INTEGER,
	 .description = "Containers.",
	 .get = field_number,
	 MEMBER(struct snapshot, container_count)},
	{.name = "mounts",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .description = "Mounts of all namespaces.",
	 .get = mounts},
	{.name = "files",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .description = "Files that give privilege.",
	 .get = files},
	{0},
};

static const struct field fields[] = {
	{.name = "seen",
	 .type = FIELD_OBJECT,
	 .description = "How many records of each kind there are; none for what was not looked for.",
	 .members = seen_fields,
	 .item = snapshot_item},
	{.name = "missed",
	 .type = FIELD_INTEGER,
	 .description = "Subjects of which something could not be read, over all collectors.",
	 .get = missed},
	{.name = "findings",
	 .type = FIELD_OBJECT,
	 .description = "How many findings there are of each severity.",
	 .members = finding_fields,
	 .item = findings_item},
	{.name = "duration_ms",
	 .type = FIELD_INTEGER,
	 .description = "How long reading the facts took.",
	 .get = duration},
	{0},
};

static const void *at(struct record_context *context, size_t index)
{
	return index == 0 ? context : NULL;
}

const struct record_kind record_summary = {
	.type = "summary",
	.member = "summary",
	.single = true,
	.description = "Counts of all of it.",
	.fields = fields,
	.at = at,
};
