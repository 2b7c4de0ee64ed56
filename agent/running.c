#include "agent/running.h"

#include <errno.h>
#include <time.h>

#include "agent/daemon/control.h"
#include "proctor/cleanup.h"

extern char **environ;

int running_option(struct running *running, int id, const char *value, struct error **error)
{
	switch (id) {
	case RUNNING_CONFIG:
		running->config_file = value;
		return 0;
	case RUNNING_STATE:
		running->state = value;
		return 0;
	default:
		return error_set(error, 0, "option %d is not known", id);
	}
}

int running_command(const struct command *command, int argc, char **argv, option_handler handler, void *state,
		    const struct running *running, running_action action, struct error **error)
{
	struct settings_options options = {0};
	int operands, status, parsed = command_parse(command, argc, argv, handler, state, &operands, error);
	struct settings *settings;

	if (parsed)
		return parsed > 0 ? EXIT_AUDITED : EXIT_USAGE;
	options.config_file = running->config_file;
	options.state = running->state;
	settings = settings_read(&options, environ, time(NULL), error);
	if (!settings)
		return EXIT_USAGE;
	status = action(state, settings, error);
	settings_free(settings);
	return status;
}

json_t *running_status(const struct settings *settings, struct error **error)
{
	size_t length;
	_cleanup_free_ char *text = control_ask(settings->control, "status", &length, error);
	json_t *status = text ? json_loadb(text, length, 0, NULL) : NULL;

	if (text && !json_is_object(status)) {
		json_decref(status);
		error_set(error, 0, "asking the agent at %s: the answer is not understood",
			  settings->control);
		return NULL;
	}
	return status;
}

struct store_reader *running_state(const struct settings *settings, struct error **error)
{
	size_t length = 0;
	struct error *failed = NULL;
	_cleanup_free_ char *image = control_ask(settings->control, "database", &length, &failed);

	if (!image && !settings->state) {
		error_move(error, &failed);
		return NULL;
	}
	error_free(failed);
	return image ? store_read_open_image((const unsigned char *)image, length, error)
		     : store_read_open(settings->state, error);
}
