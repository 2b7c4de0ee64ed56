/* proctor recommend: the capabilities that containers need, by what an agent has learned of them. */
#include <errno.h>
#include <string.h>

#include "agent/formats/format.h"
#include "agent/formats/json.h"
#include "agent/formats/plan_table.h"
#include "agent/learn/learn_table.h"
#include "agent/learn/recommend.h"
#include "agent/remediate.h"
#include "agent/remedy/target.h"
#include "agent/running.h"
#include "proctor/cleanup.h"

enum recommend_option {
	RECOMMEND_CONTAINER = RUNNING_OWN,
	RECOMMEND_TASK_DEFINITION,
	RECOMMEND_WRITE_TASK_DEFINITION
};

struct recommend {
	enum format format; /* where no target is asked for */
	const char *output_file, *container;
	struct running running;
	struct remediation remediation;
};

static int parse_format(struct recommend *recommend, const char *value, struct error **error)
{
	recommend->remediation.target = target_of_learned(value);
	if (recommend->remediation.target || !format_parse(value, &recommend->format, NULL))
		return 0;
	return error_set(
		error, 0,
		"'%s' is not a format: there are table, json, ndjson, ecs, docker, compose, kubernetes "
		"and systemd",
		value);
}

static int handle_option(void *state, int id, const char *value, struct error **error)
{
	struct recommend *recommend = state;

	switch (id) {
	case RECOMMEND_CONTAINER:
		recommend->container = value;
		return 0;
	case RECOMMEND_TASK_DEFINITION:
		recommend->remediation.task_definition_file = value;
		return 0;
	case RECOMMEND_WRITE_TASK_DEFINITION:
		recommend->remediation.write_task_definition = value;
		return 0;
	case OPTION_FORMAT:
		return parse_format(recommend, value, error);
	case OPTION_OUTPUT_FILE:
		recommend->output_file = value;
		return 0;
	default:
		return running_option(&recommend->running, id, value, error);
	}
}

/* ---- telling ------------------------------------------------------------------------------------ */

static void print_nothing(const struct recommend *recommend, struct output *output)
{
	char name[256];

	output_text(output, "Nothing was learned");
	if (recommend->container) {
		text_escape(name, sizeof(name), recommend->container, strlen(recommend->container));
		output_format(output, " of a container or image that is called %s", name);
	}
	output_text(output, " yet: 'proctor agent' learns while containers run, unless 'proctor status' says "
			    "why it does not; 'proctor learn' watches them now.\n");
}

static int print_records(const struct recommend *recommend, const struct learned *learned,
			 struct output *output, struct error **error)
{
	static const struct record_kind *const kinds[] = {&record_about, &record_learned, NULL};
	struct record_context context = {.learned = learned};
	int result = json_records(recommend->format, output, kinds, &context, error);

	record_context_free(&context);
	return result;
}

static int print_plans(struct recommend *recommend, const struct learned *learned, struct output *output,
		       struct error **error)
{
	struct remediation *remediation = &recommend->remediation;
	const struct recommend_request request = {.target = remediation->target,
						  .fargate = remediation->definition.on_fargate,
						  .newest = remediation->definition.json != NULL};
	struct table_look look = table_look_of(output);
	const struct snapshot *snapshot = NULL;
	struct plans *plans = recommend_plans(learned, &request, &snapshot);
	int result = -1;

	if (!plans)
		return error_set(error, ENOMEM, "writing what is recommended");
	if (!remediation_apply(remediation, snapshot, plans, error) && !remediation_write(remediation, error))
		result = plan_table_print(plans, &look, output, error);
	plans_free(plans);
	return result;
}

static int print(struct recommend *recommend, const struct learned *learned, struct output *output,
		 struct error **error)
{
	bool as_records = !recommend->remediation.target && recommend->format != FORMAT_TABLE;

	if (as_records)
		return print_records(recommend, learned, output, error);
	if (!learned->count && !recommend->remediation.definition.json) {
		print_nothing(recommend, output);
		return 0;
	}
	if (recommend->remediation.target)
		return print_plans(recommend, learned, output, error);
	return learn_table_print(learned, output, error);
}

/* ---- the command -------------------------------------------------------------------------------- */

