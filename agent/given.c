#include "agent/given.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "agent/nearest.h"
#include "agent/setting_table.h"
#include "agent/sinks/url.h"
#include "proctor/cleanup.h"
#include "proctor/text.h"

static const char prefix[] = "PROCTOR_", agent[] = "agent", blanks[] = " \t\r\n";

static int no_memory(struct error **error)
{
	return error_set(error, 0, "out of memory");
}

/* ---- the list ----------------------------------------------------------------------------------- */

/* Makes room at `at` and puts a copy of the entry there. */
static int insert(struct given_list *list, size_t at, const struct given *given, struct error **error)
{
	struct given *grown =
		arena_grow(list->arena, list->list, list->count, &list->capacity, sizeof(*grown));
	struct given copy = *given;

	if (!grown)
		return no_memory(error);
	list->list = grown;
	copy.entry.section = arena_string(list->arena, given->entry.section);
	copy.entry.key = given->entry.key ? arena_string(list->arena, given->entry.key) : NULL;
	copy.entry.value = given->entry.value ? arena_string(list->arena, given->entry.value) : NULL;
	copy.from = arena_string(list->arena, given->from);
	if (!copy.entry.section || !copy.entry.key != !given->entry.key ||
	    !copy.entry.value != !given->entry.value || !copy.from)
		return no_memory(error);
	memmove(grown + at + 1, grown + at, (list->count - at) * sizeof(*grown));
	grown[at] = copy;
	list->count++;
	return 0;
}

static void take_out(struct given_list *list, size_t at)
{
	list->count--;
	memmove(list->list + at, list->list + at + 1, (list->count - at) * sizeof(*list->list));
}

static bool is_key(const struct given *given, const char *section, const char *key)
{
	return given->entry.key && !strcmp(given->entry.section, section) && !strcmp(given->entry.key, key);
}

/* Where the section begins; list->count when there is none. */
static size_t section_at(const struct given_list *list, const char *section)
{
	size_t at = 0;

	while (at < list->count && strcmp(list->list[at].entry.section, section) != 0)
		at++;
	return at;
}

/* Behind the last entry of the section that begins at `at`. */
static size_t section_end(const struct given_list *list, size_t at)
{
	do
		at++;
	while (at < list->count && list->list[at].entry.key);
	return at;
}

/* Takes out what is given of the key by less than `by`. Returns where the first one was; list->count when
 * there was none. */
static size_t outdo(struct given_list *list, const struct given *given)
{
	size_t first = SIZE_MAX;

	for (size_t i = list->count; i-- > 0;)
		if (is_key(&list->list[i], given->entry.section, given->entry.key) &&
		    list->list[i].by < given->by) {
			take_out(list, i);
			first = i;
		}
	return first;
}

/* Puts the value in the place of what it wins over, else at the end of its section. */
static int give(struct given_list *list, const struct given *given, struct error **error)
{
	size_t at = outdo(list, given), section = section_at(list, given->entry.section);
	struct given begin = *given;

	begin.entry.key = begin.entry.value = NULL;
	if (section == list->count && insert(list, section, &begin, error))
		return -1;
	return insert(list, at == SIZE_MAX ? section_end(list, section) : at, given, error);
}

const char *given_value(const struct given_list *list, const char *section, const char *key)
{
	for (size_t i = 0; i < list->count; i++)
		if (is_key(&list->list[i], section, key))
			return list->list[i].entry.value;
	return NULL;
}

const char *given_sink(const char *section)
{
	static const char word[] = "sink.";

	return strncmp(section, word, strlen(word)) ? NULL : section + strlen(word);
}

/* ---- defaults ----------------------------------------------------------------------------------- */

/* Of a sink whose URL is wrong, as will be said later, those that every kind has. */
static const struct sink_kind *kind_of(const struct given_list *list, const char *section)
{
	static const struct sink_kind none;
	const char *url = given_value(list, section, "url");
	const struct sink_kind *kind = url ? sink_kind_of(url, NULL) : NULL;

	return kind ? kind : &none;
}

static int give_defaults(struct given_list *list, const char *section, const struct setting *table,
			 struct error **error)
{
	const struct sink_kind *kind = kind_of(list, section);

	for (const struct setting *setting = table; setting->key; setting++) {
		struct given given = {
			.entry = {.section = section, .key = setting->key, .value = setting->otherwise},
			.from = "default",
		};
		if (setting->otherwise && setting_is_of_kind(setting, kind) &&
		    !given_value(list, section, setting->key) && give(list, &given, error))
			return -1;
	}
	return 0;
}

