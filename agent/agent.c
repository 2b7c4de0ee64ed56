/* proctor agent: watches without pause. */
#include <stdlib.h>
#include <time.h>

#include "agent/command.h"
#include "agent/daemon/parent.h"
#include "agent/daemon/places.h"
#include "proctor/cleanup.h"

extern char **environ;

enum { TO_MAX = 16 };

enum agent_option { AGENT_CHECK_CONFIG = OPTION_OWN, AGENT_CONFIG, AGENT_INTERVAL, AGENT_STATE, AGENT_TO };

struct agent {
	struct settings_options options;
	const char *to[TO_MAX];
	bool check_only;
};

static int handle_option(void *state, int id, const char *value, struct error **error)
{
	struct agent *agent = state;

	switch (id) {
	case AGENT_CHECK_CONFIG:
		agent->check_only = true;
		return 0;
	case AGENT_CONFIG:
		agent->options.config_file = value;
		return 0;
	case AGENT_INTERVAL:
		agent->options.interval = value;
		return 0;
	case AGENT_STATE:
		agent->options.state = value;
		return 0;
	case AGENT_TO:
		if (agent->options.to_count == TO_MAX)
			return error_set(error, 0, "more than %d of them", TO_MAX);
		agent->to[agent->options.to_count++] = value;
		return 0;
	default:
		return error_set(error, 0, "option %d is not known", id);
	}
}

static int check_places(const struct settings *settings, struct error **error)
{
	struct places places;
	int result = places_of(&places, settings, error);

	if (!result)
		result = places_check(&places, settings, error);
	places_free(&places);
	return result;
}

static int print_settings(const struct settings *settings, struct error **error)
{
	struct output *output = output_open(NULL, error);
	int result = -1;

	if (output) {
		settings_print(settings, output);
		result = output_commit(output, error);
	}
	output_free(output);
	return result;
}

static int check_config(struct settings *settings, struct error **error)
{
	int status = check_places(settings, error)     ? EXIT_USAGE
		     : print_settings(settings, error) ? EXIT_FAILED
						       : EXIT_AUDITED;

	settings_free(settings);
	return status;
}

static int run(const struct command *command, int argc, char **argv, struct error **error)
{
	struct agent agent = {.options = {0}};
	struct settings *settings;
	int operands, parsed;

	agent.options.to = agent.to;
	parsed = command_parse(command, argc, argv, handle_option, &agent, &operands, error);
	if (parsed)
		return parsed > 0 ? EXIT_AUDITED : EXIT_USAGE;
	settings = settings_read(&agent.options, environ, time(NULL), error);
	if (!settings)
		return EXIT_USAGE;
	return agent.check_only ? check_config(settings, error) : parent_run(&agent.options, settings, error);
}

static const struct option_entry options[] = {
	{AGENT_CONFIG, "config", "FILE",
	 "read settings, rules, exceptions and sinks from FILE (default: /etc/proctor/proctor.conf where it "
	 "is there)",
	 COMPLETE_FILE},
	{AGENT_INTERVAL, "interval", "TIME",
	 "look at everything that often: a number of seconds, or 30s, 5m, 1h (default: 5m)", COMPLETE_NONE},
	{AGENT_STATE, "state", "DIR|memory",
	 "keep findings and queue in DIR, or in memory (default: /var/lib/proctor)", COMPLETE_DIRECTORY},
	{AGENT_TO, "to", "URL",
	 "send records to URL, of which proctor(8) tells; can be given again (default: stdout)",
	 COMPLETE_NONE},
	{AGENT_CHECK_CONFIG, "check-config", NULL, "print what is in force, and from where, and end",
	 COMPLETE_NONE},
	{0},
};

static const char *const examples[] = {
	"proctor agent",
	"watch this machine, records to standard output",
	"proctor agent --to file:///var/log/proctor/records.json --interval 1m",
	"look at everything each minute, records to a file",
	"proctor agent --state memory --check-config",
	"which settings a sidecar without a directory for its state would have",
	NULL,
};

const struct command command_agent = {
	.name = "agent",
	.synopsis = "",
	.summary = "watch without pause, and tell what opens and is resolved",
	.description =
		"Looks at everything at its start and at each interval, and in between at what the kernel "
		"tells of: processes that start or take on other ids, mounts, containers that come and go. "
		"It remembers what it found, and sends a record of each finding that opens, changes or is "
		"resolved, and a heartbeat with each look at everything. A record leaves its queue when the "
		"sink has it for good.\n\n"
		"It is three processes: one reads the kernel and has no network, one has the state and the "
		"network and no privilege, one starts them, again when they end. SIGHUP reads the settings "
		"again; SIGTERM delivers what is queued, and ends.\n\n"
		"Each setting is a line of the configuration, a variable PROCTOR_… of the environment or, "
		"for some, an option. An option wins over a variable, a variable over the file. proctor(8) "
		"lists them.",
	.options = options,
	.examples = examples,
	.operands = COMPLETE_NONE,
	.run = run,
};