/* How the agent learns, and what it missed of the whole machine, as its status tells. */
static void take_status(struct learned *learned, const char *text)
{
	_cleanup_json_ json_t *status = text ? json_loads(text, 0, NULL) : NULL;
	const json_t *learning = json_object_get(status, "learning");
	const char *evidence = json_string_value(json_object_get(learning, "evidence"));
	json_int_t lost = json_integer_value(json_object_get(learning, "lost"));
	json_int_t unseen = json_integer_value(json_object_get(learning, "unseen"));

	learned->evidence = evidence ? arena_string(learned->arena, evidence) : NULL;
	learned->lost = lost > 0 ? (uint64_t)lost : 0;
	learned->unseen = unseen > 0 ? (uint64_t)unseen : 0;
}

static struct learned *read_learned(const struct recommend *recommend, const struct settings *settings,
				    struct error **error)
{
	struct store_reader *reader = running_state(settings, error);
	struct learned *learned = reader ? store_read_learned(reader, recommend->container, error) : NULL;

	if (learned)
		take_status(learned, store_read_status(reader));
	store_read_close(reader);
	return learned;
}

static int show(void *state, const struct settings *settings, struct error **error)
{
	struct recommend *recommend = state;
	struct learned *learned = read_learned(recommend, settings, error);
	struct output *output = learned ? output_open(recommend->output_file, error) : NULL;
	int result = output ? print(recommend, learned, output, error) : -1;

	if (!result)
		result = output_commit(output, error);
	output_free(output);
	learned_free(learned);
	return result ? EXIT_FAILED : EXIT_AUDITED;
}

/* Before anything is asked: whether the options go together. */
static int begin(void *state, const struct settings *settings, struct error **error)
{
	struct recommend *recommend = state;
	int status = remediation_start(&recommend->remediation, error);

	return status == EXIT_AUDITED ? show(state, settings, error) : status;
}

static int run(const struct command *command, int argc, char **argv, struct error **error)
{
	struct recommend recommend = {.remediation = {.option = "--format"}};
	int status = running_command(command, argc, argv, handle_option, &recommend, &recommend.running,
				     begin, error);

	remediation_end(&recommend.remediation);
	return status;
}

static const struct option_entry options[] = {
	OPTION_ENTRIES_RUNNING,
	{RECOMMEND_CONTAINER, "container", "NAME",
	 "only of this container or image: its name, the image's reference or its digest, or of one without "
	 "a name 12 or more characters of its id",
	 COMPLETE_NONE},
	{OPTION_FORMAT, "format", "FORMAT",
	 "table, json, ndjson, or what the change is written for: ecs, docker, compose, kubernetes, systemd "
	 "(default: table)",
	 COMPLETE_FORMAT_OR_LEARNED_TARGET},
	{RECOMMEND_TASK_DEFINITION, "task-definition", "FILE",
	 "with --format ecs: make the changes in this definition, as describe-task-definition prints or "
	 "register-task-definition takes it (-: standard input), and show them as a diff",
	 COMPLETE_FILE},
	{RECOMMEND_WRITE_TASK_DEFINITION, "write-task-definition", "FILE",
	 "write the changed definition to FILE, ready for register-task-definition", COMPLETE_FILE},
	OPTION_ENTRY_OUTPUT_FILE,
	{0},
};

static const char *const examples[] = {
	"proctor recommend",
	"which capabilities each image needs, by all that was learned of it",
	"proctor recommend --container web --format docker",
	"the options of docker run for one of them",
	"proctor recommend --format ecs --task-definition shop.json --write-task-definition new.json",
	"the same in the definition of its task",
	NULL,
};

const struct command command_recommend = {
	.name = "recommend",
	.synopsis = "",
	.summary = "the capabilities that containers need, by what the agent learned",
	.description =
		"Reads what 'proctor agent' has learned over months, whether it runs or not, and tells for "
		"each "
		"image, and each container of a task, which capabilities it needs: those that 'proctor "
		"learn' "
		"calls required. With a target as format it writes the change: drop all, and add these.\n\n"
		"Learned together is what ran of one image, known by its digest, else by its reference; of "
		"ECS "
		"tasks also by the task's family and the container's name in it. With --task-definition it "
		"is "
		"the image of a container that ran last.\n\n"
		"Of an image no start of which was seen whole it is told that it may need more: many "
		"programs "
		"use capabilities at their start only. Start it anew while the agent runs.",
	.options = options,
	.examples = examples,
	.operands = COMPLETE_NONE,
	.run = run,
};