int given_defaults(struct given_list *list, struct error **error)
{
	return give_defaults(list, agent, agent_settings, error);
}

/* A socket beside the state; for one in memory where a container whose root is read-only has room as well. */
static int give_control(struct given_list *list, struct error **error)
{
	const char *state = given_value(list, agent, "state");
	struct given given = {.entry = {.section = agent, .key = "control"}, .from = "default"};

	if (!state || given_value(list, agent, "control"))
		return 0;
	given.entry.value = !strcmp(state, "memory") ? "/dev/shm/proctor.control"
						     : arena_printf(list->arena, "%s/control", state);
	return given.entry.value ? give(list, &given, error) : no_memory(error);
}

int given_finish(struct given_list *list, struct error **error)
{
	static const struct given otherwise = {
		.entry = {.section = "sink.stdout", .key = "url", .value = "stdout"}, .from = "default"};
	size_t sinks = 0;

	for (size_t i = 0; i < list->count; i++) {
		const char *section = list->list[i].entry.section;
		if (list->list[i].entry.key || !given_sink(section))
			continue;
		sinks++;
		if (give_defaults(list, section, sink_settings, error))
			return -1;
	}
	if (!sinks && (give(list, &otherwise, error) ||
		       give_defaults(list, otherwise.entry.section, sink_settings, error)))
		return -1;
	return give_control(list, error);
}

/* ---- names -------------------------------------------------------------------------------------- */

/* NAME of [sink.NAME] is found in metrics, status and variables. */
static int check_sink_name(const char *name, struct error **error)
{
	enum { LONGEST = 32 };
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	if (!length || name[length] || length > LONGEST)
		return error_set(error, 0,
				 "[sink.NAME] has a name of at most %d letters, digits, '-' and '_'",
				 LONGEST);
	return 0;
}

static const struct setting *table_of(const char *section)
{
	return given_sink(section) ? sink_settings : agent_settings;
}

static int check_key(const struct ini_entry *entry, struct error **error)
{
	const struct setting *table = table_of(entry->section);
	struct nearest nearest;

	if (setting_find(table, entry->key))
		return 0;
	nearest_to(&nearest, entry->key);
	for (; table->key; table++)
		nearest_offer(&nearest, table->key, table->key);
	error_set(error, 0, "no key of [%s] is called '%s'", entry->section, entry->key);
	return *nearest.name ? error_remedy(error, "the nearest is '%s'", nearest.name) : -1;
}

/* ---- the file ----------------------------------------------------------------------------------- */

static int check_once(const struct given_list *list, const struct ini_entry *entry, struct error **error)
{
	for (size_t i = 0; i < list->count; i++)
		if (is_key(&list->list[i], entry->section, entry->key) && list->list[i].by == GIVEN_BY_FILE)
			return error_set(error, 0, "'%s' is given twice: in line %zu, too", entry->key,
					 list->list[i].entry.line);
	return 0;
}

static int check_of_agent(const struct given_list *list, const struct ini_entry *entry, struct error **error)
{
	const char *sink = given_sink(entry->section);

	if (!entry->key)
		return sink ? check_sink_name(sink, error) : 0;
	if (entry->continued)
		return error_set(error, 0, "a key that does not begin in the first column");
	return check_key(entry, error) || check_once(list, entry, error) ? -1 : 0;
}

static int visit(void *state, struct ini_entry *entry, struct error **error)
{
	struct given_list *list = state;
	bool of_agent = config_section_is_of_agent(entry->section);
	struct given given = {.entry = *entry, .by = GIVEN_BY_FILE};

	given.from = arena_printf(list->arena, "%s:%zu", list->file, entry->line);
	if (!given.from)
		return no_memory(error);
	if (of_agent && check_of_agent(list, entry, error))
		return -1;
	if (!of_agent || (!entry->key && section_at(list, entry->section) == list->count))
		return insert(list, list->count, &given, error);
	return entry->key ? give(list, &given, error) : 0;
}

int given_file(struct given_list *list, const char *path, struct error **error)
{
	list->file = arena_string(list->arena, path);
	return list->file ? ini_visit(path, visit, list, error) : no_memory(error);
}

/* ---- variables ---------------------------------------------------------------------------------- */

static const char *value_of(const char *variable)
{
	return variable + strcspn(variable, "=") + (strchr(variable, '=') != NULL);
}

