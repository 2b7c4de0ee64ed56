#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/generate/generate.h"
#include "proctor/cleanup.h"

/* Text within single quotes. */
static void put_quoted(const char *text)
{
	putchar('\'');
	for (; *text; text++) {
		if (strchr("'\\", *text))
			putchar('\\');
		putchar(*text);
	}
	putchar('\'');
}

static int put_completion(enum completion completion, bool list, struct error **error)
{
	_cleanup_free_ char *words = completion_words(completion);

	if (!words)
		return error_set(error, ENOMEM, "completion for fish");
	if (completion == COMPLETE_FILE)
		printf(" -F");
	else if (completion == COMPLETE_DIRECTORY)
		printf(" -a '(__fish_complete_directories)'");
	else if (completion == COMPLETE_PID)
		printf(list ? " -a '(__fish_complete_list , __fish_complete_pids)'"
			    : " -a '(__fish_complete_pids)'");
	else if (*words && list)
		printf(" -a '(__fish_complete_list , \"string split \\\\\" \\\\\" \\\\\"%s\\\\\"\")'", words);
	else if (*words)
		printf(" -a '%s'", words);
	return 0;
}

static int put_option(const char *condition, const struct option_entry *entry, struct error **error)
{
	printf("complete -c proctor -n '%s'", condition);
	if (option_has_letter(entry))
		printf(" -s %c", entry->id);
	printf(" -l %s", entry->name);
	if (entry->argument) {
		printf(entry->completion == COMPLETE_FILE ? " -r" : " -x");
		if (put_completion(entry->completion, option_is_list(entry), error))
			return -1;
	}
	printf(" -d ");
	put_quoted(entry->help);
	putchar('\n');
	return 0;
}

static int put_command(const struct command *command, struct error **error)
{
	_cleanup_free_ char *condition = NULL;

	if (asprintf(&condition, "__proctor_runs %s", command->name) < 0) {
		condition = NULL;
		return error_set(error, ENOMEM, "completion for fish");
	}
	printf("complete -c proctor -n __proctor_begins -a %s -d ", command->name);
	put_quoted(command->summary);
	putchar('\n');
	for (const struct option_entry *entry = command->options; entry->name; entry++)
		if (put_option(condition, entry, error))
			return -1;
	if (*command->synopsis) {
		printf("complete -c proctor -n '%s; and not __proctor_begins'", condition);
		if (put_completion(command->operands, false, error))
			return -1;
		putchar('\n');
	}
	return put_option(condition, &option_help, error);
}

int generate_fish(struct error **error)
{
	printf("# Completion of proctor(8) for fish, made from its option tables.\n\n"
	       "function __proctor_begins\n\ttest (count (commandline -opc)) -eq 1\nend\n\n"
	       "function __proctor_runs -a command\n\tset -l words (commandline -opc)\n\tset -l known");
	for (size_t i = 0; commands[i]; i++)
		printf(" %s", commands[i]->name);
	printf("\n\tif contains -- \"$words[2]\" $known\n\t\ttest \"$words[2]\" = $command\n\telse\n"
	       "\t\ttest %s = $command\n\tend\nend\n\ncomplete -c proctor -f\n",
	       default_command());
	for (size_t i = 0; commands[i]; i++)
		if (put_command(commands[i], error))
			return -1;
	return put_option("__proctor_begins", &option_version, error);
}
