#include "proctor/record.h"

#include <stdlib.h>

#include "agent/formats/field.h"
#include "agent/formats/record_cache.h"

const char record_schema_version[] = "1.0";

const struct record_kind *const record_kinds[] = {
	&record_header,  &record_container, &record_process, &record_mount, &record_file,
	&record_finding, &record_coverage,  &record_summary, NULL,
};

const struct record_kind *const plan_kinds[] = {&record_plan, &record_task_definition, NULL};

const struct record_kind *const reference_kinds[] = {
	&record_about, &record_self, &record_set, &record_capability, &record_rule, NULL,
};

const struct record_kind *const learned_kinds[] = {&record_about, &record_learned, &record_proof, NULL};

const struct record_kind *const agent_kinds[] = {&record_change, &record_heartbeat, &record_inventory, NULL};

struct record_cache *record_cache(struct record_context *context)
{
	if (!context->cache)
		context->cache = calloc(1, sizeof(*context->cache));
	if (!context->cache)
		context->failed = true;
	return context->cache;
}

void record_context_free(struct record_context *context)
{
	if (!context->cache)
		return;
	for (size_t i = 0; i < RECORD_CACHE_SETS; i++)
		json_decref(context->cache->sets[i].names);
	free(context->cache);
	context->cache = NULL;
}

static void put_members(json_t *object, const struct field *fields, const void *record, uint32_t known,
			struct record_context *context);

static json_t *object_of(const struct field *field, const void *record, uint32_t known,
			 struct record_context *context)
{
	const void *item = field->item ? field->item(record, field, 0) : record;
	json_t *object;

	if (!item)
		return NULL;
	object = json_made(json_object(), context);
	if (object)
		put_members(object, field->members, item, field->item ? UINT32_MAX : known, context);
	if (!field->optional || json_object_size(object) || context->failed)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *array_of(const struct field *field, const void *record, struct record_context *context)
{
	json_t *array = json_made(json_array(), context);
	const void *item;

	for (size_t i = 0; !context->failed && (item = field->item(record, field, i)); i++) {
		json_t *object = json_made(json_object(), context);
		if (object)
			put_members(object, field->members, item, UINT32_MAX, context);
		json_append(array, object, context);
	}
	return array;
}

static json_t *value_of(const struct field *field, const void *record, uint32_t known,
			struct record_context *context)
{
	if (field->type == FIELD_OBJECT)
		return object_of(field, record, known, context);
	if (field->type == FIELD_OBJECTS)
		return array_of(field, record, context);
	return field->get(record, field, context);
}

static void put_members(json_t *object, const struct field *fields, const void *record, uint32_t known,
			struct record_context *context)
{
	for (const struct field *field = fields; field->name && !context->failed; field++) {
		json_t *value = field->known & ~known ? NULL : value_of(field, record, known, context);
		if (value && json_object_set_new_nocheck(object, field->name, value))
			context->failed = true;
	}
}

json_t *record_json(const struct record_kind *kind, const void *record, struct record_context *context,
		    bool with_type)
{
	json_t *object = json_made(json_object(), context);

	if (object && with_type &&
	    json_object_set_new_nocheck(object, "type", json_string_nocheck(kind->type)))
		context->failed = true;
	if (object)
		put_members(object, kind->fields, record, kind->known ? kind->known(record) : UINT32_MAX,
			    context);
	if (!context->failed)
		return object;
	json_decref(object);
	return NULL;
}