const char *given_variable(char *const *environment, const char *name)
{
	size_t length = strlen(name);

	for (; *environment; environment++)
		if (!strncmp(*environment, name, length) && (*environment)[length] == '=' &&
		    (*environment)[length + 1])
			return *environment + length + 1;
	return NULL;
}

/* How a variable has a name: in capitals, with one `_` for all that is neither letter nor digit. */
static void fold(const char *text, char *out, size_t size)
{
	size_t length = 0;

	for (; *text && length + 1 < size; text++) {
		if (isalnum((unsigned char)*text))
			out[length++] = (char)toupper((unsigned char)*text);
		else if (length && out[length - 1] != '_')
			out[length++] = '_';
	}
	out[length] = '\0';
}

/* Whether `name` is that of the key in the section. */
static bool is_variable_of(const char *name, const char *section, const char *key)
{
	char folded[2][128];
	size_t length;

	fold(section, folded[0], sizeof(folded[0]));
	fold(key, folded[1], sizeof(folded[1]));
	length = strlen(folded[0]);
	return !strncmp(name, folded[0], length) && name[length] == '_' &&
	       !strcmp(name + length + 1, folded[1]);
}

/* Keys of the sections that have names. */
static const char *sink_key(size_t index)
{
	return sink_settings[index].key;
}

static const struct named_section {
	const char *variable; /* how it begins */
	const char *section;  /* likewise */
	const char *(*key)(size_t index);
} named_sections[] = {
	{SINK_VARIABLE, "sink.", sink_key},
	{EXCEPTION_VARIABLE, "exception ", config_exception_key},
};

/* The name of a section that stands in no file yet: in small letters, with `-` for `_`. */
static char *section_named(struct arena *arena, const char *word, const char *name, size_t length)
{
	char *section = arena_printf(arena, "%s%.*s", word, (int)length, name);

	for (char *at = section; at && *at; at++)
		*at = *at == '_' ? '-' : (char)tolower((unsigned char)*at);
	return section;
}

/* The section of the list that the variable means by its name; NULL: there is none. */
static const char *section_meant(const struct given_list *list, const char *name, const char *key)
{
	for (size_t i = 0; i < list->count; i++)
		if (!list->list[i].entry.key && is_variable_of(name, list->list[i].entry.section, key))
			return list->list[i].entry.section;
	return NULL;
}

/* Whether the variable is of the section's kind, with a name between its word and the key. */
static bool is_named(const struct named_section *named, const char *name, const char *key)
{
	char folded[64];
	size_t word = strlen(named->variable), all = strlen(name), length;

	fold(key, folded, sizeof(folded));
	length = strlen(folded);
	return !strncmp(name, named->variable, word) && all > word + length + 1 &&
	       !strcmp(name + all - length, folded) && name[all - length - 1] == '_';
}

/* The key that the variable means: of a section that there is, else the longest, for SINK_X_SHARED_KEY_FILE
 * ends in KEY_FILE, too. NULL: none. */
static const char *key_meant(const struct given_list *list, const struct named_section *named,
			     const char *name)
{
	const char *longest = NULL, *key;

	for (size_t i = 0; (key = named->key(i)); i++) {
		if (!is_named(named, name, key))
			continue;
		if (section_meant(list, name, key))
			return key;
		if (!longest || strlen(key) > strlen(longest))
			longest = key;
	}
	return longest;
}

/* 1: it was taken; 0: it is none of these. */
static int give_named(struct given_list *list, const char *name, struct given *given, struct error **error)
{
	for (size_t i = 0; i < sizeof(named_sections) / sizeof(*named_sections); i++) {
		const struct named_section *named = &named_sections[i];
		const char *key = key_meant(list, named, name), *start = name + strlen(named->variable);
		if (!key)
			continue;
		given->entry.key = key;
		given->entry.section = section_meant(list, name, key);
		if (!given->entry.section)
			given->entry.section = section_named(list->arena, named->section, start,
							     strlen(start) - strlen(key) - 1);
		if (!given->entry.section)
			return no_memory(error);
		return give(list, given, error) ? -1 : 1;
	}
	return 0;
}

static int give_setting(struct given_list *list, const char *name, struct given *given, struct error **error)
{
	char folded[64];

	given->entry.section = agent;
	for (const struct setting *setting = agent_settings; setting->key; setting++) {
		fold(setting->key, folded, sizeof(folded));
		if (strcmp(folded, name) != 0)
			continue;
		given->entry.key = setting->key;
		return give(list, given, error) ? -1 : 1;
	}
	return 0;
}

