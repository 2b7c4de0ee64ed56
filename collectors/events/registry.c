/* Every event source, the one that tells most first. */
#include "collectors/events/sources.h"

/* clang-format off */
const struct event_source *const event_sources[] = {
	&event_source_process_connector,
	&event_source_mounts,
	&event_source_cgroups,
	&event_source_fanotify,
	NULL,
};
/* clang-format on */
