/* The documents of this machine's programs that tell who containers are, by number: whoever fetches them for
 * somebody else knows their addresses itself. */
#ifndef COLLECTORS_IDENTITY_ENDPOINT_H
#define COLLECTORS_IDENTITY_ENDPOINT_H

#include "collectors/fetch.h"

enum endpoint {
	ENDPOINT_TASK_CONTAINER, /* ECS task metadata: our own container */
	ENDPOINT_TASK,           /* ECS task metadata: our task */
	ENDPOINT_ECS_AGENT,      /* the ECS agent's introspection: itself */
	ENDPOINT_ECS_TASKS,      /* the ECS agent's introspection: its tasks */
	ENDPOINT_DOCKER_CONTAINERS,
	ENDPOINT_DOCKER_IMAGES,
	ENDPOINT_COUNT
};

#endif