/* The next of the words of *text, which are parted by blanks; NULL behind the last one. */
static char *next_word(struct arena *arena, const char **text)
{
	const char *start = *text + strspn(*text, blanks);
	size_t length = strcspn(start, blanks);

	*text = start + length;
	return length ? arena_copy(arena, start, length) : NULL;
}

/* A word of a variable: the value, or KEY=VALUE where lines of the section have any key. */
static int give_word(struct given_list *list, const struct config_variable *variable, char *word,
		     struct given *given, struct error **error)
{
	char *sign = variable->key ? NULL : strchr(word, '=');

	if (!variable->key && !sign)
		return error_set(error, 0, "%s: '%s' is not %s", given->from, word, variable->form);
	if (sign)
		*sign = '\0';
	given->entry.section = variable->section;
	given->entry.key = sign ? word : variable->key;
	given->entry.value = sign ? sign + 1 : word;
	return give(list, given, error);
}

static int give_list(struct given_list *list, const char *name, struct given *given, struct error **error)
{
	const struct config_variable *variable = config_variables;
	const char *text = given->entry.value;
	char *word;

	while (variable->name && strcmp(variable->name, name) != 0)
		variable++;
	if (!variable->name)
		return 0;
	while ((word = next_word(list->arena, &text)))
		if (give_word(list, variable, word, given, error))
			return -1;
	return 1;
}

struct destination {
	struct given_list *list;
	struct given *given;
};

static int secret_in_option(const char *what, struct error **error)
{
	error_set(error, 0, "anyone can read the %s of a sink there by ps(1)", what);
	return error_remedy(error, "give it in the variable PROCTOR_TO, or in the agent's file");
}

/* Whether the URL has USER:PASSWORD@ before its host, or USER@, which is a token then. */
static bool has_password(const char *url)
{
	const char *start = strstr(url, "://");

	start = start ? start + strlen("://") : "";
	return memchr(start, '@', strcspn(start, "/?#"));
}

static int give_key(void *state, const char *key, const char *value, struct error **error)
{
	const struct destination *destination = state;
	struct given *given = destination->given;
	const struct setting *setting = setting_find(sink_settings, key);

	given->entry.key = key;
	given->entry.value = value;
	if (check_key(&given->entry, error))
		return -1;
	if (setting->secret && given->by == GIVEN_BY_OPTION)
		return secret_in_option(key, error);
	return give(destination->list, given, error);
}

/* By its URL, for its place in the queue is found by the name: in their order, one that is put in front would
 * have the next one's, and what waited there would be lost. Others of the same URL are numbered. NULL without
 * memory. */
static const char *section_of(const struct given_list *list, const char *url)
{
	char name[URL_NAME_SIZE];
	const char *section = url_name(url, name) ? NULL : arena_printf(list->arena, "sink.%s", name);

	for (size_t number = 2; section && section_at(list, section) < list->count; number++)
		section = arena_printf(list->arena, "sink.%s-%zu", name, number);
	return section;
}

/* A sink without a section. Behind a `#`, which no receiver gets to see, stand the other keys of it. */
static int give_to(struct given_list *list, const char *url, struct given *given, struct error **error)
{
	struct destination destination = {.list = list, .given = given};
	size_t length = strcspn(url, "#");

	given->entry.key = "url";
	given->entry.value = arena_copy(list->arena, url, length);
	given->entry.section = given->entry.value ? section_of(list, given->entry.value) : NULL;
	if (!given->entry.section)
		return no_memory(error);
	if (given->by == GIVEN_BY_OPTION && has_password(given->entry.value)) {
		secret_in_option("password", error);
		return error_context(error, "%s", given->from);
	}
	if (give(list, given, error))
		return -1;
	if (url[length] && url_pairs(url + length + 1, give_key, &destination, error))
		return error_context(error, "%s", given->from);
	return 0;
}

static int give_destinations(struct given_list *list, struct given *given, struct error **error)
{
	const char *text = given->entry.value;
	char *word;

	while ((word = next_word(list->arena, &text)))
		if (give_to(list, word, given, error))
			return -1;
	return 0;
}

