/* container.not-as-declared. */
#include "tests/unit/test.h"

#include <string.h>

#include "tests/unit/build.h"

#define RULE "container.not-as-declared"

/* A hardened container, declared to be what it is, and what was declared. */
static struct process *declared(struct build *build, struct declared *declared)
{
	struct container *container = build_container(build, "web");

	build_without_lsm(build);
	*declared = (struct declared){
		.known = DECLARED_PRIVILEGED | DECLARED_READ_ONLY | DECLARED_CAPABILITIES,
		.read_only = true,
		.user = "1000:1000",
		.memory = container->limits.memory,
		.cpu = container->limits.cpu,
		.pids = container->limits.pids,
	};
	container->declared = declared;
	return build_process(build, 10, container, "/bin/web");
}

static struct container *container_of(const struct process *process)
{
	return (struct container *)process->container;
}

static void assert_severity(struct build *build, enum severity expected)
{
	assert_string_equal(severity_names[build_severity(build, RULE)], severity_names[expected]);
}

static void test_as_declared(void **state)
{
	struct build *build = *state;
	struct declared told;
	struct process *process = declared(build, &told);

	assert_severity(build, SEVERITY_NONE);
	container_of(process)->declared = NULL;
	build_root(process, capability_all(40));
	assert_severity(build, SEVERITY_NONE);
}

static void test_user(void **state)
{
	static const char *const roots[] = {"", "0", "0:0", "00", "root", "root:app", ":5"};
	static const char *const users[] = {"1000", "1000:0", "app", "app:app", "010", "roots"};
	struct build *build = *state;
	struct declared told;
	struct process *process = declared(build, &told);

	build_root(process, 0);
	assert_severity(build, SEVERITY_HIGH);
	assert_string_equal(build_evidence(build_finding(build, RULE), "declared_user")->text, "1000:1000");
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		told.user = roots[i];
		assert_severity(build, SEVERITY_NONE);
	}
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		told.user = users[i];
		assert_severity(build, SEVERITY_HIGH);
	}
	told.user = NULL;
	assert_severity(build, SEVERITY_NONE);
}

static void test_user_of_a_user_namespace(void **state)
{
	struct build *build = *state;
	struct declared told;
	struct process *process = declared(build, &told);

	build_user_namespace(build, process, 100000);
	assert_severity(build, SEVERITY_NONE); /* 1000 inside */
	for (unsigned kind = 0; kind < ID_COUNT; kind++)
		process->credentials.uid[kind] = 100000;
	assert_severity(build, SEVERITY_LOW);
}

static void test_read_only(void **state)
{
	struct build *build = *state;
	struct declared told;
	struct process *process = declared(build, &told);
	struct mount *root = (struct mount *)container_of(process)->mount_namespace->root;

	root->options = 0;
	assert_severity(build, SEVERITY_MEDIUM);
	told.read_only = false;
	assert_severity(build, SEVERITY_NONE);
	told.read_only = true;
	told.known &= ~(uint32_t)DECLARED_READ_ONLY;
	assert_severity(build, SEVERITY_NONE);
}

static void test_limits(void **state)
{
	struct build *build = *state;
	struct declared told;
	struct container *container = container_of(declared(build, &told));
	struct limit *limits[] = {&container->limits.memory, &container->limits.cpu, &container->limits.pids};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct limit was = *limits[i];
		limits[i]->state = LIMIT_NONE;
		assert_severity(build, SEVERITY_MEDIUM);
		limits[i]->state = LIMIT_UNKNOWN;
		assert_severity(build, SEVERITY_NONE);
		*limits[i] = was;
		limits[i]->value++; /* rounded */
		assert_severity(build, SEVERITY_NONE);
		limits[i]->value = was.value * 2;
		assert_severity(build, SEVERITY_MEDIUM);
		limits[i]->value = was.value / 2; /* less than declared is no fault */
		assert_severity(build, SEVERITY_NONE);
		*limits[i] = was;
	}
	told.memory.state = LIMIT_UNKNOWN;
	container->limits.memory.state = LIMIT_NONE;
	assert_severity(build, SEVERITY_NONE);
}

static void test_capabilities(void **state)
{
	struct build *build = *state;
	struct declared told;
	struct process *process = declared(build, &told);

	process->credentials.bounding = CAPABILITY_MASK(CAP_NET_RAW);
	assert_severity(build, SEVERITY_MEDIUM);
	told.capabilities = CAPABILITY_MASK(CAP_NET_RAW);
	assert_severity(build, SEVERITY_NONE);
	process->credentials.permitted = process->credentials.bounding |= CAPABILITY_MASK(CAP_SYS_ADMIN);
	assert_severity(build, SEVERITY_HIGH);
	assert_int_equal(build_evidence(build_finding(build, RULE), "undeclared_capabilities")->capabilities,
			 CAPABILITY_MASK(CAP_SYS_ADMIN));
	told.known &= ~(uint32_t)DECLARED_CAPABILITIES;
	assert_severity(build, SEVERITY_NONE);
}

static void test_privileged(void **state)
{
	struct build *build = *state;
	struct declared told;
	struct process *process = declared(build, &told);

	told.user = "0:0";
	told.capabilities = capability_all(40);
	build_root(process, capability_all(40));
	assert_severity(build, SEVERITY_NONE); /* filtered */
	process->credentials.seccomp = SECCOMP_OFF;
	assert_severity(build, SEVERITY_HIGH);
	told.privileged = true;
	assert_severity(build, SEVERITY_NONE);
}

static void test_all_that_differs_is_named(void **state)
{
	struct build *build = *state;
	struct declared told;
	struct process *process = declared(build, &told);

	build_root(process, CAPABILITY_MASK(CAP_CHOWN));
	container_of(process)->limits.pids.state = LIMIT_NONE;
	assert_severity(build, SEVERITY_HIGH);
	assert_non_null(strstr(build_finding(build, RULE)->why,
			       "its user, its capabilities, its limit of processes"));
	container_of(process)->init = NULL; /* what is known without its first process still counts */
	assert_severity(build, SEVERITY_MEDIUM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUILD_TEST(test_as_declared),
		BUILD_TEST(test_user),
		BUILD_TEST(test_user_of_a_user_namespace),
		BUILD_TEST(test_read_only),
		BUILD_TEST(test_limits),
		BUILD_TEST(test_capabilities),
		BUILD_TEST(test_privileged),
		BUILD_TEST(test_all_that_differs_is_named),
	};

	return cmocka_run_group_tests_name("rules_declared", tests, NULL, NULL);
}
