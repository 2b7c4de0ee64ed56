/* proctor findings: what an agent remembers. */
#include <string.h>

#include "agent/config.h"
#include "agent/coverage_report.h"
#include "agent/findings_table.h"
#include "agent/formats/format.h"
#include "agent/formats/json.h"
#include "agent/running.h"
#include "agent/since.h"

enum findings_option {
	FINDINGS_STATUS = RUNNING_OWN,
	FINDINGS_SINCE,
	FINDINGS_RULE,
	FINDINGS_CONTAINER,
};

struct findings_command {
	enum format format;
	const char *output_file;
	struct running running;
	struct finding_filter filter;
	time_t now;
	size_t left_out; /* columns that had no room */
};

static int parse_status(const char *value, const char **standing, struct error **error)
{
	static const char *const standings[] = {"open", "suppressed", "resolved"};

	*standing = NULL;
	for (size_t i = 0; i < sizeof(standings) / sizeof(standings[0]); i++)
		if (!strcmp(value, standings[i]))
			*standing = standings[i];
	if (*standing || !strcmp(value, "all"))
		return 0;
	return error_set(error, 0, "no status is called `%s`: there are open, suppressed, resolved and all",
			 value);
}

static int handle_option(void *state, int id, const char *value, struct error **error)
{
	struct findings_command *command = state;

	switch (id) {
	case FINDINGS_STATUS:
		return parse_status(value, &command->filter.standing, error);
	case FINDINGS_SINCE:
		return since_parse(value, command->now, &command->filter.since, error);
	case FINDINGS_RULE:
		command->filter.rule = value;
		return config_check_rule(value, error);
	case FINDINGS_CONTAINER:
		command->filter.container = value;
		return 0;
	case OPTION_FORMAT:
		return format_parse(value, &command->format, error);
	case OPTION_OUTPUT_FILE:
		command->output_file = value;
		return 0;
	default:
		return running_option(&command->running, id, value, error);
	}
}

static const void *next_record(void *reader)
{
	const struct remembered *remembered = store_read_next(reader);

	return remembered ? &remembered->record : NULL;
}

static int print_records(const struct findings_command *command, struct store_reader *reader,
			 struct output *output, struct error **error)
{
	static const struct record_kind *const kinds[] = {&record_about, &record_change, NULL};
	struct record_context context = {.next_agent_record = next_record, .agent_records = reader};
	int result = json_records(command->format, output, kinds, &context, error);

	record_context_free(&context);
	return result ? result : store_read_failed(reader, error);
}

static int print(struct findings_command *command, struct store_reader *reader, struct output *output,
		 struct error **error)
{
	if (store_read_findings(reader, &command->filter, error))
		return -1;
	if (command->format == FORMAT_TABLE)
		return findings_table_print(reader, (int64_t)command->now * 1000, output, &command->left_out,
					    error);
	return print_records(command, reader, output, error);
}

static int show(void *state, const struct settings *settings, struct error **error)
{
	struct findings_command *command = state;
	struct store_reader *reader = running_state(settings, error);
	struct output *output = reader ? output_open(command->output_file, error) : NULL;
	int result = output ? print(command, reader, output, error) : -1;

	if (!result)
		result = output_commit(output, error);
	if (!result && command->format == FORMAT_TABLE)
		coverage_report_columns(command->left_out);
	output_free(output);
	store_read_close(reader);
	return result ? EXIT_FAILED : EXIT_AUDITED;
}

static int run(const struct command *command, int argc, char **argv, struct error **error)
{
	struct findings_command findings = {.filter = {.standing = "open"}, .now = time(NULL)};

	return running_command(command, argc, argv, handle_option, &findings, &findings.running, show, error);
}

static const struct option_entry options[] = {
	OPTION_ENTRIES_RUNNING,
	{FINDINGS_STATUS, "status", "open|suppressed|resolved|all", "only those (default: open)",
	 COMPLETE_NONE},
	{FINDINGS_SINCE, "since", "AGE|TIME",
	 "only those of which something was told since then: 30m, 12h, 7d, 2026-11-24T10:00", COMPLETE_NONE},
	{FINDINGS_RULE, "rule", "GLOB", "only those of these rules", COMPLETE_RULE},
	{FINDINGS_CONTAINER, "container", "ID|NAME",
	 "only those of this container: its name, or 12 or more characters of its id", COMPLETE_NONE},
	OPTION_ENTRY_FORMAT,
	OPTION_ENTRY_OUTPUT_FILE,
	{0},
};

static const char *const examples[] = {
	"proctor findings",
	"what is open now",
	"proctor findings --status all --since 24h",
	"what opened, changed, was resolved or suppressed in the last day",
	"proctor findings --rule 'capability.*' --format json",
	"those of one family, whole",
	NULL,
};

const struct command command_findings = {
	.name = "findings",
	.synopsis = "",
	.summary = "what an agent has found, and since when",
	.description = "Reads the state that 'proctor agent' keeps, whether it runs or not, and shows the "
		       "newest state of each finding, worst first. Findings that were resolved are kept for "
		       "30 days in which the agent runs.\n\n"
		       "AGE is how long ago the finding was first seen since it opened, SEEN how long ago it "
		       "was last seen.",
	.options = options,
	.examples = examples,
	.run = run,
};
