#include "agent/remedy/yaml.h"

#include <stdbool.h>
#include <string.h>

#include "proctor/cleanup.h"

enum { INDENT = 2 };

/* True for a name that no parser of YAML takes for anything but a string. */
static bool is_word(const char *name)
{
	static const char *const reserved[] = {"y", "yes", "n", "no", "true", "false", "null", "on", "off"};
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (!strcasecmp(name, reserved[i]))
			return false;
	return *name && strspn(name, letters) == strlen(name);
}

static bool is_empty(const json_t *value)
{
	return (json_is_object(value) && !json_object_size(value)) ||
	       (json_is_array(value) && !json_array_size(value));
}

static int put_json(FILE *file, const json_t *value)
{
	return json_dumpf(value, file, JSON_ENCODE_ANY | JSON_COMPACT);
}

static int put_name(FILE *file, const char *name)
{
	_cleanup_json_ json_t *string = NULL;

	if (is_word(name))
		return fputs(name, file) < 0 ? -1 : 0;
	string = json_string(name);
	return string ? put_json(file, string) : -1;
}

static int put_block(FILE *file, const json_t *value, int column, bool started);

/* A value behind its name or dash: on the same line, or as a block. */
static int put_member(FILE *file, const json_t *value, int column)
{
	if (!json_is_object(value) && !json_is_array(value)) {
		fputc(' ', file);
		return put_json(file, value) || fputc('\n', file) < 0 ? -1 : 0;
	}
	if (is_empty(value)) {
		fputs(json_is_object(value) ? " {}\n" : " []\n", file);
		return 0;
	}
	fputc('\n', file);
	return put_block(file, value, column, false);
}

static int put_object(FILE *file, const json_t *object, int column, bool started)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)object, name, value)
	{
		fprintf(file, "%*s", started ? 0 : column, "");
		started = false;
		if (put_name(file, name))
			return -1;
		fputc(':', file);
		if (put_member(file, value, column + INDENT))
			return -1;
	}
	return 0;
}

static int put_array(FILE *file, const json_t *array, int column)
{
	const json_t *value;
	size_t index;

	json_array_foreach(array, index, value)
	{
		fprintf(file, "%*s-", column, "");
		if (json_is_object(value) && !is_empty(value)) {
			fputc(' ', file);
			if (put_block(file, value, column + INDENT, true))
				return -1;
		} else if (put_member(file, value, column + INDENT)) {
			return -1;
		}
	}
	return 0;
}

/* `started`: its first line is begun. */
static int put_block(FILE *file, const json_t *value, int column, bool started)
{
	return json_is_object(value) ? put_object(file, value, column, started)
				     : put_array(file, value, column);
}

char *yaml_dump(const json_t *object)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	int result = file ? put_block(file, object, 0, false) : -1;

	if (!file || (fclose(file) | result) == 0)
		return text;
	free(text);
	return NULL;
}
