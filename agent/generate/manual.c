#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/daemon/metrics_text.h"
#include "agent/generate/generate.h"
#include "agent/setting_table.h"
#include "proctor/cleanup.h"
#include "proctor/collector.h"
#include "proctor/version.h"

enum { LINE_WIDTH = 76 };

/* Prints text of mdoc(7): a word that a reader of the source would take for a request is shielded, sentences
 * begin on lines of their own. */
static void put_text(const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t length = strcspn(text, " \n");

		if (column + length > LINE_WIDTH) {
			putchar('\n');
			column = 0;
		} else if (column) {
			putchar(' ');
		}
		if (column == 0 && (*text == '.' || *text == '\''))
			printf("\\&");
		for (size_t i = 0; i < length; i++)
			printf(text[i] == '\\' ? "\\e" : "%c", text[i]);
		column += length + 1;
		if (length && text[length - 1] == '.')
			column = LINE_WIDTH + 1;
		text += length;
		text += *text != '\0';
	}
	putchar('\n');
}

static void put_paragraphs(const char *text)
{
	while (*text) {
		const char *end = strstr(text, "\n\n");
		_cleanup_free_ char *paragraph = end ? strndup(text, (size_t)(end - text)) : strdup(text);

		printf(".Pp\n");
		put_text(paragraph ? paragraph : "");
		text = end ? end + 2 : text + strlen(text);
	}
}

/* Words as arguments of a macro: shielded, so that none is taken for a macro or punctuation. */
static void put_arguments(const char *macro, const char *text)
{
	printf(" %s", macro);
	while (*text) {
		size_t length = strcspn(text, " ");

		printf(" \\&%.*s", (int)length, text);
		text += length + strspn(text + length, " ");
	}
}

static void put_option(const struct option_entry *entry)
{
	printf(".It");
	if (option_has_letter(entry))
		printf(" Fl %c ,", entry->id);
	printf(" Fl -%s", entry->name);
	if (entry->argument)
		put_arguments("Ar", entry->argument);
	printf("\n");
	put_text(entry->help);
}

static void put_list(const struct command *command)
{
	const char *name, *text;

	printf(".Pp\n%s:\n.Bl -tag -width NO_NEW_PRIVS -compact\n", command->list_title);
	for (size_t i = 0; command->list(i, &name, &text); i++) {
		printf(".It");
		put_arguments("Cm", name);
		printf("\n");
		put_text(text);
	}
	printf(".El\n");
}

static void put_examples(const struct command *command)
{
	if (!*command->examples)
		return;
	printf(".Pp\n.Bl -tag -width Ds -compact\n");
	for (const char *const *example = command->examples; *example; example += 2) {
		printf(".It");
		put_arguments("Li", example[0]);
		printf("\n");
		put_text(example[1]);
	}
	printf(".El\n");
}

static void put_command(const struct command *command)
{
	printf(".It Cm %s Oo Ar OPTION… Oc", command->name);
	if (*command->synopsis)
		put_arguments("Ar", command->synopsis);
	printf("\n%c%s.\n", toupper((unsigned char)*command->summary), command->summary + 1);
	put_paragraphs(command->description);
	printf(".Pp\n.Bl -tag -width Ds -compact\n");
	for (const struct option_entry *entry = command->options; entry->name; entry++)
		put_option(entry);
	put_option(&option_help);
	printf(".El\n");
	if (command->list)
		put_list(command);
	put_examples(command);
}

static void put_commands(void)
{
	printf(".Bl -tag -width Ds\n");
	for (size_t i = 0; commands[i]; i++)
		put_command(commands[i]);
	printf(".El\n");
}

static void put_collectors(void)
{
	printf(".Bl -tag -width filesystem -compact\n");
	for (size_t i = 0; collectors[i]; i++) {
		printf(".It Cm %s\n", collectors[i]->name);
		put_text(collectors[i]->description);
	}
	printf(".El\n");
}

/* ---- the agent's ---------------------------------------------------------------------------------- */