/* What Kubernetes and Docker set for a service or linked container that is called proctor or proctor-…. */
static bool is_of_a_service(const char *variable)
{
	static const char *const globs[] = {
		"PROCTOR_*SERVICE_HOST=*",     "PROCTOR_*SERVICE_PORT*=*",    "PROCTOR_*PORT*=tcp://*",
		"PROCTOR_*PORT*=udp://*",      "PROCTOR_*PORT_[0-9]*_PORT=*", "PROCTOR_*PORT_[0-9]*_PROTO=*",
		"PROCTOR_*PORT_[0-9]*_ADDR=*",
	};

	for (size_t i = 0; i < sizeof(globs) / sizeof(*globs); i++)
		if (text_glob(globs[i], variable))
			return true;
	return false;
}

static void offer(struct nearest *nearest, const char *start, size_t length, const char *key)
{
	char folded[64], name[NEAREST_SIZE];

	fold(key, folded, sizeof(folded));
	if (snprintf(name, sizeof(name), "%s%.*s%s", prefix, (int)length, start, folded) < (int)sizeof(name))
		nearest_offer(nearest, name, name);
}

/* The keys of a section with a name, each behind what may be the name. */
static void offer_named(struct nearest *nearest, const struct named_section *named, const char *name)
{
	size_t word = strlen(named->variable);

	for (const char *at = name; (at = strchr(at, '_')); at++)
		for (size_t i = 0; named->key(i) && (size_t)(at - name) > word; i++)
			offer(nearest, name, (size_t)(at - name) + 1, named->key(i));
}

static int unknown_variable(const char *name, struct error **error)
{
	struct nearest nearest;
	_cleanup_free_ char *wanted = NULL;

	if (asprintf(&wanted, "%s%s", prefix, name) < 0)
		return no_memory(error);
	nearest_to(&nearest, wanted);
	for (const struct setting *setting = agent_settings; setting->key; setting++)
		offer(&nearest, "", 0, setting->key);
	for (const struct config_variable *variable = config_variables; variable->name; variable++)
		offer(&nearest, "", 0, variable->name);
	offer(&nearest, "", 0, "to");
	offer(&nearest, "", 0, "config");
	for (size_t i = 0; i < sizeof(named_sections) / sizeof(*named_sections); i++)
		offer_named(&nearest, &named_sections[i], name);
	error_set(error, 0, "%s: there is no such variable", wanted);
	return *nearest.name ? error_remedy(error, "the nearest is %s", nearest.name) : -1;
}

static int give_variable(struct given_list *list, const char *name, const char *value,
			 const struct settings_options *options, struct error **error)
{
	static int (*const takers[])(struct given_list *, const char *, struct given *,
				     struct error **) = {give_setting, give_list, give_named};
	struct given given = {.entry.value = value, .by = GIVEN_BY_VARIABLE};

	given.from = arena_printf(list->arena, "%s%s", prefix, name);
	if (!given.from)
		return no_memory(error);
	if (!strcmp(name, "CONFIG"))
		return 0; /* read before the file */
	if (!strcmp(name, "TO"))
		return options->to_count ? 0 : give_destinations(list, &given, error);
	for (size_t i = 0; i < sizeof(takers) / sizeof(*takers); i++) {
		int taken = takers[i](list, name, &given, error);
		if (taken)
			return taken < 0 ? -1 : 0;
	}
	return unknown_variable(name, error);
}

int given_variables(struct given_list *list, char *const *environment, const struct settings_options *options,
		    struct error **error)
{
	for (; *environment; environment++) {
		const char *variable = *environment, *value = value_of(variable);
		_cleanup_free_ char *name = NULL;
		if (strncmp(variable, prefix, strlen(prefix)) != 0 || !*value || is_of_a_service(variable))
			continue;
		name = strndup(variable + strlen(prefix), strcspn(variable, "=") - strlen(prefix));
		if (!name)
			return no_memory(error);
		if (give_variable(list, name, value, options, error))
			return -1;
	}
	return 0;
}

/* ---- options ------------------------------------------------------------------------------------ */

int given_options(struct given_list *list, const struct settings_options *options, struct error **error)
{
	struct given given = {.by = GIVEN_BY_OPTION, .from = "--to"};

	for (size_t i = 0; i < options->to_count; i++)
		if (give_to(list, options->to[i], &given, error))
			return -1;
	given.entry.section = agent;
	for (const struct setting *setting = agent_settings; setting->key; setting++) {
		given.entry.key = setting->key;
		given.entry.value = setting->option
					    ? *(const char *const *)((const char *)options + setting->option)
					    : NULL;
		given.from = arena_printf(list->arena, "--%s", setting->key);
		if (!given.from)
			return no_memory(error);
		if (given.entry.value && give(list, &given, error))
			return -1;
	}
	return 0;
}
