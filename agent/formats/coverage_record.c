#include "agent/formats/field.h"

static json_t *duration(const void *record, const struct field *field, struct record_context *context)
{
	const struct coverage *coverage = record;

	(void)field;
	return json_of_number((coverage->duration_ns + 500000) / 1000000, context);
}

static const void *reason_item(const void *record, const struct field *field, size_t index)
{
	const struct coverage_reason *reason = ((const struct coverage *)record)->reasons;

	(void)field;
	for (; reason && index; index--)
		reason = reason->next;
	return reason;
}

static const struct field reason_fields[] = {
	{.name = "reason",
	 .type = FIELD_STRING,
	 .description = "Why something could not be read.",
	 .get = field_text,
	 MEMBER(struct coverage_reason, reason)},
	{.name = "count",
	 .type = FIELD_INTEGER,
	 .description = "How often.",
	 .get = field_number,
	 MEMBER(struct coverage_reason, count)},
	{.name = "example",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "The first subject it hit.",
	 .get = field_text,
	 MEMBER(struct coverage_reason, example)},
	{.name = "remedy",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "What lets Proctor see it.",
	 .get = field_text,
	 MEMBER(struct coverage_reason, remedy)},
	{0},
};

static const struct field fields[] = {
	{.name = "collector",
	 .type = FIELD_STRING,
	 .description = "What reads this kind of facts.",
	 .get = field_text,
	 MEMBER(struct coverage, collector)},
	{.name = "seen",
	 .type = FIELD_INTEGER,
	 .description = "Subjects that were read whole.",
	 .get = field_number,
	 MEMBER(struct coverage, seen)},
	{.name = "missed",
	 .type = FIELD_INTEGER,
	 .description = "Subjects of which something could not be read.",
	 .get = field_number,
	 MEMBER(struct coverage, missed)},
	{.name = "reasons",
	 .type = FIELD_OBJECTS,
	 .description = "What could not be read, and why.",
	 .members = reason_fields,
	 .item = reason_item},
	{.name = "duration_ms", .type = FIELD_INTEGER, .description = "How long it took.", .get = duration},
	{0},
};

static const void *at(struct record_context *context, size_t index)
{
	const struct snapshot *snapshot = context->snapshot;

	return index < snapshot->coverage_count ? &snapshot->coverage[index] : NULL;
}

const struct record_kind record_coverage = {
	.type = "coverage",
	.member = "coverage",
	.description = "What one collector saw, and what it did not.",
	.fields = fields,
	.at = at,
};
