#include "agent/config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct config_section {
	const char *name;
	/* Of one that is `[name NAME]`; NULL: without a NAME. */
	int (*begin)(struct config_reader *reader, const char *name, const struct ini_entry *entry,
		     struct error **error);
	int (*put)(struct config_reader *reader, struct ini_entry *entry, struct error **error);
};

static int no_memory(struct error **error)
{
	return error_set(error, 0, "out of memory");
}

static int not_indented(struct error **error)
{
	return error_set(error, 0, "a key that does not begin in the first column");
}

static int unknown_key(const struct ini_entry *entry, const char *known, struct error **error)
{
	return error_set(error, 0, "no key of [%s] is called '%s': there is %s", entry->section, entry->key,
			 known);
}

static bool rule_exists(const char *glob)
{
	for (const struct rule *const *family = rule_families; *family; family++)
		for (const struct rule *rule = *family; rule->id; rule++)
			if (text_glob(glob, rule->id))
				return true;
	return false;
}

int config_check_rule(const char *glob, struct error **error)
{
	if (rule_exists(glob))
		return 0;
	error_set(error, 0, "no rule is called '%s'", glob);
	return error_remedy(error, "see 'proctor rules'");
}

/* Whether a component of the path, each with its `/` before, is one that the path of no directory has. */
static bool has_odd_component(const char *path)
{
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t length = strcspn(slash + 1, "/");
		if (!length || !strncmp(slash + 1, ".", length) || !strncmp(slash + 1, "..", length))
			return true;
	}
	return false;
}

int config_check_path(const char *glob, struct error **error)
{
	if (*glob != '/' && *glob != '*')
		return error_set(error, 0, "'%s' is not the glob of an absolute path", glob);
	if (strcmp(glob, "/") != 0 && has_odd_component(glob))
		return error_set(error, 0,
				 "'%s' is the glob of no directory: it has an empty name, '.' or '..'", glob);
	return 0;
}

/* Appends a copy of the value to a list. */
static int list_add(struct arena *arena, const char ***list, size_t *count, size_t *capacity,
		    const char *value, struct error **error)
{
	const char **grown = arena_grow(arena, *list, *count, capacity, sizeof(*grown));
	const char *copy = arena_string(arena, value);

	if (!grown || !copy)
		return no_memory(error);
	*list = grown;
	grown[(*count)++] = copy;
	return 0;
}

/* ---- [severity] [rules] [paths] [images] -------------------------------------------------------------- */

static int put_severity(struct config_reader *reader, struct ini_entry *entry, struct error **error)
{
	struct config *config = reader->config;
	struct severity_override override = {.severity = severity_parse(entry->value)};
	struct severity_override *grown;

	if (entry->continued)
		return not_indented(error);
	if (config_check_rule(entry->key, error))
		return -1;
	for (size_t i = 0; i < config->override_count; i++)
		if (!strcmp(config->overrides[i].rule, entry->key))
			return error_set(error, 0, "'%s' is given twice", entry->key);
	entry->column = entry->value_column;
	if (override.severity == SEVERITY_COUNT || override.severity == SEVERITY_NONE) {
		error_set(error, 0, "no severity is called '%s'", entry->value);
		return error_remedy(error, "there are info, low, medium, high and critical");
	}
	grown = arena_grow(config->arena, config->overrides, config->override_count,
			   &config->override_capacity, sizeof(*grown));
	override.rule = arena_string(config->arena, entry->key);
	if (!grown || !override.rule)
		return no_memory(error);
	config->overrides = grown;
	grown[config->override_count++] = override;
	return 0;
}

static int put_rule(struct config_reader *reader, struct ini_entry *entry, struct error **error)
{
	struct config *config = reader->config;

	if (strcmp(entry->key, "off") != 0)
		return unknown_key(entry, "off", error);
	entry->column = entry->value_column;
	if (config_check_rule(entry->value, error))
		return -1;
	return list_add(config->arena, &config->rules_off, &config->rule_off_count,
			&config->rule_off_capacity, entry->value, error);
}

static int put_path(struct config_reader *reader, struct ini_entry *entry, struct error **error)
{
	struct config *config = reader->config;

	if (strcmp(entry->key, "exclude") != 0)
		return unknown_key(entry, "exclude", error);
	entry->column = entry->value_column;
	if (config_check_path(entry->value, error))
		return -1;
	return list_add(config->arena, &config->excluded_paths, &config->excluded_count,
			&config->excluded_capacity, entry->value, error);
}

