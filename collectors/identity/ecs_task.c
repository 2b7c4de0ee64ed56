/* The task metadata endpoint, version 4: what ECS tells a container of its own task
 * (amazon-ecs-agent, ecs-agent/tmds/handlers/v4). */
#include <string.h>

#include "collectors/cgroup.h"
#include "collectors/identity/ecs.h"
#include "proctor/cleanup.h"

static void ask(struct identification *identification)
{
	identity_ask(identification, ENDPOINT_TASK_CONTAINER);
	identity_ask(identification, ENDPOINT_TASK);
}

/* The container that we are in, when the kernel tells no id of it: in a cgroup namespace of its own its path
 * is
 * `/`. NULL: we are in none, or it has an id, which a source does not change. */
static const struct container *own_without_id(const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->container_count; i++) {
		const struct container *container = snapshot->containers[i];
		const char *cgroup = container->cgroup ? container->cgroup : "";
		if (container->self)
			return cgroup_identify(cgroup, strlen(cgroup)).proof == CGROUP_ID ? NULL : container;
	}
	return NULL;
}

/* Whom the first of the two questions is about is by definition the container that we are in. */
static void claim_container(struct identification *identification, const char *id, bool own,
			    struct claim *claim)
{
	const struct container *self = own ? own_without_id(identification->snapshot) : NULL;

	if (self && !identity_container(identification, id))
		identity_claim(identification, self, claim);
	else
		identity_claim_id(identification, id, claim);
}

/* True when it was our own. */
static bool read_container(struct identification *identification, const json_t *container, const char *own_id,
			   const struct task *task)
{
	const char *id = identity_text(identification, container, "DockerId");
	struct claim claim = {.task = *task};
	bool own = id && own_id && !strcmp(id, own_id);

	ecs_read_container(identification, container, &claim);
	if (id)
		claim_container(identification, id, own, &claim);
	return own;
}

/* True when our own container is among those of the task. */
static bool read_task(struct identification *identification, const json_t *document, const char *own_id)
{
	const json_t *containers = json_object_get(document, "Containers"), *container;
	struct task task = {
		.arn = identity_text(identification, document, "TaskARN"),
		.family = identity_text(identification, document, "Family"),
		.revision = identity_text(identification, document, "Revision"),
		.cluster = identity_text(identification, document, "Cluster"),
		.launch_type = identity_text(identification, document, "LaunchType"),
		.availability_zone = identity_text(identification, document, "AvailabilityZone"),
	};
	bool own = false;
	size_t i;

	if (!json_is_array(containers))
		identity_note(identification, "ECS task metadata tells no list of containers", NULL, NULL);
	json_array_foreach(containers, i, container) own |=
		read_container(identification, container, own_id, &task);
	return own;
}

static void read_source(struct identification *identification)
{
	_cleanup_json_ json_t *task = identity_answer(identification, ENDPOINT_TASK);
	_cleanup_json_ json_t *own = identity_answer(identification, ENDPOINT_TASK_CONTAINER);
	const char *own_id = own ? identity_text(identification, own, "DockerId") : NULL;
	bool told = task && read_task(identification, task, own_id);

	if (own && !told)
		read_container(identification, own, own_id, &(struct task){0});
}

const struct source source_ecs_task = {
	.name = "ecs-task",
	.what = "ECS task metadata",
	.remedy = "see that ECS_CONTAINER_METADATA_URI_V4 is what ECS set it to, and that the task's network "
		  "is "
		  "well",
	.ask = ask,
	.read = read_source,
};
