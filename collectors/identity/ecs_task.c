/* The task metadata endpoint, version 4: what ECS tells a container of its own task
 * (amazon-ecs-agent, ecs-agent/tmds/handlers/v4). */
#include <string.h>

#include "collectors/identity/ecs.h"
#include "proctor/cleanup.h"

static void ask(struct identification *identification)
{
	const char *own = identification->request->task_metadata;
	const char *task = own ? arena_printf(identification->snapshot->arena, "%s/task", own) : NULL;

	if (!own)
		return;
	if (!task) {
		identification->failed = true;
		return;
	}
	identity_ask(identification, own, NULL);
	identity_ask(identification, task, NULL);
}

/* The container that we are in; NULL: in none, or in one that is not known. */
static const struct container *own_container(const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->container_count; i++)
		if (snapshot->containers[i]->self)
			return snapshot->containers[i];
	return NULL;
}

/* Our own container may go by no id of ECS': in a cgroup namespace of its own its path is `/`. */
static void claim_container(struct identification *identification, const char *id, const char *own_id,
			    struct claim *claim)
{
	const struct container *self = own_container(identification->snapshot);

	if (own_id && !strcmp(id, own_id) && self && !identity_container(identification, id))
		identity_claim(identification, self, claim);
	else
		identity_claim_id(identification, id, claim);
}

static void read_task(struct identification *identification, const json_t *document, const char *own_id)
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
	size_t i;

	if (!json_is_array(containers))
		identity_note(identification, "ECS task metadata tells no list of containers", NULL, NULL);
	json_array_foreach(containers, i, container)
	{
		const char *id = identity_text(identification, container, "DockerId");
		struct claim claim = {.task = task};
		ecs_read_container(identification, container, &claim);
		if (id)
			claim_container(identification, id, own_id, &claim);
	}
}

static void read_source(struct identification *identification)
{
	const char *uri = identification->request->task_metadata;

	if (!uri)
		return;
	_cleanup_json_ json_t *task = identity_answer(identification, "/task");
	_cleanup_json_ json_t *own = task ? identity_answer(identification, uri) : NULL;
	const char *own_id = own ? identity_text(identification, own, "DockerId") : NULL;
	if (task)
		read_task(identification, task, own_id);
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
