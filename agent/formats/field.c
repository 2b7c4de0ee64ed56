#include "agent/formats/field.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/formats/record_cache.h"
#include "proctor/cleanup.h"

json_t *json_made(json_t *json, struct record_context *context)
{
	if (!json)
		context->failed = true;
	return json;
}

void json_append(json_t *array, json_t *item, struct record_context *context)
{
	if (!item || json_array_append_new(array, item))
		context->failed = true;
}

/* True when the bytes are JSON text as they stand: printable ASCII without a backslash. */
static bool is_plain(const char *data, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (data[i] < ' ' || data[i] >= 0x7f || data[i] == '\\')
			return false;
	return true;
}

json_t *json_of_bytes(const char *data, size_t length, struct record_context *context)
{
	_cleanup_free_ char *text = NULL;
	size_t size;

	if (is_plain(data, length))
		return json_made(json_stringn_nocheck(data, length), context);
	size = text_escape(NULL, 0, data, length) + 1;
	text = malloc(size);
	if (!text)
		return json_made(NULL, context);
	text_escape(text, size, data, length);
	return json_made(json_stringn_nocheck(text, size - 1), context);
}

json_t *json_of_text(const char *text, struct record_context *context)
{
	return text ? json_of_bytes(text, strlen(text), context) : NULL;
}

json_t *json_of_number(uint64_t number, struct record_context *context)
{
	return number <= INT64_MAX ? json_made(json_integer((json_int_t)number), context) : NULL;
}

json_t *json_of_time(time_t seconds, long nanoseconds, struct record_context *context)
{
	char text[64], fraction[16] = "";
	struct tm utc;

	if (!gmtime_r(&seconds, &utc) ||
	    !strftime(text, sizeof(text) - sizeof(fraction), "%Y-%m-%dT%H:%M:%S", &utc))
		return NULL;
	if (nanoseconds >= 0)
		snprintf(fraction, sizeof(fraction), ".%03ld", nanoseconds / 1000000);
	return json_made(json_sprintf("%s%sZ", text, fraction), context);
}

static json_t *capabilities_make(capability_set set, struct record_context *context)
{
	json_t *array = json_made(json_array(), context);
	char name[CAPABILITY_NAME_SIZE];

	for (unsigned number = 0; array && number < 64; number++)
		if (set & CAPABILITY_MASK(number))
			json_append(array, json_string_nocheck(capability_constant(number, name)), context);
	return array;
}

/* Most processes of a machine have one of a few sets: their arrays are made once and shared. */
json_t *json_of_capabilities(capability_set set, struct record_context *context)
{
	struct record_cache *cache = record_cache(context);
	struct cached_set *cached;

	if (!cache)
		return NULL;
	cached = &cache->sets[(set * 0x9e3779b97f4a7c15u) >> 32 & (RECORD_CACHE_SETS - 1)];
	if (!cached->names || cached->set != set) {
		json_decref(cached->names);
		cached->names = capabilities_make(set, context);
		cached->set = set;
	}
	return json_incref(cached->names);
}

json_t *json_of_texts(const char *const *texts, struct record_context *context)
{
	json_t *array = json_made(json_array(), context);

	for (; array && texts && *texts; texts++)
		json_append(array, json_of_text(*texts, context), context);
	return array;
}

static const void *member(const void *record, const struct field *field)
{
	return (const char *)record + field->offset;
}

json_t *field_text(const void *record, const struct field *field, struct record_context *context)
{
	return json_of_text(*(const char *const *)member(record, field), context);
}

json_t *field_lines(const void *record, const struct field *field, struct record_context *context)
{
	const char *text = *(const char *const *)member(record, field);

	return text ? json_made(json_string(text), context) : NULL;
}

json_t *field_boolean(const void *record, const struct field *field, struct record_context *context)
{
	return json_made(json_boolean(*(const bool *)member(record, field)), context);
}

static uint64_t number(const void *record, const struct field *field)
{
	const void *at = member(record, field);

	switch (field->size) {
	case sizeof(uint8_t):
		return *(const uint8_t *)at;
	case sizeof(uint32_t):
		return *(const uint32_t *)at;
	default:
		return *(const uint64_t *)at;
	}
}

