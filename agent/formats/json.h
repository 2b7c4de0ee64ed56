/* Records as JSON: one document, or one record a line. Neither is ever whole in memory. */
#ifndef AGENT_FORMATS_JSON_H
#define AGENT_FORMATS_JSON_H

#include "agent/formats/format.h"
#include "proctor/output.h"
#include "proctor/record.h"

/* Prints the document of these kinds (ended by NULL; record_header, which is a part of every document, is
 * to be the first). -1 and *error when memory ran out; what the output says is told by output_commit. */
int json_document(struct output *output, const struct record_kind *const *kinds,
		  struct record_context *context, struct error **error);

/* Prints every record of these kinds, one a line, each with its type. -1 and *error as above. */
int ndjson_records(struct output *output, const struct record_kind *const *kinds,
		   struct record_context *context, struct error **error);

/* Prints the document of these kinds, the first of which is record_about, or, one a line, the records of
 * those behind it, as the format says. -1 and *error as above. */
int json_records(enum format format, struct output *output, const struct record_kind *const *kinds,
		 struct record_context *context, struct error **error);

/* Prints one line. */
int ndjson_record(struct output *output, const struct record_kind *kind, const void *record,
		  struct record_context *context, struct error **error);

#endif
