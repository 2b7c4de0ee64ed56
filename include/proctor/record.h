/* Records: how the things of a snapshot and the findings look from outside.
 *
 * Each kind of record is one table of fields. The JSON of a record, its part of the JSON Schema and its
 * documentation all come from that table, so that they cannot differ. */
#ifndef PROCTOR_RECORD_H
#define PROCTOR_RECORD_H

#include <jansson.h>
#include <stdbool.h>

#include "proctor/finding.h"

enum field_type {
	FIELD_STRING,
	FIELD_INTEGER, /* not negative */
	FIELD_BOOLEAN,
	FIELD_STRINGS,  /* array of strings */
	FIELD_INTEGERS, /* array of integers */
	FIELD_OBJECT,   /* `members` */
	FIELD_OBJECTS,  /* array of objects of `members` */
	FIELD_MAP,      /* object with any names; each value a string, integer, boolean or array of strings */
	FIELD_JSON,     /* any value, of a form that others have laid down */
	FIELD_RECORD,   /* a record of `kind`, made before */
	FIELD_RECORDS,  /* array of them */
};

struct learned;
struct proof;
struct plans;
struct record_cache;

/* A set of capabilities and what it goes by: an operand, or `effective` and the like. */
struct named_set {
	const char *name;
	capability_set set;
};

/* The state of one process that decides what its capabilities give it. */
struct own_state {
	pid_t pid;
	struct credentials credentials;
	uint32_t securebits;        /* prctl(2) PR_GET_SECUREBITS */
	const char *user_namespace; /* `initial` or `other`; NULL: unknown */
};

/* What rules, explain and decode tell: of Proctor and of the kernel, of no machine. */
struct reference {
	const struct rule *const *rules;
	size_t rule_count;
	const struct named_set *sets;
	size_t set_count;
	const unsigned *capabilities; /* their numbers, each less than 64 */
	size_t capability_count;
	const struct own_state *self; /* NULL: not asked for */
};

/* A record of the agent: what it tells of changes, and of itself. JSON is borrowed. */
struct agent_record {
	const char *id;
	uint64_t sequence;
	int64_t time; /* milliseconds since 1970, as the next two */
	int64_t first_seen, last_seen;
	const char *status;    /* of a finding: one of agent_statuses[] */
	const json_t *host;    /* an object; NULL: not known */
	const json_t *finding; /* as in the audit's document */
	const json_t *members; /* of a heartbeat or inventory: an object */
};

/* A record that the receiver of a sink refused for good. JSON is borrowed. */
struct dead_letter {
	const char *sink;
	uint64_t sequence;
	int64_t refused_at; /* milliseconds since 1970 */
	const char *severity, *reason;
	const json_t *record; /* as it was to be sent */
};

/* opened changed resolved suppressed; ends with NULL. */
extern const char *const agent_statuses[];

/* What records are made from. Starts zeroed but for what is known; record_context_free frees its cache. */
struct record_context {
	const struct snapshot *snapshot;
	const struct findings *findings;   /* NULL: not judged */
	const struct plans *plans;         /* NULL: not asked for */
	const struct reference *reference; /* of reference_kinds[]; NULL for all others */
	const struct learned *learned;     /* of record_learned; NULL for all others */
	const struct proof *proof;         /* of record_proof; NULL: nothing was proven */
	/* Of agent_kinds[] (a struct agent_record) and dead letters: the next record of `agent_records`,
	 * which lives until the next call; NULL: there is none. */
	const void *(*next_agent_record)(void *agent_records);
	void *agent_records;
	bool with_arguments; /* command lines with their arguments; else their first word only */
	bool unfinished;     /* the snapshot is still being collected */
	bool failed;         /* memory ran out */
	struct record_cache *cache;
};

struct field {
	const char *name;
	enum field_type type;
	bool optional; /* left out when it is not known */
	const char *description;

	/* The value, owned by the caller; NULL when it is not known, or with context->failed. Not for
	 * objects. */
	json_t *(*get)(const void *record, const struct field *field, struct record_context *context);
	size_t offset, size; /* of the member of the record's struct that `get` or `item` reads */
	uint32_t known;      /* bits that record_kind.known must all have; 0: always known */

	const char *const *values; /* the only values of a string, ended by NULL; NULL: any */
	const char *pattern; /* what a string, or each of an array, matches (ECMA 262); NULL: anything */

	const struct field *members;    /* of an object, ended by an entry without a name */
	const struct record_kind *kind; /* of a record */
	/* What the members of an object, or of the object at `index` of an array, are taken from; NULL when
	 * there is none. NULL function: from the record itself. */
	const void *(*item)(const void *record, const struct field *field, size_t index);
};

struct record_kind {
	const char *type;       /* `process`: the `type` of a line of ndjson */
	const char *definition; /* what the schema calls it, where two have one type; NULL: `type` */
	/* Where it stands in the document: an array (`processes`), or an object when `single`; NULL: its
	 * fields are members of the document itself. */
	const char *member;
	bool single;
	const char *description;
	const char *collector; /* that reads them: without it none are there to be told; NULL: always told */
	const struct field *fields; /* ended by an entry without a name */
	/* The record at `index`, asked for in ascending order; NULL behind the last. Lives until the next
	 * call. */
	const void *(*at)(struct record_context *context, size_t index);
	uint32_t (*known)(const void *record); /* bits of what was read of it; NULL: all */
};

/* The kinds of an audit's document, in its order: header container process mount file finding coverage
 * summary. Ends with NULL. */
extern const struct record_kind *const record_kinds[];

extern const struct record_kind record_header, record_container, record_process, record_mount, record_file,
	record_finding, record_coverage, record_summary;

/* The kinds that --remediate adds to it: plan task_definition. Ends with NULL. */
extern const struct record_kind *const plan_kinds[];

extern const struct record_kind record_plan, record_task_definition;

/* The kinds of a document of reference, in its order: about self set capability rule. Ends with NULL. */
extern const struct record_kind *const reference_kinds[];

extern const struct record_kind record_about, record_self, record_set, record_capability, record_rule;

/* The kinds of what was learned: about learned proof. Ends with NULL. */
extern const struct record_kind *const learned_kinds[];

extern const struct record_kind record_learned, record_proof;

/* The kinds that the agent keeps and sends: finding heartbeat inventory. Ends with NULL. */
extern const struct record_kind *const agent_kinds[];

extern const struct record_kind record_change, record_heartbeat, record_inventory;

/* A struct dead_letter. */
extern const struct record_kind record_dead_letter;

/* Version of the schema: the first number changes when a reader of the old one would fail. */
extern const char record_schema_version[];

/* The record as JSON, owned by the caller; with `type` first when `with_type`. NULL when memory is
 * exhausted. Strings are valid UTF-8: other bytes are escaped by text_escape. */
json_t *record_json(const struct record_kind *kind, const void *record, struct record_context *context,
		    bool with_type);

/* The JSON Schema (2020-12) of all documents, from the tables; owned by the caller. NULL when memory is
 * exhausted. `$defs/document` is what is told of a machine, `$defs/findings` what the agent remembers,
 * `$defs/dead_letters` what receivers refused, `$defs/reference` that of reference_kinds[], `$defs/line` a
 * line of ndjson, `$defs/record` what the agent sends. */
json_t *record_schema(void);

void record_context_free(struct record_context *context);

#endif
