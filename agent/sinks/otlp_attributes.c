#include "agent/sinks/otlp_attributes.h"

#include <ctype.h>
#include <string.h>

#include "proctor/cleanup.h"
#include "proctor/version.h"

const char otlp_schema_url[] = "https://opentelemetry.io/schemas/1.27.0";

enum { PATH_MOST = 3 };

/* ---- facts of a record --------------------------------------------------------------------------- */

struct attribute {
	const char *name;
	const char *path[PATH_MOST]; /* members of the record, one within the other; ended by NULL */
	json_type type;              /* that the value has to have */
	bool of_one;                 /* containers that share a finding may differ in it: told of one only */
	/* The value, owned by the caller; NULL when there is none, or with text->failed. NULL function: what
	 * is at the path. */
	json_t *(*get)(const json_t *record, const struct attribute *attribute, struct otlp_text *text);
	const char *constant; /* for `get` */
	unsigned number;      /* for `get` */
};

/* Notes NULL as memory that ran out. */
static json_t *made(json_t *json, struct otlp_text *text)
{
	text->failed |= !json;
	return json;
}

static const json_t *at_path(const json_t *json, const char *const path[PATH_MOST])
{
	for (size_t i = 0; i < PATH_MOST && path[i]; i++)
		json = json_object_get(json, path[i]);
	return json;
}

static const char *text_at(const json_t *record, const char *first, const char *second, const char *third)
{
	return json_string_value(at_path(record, (const char *const[PATH_MOST]){first, second, third}));
}

static json_t *constant(const json_t *record, const struct attribute *attribute, struct otlp_text *text)
{
	(void)record;
	return made(json_string(attribute->constant), text);
}

/* ---- the cloud ----------------------------------------------------------------------------------- */

/* Of the finding's task, else of the container instance. NULL: it is on no ECS, or that is not known. */
static const char *arn_of(const json_t *record)
{
	const char *task = text_at(record, "finding", "ecs_task", "arn");

	return task ? task : text_at(record, "host", "ecs", "instance_arn");
}

/* The field of `arn:aws:ecs:REGION:ACCOUNT:…`, from 0. */
static json_t *arn_field(const json_t *record, const struct attribute *attribute, struct otlp_text *text)
{
	const char *arn = arn_of(record);

	for (unsigned i = 0; arn && i < attribute->number; i++) {
		arn = strchr(arn, ':');
		arn = arn ? arn + 1 : NULL;
	}
	return arn && strcspn(arn, ":") ? made(json_stringn(arn, strcspn(arn, ":")), text) : NULL;
}

static json_t *of_ecs(const json_t *record, const struct attribute *attribute, struct otlp_text *text)
{
	return arn_of(record) || text_at(record, "finding", "task", NULL) ||
			       json_is_object(at_path(record, (const char *const[PATH_MOST]){"host", "ecs"}))
		       ? made(json_string(attribute->constant), text)
		       : NULL;
}

/* A name is made an ARN as that of the task or instance begins. */
static json_t *cluster(const json_t *record, const struct attribute *attribute, struct otlp_text *text)
{
	const char *arn = arn_of(record), *kind = arn ? strrchr(arn, ':') : NULL;
	const char *name = text_at(record, "finding", "ecs_task", "cluster");

	(void)attribute;
	name = name ? name : text_at(record, "host", "ecs", "cluster");
	if (!name || !strncmp(name, "arn:", strlen("arn:")))
		return name ? made(json_string(name), text) : NULL;
	return kind ? made(json_sprintf("%.*s:cluster/%s", (int)(kind - arn), arn, name), text) : NULL;
}

static json_t *launch_type(const json_t *record, const struct attribute *attribute, struct otlp_text *text)
{
	const char *type = text_at(record, "finding", "ecs_task", "launch_type");
	char lower[16] = "";

	(void)attribute;
	if (!type || strlen(type) >= sizeof(lower))
		return NULL;
	for (size_t i = 0; type[i]; i++)
		lower[i] = (char)tolower((unsigned char)type[i]);
	return made(json_string(lower), text);
}

/* ---- the image ----------------------------------------------------------------------------------- */

/* How much of `registry:5000/name:tag@sha256:…` is its name. */
static size_t image_name_length(const char *image)
{
	size_t length = strcspn(image, "@");
	const char *slash = memrchr(image, '/', length);
	const char *last = slash ? slash : image;
	const char *colon = memchr(last, ':', (size_t)(image + length - last));

	return colon ? (size_t)(colon - image) : length;
}

static json_t *image_name(const json_t *record, const struct attribute *attribute, struct otlp_text *text)
{
	const char *image = text_at(record, "finding", "image", NULL);

	(void)attribute;
	return image ? made(json_stringn(image, image_name_length(image)), text) : NULL;
}

