/* What the agent tells: of a finding that opened, changed, was resolved or suppressed; of itself; of all it
 * sees. What others made as JSON is taken from there by the names of the fields. */
#include "agent/formats/field.h"

/* ---- fields of a struct agent_record -------------------------------------------------------------- */

static json_t *moment(const void *record, const struct field *field, struct record_context *context)
{
	int64_t time = *(const int64_t *)item_member(record, field, 0);

	return json_of_time(time / 1000, time % 1000 * 1000000, context);
}

/* The member of the object of that name; NULL: it has none. */
static json_t *named(const json_t *object, const char *name)
{
	return json_incref(json_object_get(object, name));
}

/* JSON that a pointer of the record leads to. */
static json_t *whole(const void *record, const struct field *field, struct record_context *context)
{
	const json_t *const *json = item_member(record, field, 0);

	(void)context;
	return json_incref((json_t *)*json);
}

static json_t *member(const void *record, const struct field *field, struct record_context *context)
{
	(void)context;
	return named(((const struct agent_record *)record)->members, field->name);
}

static const void *object(const void *record, const struct field *field, size_t index)
{
	(void)index;
	return json_object_get(((const struct agent_record *)record)->members, field->name);
}

static const void *object_at(const void *record, const struct field *field, size_t index)
{
	return json_array_get(object(record, field, 0), index);
}

/* Of a record that is an object itself. */
static json_t *inner(const void *record, const struct field *field, struct record_context *context)
{
	(void)context;
	return named(record, field->name);
}

#define INNER(field_name, field_type, is_optional, text)                                                     \
	{                                                                                                    \
		.name = (field_name), .type = (field_type), .optional = (is_optional),                       \
		.description = (text), .get = inner                                                          \
	}

/* ---- what all have ------------------------------------------------------------------------------- */

static const struct field host_fields[] = {
	INNER("hostname", FIELD_STRING, true, "Its name, as uname(2) tells it."),
	INNER("boot_id", FIELD_STRING, true, "Random id of this boot."),
	INNER("view", FIELD_STRING, true, "What was seen of it, as in the header of a document."),
	INNER("ecs", FIELD_JSON, true, "The ECS agent, as in the header of a document."),
	{0},
};

#define MOMENT(member, text)                                                                                 \
	{                                                                                                    \
		.name = #member, .type = FIELD_STRING, .description = (text), .get = moment,                 \
		MEMBER(struct agent_record, member)                                                          \
	}

#define IDENTITY                                                                                             \
	{.name = "record_id",                                                                                \
	 .type = FIELD_STRING,                                                                               \
	 .description =                                                                                      \
		 "Random, and the same however often it is sent: two records with one id are the same one.", \
	 .pattern = "^[0-9a-f]{32}$",                                                                        \
	 .get = field_text,                                                                                  \
	 MEMBER(struct agent_record, id)},                                                                   \
		{.name = "sequence",                                                                         \
		 .type = FIELD_INTEGER,                                                                      \
		 .description = "Ascending for one host, with gaps; goes on after a restart.",               \
		 .get = field_number,                                                                        \
		 MEMBER(struct agent_record, sequence)},                                                     \
		MOMENT(time, "When it was made (RFC 3339, UTC)."),                                           \
	{                                                                                                    \
		.name = "host", .type = FIELD_OBJECT, .optional = true,                                      \
		.description = "The machine it is told of.", .members = host_fields, .item = item_pointer,   \
		MEMBER(struct agent_record, host)                                                            \
	}

/* ---- findings ------------------------------------------------------------------------------------ */

static const struct field change_fields[] = {
	IDENTITY,
	{.name = "status",
	 .type = FIELD_STRING,
	 .description = "What became of it: `opened` also when an exception ended; `suppressed`: the "
			"configuration accepts it.",
	 .values = agent_statuses,
	 .get = field_text,
	 MEMBER(struct agent_record, status)},
	MOMENT(first_seen, "When it was first seen since it opened (RFC 3339, UTC)."),
	MOMENT(last_seen, "When it was last seen (RFC 3339, UTC)."),
	{.name = "finding",
	 .type = FIELD_RECORD,
	 .description = "The finding as it was then.",
	 .kind = &record_finding,
	 .get = whole,
	 MEMBER(struct agent_record, finding)},
	{0},
};

