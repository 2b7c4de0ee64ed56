/* The least set of capabilities with which a program passed its check. */
#include "agent/formats/field.h"
#include "proctor/proof.h"

#define SET(owner, field_name, member, text)                                                                 \
	{                                                                                                    \
		.name = (field_name), .type = FIELD_STRINGS, .description = (text),                          \
		.pattern = CAPABILITY_PATTERN, .get = field_capabilities, MEMBER(owner, member)              \
	}

static const struct field try_fields[] = {
	SET(struct proof_try, "capabilities", set, "All that it was given."),
	{.name = "passed",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether the check passed.",
	 .get = field_boolean,
	 MEMBER(struct proof_try, passed)},
	{0},
};

static const void *try_at(const void *record, const struct field *field, size_t index)
{
	const struct proof *proof = record;

	(void)field;
	return index < proof->count ? &proof->tries[index] : NULL;
}

static const struct field fields[] = {
	SET(struct proof, "learned", learned, "What was recommended by what was seen."),
	SET(struct proof, "proven", proven,
	    "The check passes with these, and fails without any one of them."),
	{.name = "tries",
	 .type = FIELD_OBJECTS,
	 .description = "What was tried, in this order.",
	 .members = try_fields,
	 .item = try_at},
	{0},
};

static const void *at(struct record_context *context, size_t index)
{
	return index ? NULL : context->proof;
}

const struct record_kind record_proof = {
	.type = "proof",
	.member = "proofs",
	.description = "The least set of capabilities with which a program passed its check: run.",
	.fields = fields,
	.at = at,
};
