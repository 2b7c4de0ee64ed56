#include "agent/running.h"

#include <errno.h>
#include <time.h>

#include "agent/daemon/control.h"
#include "proctor/cleanup.h"

extern char **environ;

struct settings *running_settings(const char *config_file, const char *state, struct error **error)
{
	const struct settings_options options = {.config_file = config_file, .state = state};

	return settings_read(&options, environ, time(NULL), error);
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