static const void *at(struct record_context *context, size_t index)
{
	(void)index;
	return context->next_agent_record ? context->next_agent_record(context->agent_records) : NULL;
}

const struct record_kind record_change = {
	.type = "finding",
	.definition = "finding_record",
	.member = "findings",
	.description = "What became of a finding, as the agent tells it.",
	.fields = change_fields,
	.at = at,
};

/* ---- dead letters -------------------------------------------------------------------------------- */

static const struct field letter_fields[] = {
	{.name = "sink",
	 .type = FIELD_STRING,
	 .description = "The sink to whose receiver it was sent.",
	 .get = field_text,
	 MEMBER(struct dead_letter, sink)},
	{.name = "sequence",
	 .type = FIELD_INTEGER,
	 .description = "Its place in the queue: one that was tried again has another than its record.",
	 .get = field_number,
	 MEMBER(struct dead_letter, sequence)},
	{.name = "refused_at",
	 .type = FIELD_STRING,
	 .description = "When it was refused (RFC 3339, UTC).",
	 .get = moment,
	 MEMBER(struct dead_letter, refused_at)},
	{.name = "severity",
	 .type = FIELD_STRING,
	 .description = "The severity it was sent with: `info` for what is no finding.",
	 .get = field_text,
	 MEMBER(struct dead_letter, severity)},
	{.name = "reason",
	 .type = FIELD_STRING,
	 .description = "Why, as the receiver said it.",
	 .get = field_text,
	 MEMBER(struct dead_letter, reason)},
	{.name = "record",
	 .type = FIELD_JSON,
	 .description = "The record as it was to be sent.",
	 .get = whole,
	 MEMBER(struct dead_letter, record)},
	{0},
};

const struct record_kind record_dead_letter = {
	.type = "dead_letter",
	.member = "dead_letters",
	.description = "A record that a receiver refused for good.",
	.fields = letter_fields,
	.at = at,
};

/* ---- heartbeats ---------------------------------------------------------------------------------- */

static const struct field count_fields[] = {
	INNER("critical", FIELD_INTEGER, false, "Critical ones."),
	INNER("high", FIELD_INTEGER, false, "High ones."),
	INNER("medium", FIELD_INTEGER, false, "Medium ones."),
	INNER("low", FIELD_INTEGER, false, "Low ones."),
	INNER("info", FIELD_INTEGER, false, "Those that are for information."),
	INNER("suppressed", FIELD_INTEGER, false,
	      "Those that the configuration accepts; in none of the other counts."),
	{0},
};

static const struct field seen_fields[] = {
	INNER("processes", FIELD_INTEGER, true, "Processes."),
	INNER("containers", FIELD_INTEGER, true, "Containers."),
	INNER("mounts", FIELD_INTEGER, true, "Mounts of all namespaces."),
	INNER("files", FIELD_INTEGER, true, "Files that give privilege."),
	{0},
};

static const struct field sink_fields[] = {
	INNER("sink", FIELD_STRING, false, "Its name."),
	INNER("waiting", FIELD_INTEGER, false, "Records that it has not had."),
	INNER("waiting_bytes", FIELD_INTEGER, false, "Their size."),
	INNER("oldest_seconds", FIELD_INTEGER, false, "For how long the oldest of them has waited."),
	INNER("sent", FIELD_INTEGER, false, "Records that it delivered since the state began."),
	INNER("dropped", FIELD_INTEGER, false,
	      "Records that it never had: the queue, its part of it or its dead letters were full, or they "
	      "were too old."),
	INNER("refused", FIELD_INTEGER, false, "Records that its receiver refused for good."),
	INNER("dead_letters", FIELD_INTEGER, false, "Of those, what is kept still."),
	{0},
};

