/* What the task metadata endpoint and the agent's introspection tell alike. */
#ifndef COLLECTORS_IDENTITY_ECS_H
#define COLLECTORS_IDENTITY_ECS_H

#include "collectors/identity/identity.h"

/* One container of a task, in either shape: DockerId DockerName Name Image ImageID Labels Limits.Memory. */
void ecs_read_container(struct identification *identification, const json_t *container, struct claim *claim);

#endif
