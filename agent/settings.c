#include "agent/settings.h"

#include <string.h>
#include <unistd.h>

#include "agent/given.h"
#include "agent/setting_table.h"

/* ---- from texts to settings ----------------------------------------------------------------------- */

/* Puts in front of the message where the value stands. */
static int given_context(const struct settings *settings, const struct given *given, struct error **error)
{
	if (given->by == GIVEN_BY_FILE)
		return error_context(error, "%s:%zu:%zu", settings->file, given->entry.line,
				     given->entry.column);
	return error_context(error, "%s", given->from);
}

static int begin_sink(struct settings *settings, const struct given *given, struct error **error)
{
	const char *name = given_sink(given->entry.section);

	if (settings->sink_count == SINKS_MAX)
		return error_set(error, 0, "more than %d sinks", SINKS_MAX);
	settings->sinks[settings->sink_count++] = (struct sink_setting){.name = name, .options.name = name};
	return 0;
}

/* A key of [agent] or [sink.NAME]. */
static int put_setting(struct settings *settings, struct given *given, struct error **error)
{
	bool of_sink = given_sink(given->entry.section);
	struct sink_setting *sink = of_sink ? &settings->sinks[settings->sink_count - 1] : NULL;
	const struct setting *setting =
		setting_find(of_sink ? sink_settings : agent_settings, given->entry.key);

	given->entry.column = given->entry.value_column;
	if (sink && !strcmp(setting->key, "url"))
		sink->from = given->from;
	return setting->put(setting, settings->arena, given->entry.value, of_sink ? (void *)sink : settings,
			    error);
}

static int put(struct settings *settings, struct config_reader *reader, struct given *given,
	       struct error **error)
{
	if (!config_section_is_of_agent(given->entry.section))
		return config_entry(reader, &given->entry, error);
	if (given->entry.key)
		return put_setting(settings, given, error);
	return given_sink(given->entry.section) ? begin_sink(settings, given, error) : 0;
}

/* Whether the key, which was given for the sink, means something to sinks of its kind. */
static int check_key_of_sink(const struct sink_setting *sink, const struct given *given, struct error **error)
{
	const struct setting *setting = setting_find(sink_settings, given->entry.key);

	if (given->by == GIVEN_BY_DEFAULT || setting_is_of_kind(setting, sink->kind))
		return 0;
	return error_set(error, 0, "a sink of %s has no key '%s'", sink->kind->schemes[0], setting->key);
}

static bool is_of_sink(const struct given *given, const struct sink_setting *sink)
{
	const char *name = given_sink(given->entry.section);

	return given->entry.key && name && !strcmp(name, sink->name);
}

/* Where its URL was given; NULL: nowhere. */
static const struct given *url_of(const struct settings *settings, const struct sink_setting *sink)
{
	for (size_t i = 0; i < settings->given_count; i++)
		if (is_of_sink(&settings->given[i], sink) && !strcmp(settings->given[i].entry.key, "url"))
			return &settings->given[i];
	return NULL;
}

static int check_sink(const struct settings *settings, const struct sink_setting *sink, struct error **error)
{
	const struct given *url = url_of(settings, sink);
	struct given value;

	if (!url || !sink->options.url)
		return error_set(error, 0, "[sink.%s] has no url", sink->name);
	for (size_t i = 0; i < settings->given_count; i++) {
		struct given given = settings->given[i];
		if (is_of_sink(&given, sink) && check_key_of_sink(sink, &given, error))
			return given_context(settings, &given, error);
	}
	if (!sink->kind->check(&sink->options, error))
		return 0;
	value = *url;
	value.entry.column = value.entry.value_column;
	return given_context(settings, &value, error);
}

static int check_sinks(const struct settings *settings, struct error **error)
{
	for (size_t i = 0; i < settings->sink_count; i++)
		if (check_sink(settings, &settings->sinks[i], error))
			return -1;
	return 0;
}

/* Fills the settings from the list, of which the config reader takes copies only. */
static int understand(struct settings *settings, struct given_list *list, time_t now, struct error **error)
{
	struct config_reader reader;
	int result = config_begin(&reader, now, error);

	settings->config = reader.config;
	settings->file = list->file;
	settings->given = list->list;
	settings->given_count = list->count;
	settings->sinks = arena_array(settings->arena, SINKS_MAX, sizeof(*settings->sinks));
	if (!settings->sinks)
		return error_set(error, 0, "out of memory");
	for (size_t i = 0; i < list->count && !result; i++) {
		struct given given = list->list[i];
		result = put(settings, &reader, &given, error);
		if (result)
			given_context(settings, &given, error);
	}
	if (result || config_end(&reader, list->file ? list->file : "", error))
		return -1;
	return check_sinks(settings, error);
}

/* ---- gathering ---------------------------------------------------------------------------------- */

static const char *file_to_read(const struct settings_options *options, char *const *environment)
{
	const char *variable = given_variable(environment, "PROCTOR_CONFIG");

	if (options->config_file)
		return options->config_file;
	return variable ? variable : access(SETTINGS_FILE, F_OK) == 0 ? SETTINGS_FILE : NULL;
}

static int gather(struct given_list *list, const struct settings_options *options, char *const *environment,
		  struct error **error)
{
	const char *file = file_to_read(options, environment);

	return given_defaults(list, error) || (file && given_file(list, file, error)) ||
			       given_variables(list, environment, options, error) ||
			       given_options(list, options, error) || given_finish(list, error)
		       ? -1
		       : 0;
}

typedef int (*gatherer)(struct given_list *list, const struct settings_options *options,
			char *const *environment, struct error **error);

static struct settings *read_settings(gatherer gather_them, const struct settings_options *options,
				      char *const *environment, time_t now, struct error **error)
{
	struct arena *arena = arena_new();
	struct settings *settings = arena ? arena_alloc(arena, sizeof(*settings)) : NULL;
	struct given_list list = {.arena = arena};

	if (!settings) {
		arena_free(arena);
		error_set(error, 0, "reading the settings: out of memory");
		return NULL;
	}
	settings->arena = arena;
	if (!gather_them(&list, options, environment, error) && !understand(settings, &list, now, error))
		return settings;
	settings_free(settings);
	return NULL;
}

struct settings *settings_read(const struct settings_options *options, char *const *environment, time_t now,
			       struct error **error)
{
	return read_settings(gather, options, environment, now, error);
}

/* PROCTOR_TO alone of the variables. */
static int gather_sinks(struct given_list *list, const struct settings_options *options,
			char *const *environment, struct error **error)
{
	static const char name[] = "PROCTOR_TO";
	const char *to = given_variable(environment, name);
	char *const only[] = {to ? (char *)to - sizeof(name) : NULL, NULL};

	if (!to && !options->to_count)
		return 0;
	return given_defaults(list, error) || given_variables(list, only, options, error) ||
			       given_options(list, options, error) || given_finish(list, error)
		       ? -1
		       : 0;
}

struct settings *settings_read_sinks(const struct settings_options *options, char *const *environment,
				     struct error **error)
{
	return read_settings(gather_sinks, options, environment, 0, error);
}

void settings_free(struct settings *settings)
{
	if (!settings)
		return;
	config_free(settings->config);
	arena_free(settings->arena);
}