static const struct field event_fields[] = {
	INNER("events", FIELD_INTEGER, false, "Events that were heard of since the auditor started."),
	INNER("overruns", FIELD_INTEGER, false,
	      "How often some were lost, each time followed by a full audit."),
	INNER("unread", FIELD_INTEGER, false, "Processes that ended before they could be read."),
	{0},
};

static const struct field learning_fields[] = {
	INNER("in_force", FIELD_BOOLEAN, false, "Whether it is learned."),
	INNER("reason", FIELD_STRING, true, "Why not, though it was asked for."),
	INNER("evidence", FIELD_STRING, true,
	      "How the kernel tells of checks: `fexit`, `tracepoint` or `kprobe`."),
	INNER("since", FIELD_STRING, true, "Since when (RFC 3339, UTC)."),
	INNER("checks", FIELD_INTEGER, true,
	      "Checks of containers that were granted, since the auditor started."),
	INNER("lost", FIELD_INTEGER, true, "Checks for which there was no room."),
	INNER("unseen", FIELD_INTEGER, true, "Checks by whom came and went between two looks."),
	{0},
};

#define OWN(field_name, field_type, is_optional, text)                                                       \
	{                                                                                                    \
		.name = (field_name), .type = (field_type), .optional = (is_optional),                       \
		.description = (text), .get = member                                                         \
	}
#define OWN_OBJECT(field_name, is_optional, fields, text)                                                    \
	{                                                                                                    \
		.name = (field_name), .type = FIELD_OBJECT, .optional = (is_optional),                       \
		.description = (text), .members = (fields), .item = object                                   \
	}
#define OWN_RECORDS(field_name, record_kind, is_optional, text)                                              \
	{                                                                                                    \
		.name = (field_name), .type = FIELD_RECORDS, .optional = (is_optional),                      \
		.description = (text), .kind = &(record_kind), .get = member                                 \
	}

static const struct field heartbeat_fields[] = {
	IDENTITY,
	OWN("version", FIELD_STRING, false, "The agent's version."),
	OWN("started_at", FIELD_STRING, true, "When the agent started (RFC 3339, UTC)."),
	OWN_OBJECT("findings", false, count_fields, "Findings that are open, by severity."),
	OWN_OBJECT("seen", true, seen_fields, "What the last audit saw."),
	OWN("duration_ms", FIELD_INTEGER, true, "How long the last audit took."),
	OWN_RECORDS("coverage", record_coverage, true, "What the last audit saw, and what it did not."),
	OWN("dropped", FIELD_INTEGER, false, "Records that a sink never had, over all sinks."),
	{.name = "queue",
	 .type = FIELD_OBJECTS,
	 .description = "How far each sink is.",
	 .members = sink_fields,
	 .item = object_at},
	OWN("degraded", FIELD_BOOLEAN, false,
	    "The state is kept in memory only: its disk is full, or its file is gone."),
	OWN_OBJECT("events", true, event_fields, "What the kernel told between audits."),
	OWN_OBJECT("learning", true, learning_fields,
		   "Whether it is learned which capabilities containers use, and how much was seen of it."),
	OWN("event_sources", FIELD_JSON, true, "Which event sources are in use, and why others are not."),
	OWN("confinement", FIELD_JSON, true, "What holds the agent's processes to their privilege."),
	{0},
};

const struct record_kind record_heartbeat = {
	.type = "heartbeat",
	.description = "That the agent is at work, with each look at everything, and how well.",
	.fields = heartbeat_fields,
	.at = at,
};

/* ---- inventory ----------------------------------------------------------------------------------- */

static const struct field inventory_fields[] = {
	IDENTITY,
	OWN_RECORDS("containers", record_container, true, "Every container."),
	OWN_RECORDS("processes", record_process, true, "Every process."),
	OWN_RECORDS("mounts", record_mount, true, "Every mount."),
	OWN_RECORDS("files", record_file, true, "Every file that gives privilege."),
	{0},
};

const struct record_kind record_inventory = {
	.type = "inventory",
	.description = "All that the agent sees: at its start and once a day, where its settings ask for it.",
	.fields = inventory_fields,
	.at = at,
};
