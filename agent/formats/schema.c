/* The JSON Schema of the document, made from the tables of fields. */
#include "agent/formats/field.h"
#include "proctor/cleanup.h"

#define DIALECT "https://json-schema.org/draft/2020-12/schema"

static json_t *schema_of_fields(const struct field *fields, struct record_context *context);

/* Sets a member of an object that is built. Takes `value`; NULL, or no memory, is noted in the context. */
static void put(json_t *object, const char *name, json_t *value, struct record_context *context)
{
	if (json_object_set_new(object, name, value))
		context->failed = true;
}

static void put_text(json_t *object, const char *name, const char *text, struct record_context *context)
{
	put(object, name, json_string(text), context);
}

static json_t *schema_of_type(const char *type, struct record_context *context)
{
	return json_made(json_pack("{s:s}", "type", type), context);
}

static json_t *schema_of_string(const struct field *field, struct record_context *context)
{
	json_t *schema = schema_of_type("string", context);
	json_t *values = field->values ? json_made(json_array(), context) : NULL;

	for (size_t i = 0; values && field->values[i]; i++)
		json_append(values, json_string(field->values[i]), context);
	if (values)
		put(schema, "enum", values, context);
	if (field->pattern)
		put_text(schema, "pattern", field->pattern, context);
	return schema;
}

static json_t *schema_of_integer(struct record_context *context)
{
	return json_made(json_pack("{s:s, s:i}", "type", "integer", "minimum", 0), context);
}

static json_t *schema_of_array(json_t *items, struct record_context *context)
{
	return json_made(json_pack("{s:s, s:o}", "type", "array", "items", items), context);
}

static json_t *schema_of_map(struct record_context *context)
{
	return json_made(json_pack("{s:s, s:{s:[{s:[s, s, s]}, {s:s, s:{s:s}}]}}", "type", "object",
				   "additionalProperties", "anyOf", "type", "string", "integer", "boolean",
				   "type", "array", "items", "type", "string"),
			 context);
}

static json_t *reference_to(const char *name, struct record_context *context)
{
	return json_made(json_pack("{s:o}", "$ref", json_sprintf("#/$defs/%s", name)), context);
}

static const char *definition_of(const struct record_kind *kind)
{
	return kind->definition ? kind->definition : kind->type;
}

static json_t *schema_of_value(const struct field *field, struct record_context *context)
{
	switch (field->type) {
	case FIELD_STRING:
		return schema_of_string(field, context);
	case FIELD_INTEGER:
		return schema_of_integer(context);
	case FIELD_BOOLEAN:
		return schema_of_type("boolean", context);
	case FIELD_STRINGS:
		return schema_of_array(schema_of_string(field, context), context);
	case FIELD_INTEGERS:
		return schema_of_array(schema_of_integer(context), context);
	case FIELD_OBJECT:
		return schema_of_fields(field->members, context);
	case FIELD_OBJECTS:
		return schema_of_array(schema_of_fields(field->members, context), context);
	case FIELD_MAP:
		return schema_of_map(context);
	case FIELD_JSON:
		return json_made(json_object(), context);
	case FIELD_RECORD:
		return reference_to(definition_of(field->kind), context);
	case FIELD_RECORDS:
		return schema_of_array(reference_to(definition_of(field->kind), context), context);
	}
	return NULL;
}

/* Adds the fields to the properties, and those that are always there to the names of the required ones. */
static void put_fields(json_t *properties, json_t *required, const struct field *fields,
		       struct record_context *context)
{
	for (; fields->name; fields++) {
		json_t *schema = schema_of_value(fields, context);
		put_text(schema, "description", fields->description, context);
		put(properties, fields->name, schema, context);
		if (!fields->optional)
			json_append(required, json_string(fields->name), context);
	}
}

/* Nothing but these properties. Takes both. */
static json_t *schema_of_object(json_t *properties, json_t *required, struct record_context *context)
{
	return json_made(json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "properties", properties,
				   "required", required, "additionalProperties", 0),
			 context);
}

static json_t *schema_of_fields(const struct field *fields, struct record_context *context)
{
	json_t *properties = json_made(json_object(), context), *required = json_made(json_array(), context);

	put_fields(properties, required, fields, context);
	return schema_of_object(properties, required, context);
}

/* A record as it stands in the document, and with its type in a line. */
static json_t *schema_of_kind(const struct record_kind *kind, struct record_context *context)
{
	json_t *properties = json_made(json_object(), context), *required = json_made(json_array(), context);
	json_t *schema;

	put(properties, "type",
	    json_pack("{s:s, s:s}", "const", kind->type, "description", "In ndjson only."), context);
	put_fields(properties, required, kind->fields, context);
	schema = schema_of_object(properties, required, context);
	put_text(schema, "description", kind->description, context);
	return schema;
}

static void append_kinds(json_t *array, const struct record_kind *const *kinds,
			 struct record_context *context)
{
	for (; *kinds; kinds++)
		json_append(array, reference_to(definition_of(*kinds), context), context);
}

static const struct record_kind *const letter_kinds[] = {&record_dead_letter, NULL};

