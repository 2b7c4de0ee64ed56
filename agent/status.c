/* proctor status: what the agent here does, since when, and how far each sink is behind. */
#include <stdlib.h>
#include <string.h>

#include "agent/formats/format.h"
#include "agent/formats/table.h"
#include "agent/running.h"
#include "agent/store/read.h"
#include "proctor/cleanup.h"

enum status_option { STATUS_FORMAT = RUNNING_OWN };

struct status_command {
	struct running running;
	enum format format;
};

static int handle_option(void *state, int id, const char *value, struct error **error)
{
	struct status_command *command = state;

	switch (id) {
	case STATUS_FORMAT:
		return format_parse(value, &command->format, error);
	default:
		return running_option(&command->running, id, value, error);
	}
}

/* ---- for people --------------------------------------------------------------------------------- */

/* Hostile bytes, escaped. */
static void write_escaped(struct output *output, const char *text)
{
	char escaped[1024];

	text_escape(escaped, sizeof(escaped), text, strlen(text));
	output_text(output, escaped);
}

static void write_value(struct output *output, const json_t *value)
{
	if (json_is_string(value))
		write_escaped(output, json_string_value(value));
	else if (json_is_integer(value))
		output_format(output, "%lld", (long long)json_integer_value(value));
	else
		output_text(output, "-");
}

static const json_t *member(const json_t *object, const char *first, const char *second)
{
	return json_object_get(json_object_get(object, first), second);
}

static void print_head(struct output *output, const json_t *status)
{
	output_text(output, "proctor ");
	write_value(output, json_object_get(status, "version"));
	if (json_is_true(json_object_get(status, "running"))) {
		output_text(output, " runs since ");
		write_value(output, json_object_get(status, "started_at"));
		output_text(output, ", pid ");
		write_value(output, member(status, "pids", "parent"));
	} else {
		output_text(output, " does not run; this is what it told last");
	}
	output_text(output, "\nState      ");
	write_value(output, json_object_get(status, "state"));
	if (json_is_true(json_object_get(status, "degraded")))
		output_text(output, ", in memory only: the disk is full or the file is gone");
}

static void print_pass(struct output *output, const json_t *pass)
{
	output_text(output, "\nLast pass  ");
	write_value(output, json_object_get(pass, "time"));
	output_text(output,
		    json_is_true(json_object_get(pass, "full")) ? ", everything, " : ", what changed, ");
	write_value(output, json_object_get(pass, "duration_ms"));
	output_text(output, " ms: ");
	write_value(output, member(pass, "seen", "processes"));
	output_text(output, " processes, ");
	write_value(output, member(pass, "seen", "containers"));
	output_text(output, " containers");
}

static void print_findings(struct output *output, const json_t *findings)
{
	static const char *const kinds[] = {"critical", "high", "medium", "low", "info", "suppressed"};

	output_text(output, "\nFindings   ");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		output_text(output, i ? ", " : "");
		write_value(output, json_object_get(findings, kinds[i]));
		output_format(output, " %s", kinds[i]);
	}
}

static void print_sources(struct output *output, const json_t *sources)
{
	const json_t *source;
	size_t i;

	json_array_foreach(sources, i, source)
	{
		const char *reason = json_string_value(json_object_get(source, "reason"));
		output_text(output, i ? "\n           " : "\nEvents     ");
		write_value(output, json_object_get(source, "source"));
		output_text(output, json_is_true(json_object_get(source, "in_force")) ? "" : ": off");
		if (reason) {
			output_text(output, ", ");
			write_escaped(output, reason);
		}
	}
}

static void print_learning(struct output *output, const json_t *learning)
{
	static const char *const counts[] = {"checks", "lost", "unseen"};
	const char *reason = json_string_value(json_object_get(learning, "reason"));

	if (!learning)
		return;
	output_text(output, "\nLearning   ");
	if (!json_is_true(json_object_get(learning, "in_force"))) {
		output_text(output, "off");
		if (reason) {
			output_text(output, ", ");
			write_escaped(output, reason);
		}
		return;
	}
	write_value(output, json_object_get(learning, "evidence"));
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		output_text(output, ", ");
		write_value(output, json_object_get(learning, counts[i]));
		output_format(output, " %s", counts[i]);
	}
}

static void print_confinement(struct output *output, const json_t *confinement)
{
	const char *role, *line = "\nConfined   ";
	const json_t *report, *capability;
	size_t i;

	json_object_foreach((json_t *)confinement, role, report)
	{
		output_text(output, line);
		write_escaped(output, role);
		output_text(output, ": user ");
		write_value(output, json_object_get(report, "uid"));
		json_array_foreach(json_object_get(report, "capabilities"), i, capability)
		{
			output_text(output, " ");
			write_value(output, capability);
		}
		line = "\n           ";
	}
}

