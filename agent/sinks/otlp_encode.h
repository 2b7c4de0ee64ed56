/* Records as OpenTelemetry's log records (opentelemetry-proto, logs/v1/logs.proto), in OTLP's JSON. A pure
 * function of the records. */
#ifndef AGENT_SINKS_OTLP_ENCODE_H
#define AGENT_SINKS_OTLP_ENCODE_H

#include "collectors/read.h"
#include "proctor/sink.h"

/* Appends one ExportLogsServiceRequest to *body: records of one resource together, in their order, the
 * resources as they come. The body of a log record is the whole record; as its text where it is no JSON
 * object, or nested more deeply than receivers take. -1 and *error without memory. */
int otlp_encode(const struct queued *records, size_t count, struct buffer *body, struct error **error);

#endif
