/* The ECS agent's introspection on a container instance (amazon-ecs-agent, agent/handlers/v1).
 *
 * Any process of the network may listen on that port where no agent does, so it is asked only where something
 * else speaks of one. */
#include <string.h>

#include "collectors/identity/ecs.h"
#include "proctor/cleanup.h"

static bool is_plausible(const struct snapshot *snapshot)
{
	if (snapshot->host.view != VIEW_HOST)
		return false;
	for (size_t i = 0; i < snapshot->container_count; i++)
		if (snapshot->containers[i]->kind && !strcmp(snapshot->containers[i]->kind, "ecs"))
			return true;
	return snapshot->host.ecs.present;
}

static void ask(struct identification *identification)
{
	if (!is_plausible(identification->snapshot))
		return;
	identification->snapshot->host.ecs.present = true;
	identity_ask(identification, ENDPOINT_ECS_AGENT);
	identity_ask(identification, ENDPOINT_ECS_TASKS);
}

static void read_metadata(struct identification *identification, const json_t *document)
{
	struct ecs_agent *agent = &identification->snapshot->host.ecs;

	agent->version = identity_text(identification, document, "Version");
	agent->cluster = identity_text(identification, document, "Cluster");
	agent->instance_arn = identity_text(identification, document, "ContainerInstanceArn");
}

static void read_task(struct identification *identification, const json_t *document)
{
	const json_t *containers = json_object_get(document, "Containers"), *container;
	struct task task = {
		.arn = identity_text(identification, document, "Arn"),
		.family = identity_text(identification, document, "Family"),
		.revision = identity_text(identification, document, "Version"),
		.cluster = identification->snapshot->host.ecs.cluster,
	};
	size_t i;

	json_array_foreach(containers, i, container)
	{
		struct claim claim = {.task = task};
		ecs_read_container(identification, container, &claim);
		identity_claim_id(identification, identity_text(identification, container, "DockerId"),
				  &claim);
	}
}

/* The agent keeps tasks that have ended for a while. */
static bool is_running(const json_t *task)
{
	const char *status = json_string_value(json_object_get(task, "KnownStatus"));

	return !status || strcmp(status, "STOPPED") != 0;
}

static void read_source(struct identification *identification)
{
	_cleanup_json_ json_t *metadata = identity_answer(identification, ENDPOINT_ECS_AGENT);
	_cleanup_json_ json_t *tasks = identity_answer(identification, ENDPOINT_ECS_TASKS);
	const json_t *list = json_object_get(tasks, "Tasks"), *task;
	size_t i;

	if (metadata)
		read_metadata(identification, metadata);
	if (tasks && !json_is_array(list))
		identity_note(identification, "the ECS agent tells no list of tasks", NULL, NULL);
	json_array_foreach(list, i, task)
	{
		if (is_running(task))
			read_task(identification, task);
	}
}

const struct source source_ecs_agent = {
	.name = "ecs-agent",
	.what = "the ECS agent",
	.remedy = "run in the host's network namespace, and see that the agent is well",
	.ask = ask,
	.read = read_source,
};