static json_t *image_tags(const json_t *record, const struct attribute *attribute, struct otlp_text *text)
{
	const char *image = text_at(record, "finding", "image", NULL);
	const char *tag = image ? image + image_name_length(image) : "";

	(void)attribute;
	return *tag == ':' ? made(json_pack("[s%]", tag + 1, strcspn(tag + 1, "@")), text) : NULL;
}

/* ---- which there are ----------------------------------------------------------------------------- */

#define CONSTANT(key, value)                                                                                 \
	{                                                                                                    \
		.name = (key), .type = JSON_STRING, .get = constant, .constant = (value)                     \
	}
#define MEMBER(key, ...)                                                                                     \
	{                                                                                                    \
		.name = (key), .type = JSON_STRING, .path = { __VA_ARGS__ }                                  \
	}
#define OF_ONE(key, ...)                                                                                     \
	{                                                                                                    \
		.name = (key), .type = JSON_STRING, .path = {__VA_ARGS__}, .of_one = true                    \
	}
#define MADE(key, function, ...)                                                                             \
	{                                                                                                    \
		.name = (key), .type = JSON_STRING, .get = (function), __VA_ARGS__                           \
	}

static const struct attribute of_resource[] = {
	CONSTANT("service.name", "proctor"),
	CONSTANT("service.version", proctor_version),
	CONSTANT("os.type", "linux"),
	MEMBER("host.name", "host", "hostname"),
	MADE("cloud.provider", of_ecs, .constant = "aws"),
	MADE("cloud.platform", of_ecs, .constant = "aws_ecs"),
	MADE("cloud.region", arn_field, .number = 3),
	MADE("cloud.account.id", arn_field, .number = 4),
	OF_ONE("cloud.availability_zone", "finding", "ecs_task", "availability_zone"),
	MADE("aws.ecs.cluster.arn", cluster),
	OF_ONE("aws.ecs.task.arn", "finding", "ecs_task", "arn"),
	MEMBER("aws.ecs.task.family", "finding", "ecs_task", "family"),
	OF_ONE("aws.ecs.task.revision", "finding", "ecs_task", "revision"),
	MADE("aws.ecs.launchtype", launch_type),
	OF_ONE("container.id", "finding", "container_id"),
	MEMBER("container.name", "finding", "container_name"),
	MADE("container.image.name", image_name),
	{.name = "container.image.tags", .type = JSON_ARRAY, .get = image_tags, .of_one = true},
	MEMBER("k8s.namespace.name", "finding", "pod", "namespace"),
	OF_ONE("k8s.pod.name", "finding", "pod", "name"),
	OF_ONE("k8s.pod.uid", "finding", "pod", "uid"),
	MEMBER("k8s.container.name", "finding", "pod", "container"),
	{0},
};

static json_t *event_name(const json_t *record, const struct attribute *attribute, struct otlp_text *text)
{
	const char *type = text_at(record, "type", NULL, NULL);

	(void)attribute;
	return type ? made(json_sprintf("proctor.%s", type), text) : NULL;
}

static const struct attribute of_record[] = {
	MADE("event.name", event_name),
	MEMBER("log.record.uid", "record_id"),
	{.name = "proctor.sequence", .type = JSON_INTEGER, .path = {"sequence"}},
	MEMBER("proctor.status", "status"),
	MEMBER("proctor.finding.id", "finding", "id"),
	MEMBER("proctor.finding.rule", "finding", "rule"),
	MEMBER("proctor.finding.title", "finding", "title"),
	{.name = "proctor.finding.containers", .type = JSON_ARRAY, .path = {"finding", "container_ids"}},
	MEMBER("proctor.finding.path", "finding", "subject", "path"),
	MEMBER("process.executable.path", "finding", "subject", "executable"),
	{0},
};

static json_t *value_of(const json_t *record, const struct attribute *attribute, struct otlp_text *text)
{
	return attribute->get ? attribute->get(record, attribute, text)
			      : json_incref((json_t *)at_path(record, attribute->path));
}

static void put_attributes(struct otlp_text *text, const json_t *record, const struct attribute *attributes)
{
	const json_t *containers = json_object_get(json_object_get(record, "finding"), "container_ids");
	bool several = json_array_size(containers) > 1;

	for (const struct attribute *attribute = attributes; attribute->name; attribute++) {
		_cleanup_json_ json_t *value =
			several && attribute->of_one ? NULL : value_of(record, attribute, text);
		if (value && json_typeof(value) == attribute->type)
			otlp_put_attribute(text, attribute->name, value);
	}
}

void otlp_put_resource(struct otlp_text *text, const json_t *record)
{
	put_attributes(text, record, of_resource);
}

void otlp_put_record_attributes(struct otlp_text *text, const json_t *record)
{
	put_attributes(text, record, of_record);
}
