#include <stddef.h>

#include "agent/command.h"

extern const struct command command_agent, command_audit, command_decode, command_explain, command_files, command_health, command_ps,
	command_rules;

const struct command *const commands[] = {
	&command_audit, &command_agent, &command_ps, &command_files, &command_decode, &command_rules, &command_explain, &command_health, NULL,
extern const struct command command_audit, command_decode, command_explain, command_files, command_findings,
	command_ps, command_rules;

const struct command *const commands[] = {
	&command_audit,  &command_ps,    &command_files,   &command_findings,
	&command_decode, &command_rules, &command_explain, NULL,
};