/* A line of ndjson: a record of any kind, with its type. */
static json_t *schema_of_line(struct record_context *context)
{
	json_t *kinds = json_made(json_array(), context);

	append_kinds(kinds, record_kinds, context);
	append_kinds(kinds, plan_kinds, context);
	append_kinds(kinds, reference_kinds, context);
	append_kinds(kinds, learned_kinds + 1, context);
	append_kinds(kinds, agent_kinds, context);
	append_kinds(kinds, letter_kinds, context);
	return json_made(json_pack("{s:s, s:[s], s:o}", "description", "A line of ndjson.", "required",
				   "type", "oneOf", kinds),
			 context);
}

/* What the agent sends, one at a time. */
static json_t *schema_of_agent(struct record_context *context)
{
	json_t *kinds = json_made(json_array(), context);

	append_kinds(kinds, agent_kinds, context);
	return json_made(json_pack("{s:s, s:[s], s:o}", "description", "A record of the agent.", "required",
				   "type", "oneOf", kinds),
			 context);
}

static void put_members(json_t *properties, const struct record_kind *const *kinds,
			struct record_context *context)
{
	for (; *kinds; kinds++) {
		json_t *record = reference_to(definition_of(*kinds), context);
		put(properties, (*kinds)->member,
		    (*kinds)->single ? record : schema_of_array(record, context), context);
	}
}

/* Of the kinds, the first of which gives the document its own members, the others and `more` may be left out.
 */
static json_t *schema_of_document(const struct record_kind *const *kinds,
				  const struct record_kind *const *more, const char *description,
				  struct record_context *context)
{
	json_t *properties = json_made(json_object(), context), *required = json_made(json_array(), context);
	json_t *schema;

	put_fields(properties, required, kinds[0]->fields, context);
	put_members(properties, kinds + 1, context);
	put_members(properties, more, context);
	schema = schema_of_object(properties, required, context);
	put_text(schema, "description", description, context);
	return schema;
}

static void put_kinds(json_t *schemas, const struct record_kind *const *kinds, struct record_context *context)
{
	for (; *kinds; kinds++)
		put(schemas, definition_of(*kinds), schema_of_kind(*kinds, context), context);
}

static json_t *schemas_of_all(struct record_context *context)
{
	static const struct record_kind *const nothing[] = {NULL};
	static const struct record_kind *const findings[] = {&record_about, &record_change, NULL};
	static const struct record_kind *const letters[] = {&record_about, &record_dead_letter, NULL};
	json_t *schemas = json_made(json_object(), context);

	put(schemas, "document",
	    schema_of_document(record_kinds, plan_kinds, "What Proctor found on a machine: audit, ps, files.",
			       context),
	    context);
	put(schemas, "reference",
	    schema_of_document(reference_kinds, nothing, "What Proctor knows: rules, explain, decode.",
			       context),
	    context);
	put(schemas, "findings",
	    schema_of_document(findings, nothing, "What the agent remembers: findings.", context), context);
	put(schemas, "dead_letters",
	    schema_of_document(letters, nothing, "What receivers refused for good: dead-letters.", context),
	    context);
	put(schemas, "learned_document",
	    schema_of_document(learned_kinds, nothing, "What containers need: learn.", context), context);
	put(schemas, "record", schema_of_agent(context), context);
	put(schemas, "line", schema_of_line(context), context);
	put_kinds(schemas, record_kinds, context);
	put_kinds(schemas, plan_kinds, context);
	put_kinds(schemas, reference_kinds, context);
	put_kinds(schemas, learned_kinds + 1, context);
	put_kinds(schemas, agent_kinds, context);
	put_kinds(schemas, letter_kinds, context);
	return schemas;
}

/* Documents of each form have a member that no other form has; those without any are references. */
static void put_choices(json_t *schema, struct record_context *context)
{
	static const struct {
		const char *member, *definition;
	} forms[] = {
		{"containers", "learned_document"},
		{"dead_letters", "dead_letters"},
		{"findings", "findings"},
		{"host", "document"}, /* which may have findings as well: asked for first */
	};
	json_t *otherwise = reference_to("reference", context);

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		bool is_first = i + 1 == sizeof(forms) / sizeof(forms[0]);
		json_t *choice = is_first ? schema : json_made(json_object(), context);
		put(choice, "if", json_pack("{s:[s]}", "required", forms[i].member), context);
		put(choice, "then", reference_to(forms[i].definition, context), context);
		put(choice, "else", otherwise, context);
		otherwise = choice;
	}
}

json_t *record_schema(void)
{
	struct record_context context = {0};
	json_t *schema = json_made(json_object(), &context);

	put_text(schema, "$schema", DIALECT, &context);
	put(schema, "$id", json_sprintf("urn:proctor:schema:%s", record_schema_version), &context);
	put_text(schema, "title", "What Proctor prints", &context);
	put_text(schema, "description",
		 "Strings are UTF-8; control characters, backslashes and bytes that are not UTF-8 stand in "
		 "them as \\n, \\t, \\r, \\\\ and \\xHH. Remedies are Proctor's own text, to be copied as it "
		 "is, over several lines; so are the fragments of plans and the task definition. What is not "
		 "known is left out.",
		 &context);
	put_choices(schema, &context);
	put(schema, "$defs", schemas_of_all(&context), &context);
	if (!context.failed)
		return schema;
	json_decref(schema);
	return NULL;
}
