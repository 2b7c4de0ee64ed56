/* What is told of one limit. */
#include "agent/formats/field.h"

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

const struct field field_limit[] = {
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

const void *field_limit_item(const void *record, const struct field *field, size_t index)
{
	const struct limit *limit = item_member(record, field, index);

	return limit->state == LIMIT_UNKNOWN ? NULL : limit;
}
