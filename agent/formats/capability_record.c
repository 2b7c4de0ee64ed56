/* A capability and what is known of it; a set of them. The record of a capability is its number. */
#include <stdio.h>

#include "agent/formats/field.h"

static json_t *name(const void *record, const struct field *field, struct record_context *context)
{
	char text[CAPABILITY_NAME_SIZE];

	(void)field;
	return json_of_text(capability_constant(*(const unsigned *)record, text), context);
}

static json_t *docker_default(const void *record, const struct field *field, struct record_context *context)
{
	capability_set own = CAPABILITY_MASK(*(const unsigned *)record);

	(void)field;
	return json_made(json_boolean(CAPABILITY_DOCKER_DEFAULT & own), context);
}

/* The text at field->offset of what is known of it. */
static json_t *text(const void *record, const struct field *field, struct record_context *context)
{
	const struct capability_text *known = capability_describe(*(const unsigned *)record);

	return known ? field_text(known, field, context) : NULL;
}

#define TEXT(member, words)                                                                                  \
	{                                                                                                    \
		.name = #member, .type = FIELD_STRING, .optional = true, .description = (words),             \
		.get = text, MEMBER(struct capability_text, member)                                          \
	}

static const struct field fields[] = {
	{.name = "name",
	 .type = FIELD_STRING,
	 .description = "As capabilities(7) has it; by its number when Proctor does not know it.",
	 .pattern = CAPABILITY_PATTERN,
	 .get = name},
	{.name = "number",
	 .type = FIELD_INTEGER,
	 .description = "Its bit in a mask.",
	 .get = field_number,
	 .size = sizeof(unsigned)},
	{.name = "docker_default",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether containers have it by Docker's default.",
	 .get = docker_default},
	TEXT(allows, "What it lets a process do."),
	TEXT(attack, "How an attacker in a container uses it; left out where it gives little."),
	TEXT(instead,
	     "What to do instead of granting it; left out where there is nothing to put in its place."),
	{0},
};

static const void *at(struct record_context *context, size_t index)
{
	const struct reference *reference = context->reference;

	return index < reference->capability_count ? &reference->capabilities[index] : NULL;
}

const struct record_kind record_capability = {
	.type = "capability",
	.member = "capabilities",
	.description = "A capability.",
	.fields = fields,
	.at = at,
};

/* ---- sets -------------------------------------------------------------------------------------- */

static json_t *mask(const void *record, const struct field *field, struct record_context *context)
{
	const struct named_set *named = record;
	char digits[17];

	(void)field;
	snprintf(digits, sizeof(digits), "%016llx", (unsigned long long)named->set);
	return json_of_text(digits, context);
}

static const struct field set_fields[] = {
	{.name = "name",
	 .type = FIELD_STRING,
	 .description = "What was asked for; of a process, which of its sets it is.",
	 .get = field_text,
	 MEMBER(struct named_set, name)},
	{.name = "mask",
	 .type = FIELD_STRING,
	 .description = "As /proc/PID/status has it.",
	 .pattern = "^[0-9a-f]{16}$",
	 .get = mask},
	{.name = "capabilities",
	 .type = FIELD_STRINGS,
	 .description = "What is in it.",
	 .pattern = CAPABILITY_PATTERN,
	 .get = field_capabilities,
	 MEMBER(struct named_set, set)},
	{0},
};

static const void *set_at(struct record_context *context, size_t index)
{
	const struct reference *reference = context->reference;

	return index < reference->set_count ? &reference->sets[index] : NULL;
}

const struct record_kind record_set = {
	.type = "set",
	.member = "sets",
	.description = "A set of capabilities.",
	.fields = set_fields,
	.at = set_at,
};