static int put_image(struct config_reader *reader, struct ini_entry *entry, struct error **error)
{
	struct config *config = reader->config;

	if (strcmp(entry->key, "curated") != 0)
		return unknown_key(entry, "curated", error);
	entry->column = entry->value_column;
	if (!*entry->value)
		return error_set(error, 0, "'curated' is empty");
	return list_add(config->arena, &config->curated, &config->curated_count, &config->curated_capacity,
			entry->value, error);
}

/* ---- [exception NAME] --------------------------------------------------------------------------- */

static int begin_exception(struct config_reader *reader, const char *name, const struct ini_entry *entry,
			   struct error **error)
{
	struct config *config = reader->config;
	struct exception *grown = arena_grow(config->arena, config->exceptions, config->exception_count,
					     &config->exception_capacity, sizeof(*grown));
	size_t *lines = arena_grow(config->arena, reader->lines, config->exception_count,
				   &reader->line_capacity, sizeof(*lines));
	const char *copy = arena_string(config->arena, name);

	if (!grown || !lines || !copy)
		return no_memory(error);
	config->exceptions = grown;
	reader->lines = lines;
	for (size_t i = 0; i < config->exception_count; i++)
		if (!strcmp(grown[i].name, name))
			return error_set(error, 0, "exception '%s' stands in line %zu already", name,
					 lines[i]);
	lines[config->exception_count] = entry->line;
	grown[config->exception_count++] = (struct exception){.name = copy};
	return 0;
}

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int check_date(const char *value, struct error **error)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	static const char form[] = "dddd-dd-dd";
	int year, month, day;

	for (size_t i = 0; i < sizeof(form); i++)
		if (form[i] == 'd' ? !isdigit((unsigned char)value[i]) : value[i] != form[i])
			return error_set(error, 0, "'%s' is not a date of the form YYYY-MM-DD", value);
	year = atoi(value);
	month = atoi(value + 5);
	day = atoi(value + 8);
	if (month < 1 || month > 12 || day < 1 || day > days[month - 1] + (month == 2 && is_leap(year)))
		return error_set(error, 0, "there is no day %s", value);
	return 0;
}

struct exception_key {
	const char *name;
	size_t offset; /* of its string in struct exception */
	int (*check)(const char *value, struct error **error);
};

static const struct exception_key exception_keys[] = {
	{"rule", offsetof(struct exception, rule), config_check_rule},
	{"container", offsetof(struct exception, container), NULL},
	{"image", offsetof(struct exception, image), NULL},
	{"executable", offsetof(struct exception, executable), NULL},
	{"path", offsetof(struct exception, path), NULL},
	{"reason", offsetof(struct exception, reason), NULL},
	{"expires", offsetof(struct exception, expires), check_date},
	{0},
};

static const struct exception_key *key_find(const char *name, size_t length)
{
	for (const struct exception_key *key = exception_keys; key->name; key++)
		if (!strncmp(key->name, name, length) && !key->name[length])
			return key;
	return NULL;
}

/* Only a reason may go on in an indented line, and not with what looks like the next key: it would get lost
 * in it. */
static int check_continued(const struct exception_key *key, const char *value, struct error **error)
{
	size_t word = strcspn(value, " \t=:"), sign = word + strspn(value + word, " \t");

	if (key_find(value, word) && (value[sign] == '=' || value[sign] == ':'))
		return not_indented(error);
	if (key->offset != offsetof(struct exception, reason))
		return error_set(error, 0, "an indented line, which would go on with the value of '%s'",
				 key->name);
	return 0;
}

static int put_exception(struct config_reader *reader, struct ini_entry *entry, struct error **error)
{
	struct config *config = reader->config;
	const struct exception_key *key = key_find(entry->key, strlen(entry->key));
	const char **slot;

	if (!key)
		return unknown_key(entry, "rule, container, image, executable, path, reason and expires",
				   error);
	slot = (const char **)((char *)&config->exceptions[config->exception_count - 1] + key->offset);
	if (entry->continued && check_continued(key, entry->value, error))
		return -1;
	if (*slot && !entry->continued)
		return error_set(error, 0, "'%s' is given twice", key->name);
	entry->column = entry->value_column;
	if (!*entry->value)
		return error_set(error, 0, "'%s' is empty", key->name);
	if (key->check && key->check(entry->value, error))
		return -1;
	*slot = *slot ? arena_printf(config->arena, "%s %s", *slot, entry->value)
		      : arena_string(config->arena, entry->value);
	return *slot ? 0 : no_memory(error);
}

