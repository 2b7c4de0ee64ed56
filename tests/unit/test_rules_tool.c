#include "tests/unit/test.h"

#include <string.h>

#include "tests/unit/build.h"

#define CAP(name) CAPABILITY_MASK(CAP_##name)

/* A container that is confined in every way, with those tools. */
static struct container *with_tools(struct build *build, const struct tool *tools, size_t count)
{
	struct container *container = build_container(build, "web");

	build_process(build, 10, container, "/bin/web");
	container->tools = tools;
	container->tool_count = count;
	container->files_walked = true;
	return container;
}

static struct process *first(const struct container *container)
{
	return (struct process *)container->init;
}

static void make_root_writable(const struct container *container)
{
	((struct mount *)container->mount_namespace->root)->options = 0;
}

static void assert_severity(struct build *build, const char *rule, enum severity expected)
{
	assert_string_equal(severity_names[build_severity(build, rule)], severity_names[expected]);
}

static const char *const shells[] = {"/bin/sh"};
static const struct tool shell[] = {
	{.path = "/bin/sh", .kinds = TOOL_SHELL, .names = (const char **)shells, .name_count = 1}};
static const char *const managers[] = {"/usr/bin/apt"};
static const struct tool manager[] = {{.path = "/usr/bin/apt",
				       .kinds = TOOL_PACKAGE_MANAGER,
				       .names = (const char **)managers,
				       .name_count = 1}};
static const char *const networks[] = {"/bin/nc", "/usr/bin/wget"};
static const struct tool network[] = {{.path = "/bin/busybox",
				       .kinds = TOOL_NETWORK | TOOL_SHELL,
				       .names = (const char **)networks,
				       .name_count = 2}};
static const char *const compilers[] = {"/usr/bin/gcc"};
static const struct tool compiler[] = {
	{.path = "/usr/bin/gcc", .kinds = TOOL_COMPILER, .names = (const char **)compilers, .name_count = 1}};
static const char *const debuggers[] = {"/usr/bin/gdb"};
static const struct tool debugger[] = {
	{.path = "/usr/bin/gdb", .kinds = TOOL_DEBUGGER, .names = (const char **)debuggers, .name_count = 1}};

/* ---- each kind --------------------------------------------------------------------------------- */

static void test_only_the_kind_that_is_there(void **state)
{
	struct build *build = *state;
	struct container *container = with_tools(build, shell, 1);

	make_root_writable(container);
	assert_severity(build, "image.shell", SEVERITY_LOW);
	assert_severity(build, "image.package-manager", SEVERITY_NONE);
	assert_severity(build, "image.network-tool", SEVERITY_NONE);
	assert_severity(build, "image.compiler", SEVERITY_NONE);
	assert_severity(build, "image.debugger", SEVERITY_NONE);
	assert_severity(build, "image.minimal", SEVERITY_NONE);
	container->tools = compiler;
	assert_severity(build, "image.compiler", SEVERITY_LOW);
	assert_severity(build, "image.shell", SEVERITY_NONE);
	container->tools = debugger;
	assert_severity(build, "image.debugger", SEVERITY_LOW);
	container->tools = network;
	assert_severity(build, "image.network-tool", SEVERITY_LOW);
	assert_severity(build, "image.shell", SEVERITY_LOW);
}

static void test_nothing_is_gained_where_all_is_confined(void **state)
{
	static const struct {
		const struct tool *tool;
		const char *rule;
	} cases[] = {{shell, "image.shell"},
		     {manager, "image.package-manager"},
		     {network, "image.network-tool"},
		     {compiler, "image.compiler"},
		     {debugger, "image.debugger"}};
	struct build *build = *state;
	struct container *container = with_tools(build, shell, 1);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		container->tools = cases[i].tool;
		assert_severity(build, cases[i].rule, SEVERITY_INFO);
		assert_non_null(strstr(build_finding(build, cases[i].rule)->why, "root is read-only"));
	}
}

/* Each thing that is missing to be confined. */
static void test_what_unconfines(void **state)
{
	struct build *build = *state;
	struct container *container = with_tools(build, shell, 1);
	struct process *process = first(container);
	const struct process confined = *process;

	process->credentials.no_new_privs = false;
	process->credentials.bounding = CAP(CHOWN);
	assert_severity(build, "image.shell", SEVERITY_LOW);
	process->credentials.bounding = 0;
	assert_severity(build, "image.shell", SEVERITY_INFO);
	*process = confined;
	process->credentials.permitted = CAP(NET_BIND_SERVICE);
	assert_severity(build, "image.shell", SEVERITY_LOW);
	*process = confined;
	build_root(process, 0);
	assert_severity(build, "image.shell", SEVERITY_LOW);
	*process = confined;
	process->known = 0; /* nothing is known of it */
	assert_severity(build, "image.shell", SEVERITY_LOW);
	*process = confined;
	container->mount_namespace = NULL;
	assert_severity(build, "image.shell", SEVERITY_LOW);
}