static void put_capitals(const char *text)
{
	for (; *text; text++)
		putchar(toupper((unsigned char)*text));
}

/* Which sinks have it, when not all do. */
static void put_kinds(const struct setting *setting)
{
	const char *before = "Of sinks of ";

	for (const struct sink_kind *const *kind = sink_kinds; setting->of_some && *kind; kind++) {
		if (!setting_is_of_kind(setting, *kind))
			continue;
		printf("%s%s", before, (*kind)->schemes[0]);
		before = ", ";
	}
	if (*before == ',')
		printf(".\n");
}

/* A key with its variable, which begins as told. */
static void put_setting(const struct setting *setting, const char *variable)
{
	_cleanup_free_ char *help = NULL;

	printf(".It Cm %s No =", setting->key);
	put_arguments("Ar", setting->form);
	printf("\n");
	if (asprintf(&help, "%s.%s%s%s%s%s%s", setting->help, setting->otherwise ? " Default: " : "",
		     setting->otherwise ? setting->otherwise : "", setting->otherwise ? "." : "",
		     setting->option ? " Option: --" : "", setting->option ? setting->key : "",
		     setting->option ? "." : "") < 0)
		help = NULL;
	put_text(help ? help : "");
	put_kinds(setting);
	printf("Variable:\n.Ev PROCTOR_%s", variable);
	put_capitals(setting->key);
	printf("\n");
}

static void put_setting_list(const struct setting *table, const char *variable)
{
	printf(".Bl -tag -width Ds\n");
	for (; table->key; table++)
		put_setting(table, variable);
	printf(".El\n");
}

static void put_settings(void)
{
	put_setting_list(agent_settings, "");
}

static void put_sink_settings(void)
{
	put_setting_list(sink_settings, SINK_VARIABLE "NAME_");
}

static void put_sinks(void)
{
	printf(".Bl -tag -width Ds -compact\n");
	for (const struct sink_kind *const *kind = sink_kinds; *kind; kind++) {
		printf(".It");
		put_arguments("Li", (*kind)->form);
		printf("\n");
		put_text((*kind)->help);
	}
	printf(".El\n");
}

static void put_variables(void)
{
	for (const struct config_variable *variable = config_variables; variable->name; variable++) {
		printf(".It Ev PROCTOR_%s No =", variable->name);
		put_arguments("Ar", variable->form);
		printf("\n");
		put_text(variable->help);
	}
}

static void put_metrics(void)
{
	printf(".Bl -tag -width Ds -compact\n");
	for (const struct metric *metric = metrics_table; metric->name; metric++) {
		printf(".It Li %s", metric->name);
		if (*metric->labels)
			printf(" Ns Brq Ar %s", metric->labels);
		printf("\n");
		put_text(metric->help);
	}
	printf(".El\n");
}

static void put_version(void)
{
	printf(".Os Proctor %s\n", proctor_version);
}

int generate_manual(const char *template, struct error **error)
{
	static const struct {
		const char *line;
		void (*put)(void);
	} marks[] = {
		{"@COLLECTORS@\n", put_collectors}, {"@COMMANDS@\n", put_commands},
		{"@METRICS@\n", put_metrics},       {"@SETTINGS@\n", put_settings},
		{"@SINKS@\n", put_sinks},           {"@SINK_SETTINGS@\n", put_sink_settings},
		{"@VARIABLES@\n", put_variables},   {"@VERSION@\n", put_version},
	};
	_cleanup_fclose_ FILE *file = fopen(template, "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	if (!file)
		return error_set(error, errno, "opening %s", template);
	while (getline(&line, &size, file) >= 0) {
		size_t i = 0;

		while (i < sizeof(marks) / sizeof(*marks) && strcmp(line, marks[i].line) != 0)
			i++;
		if (i < sizeof(marks) / sizeof(*marks))
			marks[i].put();
		else
			fputs(line, stdout);
	}
	return ferror(file) ? error_set(error, errno, "reading %s", template) : 0;
}
