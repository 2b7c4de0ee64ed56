/* What records of the queue are to sinks that take them apart. */
#ifndef AGENT_SINKS_QUEUED_H
#define AGENT_SINKS_QUEUED_H

#include <jansson.h>

#include "proctor/sink.h"

/* Levels of containers that receivers of all kinds take: those of protobuf 100 messages one within the other,
 * of which a level of JSON is three (google/protobuf/io/coded_stream.h), msgpack-c 32 levels. */
enum { QUEUED_DEPTH_MOST = 24 };

/* The record as an object, owned by the caller; NULL where it is none, is nested more deeply, or memory ran
 * out, which jansson does not tell from a mistake: then it goes as its text, whole as well. */
json_t *queued_object(const struct queued *queued);

/* That of the record's finding. The queue's own, which is the worst that receivers were told of the finding,
 * where the record, which may be NULL, does not tell. Never SEVERITY_NONE. */
enum severity queued_severity(const struct queued *queued, const json_t *record);

#endif
