#include "agent/command.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "proctor/cleanup.h"
#include "proctor/text.h"

enum { HELP_WIDTH = 80, OPTION_COLUMN = 28, COMMAND_COLUMN = 12, LIST_COLUMN = 20 };

const struct option_entry option_help = {'h', "help", NULL, "show this help and exit", COMPLETE_NONE};
const struct option_entry option_version = {'V', "version", NULL,
					    "show the version and what is built in, and exit", COMPLETE_NONE};

bool option_has_letter(const struct option_entry *entry)
{
	return entry->id < OPTION_FORMAT;
}

const struct command *command_find(const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

/* ---- options ----------------------------------------------------------------------------------- */

/* The command's table as getopt_long(3) wants it. */
struct parser {
	struct option *options;
	char *letters;
};

static void parser_free(struct parser *parser)
{
	free(parser->options);
	free(parser->letters);
}

static void parser_add(struct parser *parser, size_t index, const struct option_entry *entry)
{
	char *letters = parser->letters + strlen(parser->letters);

	parser->options[index].name = entry->name;
	parser->options[index].has_arg = entry->argument ? required_argument : no_argument;
	parser->options[index].val = entry->id;
	if (!option_has_letter(entry))
		return;
	*letters++ = (char)entry->id;
	if (entry->argument)
		*letters = ':';
}

static int parser_make(struct parser *parser, const struct command *command, struct error **error)
{
	size_t count = 0;

	while (command->options[count].name)
		count++;
	parser->options = calloc(count + 2, sizeof(*parser->options));
	parser->letters = calloc(2 * (count + 1) + 3, 1);
	if (!parser->options || !parser->letters)
		return error_set(error, ENOMEM, "reading the command line");
	/* ":" tells a missing argument from an unknown option. */
	snprintf(parser->letters, 3, "%s:", command->runs_operands ? "+" : "");
	for (size_t i = 0; i < count; i++)
		parser_add(parser, i, &command->options[i]);
	parser_add(parser, count, &option_help);
	return 0;
}

static const struct option_entry *option_find(const struct command *command, int id)
{
	for (const struct option_entry *entry = command->options; entry->name; entry++)
		if (entry->id == id)
			return entry;
	return id == option_help.id ? &option_help : NULL;
}

/* What getopt_long(3) refused; optopt is 0 for a long option that is not in the table. */
static int option_refused(const struct command *command, int result, char **argv, struct error **error)
{
	const struct option_entry *entry = optopt ? option_find(command, optopt) : NULL;

	if (entry && result == ':')
		return error_set(error, 0, "--%s needs an argument: %s", entry->name, entry->argument);
	if (entry)
		return error_set(error, 0, "--%s takes no argument", entry->name);
	if (optopt)
		return error_set(error, 0, "no option is called -%c", optopt);
	return error_set(error, 0, "no option, or more than one, is called %s", argv[optind - 1]);
}

static int option_apply(const struct command *command, int id, option_handler handler, void *state,
			struct error **error)
{
	const struct option_entry *entry = option_find(command, id);

	if (!handler(state, id, optarg, error))
		return 0;
	return error_context(error, "--%s%s%s", entry->name, optarg ? " " : "", optarg ? optarg : "");
}

int command_parse(const struct command *command, int argc, char **argv, option_handler handler, void *state,
		  int *operands, struct error **error)
{
	__attribute__((cleanup(parser_free))) struct parser parser = {0};
	int id;

	if (parser_make(&parser, command, error))
		return -1;
	opterr = 0;
	optind = 0; /* start over: glibc's getopt_long(3) */
	while ((id = getopt_long(argc, argv, parser.letters, parser.options, NULL)) != -1) {
		if (id == ':' || id == '?')
			return option_refused(command, id, argv, error);
		if (id == option_help.id) {
			command_help(command, error);
			return 1;
		}
		if (option_apply(command, id, handler, state, error))
			return -1;
	}
	*operands = optind;
	if (optind < argc && !*command->synopsis)
		return error_set(error, 0, "'%s' is one argument too many", argv[optind]);
	return 0;
}

/* ---- help -------------------------------------------------------------------------------------- */

/* Prints the paragraph [text, end) from column `at` on, its further lines indented by `indent`. */
static void print_wrapped(const char *text, const char *end, size_t at, size_t indent)
{
	while (text < end) {
		size_t length = strcspn(text, " \n");
		_cleanup_free_ char *word = strndup(text, length);
		size_t width = word ? text_width(word) : length;

		if (at > indent && at + 1 + width > HELP_WIDTH) {
			printf("\n%*s", (int)indent, "");
			at = indent;
		} else if (at > indent) {
			putchar(' ');
			at++;
		}
		printf("%.*s", (int)length, text);
		at += width;
		text += length;
		text += text < end;
	}
	putchar('\n');
}

static void print_paragraphs(const char *text)
{
	while (*text) {
		const char *end = strstr(text, "\n\n");

		putchar('\n');
		print_wrapped(text, end ? end : text + strlen(text), 0, 0);
		text = end ? end + 2 : text + strlen(text);
	}
}

/* Prints `term` at column 2 and its text from `column` on, on a line of its own when the term is long. */
static void print_entry(const char *term, const char *text, size_t column)
{
	size_t width = 2 + text_width(term);

	printf("  %s", term);
	if (width + 2 > column) {
		putchar('\n');
		width = 0;
	}
	printf("%*s", (int)(column - width), "");
	print_wrapped(text, text + strlen(text), column, column);
}

static void print_option(const struct option_entry *entry)
{
	char letter[] = "    ";
	_cleanup_free_ char *term = NULL;

	if (option_has_letter(entry))
		snprintf(letter, sizeof(letter), "-%c, ", entry->id);
	if (asprintf(&term, "%.4s--%s%s%s", letter, entry->name, entry->argument ? " " : "",
		     entry->argument ? entry->argument : "") < 0)
		term = NULL;
	print_entry(term ? term : entry->name, entry->help, OPTION_COLUMN);
}

static void print_list(const struct command *command)
{
	const char *name, *text;

	printf("\n%s:\n", command->list_title);
	for (size_t i = 0; command->list(i, &name, &text); i++)
		print_entry(name, text, LIST_COLUMN);
}

static void print_command_help(const struct command *command)
{
	printf("Usage: proctor %s [OPTION…]%s%s\n\n%c%s.\n", command->name, *command->synopsis ? " " : "",
	       command->synopsis, toupper((unsigned char)*command->summary), command->summary + 1);
	print_paragraphs(command->description);
	printf("\nOptions:\n");
	for (const struct option_entry *entry = command->options; entry->name; entry++)
		print_option(entry);
	print_option(&option_help);
	if (command->list)
		print_list(command);
	if (*command->examples)
		printf("\nExamples:\n");
	for (const char *const *example = command->examples; *example; example += 2) {
		printf("  %s\n        ", example[0]);
		print_wrapped(example[1], example[1] + strlen(example[1]), 8, 8);
	}
}

static void print_program_help(void)
{
	printf("Usage: proctor [COMMAND] [OPTION…] [ARGUMENT…]\n\n"
	       "Audits what the processes in containers are allowed to do.\n\nCommands:\n");
	for (size_t i = 0; commands[i]; i++) {
		_cleanup_free_ char *summary = NULL;

		if (asprintf(&summary, "%s%s", commands[i]->summary, i ? "" : " (default)") < 0)
			summary = NULL;
		print_entry(commands[i]->name, summary ? summary : commands[i]->summary, COMMAND_COLUMN);
	}
	printf("\nOptions:\n");
	print_option(&option_help);
	print_option(&option_version);
	printf("\nExit status: 0 done; 1 --fail-on met; 2 wrong usage or configuration;\n"
	       "3 could not do it, or not deliver it.\n"
	       "See 'proctor COMMAND --help' for the options of a command, and proctor(8).\n");
}

int command_help(const struct command *command, struct error **error)
{
	if (command)
		print_command_help(command);
	else
		print_program_help();
	if (fflush(stdout) || ferror(stdout))
		return error_set(error, errno, "writing to standard output");
	return 0;
}
