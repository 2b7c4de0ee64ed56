/* Every collector, in the order they run. */
#include "proctor/collector.h"

/* clang-format off */
const struct collector *const collectors[] = {
	&collector_host,
	&collector_process,
	&collector_container,
	&collector_identity,
	&collector_mount,
	&collector_limit,
	&collector_network,
	&collector_filesystem,
	&collector_program,
	NULL,
};
/* clang-format on */
