/* What is made at build time from the tables of the program: manual, completions, schema. */
#ifndef GENERATE_GENERATE_H
#define GENERATE_GENERATE_H

#include <stdbool.h>

#include "agent/command.h"

/* Each writes to stdout; main tells whether that failed. */

/* Copies the manual's template, filling in the lines `@COMMANDS@` and the like. -1 and *error. */
int generate_manual(const char *template, struct error **error);
int generate_bash(struct error **error);
int generate_zsh(struct error **error);
int generate_fish(struct error **error);

/* The words that a completion offers, parted by spaces, owned by the caller; empty for files, directories,
 * pids and what is free. NULL when memory is exhausted. */
char *completion_words(enum completion completion);

/* The name of the command that is run when none is named. */
const char *default_command(void);

/* True when the option takes several values parted by commas: its argument is shown as `PID,…`. */
bool option_is_list(const struct option_entry *entry);

#endif
