/* proctor health: whether the agent is at work, for a container's health check. */
#include "agent/running.h"
#include "proctor/cleanup.h"

enum { PATIENCE = 3 }; /* intervals without a pass, after which it is not at work */

static int handle_option(void *state, int id, const char *value, struct error **error)
{
	return running_option(state, id, value, error);
}

/* Seconds since the last pass, or since the start where there was none yet. */
static const json_t *age_of(const json_t *status)
{
	const json_t *age = json_object_get(json_object_get(status, "last_pass"), "age_seconds");

	return age ? age : json_object_get(status, "uptime_seconds");
}

static int check(void *state, const struct settings *settings, struct error **error)
{
	_cleanup_json_ json_t *status = running_status(settings, error);
	const json_t *age = age_of(status), *interval = json_object_get(status, "interval");

	(void)state;
	if (!status)
		return EXIT_FAILED;
	if (!json_is_integer(age) || !json_is_integer(interval)) {
		error_set(error, 0, "the agent does not tell when it last looked at the machine");
		return EXIT_FAILED;
	}
	if (json_integer_value(age) / PATIENCE <= json_integer_value(interval))
		return EXIT_AUDITED;
	error_set(error, 0, "the agent's last look at the machine was %lld seconds ago",
		  (long long)json_integer_value(age));
	error_remedy(error, "see its log and 'proctor status'");
	return EXIT_FAILED;
}

static int run(const struct command *command, int argc, char **argv, struct error **error)
{
	struct running running = {0};

	return running_command(command, argc, argv, handle_option, &running, &running, check, error);
}

static const struct option_entry options[] = {OPTION_ENTRIES_RUNNING, {0}};

static const char *const examples[] = {
	"proctor health",
	"for the health check of a container: status 0 when the agent is at work",
	NULL,
};

const struct command command_health = {
	.name = "health",
	.synopsis = "",
	.summary = "whether the agent is at work",
	.description = "Asks the agent that runs here. When it looked at the machine within the last three "
		       "intervals nothing is printed, and the exit status is 0; else one line says what is "
		       "wrong, and the status is 3.",
	.options = options,
	.examples = examples,
	.operands = COMPLETE_NONE,
	.run = run,
};
