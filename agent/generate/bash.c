#include <errno.h>
#include <stdio.h>

#include "agent/generate/generate.h"
#include "proctor/cleanup.h"

static const char head[] =
	"# Completion of proctor(8) for bash, made from its option tables.\n"
	"\n"
	"_proctor_words() # WORDS: one of them\n"
	"{\n"
	"\tmapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$current\")\n"
	"}\n"
	"\n"
	"_proctor_list() # WORDS: one of them, behind those that stand before the last comma\n"
	"{\n"
	"\tlocal kept=\n"
	"\t[[ $current == *,* ]] && kept=${current%,*},\n"
	"\tmapfile -t COMPREPLY < <(compgen -P \"$kept\" -W \"$1\" -- \"${current##*,}\")\n"
	"}\n"
	"\n"
	"_proctor_pids()\n"
	"{\n"
	"\t(cd /proc && printf '%s ' [0-9]*)\n"
	"}\n"
	"\n"
	"_proctor_path() # f or d: files or directories\n"
	"{\n"
	"\tmapfile -t COMPREPLY < <(compgen \"-$1\" -- \"$current\")\n"
	"\tcompopt -o filenames 2>/dev/null\n"
	"}\n"
	"\n"
	"_proctor()\n"
	"{\n"
	"\tlocal current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
	"\tlocal command=${COMP_WORDS[1]}\n"
	"\tCOMPREPLY=()\n"
	"\tif [[ $current == = ]]; then # --option=value arrives as three words\n"
	"\t\tcurrent=\n"
	"\telif [[ $previous == = ]]; then\n"
	"\t\tprevious=${COMP_WORDS[COMP_CWORD - 2]}\n"
	"\tfi\n";

/* What completes the argument of an option or an operand. */
static int put_completion(enum completion completion, bool list, struct error **error)
{
	_cleanup_free_ char *words = completion_words(completion);

	if (!words)
		return error_set(error, ENOMEM, "completion for bash");
	if (completion == COMPLETE_FILE || completion == COMPLETE_DIRECTORY)
		printf("_proctor_path %c", completion == COMPLETE_FILE ? 'f' : 'd');
	else if (completion == COMPLETE_PID)
		printf("_proctor_%s \"$(_proctor_pids)\"", list ? "list" : "words");
	else if (*words)
		printf("_proctor_%s '%s'", list ? "list" : "words", words);
	else
		printf(":");
	return 0;
}

static int put_arguments(const struct command *command, struct error **error)
{
	for (const struct option_entry *entry = command->options; entry->name; entry++) {
		if (!entry->argument)
			continue;
		printf("\t%s:--%s", command->name, entry->name);
		if (option_has_letter(entry))
			printf(" | %s:-%c", command->name, entry->id);
		printf(") ");
		if (put_completion(entry->completion, option_is_list(entry), error))
			return -1;
		printf("; return ;;\n");
	}
	return 0;
}

static void put_option(const struct option_entry *entry)
{
	if (option_has_letter(entry))
		printf("-%c ", entry->id);
	printf("--%s ", entry->name);
}

static int put_operands(const struct command *command, struct error **error)
{
	printf("\t%s:-*) _proctor_words '", command->name);
	for (const struct option_entry *entry = command->options; entry->name; entry++)
		put_option(entry);
	put_option(&option_help);
	printf("' ;;\n\t%s:*) ", command->name);
	if (put_completion(command->operands, false, error))
		return -1;
	printf(" ;;\n");
	return 0;
}

int generate_bash(struct error **error)
{
	printf("%s\tcase $COMP_CWORD:$current in\n\t1:-*) ;;\n\t1:*) _proctor_words '", head);
	for (size_t i = 0; commands[i]; i++)
		printf("%s ", commands[i]->name);
	printf("'; return ;;\n\tesac\n\tcase $command in\n\t");
	for (size_t i = 0; commands[i]; i++)
		printf("%s%s", i ? " | " : "", commands[i]->name);
	printf(") ;;\n\t*) command='%s' ;;\n\tesac\n\tcase $command:$previous in\n", default_command());
	for (size_t i = 0; commands[i]; i++)
		if (put_arguments(commands[i], error))
			return -1;
	printf("\tesac\n\tcase $command:$current in\n");
	for (size_t i = 0; commands[i]; i++)
		if (put_operands(commands[i], error))
			return -1;
	printf("\tesac\n\tif [[ $COMP_CWORD == 1 ]]; then\n\t\tmapfile -t -O ${#COMPREPLY[@]} COMPREPLY < "
	       "<(compgen -W '");
	put_option(&option_version);
	printf("' -- \"$current\")\n\tfi\n}\n\ncomplete -F _proctor proctor\n");
	return 0;
}