/* What only the whole of an exception tells. */
static int check_exception(const struct exception *exception, struct error **error)
{
	if (!exception->rule)
		return error_set(error, 0, "exception '%s' names no rule", exception->name);
	if (!exception->reason)
		return error_set(error, 0, "exception '%s' gives no reason", exception->name);
	if (exception->container || exception->image || exception->executable || exception->path)
		return 0;
	error_set(error, 0, "exception '%s' names no container, image, executable or path", exception->name);
	return error_remedy(error, "to accept a rule's findings everywhere, switch it off in [rules]");
}

int config_end(struct config_reader *reader, const char *path, struct error **error)
{
	for (size_t i = 0; i < reader->config->exception_count; i++) {
		struct exception *exception = &reader->config->exceptions[i];
		if (!check_exception(exception, error))
			exception->expired =
				exception->expires && strcmp(exception->expires, reader->today) < 0;
		else if (reader->lines[i])
			return error_context(error, "%s:%zu:1", path, reader->lines[i]);
		else
			return error_context(error, "the environment");
	}
	return 0;
}

const char *config_exception_key(size_t index)
{
	return exception_keys[index].name;
}

/* ---- [agent] and [sink.NAME] --------------------------------------------------------------------- */

/* They are of the agent, which looks at them itself (agent/settings.h). */
static int put_of_agent(struct config_reader *reader, struct ini_entry *entry, struct error **error)
{
	(void)reader, (void)entry, (void)error;
	return 0;
}

bool config_section_is_of_agent(const char *name)
{
	return !strcmp(name, "agent") || !strncmp(name, "sink.", strlen("sink."));
}

/* ---- the file ----------------------------------------------------------------------------------- */

static const struct config_section sections[] = {
	{.name = "severity", .put = put_severity},
	{.name = "rules", .put = put_rule},
	{.name = "paths", .put = put_path},
	{.name = "images", .put = put_image},
	{.name = "exception", .begin = begin_exception, .put = put_exception},
	{0},
};

static const struct config_section of_agent = {.put = put_of_agent};

/* The name behind `word` and blanks; NULL when the section is another one. */
static const char *name_behind(const char *section, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(section, word, length) != 0 || (section[length] && !strchr(" \t", section[length])))
		return NULL;
	return section + length + strspn(section + length, " \t");
}

static int begin_section(struct config_reader *reader, const struct ini_entry *entry, struct error **error)
{
	if (config_section_is_of_agent(entry->section)) {
		reader->section = &of_agent;
		return 0;
	}
	for (const struct config_section *section = sections; section->name; section++) {
		const char *name = name_behind(entry->section, section->name);
		if (!name)
			continue;
		reader->section = section;
		if (!section->begin && *name)
			return error_set(error, 0, "[%s] takes no name", section->name);
		if (section->begin && !*name)
			return error_set(error, 0, "[%s] needs a name: [%s NAME]", section->name,
					 section->name);
		return section->begin ? section->begin(reader, name, entry, error) : 0;
	}
	return error_set(error, 0,
			 "no section is called [%s]: there are [severity], [rules], [paths], [images], "
			 "[exception NAME], and of the agent [agent] and [sink.NAME]",
			 entry->section);
}

int config_begin(struct config_reader *reader, time_t now, struct error **error)
{
	struct arena *arena = arena_new();
	struct tm utc;

	*reader = (struct config_reader){.config = arena ? arena_alloc(arena, sizeof(struct config)) : NULL};
	if (!reader->config) {
		arena_free(arena);
		return no_memory(error);
	}
	reader->config->arena = arena;
	if (gmtime_r(&now, &utc) && strftime(reader->today, sizeof(reader->today), "%Y-%m-%d", &utc))
		return 0;
	return error_set(error, 0, "the clock tells no day of this age");
}

int config_entry(void *state, struct ini_entry *entry, struct error **error)
{
	struct config_reader *reader = state;

	if (!entry->key)
		return begin_section(reader, entry, error);
	if (!reader->section)
		return error_set(error, 0, "'%s' stands before the first section", entry->key);
	return reader->section->put(reader, entry, error);
}

struct config *config_read(const char *path, time_t now, struct error **error)
{
	struct config_reader reader;

	if (config_begin(&reader, now, error))
		error_context(error, "reading the configuration %s", path);
	else if (!ini_visit(path, config_entry, &reader, error) && !config_end(&reader, path, error))
		return reader.config;
	config_free(reader.config);
	return NULL;
}

struct policy config_policy(const struct config *config)
{
	return (struct policy){
		.without = config->rules_off,
		.without_count = config->rule_off_count,
		.overrides = config->overrides,
		.override_count = config->override_count,
		.exceptions = config->exceptions,
		.exception_count = config->exception_count,
		.curated = config->curated,
		.curated_count = config->curated_count,
	};
}

void config_free(struct config *config)
{
	if (config)
		arena_free(config->arena);
}
