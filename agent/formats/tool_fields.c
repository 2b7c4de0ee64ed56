/* What is told of a tool in a container. */
#include "agent/formats/field.h"

static const char *const kind_names[] = {"shell", "package-manager", "network", "compiler", "debugger", NULL};

static json_t *kinds(const void *record, const struct field *field, struct record_context *context)
{
	const struct tool *tool = record;
	json_t *array = json_made(json_array(), context);

	(void)field;
	for (unsigned i = 0; array && kind_names[i]; i++)
		if (tool->kinds & (1U << i))
			json_append(array, json_of_text(kind_names[i], context), context);
	return array;
}

static json_t *names(const void *record, const struct field *field, struct record_context *context)
{
	const struct tool *tool = record;
	json_t *array = json_made(json_array(), context);

	(void)field;
	for (size_t i = 0; array && i < tool->name_count; i++)
		json_append(array, json_of_text(tool->names[i], context), context);
	return array;
}

const struct field field_tool[] = {
	{.name = "path",
	 .type = FIELD_STRING,
	 .description = "Its path in the container.",
	 .get = field_text,
	 MEMBER(struct tool, path)},
	{.name = "kinds",
	 .type = FIELD_STRINGS,
	 .description = "What it is, by all of its names.",
	 .pattern = "^(shell|package-manager|network|compiler|debugger)$",
	 .get = kinds},
	{.name = "names",
	 .type = FIELD_STRINGS,
	 .description = "The names of tools that lead to it: its own and links.",
	 .get = names},
	{.name = "layer",
	 .type = FIELD_STRING,
	 .optional = true,
	 .description = "Directory of the overlay layer that it lies in.",
	 .get = field_text,
	 MEMBER(struct tool, layer)},
	{0},
};