static int print_queue(struct output *output, const json_t *queue, struct error **error)
{
	static const struct table_column columns[] = {
		{.header = "SINK", .keep = KEEP_ALWAYS},
		{.header = "WAITING", .right = true, .keep = KEEP_ALWAYS},
		{.header = "OLDEST", .right = true, .keep = KEEP_LONGER},
		{.header = "SENT", .right = true, .keep = KEEP_LONGER},
		{.header = "DROPPED", .right = true, .keep = KEEP_LONGER},
		{.header = "REFUSED", .right = true, .keep = KEEP_LONGER},
		{.header = "TO", .weight = 1, .minimum = 16},
	};
	static const char *const members[] = {"sink",    "waiting", "oldest_seconds", "sent", "dropped",
					      "refused", "url"};
	enum { COLUMNS = sizeof(columns) / sizeof(*columns) };
	const struct table_column *shown[COLUMNS];
	struct table_look look = table_look_of(output);
	struct table *table;
	const json_t *sink;
	size_t i;
	int result;

	for (i = 0; i < COLUMNS; i++)
		shown[i] = &columns[i];
	table = table_new(shown, COLUMNS);
	if (!table)
		return error_set(error, 0, "printing the sinks: out of memory");
	json_array_foreach(queue, i, sink) for (size_t k = 0; k < COLUMNS; k++)
	{
		const json_t *value = json_object_get(sink, members[k]);
		if (json_is_integer(value))
			table_number(table, STYLE_PLAIN, (uint64_t)json_integer_value(value));
		else
			table_text(table, STYLE_PLAIN, json_string_value(value));
	}
	result = table_print(table, &look, output, error);
	table_free(table);
	return result;
}

static int print_table(struct output *output, const json_t *status, struct error **error)
{
	print_head(output, status);
	print_pass(output, json_object_get(status, "last_pass"));
	print_findings(output, json_object_get(status, "findings"));
	print_sources(output, json_object_get(status, "event_sources"));
	print_learning(output, json_object_get(status, "learning"));
	print_confinement(output, json_object_get(status, "confinement"));
	output_text(output, "\n\n");
	return print_queue(output, json_object_get(status, "queue"), error);
}

/* ---- the command -------------------------------------------------------------------------------- */

static int print(const json_t *status, enum format format, struct error **error)
{
	struct output *output = output_open(NULL, error);
	_cleanup_free_ char *text = format == FORMAT_TABLE ? NULL : json_dumps(status, JSON_COMPACT);
	int result = output ? 0 : -1;

	if (output && format == FORMAT_TABLE)
		result = print_table(output, status, error);
	else if (output && text)
		output_format(output, "%s\n", text);
	else if (output)
		result = error_set(error, 0, "printing the status: out of memory");
	if (!result)
		result = output_commit(output, error);
	output_free(output);
	return result;
}

/* What the agent told last, before it ended; NULL when it never did. */
static json_t *last_status(const struct settings *settings)
{
	struct store_reader *reader = settings->state ? store_read_open(settings->state, NULL) : NULL;
	const char *text = reader ? store_read_status(reader) : NULL;
	json_t *status = text ? json_loads(text, 0, NULL) : NULL;

	store_read_close(reader);
	if (!json_is_object(status)) {
		json_decref(status);
		return NULL;
	}
	json_object_set_new(status, "running", json_false());
	return status;
}

static int show(void *state, const struct settings *settings, struct error **error)
{
	const struct status_command *command = state;
	_cleanup_json_ json_t *status = running_status(settings, error);
	_cleanup_json_ json_t *last = status ? NULL : last_status(settings);

	if (status)
		return print(status, command->format, error) ? EXIT_FAILED : EXIT_AUDITED;
	if (last)
		print(last, command->format, NULL);
	return EXIT_FAILED;
}

static int run(const struct command *command, int argc, char **argv, struct error **error)
{
	struct status_command status = {.format = FORMAT_TABLE};

	return running_command(command, argc, argv, handle_option, &status, &status.running, show, error);
}

static const struct option_entry options[] = {
	OPTION_ENTRIES_RUNNING,
	{STATUS_FORMAT, "format", "table|json", "how it is printed (default: table)", COMPLETE_FORMAT},
	{0},
};

static const char *const examples[] = {
	"proctor status",
	"what the agent of this machine does",
	"proctor status --format json",
	"the same for a program",
	NULL,
};

const struct command command_status = {
	.name = "status",
	.synopsis = "",
	.summary = "what the agent does, and how far each sink is behind",
	.description =
		"Asks the agent that runs here: since when, when it last looked at the machine, what is "
		"open, which event sources and which confinement are in force, and for each sink how many "
		"records wait for it.\n\n"
		"When none runs, the exit status is 3, and what one told last is printed from its state.",
	.options = options,
	.examples = examples,
	.operands = COMPLETE_NONE,
	.run = run,
};
