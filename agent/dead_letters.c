/* proctor dead-letters: what receivers refused for good, to be looked at, sent again or deleted. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "agent/daemon/control.h"
#include "agent/formats/format.h"
#include "agent/formats/json.h"
#include "agent/formats/table.h"
#include "agent/running.h"
#include "agent/since.h"
#include "agent/store/read.h"
#include "agent/store/store.h"
#include "proctor/cleanup.h"

enum letters_option { LETTERS_SINK = RUNNING_OWN, LETTERS_RETRY, LETTERS_DROP };

/* What is done with them. */
struct way {
	const char *question;
	int (*handle)(struct store *store, const char *sink, uint64_t *count, struct error **error);
	const char *told;
};

static const struct way way_retry = {"dead-letters-retry", store_retry, "put back into the queue"};
static const struct way way_drop = {"dead-letters-drop", store_drop, "deleted"};

struct letters_command {
	enum format format;
	const char *output_file;
	struct running running;
	const char *sink;      /* NULL: of all */
	const struct way *way; /* NULL: they are shown */
	time_t now;
};

static int set_way(struct letters_command *command, const struct way *way, struct error **error)
{
	if (command->way && command->way != way)
		return error_set(error, 0, "there is either --retry or --drop");
	command->way = way;
	return 0;
}

/* The agent takes an empty one for all of them. */
static int set_sink(struct letters_command *command, const char *name, struct error **error)
{
	if (!*name || strpbrk(name, " \n"))
		return error_set(error, 0, "no sink is called '%s'", name);
	command->sink = name;
	return 0;
}

static int handle_option(void *state, int id, const char *value, struct error **error)
{
	struct letters_command *command = state;

	switch (id) {
	case LETTERS_SINK:
		return set_sink(command, value, error);
	case LETTERS_RETRY:
		return set_way(command, &way_retry, error);
	case LETTERS_DROP:
		return set_way(command, &way_drop, error);
	case OPTION_FORMAT:
		return format_parse(value, &command->format, error);
	case OPTION_OUTPUT_FILE:
		command->output_file = value;
		return 0;
	default:
		return running_option(&command->running, id, value, error);
	}
}

/* ---- read: of a running agent page by page, else of what one left behind ------------------------------ */

struct letters {
	const struct settings *settings;
	const char *sink; /* NULL: of all */
	struct store_reader *reader;
	bool live, any; /* asked of an agent; in this page there was one */
	char *last;     /* the sink of the last one; NULL: there was none yet */
	uint64_t last_sequence;
	struct error *error; /* it ended before its end */
};

static void letters_close(struct letters *letters)
{
	store_read_close(letters->reader);
	free(letters->last);
	error_free(letters->error);
}

/* Asks for the page behind the last one. -1 and *error: errno when no agent runs. */
static int ask_page(struct letters *letters, struct error **error)
{
	_cleanup_free_ char *question = NULL, *image = NULL;
	size_t length = 0;
	int made = letters->last ? asprintf(&question, "dead-letters %s %" PRIu64, letters->last,
					    letters->last_sequence)
				 : asprintf(&question, "dead-letters");

	if (made < 0) {
		question = NULL;
		return error_set(error, ENOMEM, "reading dead letters");
	}
	image = control_ask(letters->settings->control, question, &length, error);
	if (!image)
		return -1;
	store_read_close(letters->reader);
	letters->reader = store_read_open_image((const unsigned char *)image, length, error);
	letters->any = false;
	return letters->reader ? store_read_letters(letters->reader, error) : -1;
}

static bool is_not_running(const struct error *error)
{
	return error_number(error) == ENOENT || error_number(error) == ECONNREFUSED;
}

static int letters_open(struct letters *letters, struct error **error)
{
	_cleanup_error_ struct error *failed = NULL;

	letters->live = !ask_page(letters, &failed);
	if (letters->live)
		return 0;
	if (!letters->settings->state || !is_not_running(failed))
		return error_move(error, &failed);
	letters->reader = store_read_open(letters->settings->state, error);
	return letters->reader ? store_read_letters(letters->reader, error) : -1;
}

