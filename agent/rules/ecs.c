/* How the ECS agent of a container instance is set. */
#include <string.h>

#include "agent/rules/context.h"
#include "agent/rules/remedy.h"

static const char configuration[] = "/etc/ecs/ecs.config";

/* The agent's settings when they are known; else NULL. */
static const struct ecs_agent *settings(const struct subject *subject)
{
	const struct ecs_agent *agent = &subject->snapshot->host.ecs;

	return agent->configuration_known ? agent : NULL;
}

static bool is_of_ecs(const struct container *container)
{
	return container->task || (container->kind && !strcmp(container->kind, "ecs"));
}

/* ---- host.ecs-privileged-allowed --------------------------------------------------------------- */

/* A container without a filter that has all there is to have; NULL: none. */
static const struct container *privileged_container(const struct subject *subject)
{
	for (size_t i = 0; i < subject->snapshot->container_count; i++) {
		const struct container *container = subject->snapshot->containers[i];
		const struct group_facts *group = &subject->context->groups[i];
		if (is_of_ecs(container) && group->lacks_seccomp &&
		    is_full_set(subject->context, group->held))
			return container;
	}
	return NULL;
}

static enum severity judge_privileged_allowed(const struct subject *subject, struct verdict *verdict)
{
	const struct ecs_agent *agent = settings(subject);
	const struct container *container = agent ? privileged_container(subject) : NULL;

	if (!agent || agent->privileged_disabled)
		return SEVERITY_NONE;
	verdict->path = configuration;
	verdict_boolean(verdict, "ECS_DISABLE_PRIVILEGED", false);
	if (!container)
		return SEVERITY_LOW;
	verdict_text(verdict, "privileged", container->name ? container->name : container->id);
	verdict_why(verdict,
		    "a task definition is all it takes for a container that is root on the host, and "
		    "one runs already");
	return SEVERITY_MEDIUM;
}

/* ---- host.ecs-task-limits-off ------------------------------------------------------------------ */

static enum severity judge_task_limits_off(const struct subject *subject, struct verdict *verdict)
{
	const struct ecs_agent *agent = settings(subject);
	int64_t unlimited = 0;

	if (!agent || agent->task_limits_enabled)
		return SEVERITY_NONE;
	for (size_t i = 0; i < subject->snapshot->container_count; i++) {
		const struct container *container = subject->snapshot->containers[i];
		unlimited += is_of_ecs(container) && container->limits.memory.state == LIMIT_NONE;
	}
	verdict->path = configuration;
	verdict_boolean(verdict, "ECS_ENABLE_TASK_CPU_MEM_LIMIT", false);
	verdict_number(verdict, "containers_without_memory_limit", unlimited);
	return unlimited ? SEVERITY_MEDIUM : SEVERITY_LOW;
}

/* ---- host.imds-reachable ----------------------------------------------------------------------- */

/* A container on the host's network has what the host has: container.host-network tells of it. */
static bool reaches_metadata(const struct subject *subject, const struct container *container)
{
	return is_of_ecs(container) && container->imds_route == ROUTE_OPEN && container->init &&
	       shares_with_host(subject->snapshot, container->init, NAMESPACE_NET) != YES;
}

static enum severity judge_imds_reachable(const struct subject *subject, struct verdict *verdict)
{
	const struct ecs_agent *agent = settings(subject);
	const struct container *first = NULL;
	int64_t count = 0;

	for (size_t i = 0; i < subject->snapshot->container_count; i++) {
		const struct container *container = subject->snapshot->containers[i];
		if (!reaches_metadata(subject, container))
			continue;
		first = first ? first : container;
		count++;
	}
	if (!first || !subject_is_host(subject))
		return SEVERITY_NONE;
	verdict->path = "169.254.169.254";
	verdict_number(verdict, "containers", count);
	verdict_text(verdict, "first", first->name ? first->name : first->id);
	if (!agent)
		return SEVERITY_MEDIUM;
	verdict_boolean(verdict, "ECS_AWSVPC_BLOCK_IMDS", agent->awsvpc_imds_blocked);
	if (agent->awsvpc_imds_blocked)
		verdict_why(verdict,
			    "ECS_AWSVPC_BLOCK_IMDS closes it to awsvpc tasks that are started since: these "
			    "are older, or of another network mode, and can ask for the instance's "
			    "credentials");
	return SEVERITY_MEDIUM;
}

/* ---- host.introspection-off-host --------------------------------------------------------------- */

