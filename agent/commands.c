#include <stddef.h>

#include "agent/command.h"

extern const struct command command_audit, command_decode, command_explain, command_files, command_ps,
	command_rules;

const struct command *const commands[] = {
	&command_audit, &command_ps, &command_files, &command_decode, &command_rules, &command_explain, NULL,
};
