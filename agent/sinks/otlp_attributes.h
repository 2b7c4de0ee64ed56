/* Which attributes a record has in OpenTelemetry: of the resource that it is about, and its own.
 *
 * The names are those of OpenTelemetry's semantic conventions where they have one, else begin with
 * `proctor.`. An attribute whose fact the record does not have, or has as another type, is left out; the body
 * of the log record has the whole record. */
#ifndef AGENT_SINKS_OTLP_ATTRIBUTES_H
#define AGENT_SINKS_OTLP_ATTRIBUTES_H

#include "agent/sinks/otlp_text.h"

/* The version of the conventions that the names are of. */
extern const char otlp_schema_url[];

/* The resource: host, container, task and cloud, and Proctor as the service that tells of them. Appends the
 * KeyValues to an array. `record` NULL: of none that is known. */
void otlp_put_resource(struct otlp_text *text, const json_t *record);

/* What a record is searched by. */
void otlp_put_record_attributes(struct otlp_text *text, const json_t *record);

#endif
