/* What keeps a container from taking the whole machine. */
#include "agent/rules/context.h"
#include "agent/rules/remedy.h"

/* ---- limit.memory ------------------------------------------------------------------------------ */

static enum severity judge_memory(const struct subject *subject, struct verdict *verdict)
{
	const struct limit *limit = &subject->container->limits.memory;
	uint64_t total = subject->snapshot->host.memory_total;

	if (limit->state == LIMIT_UNKNOWN || (limit->state == LIMIT_SET && (!total || limit->value < total)))
		return SEVERITY_NONE;
	verdict_text(verdict, "source", limit->source);
	if (limit->state == LIMIT_NONE)
		return SEVERITY_MEDIUM;
	verdict_number(verdict, "limit_bytes", (int64_t)limit->value);
	verdict_number(verdict, "machine_bytes", (int64_t)total);
	verdict->title = "Memory limit is no less than the machine's memory";
	verdict_why(verdict, "the limit is never met before the machine has no memory left");
	return SEVERITY_LOW;
}

/* ---- limit.cpu --------------------------------------------------------------------------------- */

static enum severity judge_cpu(const struct subject *subject, struct verdict *verdict)
{
	const struct limits *limits = &subject->container->limits;

	if (limits->cpu.state != LIMIT_NONE)
		return SEVERITY_NONE;
	verdict_text(verdict, "source", limits->cpu.source);
	if (limits->cpu_weight.state != LIMIT_SET)
		return SEVERITY_LOW;
	verdict_number(verdict, "weight", (int64_t)limits->cpu_weight.value);
	verdict_why(verdict,
		    "it has a share of its own, which holds it back while others want to run, but no "
		    "quota");
	return SEVERITY_INFO;
}

/* ---- limit.pids -------------------------------------------------------------------------------- */

static enum severity judge_pids(const struct subject *subject, struct verdict *verdict)
{
	const struct limit *limit = &subject->container->limits.pids;

	if (limit->state != LIMIT_NONE)
		return SEVERITY_NONE;
	verdict_text(verdict, "source", limit->source);
	return SEVERITY_MEDIUM;
}

/* ---- the table --------------------------------------------------------------------------------- */

#define EXHAUSTION ATTACK("T1499", "Endpoint Denial of Service")

const struct rule rules_limit[] = {
	{
		.id = "limit.memory",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_CONTAINER,
		.good = "Memory is limited",
		.bad = "Memory is not limited",
		.why = "it can take all memory of the machine, and the kernel then ends processes of others",
		.attack = "A leak, or requests made for it, grows until other containers and the host's "
			  "services "
			  "are killed.",
		.remedy = {.text = "Set a limit somewhat above what it needs. Fargate asks for one for the "
				   "task in "
				   "any case.",
			   .docker = "--memory 512m --memory-swap 512m",
			   .ecs = "{\"memory\": 512, \"memoryReservation\": 256}",
			   .kubernetes = "resources:\n  limits:\n    memory: 512Mi"},
		.references = REFERENCES(CIS_DOCKER("5.11"), EXHAUSTION, ECS_GUIDANCE, "cgroups(7)"),
		.judge = judge_memory,
	},
	{
		.id = "limit.cpu",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_CONTAINER,
		.good = "CPU time is limited",
		.bad = "CPU time is not limited",
		.why = "it can take every core whenever others do not use them, and slow them down when they "
		       "do",
		.attack = "A miner or a loop takes the cores that other services are sized for.",
		.remedy = {.text = "Set a quota, or shares at least. On ECS on EC2 the container's `cpu` is "
				   "a share; "
				   "the task's `cpu` is a quota, as on Fargate.",
			   .docker = "--cpus 0.5",
			   .ecs = "{\"cpu\": 256}",
			   .kubernetes = "resources:\n  limits:\n    cpu: 500m"},
		.references = REFERENCES(CIS_DOCKER("5.12"), ATTACK("T1496", "Resource Hijacking"),
					 ECS_GUIDANCE, "cgroups(7)"),
		.judge = judge_cpu,
	},
	{
		.id = "limit.pids",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_CONTAINER,
		.good = "The number of processes is limited",
		.bad = "The number of processes is not limited",
		.why = "it can take every pid of the machine, on which nothing can be started then",
		.attack = "A fork bomb needs one line of shell and no privilege.",
		.remedy = {.text = "Set a limit. A task definition has none: set ECS_TASK_PIDS_LIMIT in "
				   "/etc/ecs/ecs.config on EC2. Kubernetes sets it on the node (podPidsLimit "
				   "of the "
				   "kubelet).",
			   .docker = "--pids-limit 200"},
		.references = REFERENCES(CIS_DOCKER("5.29"), EXHAUSTION, "cgroups(7)"),
		.judge = judge_pids,
	},
	{0},
};