/* Where the next page begins. -1: it cannot be asked for. */
static int remember(struct letters *letters, const struct dead_letter *letter)
{
	letters->any = true;
	letters->last_sequence = letter->sequence;
	if (letters->last && !strcmp(letters->last, letter->sink))
		return 0;
	free(letters->last);
	letters->last = strdup(letter->sink);
	return letters->last && !strpbrk(letters->last, " \n")
		       ? 0
		       : error_set(&letters->error, 0, "reading dead letters: the name of a sink");
}

static const void *next_letter(void *context)
{
	struct letters *letters = context;
	const struct dead_letter *letter;

	for (;;) {
		letter = letters->error ? NULL : store_read_letter(letters->reader);
		if (letter && remember(letters, letter))
			return NULL;
		if (letter && (!letters->sink || !strcmp(letters->sink, letter->sink)))
			return letter;
		if (!letter && (letters->error || store_read_failed(letters->reader, &letters->error) ||
				!letters->live || !letters->any || ask_page(letters, &letters->error)))
			return NULL;
	}
}

/* ---- shown ----------------------------------------------------------------------------------------- */

/* The rule of a finding, else what it is. */
static const char *name_of(const json_t *record)
{
	const char *rule = json_string_value(json_object_get(json_object_get(record, "finding"), "rule"));

	return rule ? rule : json_string_value(json_object_get(record, "type"));
}

static void put_letter(struct table *table, const struct dead_letter *letter, int64_t now)
{
	char age[AGE_SIZE];

	table_text(table, STYLE_PLAIN, letter->sink);
	table_text(table, STYLE_PLAIN, since_age(now - letter->refused_at, age));
	table_text(table, table_style_of(severity_parse(letter->severity)), letter->severity);
	table_text(table, STYLE_PLAIN, name_of(letter->record));
	table_text(table, STYLE_PLAIN, letter->reason);
}

static int print_table(const struct letters_command *command, struct letters *letters, struct output *output,
		       struct error **error)
{
	static const struct table_column
		sink = {.header = "SINK", .keep = KEEP_ALWAYS},
		age = {.header = "AGE", .right = true, .keep = KEEP_LONGER},
		severity = {.header = "SEVERITY"},
		record = {.header = "RECORD", .weight = 1, .minimum = 12, .keep = KEEP_LONGER},
		reason = {.header = "REASON", .weight = 3, .minimum = 20, .keep = KEEP_ALWAYS};
	static const struct table_column *const columns[] = {&sink, &age, &severity, &record, &reason};
	struct table_look look = table_look_of(output);
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	const struct dead_letter *letter;
	int result;

	if (!table)
		return error_set(error, ENOMEM, "printing dead letters");
	while ((letter = next_letter(letters)))
		put_letter(table, letter, (int64_t)command->now * 1000);
	result = table_print(table, &look, output, error);
	table_free(table);
	return result;
}

static int print_records(const struct letters_command *command, struct letters *letters,
			 struct output *output, struct error **error)
{
	static const struct record_kind *const kinds[] = {&record_about, &record_dead_letter, NULL};
	struct record_context context = {.next_agent_record = next_letter, .agent_records = letters};
	int result = json_records(command->format, output, kinds, &context, error);

	record_context_free(&context);
	return result;
}

static int show(const struct letters_command *command, const struct settings *settings, struct error **error)
{
	__attribute__((cleanup(letters_close))) struct letters letters = {.settings = settings,
									  .sink = command->sink};
	struct output *output =
		letters_open(&letters, error) ? NULL : output_open(command->output_file, error);
	int result = -1;

	if (output && command->format == FORMAT_TABLE)
		result = print_table(command, &letters, output, error);
	else if (output)
		result = print_records(command, &letters, output, error);
	if (!result && letters.error)
		result = error_set(error, 0, "%s", error_message(letters.error));
	if (!result)
		result = output_commit(output, error);
	output_free(output);
	return result;
}