static enum severity judge_introspection(const struct subject *subject, struct verdict *verdict)
{
	const struct ecs_agent *agent = settings(subject);

	if (!agent || !agent->offhost_introspection)
		return SEVERITY_NONE;
	verdict->path = configuration;
	verdict_boolean(verdict, "ECS_ALLOW_OFFHOST_INTROSPECTION_ACCESS", true);
	return SEVERITY_MEDIUM;
}

/* ---- the table --------------------------------------------------------------------------------- */

#define ECS_CONFIG "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-agent-config.html"
#define IMDS ATTACK("T1552.005", "Cloud Instance Metadata API")

const struct rule rules_ecs[] = {
	{
		.id = "host.ecs-privileged-allowed",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_HOST,
		.good = "The ECS agent refuses privileged containers",
		.bad = "The ECS agent starts privileged containers",
		.why = "a task definition is all it takes for a container that is root on the host",
		.attack = "Who may register and run a task definition, but not log in to the instance, runs "
			  "one "
			  "with `privileged` and has the instance, its role and every other task on it.",
		.remedy = {.text = "Set ECS_DISABLE_PRIVILEGED=true in /etc/ecs/ecs.config and restart the "
				   "agent "
				   "(systemctl restart ecs). Tasks that need it belong on instances of "
				   "their own."},
		.references = REFERENCES(ECS_CONFIG, SECURITY_HUB("ECS.4"), T1611, ECS_GUIDANCE),
		.judge = judge_privileged_allowed,
	},
	{
		.id = "host.ecs-task-limits-off",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_HOST,
		.good = "The ECS agent limits tasks to their size",
		.bad = "The ECS agent does not limit tasks to their size",
		.why = "the cpu and memory of a task definition are then no limits: a task can take the "
		       "whole "
		       "instance",
		.attack =
			"One task that leaks or mines starves all others, whose definitions look as if that "
			"could not be.",
		.remedy = {.text = "Take ECS_ENABLE_TASK_CPU_MEM_LIMIT=false out of /etc/ecs/ecs.config, "
				   "restart the "
				   "agent and start the tasks again; or give each container a memory limit "
				   "of its own.",
			   .ecs = "{\"memory\": 512, \"memoryReservation\": 256}"},
		.references = REFERENCES(ECS_CONFIG, CIS_DOCKER("5.11"),
					 ATTACK("T1499", "Endpoint Denial of Service"), ECS_PARAMETERS),
		.judge = judge_task_limits_off,
	},
	{
		.id = "host.imds-reachable",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_HOST,
		.good = "Tasks do not reach the instance's metadata",
		.bad = "Tasks have a route to the instance's metadata",
		.why = "they can ask for the credentials of the instance's role, which are those of the "
		       "agent and "
		       "not theirs",
		.attack =
			"A request that a task was talked into sending to 169.254.169.254, or a shell in it, "
			"brings the credentials of the instance's role: they pull images, register "
			"instances and see other tasks. Where IMDSv2 is required with a hop limit of 1 a "
			"bridge task gets no token; that is not visible from the instance.",
		.remedy = {.text = "Set ECS_AWSVPC_BLOCK_IMDS=true in /etc/ecs/ecs.config for awsvpc tasks, "
				   "restart "
				   "the agent and start the tasks again. For bridge tasks require IMDSv2 "
				   "with "
				   "a hop limit of 1, or drop what the docker bridge forwards to "
				   "169.254.169.254 (iptables -I DOCKER-USER -d 169.254.169.254 -j DROP). "
				   "Give each task a role of its own."},
		.references = REFERENCES(ECS_CONFIG, SECURITY_HUB("EC2.8"), IMDS,
					 "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/"
					 "security-iam-roles.html"),
		.judge = judge_imds_reachable,
	},
	{
		.id = "host.introspection-off-host",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_HOST,
		.good = "The ECS agent tells of tasks on the instance only",
		.bad = "The ECS agent tells of tasks to other machines",
		.why = "whoever reaches port 51678 reads which tasks run here, from which images, and their "
		       "addresses",
		.attack = "It is a map of what to attack next, for the asking and without a trace.",
		.remedy = {.text = "Take ECS_ALLOW_OFFHOST_INTROSPECTION_ACCESS out of /etc/ecs/ecs.config "
				   "and "
				   "restart the agent; until then close the port in the security group."},
		.references = REFERENCES(ECS_CONFIG, ATTACK("T1613", "Container and Resource Discovery"),
					 "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/"
					 "ecs-agent-introspection.html"),
		.judge = judge_introspection,
	},
	{0},
};
