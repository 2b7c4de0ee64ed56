/* What the tables of fields are made of: getters for members of a struct, and fields that several kinds of
 * record share. */
#ifndef AGENT_FORMATS_FIELD_H
#define AGENT_FORMATS_FIELD_H

#include <time.h>

#include "proctor/record.h"

/* Where a field's value stands in the record's struct. */
#define MEMBER(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)

/* Getters: the member at field->offset as JSON. */
json_t *field_text(const void *record, const struct field *field, struct record_context *context);
/* The same for text of our own, of which lines and backslashes are a part. */
json_t *field_lines(const void *record, const struct field *field, struct record_context *context);
json_t *field_boolean(const void *record, const struct field *field, struct record_context *context);
/* An unsigned integer of field->size bytes; unknown when it is more than JSON's integers hold (2^63 - 1). */
json_t *field_number(const void *record, const struct field *field, struct record_context *context);
/* The same, 0 standing for unknown. */
json_t *field_number_known(const void *record, const struct field *field, struct record_context *context);
/* Permission bits (12 of them) in octal, as `4755`. */
json_t *field_mode(const void *record, const struct field *field, struct record_context *context);
/* An enum seccomp_mode of 8 bits by its name: of field_seccomp_modes. */
json_t *field_seccomp(const void *record, const struct field *field, struct record_context *context);
/* How many seccomp filters a struct credentials tells of. */
json_t *field_seccomp_filters(const void *record, const struct field *field, struct record_context *context);
/* A capability_set as an array of CAP_NAMES. */
json_t *field_capabilities(const void *record, const struct field *field, struct record_context *context);

/* An enum file_origin by its name, of field_origins; unknown: not known. */
json_t *field_origin(const void *record, const struct field *field, struct record_context *context);

/* Items: the member at field->offset itself, and where its pointer points. */
const void *item_member(const void *record, const struct field *field, size_t index);
const void *item_pointer(const void *record, const struct field *field, size_t index);

/* Of a container, those programs of which there is something to tell. */
const void *item_program(const void *record, const struct field *field, size_t index);

/* A string of any bytes. NULL with context->failed when memory is exhausted. */
json_t *json_of_bytes(const char *data, size_t length, struct record_context *context);
/* The same for a string; NULL for NULL, which is not known. */
json_t *json_of_text(const char *text, struct record_context *context);
/* An array of strings, of which the last is followed by NULL; empty for NULL. */
json_t *json_of_texts(const char *const *texts, struct record_context *context);
json_t *json_of_number(uint64_t number, struct record_context *context);
/* RFC 3339 in UTC; with milliseconds when `nanoseconds` is not negative. NULL: no such time. */
json_t *json_of_time(time_t seconds, long nanoseconds, struct record_context *context);
json_t *json_of_capabilities(capability_set set, struct record_context *context);
/* Passes what a constructor of jansson's returned on, and notes NULL as memory that ran out. */
json_t *json_made(json_t *json, struct record_context *context);
/* Appends to an array that is built. Takes `item`; NULL, or no memory, is noted in the context. */
void json_append(json_t *array, json_t *item, struct record_context *context);

#define CAPABILITY_PATTERN "^CAP_[A-Z0-9_]+$"
#define OCTAL_PATTERN "^[0-7]{4}$"

/* Members of an object whose record is uint64_t[NAMESPACE_COUNT], 0 for what was not read. */
extern const struct field field_namespaces[];
/* Members of an object whose record is a struct credentials: its sets. */
extern const struct field field_capability_sets[];

/* A string that is a member of the record's struct, left out when it is not known. */
#define FIELD_TEXT(struct_type, member_name, field_name, text)                                               \
	{                                                                                                    \
		.name = (field_name), .type = FIELD_STRING, .optional = true, .description = (text),         \
		.get = field_text, MEMBER(struct_type, member_name)                                          \
	}

/* Members of an object whose record is a struct limit, and its item: NULL for one that is not known. */
extern const struct field field_limit[];
const void *field_limit_item(const void *record, const struct field *field, size_t index);

/* Members of an object whose record is a struct task, a struct pod, and a struct declared. */
extern const struct field field_task[], field_pod[], field_declared[];
/* The labels of a struct container: those that say who it is, or all when arguments are asked for. */
json_t *field_labels(const void *record, const struct field *field, struct record_context *context);

/* Members of an object whose record is a struct tool, and a struct program. */
extern const struct field field_tool[], field_program[];

/* Members of an object whose record is a struct remedy. */
extern const struct field field_remedy[];
/* The values of a severity but for none, of seccomp and of an origin, each ended by NULL. */
extern const char *const field_severities[], *const field_seccomp_modes[], *const field_origins[];

#endif