/* ---- handled --------------------------------------------------------------------------------------- */

/* The agent's answer is a number. -1 and *error. */
static int ask_agent(const struct letters_command *command, const struct settings *settings, uint64_t *count,
		     struct error **error)
{
	_cleanup_free_ char *question = NULL, *answer = NULL;
	size_t length;

	if (asprintf(&question, "%s%s%s", command->way->question, command->sink ? " " : "",
		     command->sink ? command->sink : "") < 0) {
		question = NULL;
		return error_set(error, ENOMEM, "asking the agent");
	}
	answer = control_ask(settings->control, question, &length, error);
	if (!answer)
		return -1;
	*count = strtoull(answer, NULL, 10);
	return 0;
}

/* In what an agent left behind, which no other one may be using. */
static int handle_alone(const struct letters_command *command, const struct settings *settings,
			uint64_t *count, struct error **error)
{
	const struct store_options options = {.directory = settings->state, .existing = true};
	struct store_reader *reader = store_read_open(settings->state, error);
	struct store *store = reader ? store_open(&options, error) : NULL;
	int result = store ? command->way->handle(store, command->sink, count, error) : -1;

	store_read_close(reader);
	store_close(store);
	return result;
}

static int handle(const struct letters_command *command, const struct settings *settings,
		  struct error **error)
{
	_cleanup_error_ struct error *failed = NULL;
	struct output *output;
	uint64_t count = 0;
	int result;

	if (ask_agent(command, settings, &count, &failed)) {
		if (!settings->state || !is_not_running(failed))
			return error_move(error, &failed);
		if (handle_alone(command, settings, &count, error))
			return -1;
	}
	output = output_open(command->output_file, error);
	if (!output)
		return -1;
	output_format(output, "%" PRIu64 " %s\n", count, command->way->told);
	result = output_commit(output, error);
	output_free(output);
	return result;
}

/* ---- the command ----------------------------------------------------------------------------------- */

static int act(void *state, const struct settings *settings, struct error **error)
{
	const struct letters_command *command = state;
	int result = command->way ? handle(command, settings, error) : show(command, settings, error);

	return result ? EXIT_FAILED : EXIT_AUDITED;
}

static int run(const struct command *command, int argc, char **argv, struct error **error)
{
	struct letters_command letters = {.now = time(NULL)};

	return running_command(command, argc, argv, handle_option, &letters, &letters.running, act, error);
}

static const struct option_entry options[] = {
	OPTION_ENTRIES_RUNNING,
	{LETTERS_SINK, "sink", "NAME", "only those of this sink", COMPLETE_NONE},
	{LETTERS_RETRY, "retry", NULL, "put them back into the queue of their sink", COMPLETE_NONE},
	{LETTERS_DROP, "drop", NULL, "delete them", COMPLETE_NONE},
	OPTION_ENTRY_FORMAT,
	OPTION_ENTRY_OUTPUT_FILE,
	{0},
};

static const char *const examples[] = {
	"proctor dead-letters",
	"what receivers refused, and why",
	"proctor dead-letters --format json",
	"the same with the records",
	"proctor dead-letters --sink loki --retry",
	"send those of one sink again, once its receiver takes them",
	NULL,
};

const struct command command_dead_letters = {
	.name = "dead-letters",
	.synopsis = "",
	.summary = "what receivers refused for good, and why",
	.description =
		"Shows the records that the receiver of a sink refused for good, each with the reason that "
		"it "
		"gave, whether the agent runs or not. They are kept, at most 8 MiB for each sink, of which "
		"the "
		"oldest fall out.\n\n"
		"With --retry they are put back into the queue, behind what waits there and for that sink "
		"alone, with --drop deleted; how many is printed. Those of a sink that is not configured any "
		"more are not put back.",
	.options = options,
	.examples = examples,
	.operands = COMPLETE_NONE,
	.run = run,
};
