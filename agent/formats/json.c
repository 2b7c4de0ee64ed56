#include "agent/formats/json.h"

#include "proctor/cleanup.h"

static int write_chunk(const char *data, size_t length, void *output)
{
	output_write(output, data, length);
	return 0;
}

/* Prints one record; without its braces for JSON_EMBED. */
static int put_record(struct output *output, const struct record_kind *kind, const void *record,
		      struct record_context *context, size_t flags, struct error **error)
{
	_cleanup_json_ json_t *json = record_json(kind, record, context, false);

	if (!json || json_dump_callback(json, write_chunk, output, JSON_COMPACT | flags))
		return error_set(error, 0, "writing a record of type %s: out of memory", kind->type);
	return 0;
}

static int put_array(struct output *output, const struct record_kind *kind, struct record_context *context,
		     struct error **error)
{
	const void *record;

	output_format(output, "\"%s\":[", kind->member);
	for (size_t i = 0; (record = kind->at(context, i)); i++) {
		output_text(output, i ? ",\n" : "\n");
		if (put_record(output, kind, record, context, 0, error))
			return -1;
	}
	output_text(output, "]");
	return 0;
}

static int put_kind(struct output *output, const struct record_kind *kind, struct record_context *context,
		    struct error **error)
{
	if (!kind->single)
		return put_array(output, kind, context, error);
	if (kind->member)
		output_format(output, "\"%s\":", kind->member);
	return put_record(output, kind, kind->at(context, 0), context, kind->member ? 0 : JSON_EMBED, error);
}

/* An empty array would say that there are none. */
static bool is_told(const struct record_kind *kind, const struct record_context *context)
{
	return !kind->collector || !snapshot_lacks(context->snapshot, kind->collector);
}

int json_document(struct output *output, const struct record_kind *const *kinds,
		  struct record_context *context, struct error **error)
{
	for (size_t i = 0; kinds[i]; i++) {
		if (!is_told(kinds[i], context))
			continue;
		output_text(output, i ? ",\n" : "{");
		if (put_kind(output, kinds[i], context, error))
			return -1;
		if (context->failed) /* the array ended for want of memory */
			return error_set(error, 0, "writing the document: out of memory");
	}
	output_text(output, "}\n");
	return 0;
}

int json_records(enum format format, struct output *output, const struct record_kind *const *kinds,
		 struct record_context *context, struct error **error)
{
	return format == FORMAT_JSON ? json_document(output, kinds, context, error)
				     : ndjson_records(output, kinds + 1, context, error);
}
