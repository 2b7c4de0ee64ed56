#include "tests/unit/test.h"

#include <string.h>

#include "tests/unit/build.h"

static void assert_severity(struct build *build, const char *rule, enum severity expected)
{
	assert_string_equal(severity_names[build_severity(build, rule)], severity_names[expected]);
}

/* An agent whose configuration is empty: its defaults. */
static struct ecs_agent *agent_of(struct build *build)
{
	struct ecs_agent *agent = &build->snapshot->host.ecs;

	*agent =
		(struct ecs_agent){.present = true, .configuration_known = true, .task_limits_enabled = true};
	return agent;
}

static struct process *task(struct build *build, pid_t pid, const char *name)
{
	struct container *container = build_container(build, name);

	container->kind = "ecs";
	return build_process(build, pid, container, "/bin/web");
}

static struct container *container_of(const struct process *process)
{
	return (struct container *)process->container;
}

static void test_where_no_agent_is(void **state)
{
	static const char *const rules[] = {"host.ecs-privileged-allowed", "host.ecs-task-limits-off",
					    "host.imds-reachable", "host.introspection-off-host"};
	struct build *build = *state;

	build_process(build, 10, build_container(build, "web"), "/bin/web");
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		assert_severity(build, rules[i], SEVERITY_NONE);
	build->snapshot->host.ecs.present = true; /* its configuration is not known */
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		assert_severity(build, rules[i], SEVERITY_NONE);
}

static void test_privileged_allowed(void **state)
{
	struct build *build = *state;
	struct ecs_agent *agent = agent_of(build);
	struct process *process = task(build, 10, "web");

	assert_severity(build, "host.ecs-privileged-allowed", SEVERITY_LOW);
	build_root(process, capability_all(40));
	process->credentials.seccomp = SECCOMP_OFF;
	assert_severity(build, "host.ecs-privileged-allowed", SEVERITY_MEDIUM);
	assert_string_equal(
		build_evidence(build_finding(build, "host.ecs-privileged-allowed"), "privileged")->text,
		"web");
	container_of(process)->kind = "standalone"; /* not of the agent's making */
	assert_severity(build, "host.ecs-privileged-allowed", SEVERITY_LOW);
	agent->privileged_disabled = true;
	assert_severity(build, "host.ecs-privileged-allowed", SEVERITY_NONE);
}

static void test_task_limits_off(void **state)
{
	struct build *build = *state;
	struct ecs_agent *agent = agent_of(build);
	struct process *process = task(build, 10, "web");

	assert_severity(build, "host.ecs-task-limits-off", SEVERITY_NONE);
	agent->task_limits_enabled = false;
	assert_severity(build, "host.ecs-task-limits-off", SEVERITY_LOW);
	container_of(process)->limits.memory.state = LIMIT_NONE;
	assert_severity(build, "host.ecs-task-limits-off", SEVERITY_MEDIUM);
	container_of(process)->limits.memory.state = LIMIT_UNKNOWN;
	assert_severity(build, "host.ecs-task-limits-off", SEVERITY_LOW);
}

static void test_imds_reachable(void **state)
{
	struct build *build = *state;
	struct process *process = task(build, 10, "web");
	struct container *container = container_of(process);

	assert_severity(build, "host.imds-reachable", SEVERITY_NONE); /* not known */
	container->imds_route = ROUTE_NONE;
	assert_severity(build, "host.imds-reachable", SEVERITY_NONE);
	container->imds_route = ROUTE_BLOCKED;
	assert_severity(build, "host.imds-reachable", SEVERITY_NONE);
	container->imds_route = ROUTE_OPEN;
	assert_severity(build, "host.imds-reachable", SEVERITY_MEDIUM);
	assert_null(build_evidence(build_finding(build, "host.imds-reachable"), "ECS_AWSVPC_BLOCK_IMDS"));
	process->namespaces[NAMESPACE_NET] = build_initial(NAMESPACE_NET); /* container.host-network tells */
	assert_severity(build, "host.imds-reachable", SEVERITY_NONE);
	process->namespaces[NAMESPACE_NET] = 5;
	container->kind = "standalone"; /* of no task */
	assert_severity(build, "host.imds-reachable", SEVERITY_NONE);
	container->task = &(struct task){.family = "shop"};
	assert_severity(build, "host.imds-reachable", SEVERITY_MEDIUM);
	build->snapshot->host.view = VIEW_TASK; /* a sidecar cannot mend the instance */
	assert_severity(build, "host.imds-reachable", SEVERITY_NONE);
}

static void test_imds_reachable_although_it_is_blocked(void **state)
{
	struct build *build = *state;
	struct ecs_agent *agent = agent_of(build);

	container_of(task(build, 10, "a"))->imds_route = ROUTE_BLOCKED;
	container_of(task(build, 11, "b"))->imds_route = ROUTE_OPEN;
	container_of(task(build, 12, "c"))->imds_route = ROUTE_OPEN;
	agent->awsvpc_imds_blocked = true;
	assert_severity(build, "host.imds-reachable", SEVERITY_MEDIUM);
	const struct finding *finding = build_finding(build, "host.imds-reachable");
	assert_non_null(strstr(finding->why, "another network mode"));
	assert_int_equal(build_evidence(finding, "containers")->number, 2);
	assert_string_equal(build_evidence(finding, "first")->text, "b");
}

static void test_introspection(void **state)
{
	struct build *build = *state;
	struct ecs_agent *agent = agent_of(build);

	assert_severity(build, "host.introspection-off-host", SEVERITY_NONE);
	agent->offhost_introspection = true;
	assert_severity(build, "host.introspection-off-host", SEVERITY_MEDIUM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUILD_TEST(test_where_no_agent_is),
		BUILD_TEST(test_privileged_allowed),
		BUILD_TEST(test_task_limits_off),
		BUILD_TEST(test_imds_reachable),
		BUILD_TEST(test_imds_reachable_although_it_is_blocked),
		BUILD_TEST(test_introspection),
	};

	return cmocka_run_group_tests_name("rules_ecs", tests, NULL, NULL);
}
