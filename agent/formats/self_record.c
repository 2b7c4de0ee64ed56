/* The process that decodes itself. */
#include "agent/formats/field.h"

static json_t *securebits(const void *record, const struct field *field, struct record_context *context)
{
	const struct own_state *self = record;
	json_t *array = json_made(json_array(), context);
	char name[CAPABILITY_NAME_SIZE];

	(void)field;
	for (unsigned bit = 0; array && bit < 32; bit++)
		if (self->securebits >> bit & 1)
			json_append(array, json_of_text(securebit_name(bit, name), context), context);
	return array;
}

static const char *const user_namespaces[] = {"initial", "other", NULL};

static const struct field fields[] = {
	{.name = "pid",
	 .type = FIELD_INTEGER,
	 .description = "Its process id.",
	 .get = field_number,
	 MEMBER(struct own_state, pid)},
	{.name = "uid",
	 .type = FIELD_INTEGER,
	 .description = "Its effective user id.",
	 .get = field_number,
	 MEMBER(struct own_state, credentials.uid[ID_EFFECTIVE])},
	{.name = "user_namespace",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Whether its user namespace is the host's; in another one, capabilities act on what "
			"that owns only.",
	 .values = user_namespaces,
	 .get = field_text,
	 MEMBER(struct own_state, user_namespace)},
	{.name = "no_new_privs",
	 .type = FIELD_BOOLEAN,
	 .description = "Whether executing a file can never give it privilege.",
	 .get = field_boolean,
	 MEMBER(struct own_state, credentials.no_new_privs)},
	{.name = "seccomp",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description =
		 "Which system calls it may make: all, the few of strict mode, what a filter lets through.",
	 .values = field_seccomp_modes,
	 .get = field_seccomp,
	 MEMBER(struct own_state, credentials.seccomp)},
	{.name = "seccomp_filters",
	 .type = FIELD_INTEGER,
	 .optional = true,
	 .description = "How many seccomp filters it has; not known before Linux 5.9.",
	 .get = field_seccomp_filters,
	 MEMBER(struct own_state, credentials)},
	{.name = "securebits",
	 .type = FIELD_STRINGS,
	 .description = "How the kernel treats uid 0 and changes of ids, capabilities(7).",
	 .pattern = "^[a-z0-9_]+$",
	 .get = securebits},
	{0},
};

static const void *at(struct record_context *context, size_t index)
{
	return index == 0 ? context->reference->self : NULL;
}

const struct record_kind record_self = {
	.type = "self",
	.member = "self",
	.single = true,
	.description = "The process that decoded its own sets.",
	.fields = fields,
	.at = at,
};