json_t *field_number(const void *record, const struct field *field, struct record_context *context)
{
	return json_of_number(number(record, field), context);
}

json_t *field_number_known(const void *record, const struct field *field, struct record_context *context)
{
	uint64_t value = number(record, field);

	return value ? json_of_number(value, context) : NULL;
}

json_t *field_mode(const void *record, const struct field *field, struct record_context *context)
{
	char text[8];

	snprintf(text, sizeof(text), "%04o", (unsigned)number(record, field) & 07777);
	return json_of_text(text, context);
}

const char *const field_seccomp_modes[] = {"off", "strict", "filter", NULL};

json_t *field_seccomp(const void *record, const struct field *field, struct record_context *context)
{
	uint8_t mode = *(const uint8_t *)member(record, field);

	return mode <= SECCOMP_FILTERED ? json_of_text(field_seccomp_modes[mode], context) : NULL;
}

json_t *field_seccomp_filters(const void *record, const struct field *field, struct record_context *context)
{
	const struct credentials *credentials = item_member(record, field, 0);

	return credentials->seccomp_filters_known ? json_of_number(credentials->seccomp_filters, context)
						  : NULL;
}

json_t *field_capabilities(const void *record, const struct field *field, struct record_context *context)
{
	return json_of_capabilities(*(const capability_set *)member(record, field), context);
}

const void *item_member(const void *record, const struct field *field, size_t index)
{
	(void)index;
	return member(record, field);
}

const void *item_pointer(const void *record, const struct field *field, size_t index)
{
	(void)index;
	return *(const void *const *)member(record, field);
}

#define NAMESPACE(kind, field_name, text)                                                                    \
	{                                                                                                    \
		.name = (field_name), .type = FIELD_INTEGER, .optional = true, .description = (text),        \
		.get = field_number_known, .offset = (kind) * sizeof(uint64_t), .size = sizeof(uint64_t),    \
	}

const struct field field_namespaces[] = {
	NAMESPACE(NAMESPACE_CGROUP, "cgroup", "Inode number of the cgroup namespace."),
	NAMESPACE(NAMESPACE_IPC, "ipc", "Inode number of the IPC namespace."),
	NAMESPACE(NAMESPACE_MNT, "mnt", "Inode number of the mount namespace."),
	NAMESPACE(NAMESPACE_NET, "net", "Inode number of the network namespace."),
	NAMESPACE(NAMESPACE_PID, "pid", "Inode number of the pid namespace."),
	NAMESPACE(NAMESPACE_TIME, "time", "Inode number of the time namespace."),
	NAMESPACE(NAMESPACE_USER, "user", "Inode number of the user namespace."),
	NAMESPACE(NAMESPACE_UTS, "uts", "Inode number of the UTS namespace."),
	{0},
};

#define SET(set, text)                                                                                       \
	{                                                                                                    \
		.name = #set, .type = FIELD_STRINGS, .description = (text), .get = field_capabilities,       \
		MEMBER(struct credentials, set), .pattern = CAPABILITY_PATTERN,                              \
	}

const struct field field_capability_sets[] = {
	SET(effective, "What the kernel checks."),
	SET(permitted, "What it may make effective at will."),
	SET(inheritable, "What it passes on to programs whose file has it inheritable."),
	SET(bounding, "What it can ever gain by executing a file."),
	SET(ambient, "What it passes on to any program it executes."),
	{0},
};

/* ---- what findings and rules share -------------------------------------------------------------- */

const char *const field_severities[] = {"info", "low", "medium", "high", "critical", NULL};

#define REMEDY(place, text)                                                                                  \
	{                                                                                                    \
		.name = #place, .type = FIELD_STRING, .optional = true, .description = (text),               \
		.get = field_lines, MEMBER(struct remedy, place)                                             \
	}

const struct field field_remedy[] = {
	REMEDY(text, "What to do, in a sentence."),
	REMEDY(dockerfile, "Lines of a Dockerfile."),
	REMEDY(docker, "Options of docker run."),
	REMEDY(ecs, "Members of a container definition (JSON)."),
	REMEDY(kubernetes, "Members of a pod's specification (YAML)."),
	{0},
};
