/* The documents of this machine's programs that tell who containers are, by number: whoever fetches them for
 * somebody else knows their addresses itself. */
#ifndef COLLECTORS_IDENTITY_ENDPOINT_H
#define COLLECTORS_IDENTITY_ENDPOINT_H

#include "proctor/arena.h"

enum endpoint {
	ENDPOINT_TASK_CONTAINER, /* ECS task metadata: our own container */
	ENDPOINT_TASK,           /* ECS task metadata: our task */
	ENDPOINT_ECS_AGENT,      /* the ECS agent's introspection: itself */
	ENDPOINT_ECS_TASKS,      /* the ECS agent's introspection: its tasks */
	ENDPOINT_DOCKER_CONTAINERS,
	ENDPOINT_DOCKER_IMAGES,
	ENDPOINT_COUNT
};

/* Where a document is to be had: *url, and the Unix socket to ask at, NULL by TCP; they live as long as the
 * arena and what was given. `task_metadata` is the URI of our own container, `docker_socket` the path of
 * Docker's; NULL: there is none to ask. -1 with errno: ENOENT when there is none to ask, EINVAL for a number
 * that is no endpoint, ENOMEM. */
int endpoint_address(enum endpoint endpoint, const char *task_metadata, const char *docker_socket,
		     struct arena *arena, const char **url, const char **socket);

#endif
