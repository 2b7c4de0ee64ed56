/* What a receiver of OTLP answers with a status 2xx. Its bytes are hostile. */
#ifndef AGENT_SINKS_OTLP_ANSWER_H
#define AGENT_SINKS_OTLP_ANSWER_H

#include "proctor/sink.h"

/* Judges the answer to a request of `count` records (opentelemetry-proto, docs/specification.md, "OTLP/HTTP
 * Response"):
 *  - an empty one, which is an empty message in protobuf, and one that rejects nothing: all are out;
 *  - one that rejects some: it does not say which, and they must not be sent again. All are refused, with
 * what it says as the reason, so that the rejected ones are among what is kept;
 *  - anything else is none of OTLP's. Whoever gave it, as a web server that answers 200 to everything, may
 * have none of the records: -1 and *error, and they are sent again. */
int otlp_judge(const char *body, size_t length, size_t count, struct delivered *delivered,
	       struct error **error);

#endif
