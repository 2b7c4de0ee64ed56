#include "agent/formats/field.h"

static json_t *severity(const void *record, const struct field *field, struct record_context *context)
{
	const struct rule *rule = record;

	(void)field;
	return json_of_text(severity_names[rule->severity], context);
}

/* In the order of enum scope. */
static const char *const scopes[] = {"process", "container", "mount",     "file", "program",
				     "host",    "sysctl",    "exception", NULL};

static json_t *scope(const void *record, const struct field *field, struct record_context *context)
{
	const struct rule *rule = record;

	(void)field;
	return json_of_text(scopes[rule->scope], context);
}

static json_t *references(const void *record, const struct field *field, struct record_context *context)
{
	const struct rule *rule = record;

	(void)field;
	return json_of_texts(rule->references, context);
}

#define TEXT(field_name, member_name, text)                                                                  \
	{                                                                                                    \
		.name = (field_name), .type = FIELD_STRING, .description = (text), .get = field_text,        \
		MEMBER(struct rule, member_name)                                                             \
	}

static const struct field fields[] = {
	TEXT("id", id, "Its name."),
	{.name = "severity",
	 .type = FIELD_STRING,
	 .description = "How bad it is where nothing in the context makes it better or worse.",
	 .values = field_severities,
	 .get = severity},
	{.name = "scope",
	 .type = FIELD_STRING,
	 .description = "What it is asked about, once for each.",
	 .values = scopes,
	 .get = scope},
	TEXT("title", bad, "What is wrong when it fires."),
	TEXT("good", good, "What is right when it does not."),
	TEXT("why", why, "Why it matters."),
	TEXT("attack", attack, "How an attacker uses it."),
	{.name = "remediation",
	 .type = FIELD_OBJECT,
	 .description = "What to change, and where.",
	 .members = field_remedy,
	 .item = item_member,
	 MEMBER(struct rule, remedy)},
	{.name = "references", .type = FIELD_STRINGS, .description = "Who asks for it.", .get = references},
	{0},
};

static const void *at(struct record_context *context, size_t index)
{
	const struct reference *reference = context->reference;

	return index < reference->rule_count ? reference->rules[index] : NULL;
}

const struct record_kind record_rule = {
	.type = "rule",
	.member = "rules",
	.description = "A rule that findings are made by.",
	.fields = fields,
	.at = at,
};
