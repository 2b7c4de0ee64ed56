/* The text of records: by their tables of fields, from what the store has and what others made. */
#include "agent/store/record.h"

#include <errno.h>
#include <nettle/base16.h>
#include <string.h>
#include <sys/random.h>

#include "proctor/cleanup.h"

/* Random, so that no two records of all hosts share one, whatever becomes of a state: copied with an image of
 * the machine, restored, lost. */
static int make_id(char id[RECORD_ID_SIZE], struct error **error)
{
	unsigned char random[(RECORD_ID_SIZE - 1) / 2];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return error_set(error, errno, "making the id of a record");
	base16_encode_update(id, sizeof(random), random);
	id[RECORD_ID_SIZE - 1] = '\0';
	return 0;
}

int record_begin(struct store *store, struct agent_record *record, char id[RECORD_ID_SIZE],
		 struct error **error)
{
	if (make_id(id, error))
		return -1;
	record->id = id;
	record->sequence = (uint64_t)++store->figures.sequence;
	return 0;
}

json_t *record_parse(const char *text, size_t length, const char *what, struct error **error)
{
	json_error_t fault;
	json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &fault);

	if (json_is_object(json))
		return json;
	error_set(error, 0, "%s is not a JSON object: %s", what, json ? "it is of another type" : fault.text);
	json_decref(json);
	return NULL;
}

char *record_text(const struct record_kind *kind, const struct agent_record *record, struct error **error)
{
	struct record_context context = {0};
	_cleanup_json_ json_t *json = record_json(kind, record, &context, true);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	record_context_free(&context);
	if (!text)
		error_set(error, ENOMEM, "making a record of type %s", kind->type);
	return text;
}

/* Which of the agent's kinds it is. */
static int kind_of(const char *type, enum queued_kind *kind)
{
	for (size_t i = 0; agent_kinds[i]; i++)
		if (!strcmp(agent_kinds[i]->type, type)) {
			*kind = (enum queued_kind)i;
			return 0;
		}
	return -1;
}

/* A member that its table does not have would be lost in silence. */
static int check_members(const struct record_kind *kind, const json_t *members, struct error **error)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)members, name, value)
	{
		const struct field *field = kind->fields;
		while (field->name && strcmp(field->name, name) != 0)
			field++;
		if (!field->name)
			return error_set(error, 0, "a record of type %s has no member %s", kind->type, name);
	}
	return 0;
}

struct append {
	enum queued_kind kind;
	const json_t *members;
};

static int append(struct store *store, void *context, struct error **error)
{
	const struct append *what = context;
	_cleanup_json_ json_t *host = store->host ? json_loads(store->host, 0, NULL) : NULL;
	struct agent_record record = {.time = store_time(), .host = host, .members = what->members};
	char id[RECORD_ID_SIZE];

	if (record_begin(store, &record, id, error))
		return -1;
	return queue_add(store, what->kind, SEVERITY_INFO, &record, error);
}

int store_append(struct store *store, const char *type, const char *members, size_t length,
		 struct error **error)
{
	_cleanup_json_ json_t *json = record_parse(members, length, type, error);
	struct append what = {.members = json};

	if (!json)
		return -1;
	if (kind_of(type, &what.kind) || what.kind == QUEUED_FINDING)
		return error_set(error, 0, "there is no record of type %s to be appended", type);
	if (check_members(agent_kinds[what.kind], json, error))
		return -1;
	return store_do(store, SAFETY_NOW, append, &what, error);
}
