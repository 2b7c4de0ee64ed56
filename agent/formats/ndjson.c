#include "agent/formats/json.h"
#include "proctor/cleanup.h"

static int write_chunk(const char *data, size_t length, void *output)
{
	output_write(output, data, length);
	return 0;
}

int ndjson_record(struct output *output, const struct record_kind *kind, const void *record,
		  struct record_context *context, struct error **error)
{
	_cleanup_json_ json_t *json = record_json(kind, record, context, true);

	if (!json || json_dump_callback(json, write_chunk, output, JSON_COMPACT))
		return error_set(error, 0, "writing a record of type %s: out of memory", kind->type);
	output_text(output, "\n");
	return 0;
}

int ndjson_records(struct output *output, const struct record_kind *const *kinds,
		   struct record_context *context, struct error **error)
{
	const void *record;

	for (; *kinds; kinds++)
		for (size_t i = 0; (record = (*kinds)->at(context, i)); i++)
			if (ndjson_record(output, *kinds, record, context, error))
				return -1;
	if (context->failed)
		return error_set(error, 0, "writing records: out of memory");
	return 0;
}