static void test_package_manager_needs_root_and_a_root_to_write_to(void **state)
{
	struct build *build = *state;
	struct container *container = with_tools(build, manager, 1);

	first(container)->credentials.no_new_privs = false;
	first(container)->credentials.bounding = CAP(CHOWN);
	assert_severity(build, "image.package-manager", SEVERITY_INFO);
	make_root_writable(container);
	assert_severity(build, "image.package-manager", SEVERITY_LOW);
	build_root(first(container), 0);
	assert_severity(build, "image.package-manager", SEVERITY_MEDIUM);
}

static void test_network_tool_on_the_hosts_network(void **state)
{
	struct build *build = *state;
	struct container *container = with_tools(build, network, 1);
	struct process *process = first(container);

	process->credentials.permitted = CAP(NET_RAW);
	assert_severity(build, "image.network-tool", SEVERITY_LOW);
	process->namespaces[NAMESPACE_NET] = build_initial(NAMESPACE_NET);
	assert_severity(build, "image.network-tool", SEVERITY_MEDIUM);
	process->credentials.permitted = CAP(CHOWN);
	assert_severity(build, "image.network-tool", SEVERITY_LOW);
}

static void test_debugger_with_ptrace(void **state)
{
	struct build *build = *state;
	struct container *container = with_tools(build, debugger, 1);
	struct process *process = first(container);

	process->credentials.permitted = CAP(SYS_PTRACE);
	assert_severity(build, "image.debugger", SEVERITY_MEDIUM);
	process->namespaces[NAMESPACE_PID] = build_initial(NAMESPACE_PID);
	assert_severity(build, "image.debugger", SEVERITY_HIGH);
	process->credentials.permitted = CAP(CHOWN);
	assert_severity(build, "image.debugger", SEVERITY_LOW);
}

/* ---- what is told ------------------------------------------------------------------------------ */

static void test_evidence_names_the_names(void **state)
{
	struct build *build = *state;
	const struct finding *finding;

	with_tools(build, network, 1);
	assert_severity(build, "image.network-tool", SEVERITY_INFO);
	finding = build_finding(build, "image.network-tool");
	assert_string_equal(build_evidence(finding, "tools")->text, "/bin/busybox (/bin/nc, /usr/bin/wget)");
	assert_int_equal(build_evidence(finding, "count")->number, 1);
	assert_null(finding->path);
}

/* However many there are, the evidence stays readable. */
static void test_evidence_of_very_many(void **state)
{
	enum { MANY = 5000 };
	struct build *build = *state;
	struct tool *tools = arena_array(build->snapshot->arena, MANY, sizeof(*tools));
	const char **names = arena_array(build->snapshot->arena, MANY, sizeof(*names));
	const struct finding *finding;

	assert_non_null(tools);
	assert_non_null(names);
	for (size_t i = 0; i < MANY; i++) {
		names[i] = "/bin/bash";
		tools[i] = (struct tool){"/bin/sh", TOOL_SHELL, names, MANY, NULL};
	}
	with_tools(build, tools, MANY);
	assert_severity(build, "image.shell", SEVERITY_INFO);
	finding = build_finding(build, "image.shell");
	assert_int_equal(build_evidence(finding, "count")->number, MANY);
	assert_true(strlen(build_evidence(finding, "tools")->text) < 1024);
}

static void test_one_finding_for_a_container(void **state)
{
	static const struct tool several[] = {
		{.path = "/bin/bash", .kinds = TOOL_SHELL, .names = (const char **)shells, .name_count = 1},
		{.path = "/bin/dash", .kinds = TOOL_SHELL, .names = (const char **)shells, .name_count = 1},
	};
	struct build *build = *state;

	with_tools(build, several, 2);
	build_process(build, 11, (struct container *)build->snapshot->containers[0], "/bin/other");
	assert_severity(build, "image.shell", SEVERITY_INFO);
	assert_int_equal(build_finding(build, "image.shell")->count, 1);
}

/* ---- image.minimal ----------------------------------------------------------------------------- */

static void test_minimal_only_when_all_was_seen(void **state)
{
	struct build *build = *state;
	struct container *container = with_tools(build, NULL, 0);

	assert_severity(build, "image.minimal", SEVERITY_INFO);
	container->files_walked = false;
	assert_severity(build, "image.minimal", SEVERITY_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUILD_TEST(test_only_the_kind_that_is_there),
		BUILD_TEST(test_nothing_is_gained_where_all_is_confined),
		BUILD_TEST(test_what_unconfines),
		BUILD_TEST(test_package_manager_needs_root_and_a_root_to_write_to),
		BUILD_TEST(test_network_tool_on_the_hosts_network),
		BUILD_TEST(test_debugger_with_ptrace),
		BUILD_TEST(test_evidence_names_the_names),
		BUILD_TEST(test_evidence_of_very_many),
		BUILD_TEST(test_one_finding_for_a_container),
		BUILD_TEST(test_minimal_only_when_all_was_seen),
	};

	return cmocka_run_group_tests_name("rules_tool", tests, NULL, NULL);
}
