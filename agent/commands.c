#include <stddef.h>

#include "agent/command.h"

extern const struct command command_agent, command_audit, command_dead_letters, command_decode,
	command_explain, command_files, command_findings, command_health, command_learn, command_ps,
	command_recommend, command_rules, command_run, command_status;

const struct command *const commands[] = {
	&command_audit,        &command_ps,     &command_files,    &command_learn,   &command_recommend,
	&command_run,          &command_agent,  &command_findings, &command_status,  &command_health,
	&command_dead_letters, &command_decode, &command_rules,    &command_explain, NULL,
};
