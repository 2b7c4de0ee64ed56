#include <string.h>

#include "agent/given.h"
#include "agent/setting_table.h"
#include "agent/settings.h"
#include "agent/sinks/url.h"
#include "proctor/cleanup.h"
#include "proctor/text.h"

enum { WIDTH = 44 }; /* of keys and values, before where they are from */

/* The text on one line, whatever it holds. Owned by the caller; NULL when memory is exhausted. */
static char *escaped(const char *text)
{
	size_t size = text_escape(NULL, 0, text, strlen(text)) + 1;
	char *out = malloc(size);

	if (out)
		text_escape(out, size, text, strlen(text));
	return out;
}

static void print_section(const struct given *given, bool first, struct output *output)
{
	_cleanup_free_ char *name = escaped(given->entry.section);

	output_format(output, "%s[%s]\n", first ? "" : "\n", name ? name : "");
}

/* The value as it may be shown. Owned by the caller; NULL when memory is exhausted. */
static char *shown_value(const struct given *given)
{
	const struct setting *setting =
		given_sink(given->entry.section) ? setting_find(sink_settings, given->entry.key) : NULL;

	if (setting && setting->secret)
		return strdup("***");
	return setting && !strcmp(setting->key, "url") ? url_shown(given->entry.value)
						       : strdup(given->entry.value);
}

static void print_value(const struct given *given, struct output *output)
{
	_cleanup_free_ char *shown = shown_value(given);
	_cleanup_free_ char *value = shown ? escaped(shown) : NULL, *key = escaped(given->entry.key);
	_cleanup_free_ char *from = escaped(given->from), *line = NULL;

	if (!value || !key || !from)
		return;
	if (given->entry.continued ? asprintf(&line, "\t%s", value) < 0
				   : asprintf(&line, "%s = %s", key, value) < 0) {
		line = NULL;
		return;
	}
	output_format(output, "%-*s ; %s\n", WIDTH, line, from);
}

void settings_print(const struct settings *settings, struct output *output)
{
	for (size_t i = 0; i < settings->given_count; i++)
		if (settings->given[i].entry.key)
			print_value(&settings->given[i], output);
		else
			print_section(&settings->given[i], i == 0, output);
}
