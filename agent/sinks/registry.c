#include "agent/sinks/sinks.h"
#include "agent/sinks/url.h"

const struct sink_kind *const sink_kinds[] = {
	&sink_file, &sink_firelens, &sink_fluent, &sink_https, &sink_otlp, &sink_stdout, &sink_syslog, NULL,
};

/* No part of the URL is named: it may hold a secret wherever someone mistyped it. */
const struct sink_kind *sink_kind_of(const char *url, struct error **error)
{
	for (const struct sink_kind *const *kind = sink_kinds; *kind; kind++)
		for (const char *const *scheme = (*kind)->schemes; *scheme; scheme++)
			if (url_has_scheme(url, *scheme))
				return *kind;
	error_set(error, 0, "no sink has a URL that begins so; there are");
	for (const struct sink_kind *const *kind = sink_kinds; *kind; kind++)
		error_remedy(error, "%s", (*kind)->form);
	return NULL;
}
