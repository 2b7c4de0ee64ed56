/* What was learned of the capabilities that a container needs. */
#include "agent/formats/field.h"
#include "proctor/learned.h"

/* ---- fields that several have -------------------------------------------------------------------- */

static json_t *capability(const void *record, const struct field *field, struct record_context *context)
{
	char name[CAPABILITY_NAME_SIZE];

	return json_of_text(capability_constant(*(const unsigned *)item_member(record, field, 0), name),
			    context);
}

static json_t *moment(const void *record, const struct field *field, struct record_context *context)
{
	int64_t time = *(const int64_t *)item_member(record, field, 0);

	return json_of_time(time / 1000, time % 1000 * 1000000, context);
}

static json_t *texts(const void *record, const struct field *field, struct record_context *context)
{
	return json_of_texts(*(const char *const *const *)item_member(record, field, 0), context);
}

#define CAPABILITY(owner)                                                                                    \
	{                                                                                                    \
		.name = "capability", .type = FIELD_STRING, .description = "Its name.",                      \
		.pattern = CAPABILITY_PATTERN, .get = capability, MEMBER(owner, capability)                  \
	}
#define COUNT(owner)                                                                                         \
	{                                                                                                    \
		.name = "count", .type = FIELD_INTEGER, .description = "How often.", .get = field_number,    \
		MEMBER(owner, count)                                                                         \
	}
#define EXECUTABLES(owner)                                                                                   \
	{                                                                                                    \
		.name = "executables", .type = FIELD_STRINGS,                                                \
		.description = "The programs that asked: paths in the container, of long ones the end.",     \
		.get = texts, MEMBER(owner, executables)                                                     \
	}
#define MOMENT(field_name, member, text)                                                                     \
	{                                                                                                    \
		.name = (field_name), .type = FIELD_STRING, .description = (text), .get = moment,            \
		MEMBER(struct learned_use, member)                                                           \
	}

/* ---- capabilities -------------------------------------------------------------------------------- */

static const struct field use_fields[] = {
	CAPABILITY(struct learned_use),
	COUNT(struct learned_use),
	MOMENT("first_seen", first, "When it was first asked for (RFC 3339, UTC)."),
	MOMENT("last_seen", last, "When it was last asked for (RFC 3339, UTC)."),
	EXECUTABLES(struct learned_use),
	{.name = "required",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether a call would have failed without it.",
	 .get = field_boolean,
	 MEMBER(struct learned_use, required)},
	{.name = "reason",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "What would have happened instead; of a required one, why that is not certain.",
	 .get = field_text,
	 MEMBER(struct learned_use, reason)},
	{0},
};

static const void *use_at(const void *record, const struct field *field, size_t index)
{
	const struct learned_container *container = record;

	(void)field;
	return index < container->use_count ? &container->uses[index] : NULL;
}

static const struct field optional_fields[] = {
	CAPABILITY(struct learned_use),
	{.name = "reason",
	 .type = FIELD_STRING,
	 .description = "What happens without it.",
	 .get = field_text,
	 MEMBER(struct learned_use, reason)},
	{0},
};

static const void *optional_at(const void *record, const struct field *field, size_t index)
{
	const struct learned_container *container = record;

	(void)field;
	for (size_t i = 0; i < container->use_count; i++)
		if (!container->uses[i].required && index-- == 0)
			return &container->uses[i];
	return NULL;
}

static const struct field denial_fields[] = {
	CAPABILITY(struct learned_denial),
	COUNT(struct learned_denial),
	EXECUTABLES(struct learned_denial),
	{.name = "reason",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Why it is not certain that a call failed by it.",
	 .get = field_text,
	 MEMBER(struct learned_denial, reason)},
	{0},
};

static const void *denial_at(const void *record, const struct field *field, size_t index)
{
	const struct learned_container *container = record;

	(void)field;
	return index < container->denial_count ? &container->denials[index] : NULL;
}

/* ---- the container ------------------------------------------------------------------------------- */

static json_t *of_watched(const void *record, const struct field *field, struct record_context *context)
{
	return field_text(((const struct learned_container *)record)->watched, field, context);
}

static json_t *granted(const void *record, const struct field *field, struct record_context *context)
{
	(void)field;
	return json_of_capabilities(((const struct learned_container *)record)->watched->granted, context);
}

static json_t *saw_start(const void *record, const struct field *field, struct record_context *context)
{
	(void)field;
	return json_made(json_boolean(((const struct learned_container *)record)->watched->saw_start),
			 context);
}

static json_t *of_starts(const void *record, const struct field *field, struct record_context *context)
{
	capability_set set = ((const struct learned_container *)record)->of_starts;

	(void)field;
	return set ? json_of_capabilities(set, context) : NULL;
}

static json_t *starts(const void *record, const struct field *field, struct record_context *context)
{
	const struct learned_kept *kept = ((const struct learned_container *)record)->kept;

	(void)field;
	return kept ? json_of_number(kept->starts, context) : NULL;
}

static json_t *of_kept(const void *record, const struct field *field, struct record_context *context)
{
	const struct learned_kept *kept = ((const struct learned_container *)record)->kept;

	return kept ? moment(kept, field, context) : NULL;
}

static json_t *lost(const void *record, const struct field *field, struct record_context *context)
{
	(void)record, (void)field;
	return json_of_number(context->learned->lost, context);
}

static json_t *unseen(const void *record, const struct field *field, struct record_context *context)
{
	(void)record, (void)field;
	return json_of_number(context->learned->unseen, context);
}

static json_t *held(const void *record, const struct field *field, struct record_context *context)
{
	const struct sampled *sampled = ((const struct learned_container *)record)->sampled;

	(void)field;
	return sampled ? json_of_capabilities(sampled->held, context) : NULL;
}

