#include "collectors/identity/endpoint.h"

#include <errno.h>

/* Whom an endpoint belongs to. */
enum owner { TASK_METADATA, ECS_AGENT, DOCKER };

static const struct {
	enum owner owner;
	const char *url; /* of the task's: what follows the URI of our own container */
} endpoints[ENDPOINT_COUNT] = {
	[ENDPOINT_TASK_CONTAINER] = {TASK_METADATA, ""},
	[ENDPOINT_TASK] = {TASK_METADATA, "/task"},
	[ENDPOINT_ECS_AGENT] = {ECS_AGENT, "http://127.0.0.1:51678/v1/metadata"},
	[ENDPOINT_ECS_TASKS] = {ECS_AGENT, "http://127.0.0.1:51678/v1/tasks"},
	[ENDPOINT_DOCKER_CONTAINERS] = {DOCKER, "http://docker/containers/json"},
	[ENDPOINT_DOCKER_IMAGES] = {DOCKER, "http://docker/images/json?digests=1"},
};

int endpoint_address(enum endpoint endpoint, const char *task_metadata, const char *docker_socket,
		     struct arena *arena, const char **url, const char **socket)
{
	enum owner owner;

	errno = EINVAL;
	if ((unsigned)endpoint >= ENDPOINT_COUNT)
		return -1;
	owner = endpoints[endpoint].owner;
	errno = ENOENT;
	if ((owner == TASK_METADATA && !task_metadata) || (owner == DOCKER && !docker_socket))
		return -1;
	*socket = owner == DOCKER ? docker_socket : NULL;
	*url = owner == TASK_METADATA ? arena_printf(arena, "%s%s", task_metadata, endpoints[endpoint].url)
				      : endpoints[endpoint].url;
	errno = ENOMEM;
	return *url ? 0 : -1;
}
