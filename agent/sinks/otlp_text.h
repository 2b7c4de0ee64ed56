/* OTLP's JSON as text: written at once, since a batch as a tree of jansson's would take thirty times its
 * size.
 *
 * The form is that of protobuf's JSON, with 64-bit integers as strings and enums as numbers
 * (opentelemetry-proto, docs/specification.md, "JSON Protobuf Encoding"). */
#ifndef AGENT_SINKS_OTLP_TEXT_H
#define AGENT_SINKS_OTLP_TEXT_H

#include <jansson.h>
#include <stdbool.h>

#include "collectors/read.h"

/* Starts zeroed; its buffer is freed by the caller. */
struct otlp_text {
	struct buffer buffer;
	bool failed; /* memory ran out: what was written is of no use */
};

/* Appends it as it stands. */
void otlp_put(struct otlp_text *text, const char *data, size_t length);
void otlp_puts(struct otlp_text *text, const char *string);

/* A comma, unless what follows is the first of its array. */
void otlp_put_comma(struct otlp_text *text);

/* An AnyValue of any JSON: null is one without a value, an object a list of pairs in its order. */
void otlp_put_value(struct otlp_text *text, const json_t *json);

/* A KeyValue as the next one of its array. */
void otlp_put_attribute(struct otlp_text *text, const char *key, const json_t *value);

#endif