static const char *const uses[] = {"unknown", "no", "yes", NULL};

static json_t *privilege_used(const void *record, const struct field *field, struct record_context *context)
{
	const struct sampled *sampled = ((const struct learned_container *)record)->sampled;

	(void)field;
	if (!sampled)
		return NULL;
	return json_of_text(uses[sampled->use == SAMPLED_UNUSED ? 1
				 : sampled->use == SAMPLED_USED ? 2
								: 0],
			    context);
}

static const char *const evidences[] = {"fexit", "tracepoint", "kprobe", "superpriv", NULL};

static json_t *evidence(const void *record, const struct field *field, struct record_context *context)
{
	(void)record, (void)field;
	return json_of_text(context->learned->evidence, context);
}

#define OF_WATCHED(member, is_optional, text)                                                                \
	{                                                                                                    \
		.name = #member, .type = FIELD_STRING, .optional = (is_optional), .description = (text),     \
		.get = of_watched, MEMBER(struct watched, member)                                            \
	}

#define OF_KEPT(field_name, member, text)                                                                    \
	{                                                                                                    \
		.name = (field_name), .type = FIELD_STRING, .optional = true, .description = (text),         \
		.get = of_kept, MEMBER(struct learned_kept, member)                                          \
	}

static const struct field fields[] = {
	OF_WATCHED(id, true, "Its id, as in an audit; of an image only where nothing else is known of it."),
	OF_WATCHED(name, true, "What its owner calls it; of an image the container that was seen last."),
	OF_WATCHED(image, true, "The reference of its image, as its owner wrote it."),
	OF_WATCHED(image_digest, true, "The digest of its image, else its id."),
	OF_WATCHED(family, true, "The family of its task's definition."),
	{.name = "granted",
	 .type = FIELD_STRINGS,
	 .description = "The capabilities that it may have: its first process' bounding set.",
	 .pattern = CAPABILITY_PATTERN,
	 .get = granted},
	{.name = "used",
	 .type = FIELD_OBJECTS,
	 .description = "Those that the kernel was asked for, and granted.",
	 .members = use_fields,
	 .item = use_at},
	{.name = "optional",
	 .type = FIELD_OBJECTS,
	 .description = "Those of them without which each call would have taken another way.",
	 .members = optional_fields,
	 .item = optional_at},
	{.name = "denied",
	 .type = FIELD_OBJECTS,
	 .description = "Those that the kernel was asked for, and refused.",
	 .members = denial_fields,
	 .item = denial_at},
	{.name = "recommended",
	 .type = FIELD_STRINGS,
	 .description = "The least that it needs by what was seen: those that are required.",
	 .pattern = CAPABILITY_PATTERN,
	 .get = field_capabilities,
	 MEMBER(struct learned_container, recommended)},
	{.name = "of_starts",
	 .type = FIELD_STRINGS,
	 .optional = true,
	 .description =
		 "Of a container whose start was not seen: those of the recommended that only starts of its "
		 "image required before, by what the agent keeps of them.",
	 .pattern = CAPABILITY_PATTERN,
	 .get = of_starts},
	{.name = "complete",
	 .type = FIELD_BOOLEAN,
	 .description =
		 "Whether its start was seen, or the agent keeps what a whole start of its image needed, and "
		 "nothing was lost. Else it may need more than is recommended: many programs use "
		 "capabilities "
		 "at their start only.",
	 .get = field_boolean,
	 MEMBER(struct learned_container, complete)},
	{.name = "observed_seconds",
	 .type = FIELD_INTEGER,
	 .description = "For how long it was watched.",
	 .get = field_number,
	 MEMBER(struct learned_container, observed_seconds)},
	{.name = "saw_start",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether it started while it was watched.",
	 .get = saw_start},
	{.name = "starts",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .description = "Of an image: how many starts were seen.",
	 .get = starts},
	OF_KEPT("first_seen", first, "Of an image: since when it is watched (RFC 3339, UTC)."),
	OF_KEPT("last_seen", last, "Of an image: when it was watched last (RFC 3339, UTC)."),
	{.name = "events_lost",
	 .type = FIELD_INTEGER,
	 .description = "Checks of the whole machine that were not counted: for want of room, or since "
			"they came while one was counted.",
	 .get = lost},
	{.name = "checks_unseen",
	 .type = FIELD_INTEGER,
	 .description = "Checks of the whole machine by whom came and went between two looks: they may be of "
			"containers that are not told of.",
	 .get = unseen},
	{.name = "evidence",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description =
		 "How the kernel told of each check; of an image, how it does now. superpriv: not at all, "
		 "and what was used is not known, nor what is recommended.",
	 .values = evidences,
	 .get = evidence},
	{.name = "held",
	 .type = FIELD_STRINGS,
	 .optional = true,
	 .description =
		 "With superpriv: the capabilities in effect in any of its processes that were looked at.",
	 .pattern = CAPABILITY_PATTERN,
	 .get = held},
	{.name = "privilege_used",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "With superpriv: whether a process that was forked in it, and looked at, has used a "
			"privilege "
			"since (PF_SUPERPRIV). unknown: there was none, or one has several threads, of which "
			"only the "
			"first is looked at. Of its first process, and others that its runtime put in, it is "
			"not told: "
			"their flag is the runtime's; nor of what came and went between two looks.",
	 .values = uses,
	 .get = privilege_used},
	{0},
};

static const void *at(struct record_context *context, size_t index)
{
	return index < context->learned->count ? &context->learned->containers[index] : NULL;
}

const struct record_kind record_learned = {
	.type = "learned",
	.member = "containers",
	.description = "What was learned of the capabilities that a container needs.",
	.fields = fields,
	.at = at,
};
