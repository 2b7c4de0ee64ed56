/* Commands and their options, as tables: the parser, --help, the manual and the completions are made
 * from the same entries. */
#ifndef PROCTOR_COMMAND_H
#define PROCTOR_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "proctor/error.h"

/* Exit status of the process, all of them. */
enum exit_status {
	EXIT_AUDITED = 0, /* done */
	EXIT_FOUND = 1,   /* --fail-on met */
	EXIT_USAGE = 2,   /* wrong usage or configuration */
	EXIT_FAILED = 3,  /* could not do it: no /proc, no such pid, output not written or not delivered */
};

/* What completes an option's argument. */
enum completion {
	COMPLETE_NONE,
	COMPLETE_FILE,
	COMPLETE_DIRECTORY,
	COMPLETE_PID,
	COMPLETE_FORMAT,
	COMPLETE_SEVERITY,
	COMPLETE_RULE,
	COMPLETE_RULE_OR_CAPABILITY,
	COMPLETE_COLLECTOR,
	COMPLETE_PS_COLUMN,
	COMPLETE_TARGET,
	COMPLETE_FORMAT_OR_LEARNED_TARGET,
};

struct option_entry {
	int id;               /* what the command's switch knows it by; its letter when it has one */
	const char *name;     /* long name, without dashes */
	const char *argument; /* as in the help: `PID,…`; NULL: takes none */
	const char *help;     /* one sentence without full stop */
	enum completion completion;
};

/* Ids of options without a letter. A command's own ones start at OPTION_OWN. */
enum option_id {
	OPTION_FORMAT = 256,
	OPTION_OUTPUT_FILE,
	OPTION_WITH_ARGUMENTS,
	OPTION_DOCKER_SOCKET,
	OPTION_NO_BPF,
	OPTION_OWN,
};

/* Entries that several commands share. */
#define OPTION_ENTRY_FORMAT                                                                                  \
	{                                                                                                    \
		OPTION_FORMAT, "format", "table|json|ndjson", "how records are printed (default: table)",    \
			COMPLETE_FORMAT                                                                      \
	}
#define OPTION_ENTRY_OUTPUT_FILE                                                                             \
	{                                                                                                    \
		OPTION_OUTPUT_FILE, "output-file", "FILE",                                                   \
			"write to FILE instead of standard output, replacing it as a whole", COMPLETE_FILE   \
	}
#define OPTION_ENTRY_WITH_ARGUMENTS                                                                          \
	{                                                                                                    \
		OPTION_WITH_ARGUMENTS, "with-arguments", NULL,                                               \
			"show the arguments of command lines, which may hold secrets", COMPLETE_NONE         \
	}

#define OPTION_ENTRY_DOCKER_SOCKET(otherwise)                                                                \
	{                                                                                                    \
		OPTION_DOCKER_SOCKET, "docker-socket", "SOCKET",                                             \
			"ask Docker's API at SOCKET for names and images (default: " otherwise ")",          \
			COMPLETE_FILE                                                                        \
	}

#define OPTION_ENTRY_NO_BPF                                                                                  \
	{                                                                                                    \
		OPTION_NO_BPF, "no-bpf", NULL, "read processes from /proc alone, however many there are",    \
			COMPLETE_NONE                                                                        \
	}

/* Where ECS tells a container of its task; what it holds is request.task_metadata. */
#define TASK_METADATA_VARIABLE "ECS_CONTAINER_METADATA_URI_V4"

/* The options that every command and the program itself have. */
extern const struct option_entry option_help, option_version;

/* True when the option's id is its letter. */
bool option_has_letter(const struct option_entry *entry);

struct command {
	const char *name;
	const char *synopsis;    /* operands: `[PATH…]`; "" for none */
	const char *summary;     /* one line without full stop */
	const char *description; /* paragraphs for --help and the manual, parted by an empty line */
	const struct option_entry *options; /* ended by an entry without a name; --help is added to all */
	const char *const *examples;        /* pairs of command line and what it does, ended by NULL */
	enum completion operands;
	bool runs_operands; /* the first operand ends the options: the rest is a command line of its own */
	/* What --help and the manual list beside the options, under `list_title`: columns, for example. False
	 * behind the last entry. NULL: nothing. */
	const char *list_title;
	bool (*list)(size_t index, const char **name, const char **text);
	/* Runs it. `argv[0]` is the command's or the program's name. Returns an enum exit_status; prints
	 * nothing of *error: main does, on one line, with the usage's hint for EXIT_USAGE when it
	 * tells no remedy. */
	int (*run)(const struct command *command, int argc, char **argv, struct error **error);
};

/* Every command, ended by NULL; the first one is the default. */
extern const struct command *const commands[];

/* The command of that name; NULL when there is none. */
const struct command *command_find(const char *name);

/* Called for each option; `value` is NULL for one without argument. -1 and *error for a wrong value: option
 * and value are put in front of the message. */
typedef int (*option_handler)(void *state, int id, const char *value, struct error **error);

/* Reads the options of `argv` by the command's table, moving the operands behind them where it does not run
 * them. *operands is set to the index of the first operand; one where the synopsis has none is wrong usage.
 * Returns 0; 1 for --help, when there is nothing more to do and the command returns EXIT_AUDITED (main sees
 * in *error whether it was printed); -1 with *error for wrong usage. */
int command_parse(const struct command *command, int argc, char **argv, option_handler handler, void *state,
		  int *operands, struct error **error);

/* Prints the help of one command, or of the program for NULL, to stdout. */
int command_help(const struct command *command, struct error **error);

#endif
