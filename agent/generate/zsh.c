#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/generate/generate.h"
#include "proctor/cleanup.h"

/* Text within single quotes, where _arguments takes brackets and colons for its own. */
static void put_text(const char *text)
{
	for (; *text; text++) {
		if (*text == '\'') {
			printf("'\\''");
			continue;
		}
		if (strchr("[]:\\", *text))
			putchar('\\');
		putchar(*text);
	}
}

/* `:MESSAGE:ACTION` of an argument. */
static int put_completion(const char *message, enum completion completion, bool list, struct error **error)
{
	_cleanup_free_ char *words = completion_words(completion);

	if (!words)
		return error_set(error, ENOMEM, "completion for zsh");
	putchar(':');
	put_text(message);
	putchar(':');
	if (completion == COMPLETE_FILE)
		printf("_files");
	else if (completion == COMPLETE_DIRECTORY)
		printf("_files -/");
	else if (completion == COMPLETE_PID)
		printf(list ? "_sequence _proctor_pids" : "_proctor_pids");
	else if (*words && list)
		printf("_sequence compadd - %s", words);
	else if (*words)
		printf("(%s)", words);
	return 0;
}

static int put_option(const struct option_entry *entry, struct error **error)
{
	const char *name = entry->name;

	printf(" \\\n\t\t\t");
	if (option_has_letter(entry) && entry->argument)
		printf("'*'{-%c+,--%s=}'[", entry->id, name);
	else if (option_has_letter(entry))
		printf("'(-%c --%s)'{-%c,--%s}'[", entry->id, name, entry->id, name);
	else
		printf("'%s--%s%s[", entry->argument ? "*" : "", name, entry->argument ? "=" : "");
	put_text(entry->help);
	printf("]");
	if (entry->argument &&
	    put_completion(entry->argument, entry->completion, option_is_list(entry), error))
		return -1;
	printf("'");
	return 0;
}

static int put_command(const struct command *command, struct error **error)
{
	printf("\t%s)\n\t\t_arguments -s -S $own", command->name);
	for (const struct option_entry *entry = command->options; entry->name; entry++)
		if (put_option(entry, error))
			return -1;
	if (put_option(&option_help, error))
		return -1;
	if (*command->synopsis) {
		printf(" \\\n\t\t\t'*");
		if (put_completion(command->synopsis, command->operands, false, error))
			return -1;
		printf("'");
	}
	printf("\n\t\t;;\n");
	return 0;
}

int generate_zsh(struct error **error)
{
	printf("#compdef proctor\n# Completion of proctor(8) for zsh, made from its option tables.\n\n"
	       "_proctor_pids() {\n\tcompadd \"$@\" - /proc/<->(:t)\n}\n\nlocal -a own commands=(\n");
	for (size_t i = 0; commands[i]; i++) {
		printf("\t'%s:", commands[i]->name);
		put_text(commands[i]->summary);
		printf("'\n");
	}
	printf(")\nlocal command='%s'\n\n"
	       "if (( CURRENT == 2 )) && [[ $PREFIX != -* ]]; then\n\t_describe command commands\n\treturn\n"
	       "fi\nif (( CURRENT == 2 )); then\n\town=(",
	       default_command());
	if (put_option(&option_version, error))
		return -1;
	printf(")\nfi\nif [[ -n ${(M)commands:#${words[2]}:*} ]]; then\n\tcommand=${words[2]}\n\tshift "
	       "words\n"
	       "\t(( CURRENT-- ))\nfi\ncase $command in\n");
	for (size_t i = 0; commands[i]; i++)
		if (put_command(commands[i], error))
			return -1;
	printf("esac\n");
	return 0;
}
