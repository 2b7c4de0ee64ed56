#include "tests/unit/test.h"

#include <string.h>

#include "tests/unit/build.h"

#define CAP(name) CAPABILITY_MASK(CAP_##name)

static struct process *contained(struct build *build)
{
	build_without_lsm(build);
	return build_process(build, 10, build_container(build, "web"), "/bin/web");
}

static struct container *container_of(struct process *process)
{
	return (struct container *)process->container;
}

static void assert_severity(struct build *build, const char *rule, enum severity expected)
{
	assert_string_equal(severity_names[build_severity(build, rule)], severity_names[expected]);
}

static void share(struct process *process, enum namespace_kind kind)
{
	process->namespaces[kind] = build_initial(kind);
}

/* ---- container.privileged ---------------------------------------------------------------------- */

static void test_privileged(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	assert_severity(build, "container.privileged", SEVERITY_NONE);
	build_root(process, capability_all(40));
	assert_severity(build, "container.privileged", SEVERITY_NONE); /* filtered */
	process->credentials.seccomp = SECCOMP_OFF;
	assert_severity(build, "container.privileged", SEVERITY_CRITICAL);
	assert_non_null(strstr(build_finding(build, "container.privileged")->why, "core_pattern"));
	assert_non_null(build_evidence(build_finding(build, "container.privileged"), "escape"));
	build_root(process, capability_all(40) & ~CAP(SYS_TIME));
	process->credentials.bounding = process->credentials.permitted;
	assert_severity(build, "container.privileged", SEVERITY_NONE);
}

/* The administrator's session lacks a capability that pid 1 has: what it starts can have no more. */
static void test_privileged_as_far_as_the_machine_grants(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);
	capability_set most = capability_all(40) & ~CAP(SYS_RESOURCE);

	build_process(build, 20, NULL, "/sbin/init");
	build_root(process, most);
	process->credentials.seccomp = SECCOMP_OFF;
	assert_severity(build, "container.privileged", SEVERITY_NONE);
	build->snapshot->self.granted = most;
	assert_severity(build, "container.privileged", SEVERITY_CRITICAL);
	container_of(process)->self = true; /* the auditor's own set says nothing of the machine then */
	assert_severity(build, "container.privileged", SEVERITY_NONE);
}

static void test_privileged_when_the_kernel_knows_fewer_or_more(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	build_root(process, capability_all(37));
	process->credentials.seccomp = SECCOMP_OFF;
	build->snapshot->self.granted = capability_all(40);
	build_process(build, 20, NULL, "/sbin/init");
	assert_severity(build, "container.privileged", SEVERITY_NONE);
	build->snapshot->host.last_capability = 37;
	assert_severity(build, "container.privileged", SEVERITY_CRITICAL);
	build->snapshot->host.last_capability = 0; /* not known: nothing is full by it */
	assert_severity(build, "container.privileged", SEVERITY_NONE);
}

static void test_privileged_run_as_a_user(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	process->credentials.bounding = capability_all(40);
	process->credentials.seccomp = SECCOMP_OFF;
	process->credentials.no_new_privs = false;
	assert_severity(build, "container.privileged", SEVERITY_HIGH);
}

static void test_privileged_in_user_namespace(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	build_root(process, capability_all(40));
	process->credentials.seccomp = SECCOMP_OFF;
	build_user_namespace(build, process, 100000);
	assert_severity(build, "container.privileged", SEVERITY_LOW);
}

static void test_container_without_a_known_first_process(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	build_root(process, capability_all(40));
	process->credentials.seccomp = SECCOMP_OFF;
	share(process, NAMESPACE_PID);
	container_of(process)->init = NULL;
	build_judge(build);
	assert_null(build_finding(build, "container.privileged"));
	assert_null(build_finding(build, "container.host-pid"));
	assert_null(build_finding(build, "container.host-user"));
}

/* ---- namespaces of the host -------------------------------------------------------------------- */

static void test_host_pid(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	assert_severity(build, "container.host-pid", SEVERITY_NONE);
	share(process, NAMESPACE_PID);
	assert_severity(build, "container.host-pid", SEVERITY_MEDIUM);
	build_root(process, CAPABILITY_DOCKER_DEFAULT);
	assert_severity(build, "container.host-pid", SEVERITY_HIGH);
	build_root(process, CAP(SYS_PTRACE));
	assert_severity(build, "container.host-pid", SEVERITY_CRITICAL);
	process->namespaces[NAMESPACE_PID] = 0; /* not read */
	assert_severity(build, "container.host-pid", SEVERITY_NONE);
}

static void test_host_pid_seen_from_a_container(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	build->snapshot->host.view = VIEW_CONTAINER;
	memset(build->snapshot->host.namespaces, 0, sizeof(build->snapshot->host.namespaces));
	share(process, NAMESPACE_PID); /* its inode number is fixed */
	assert_severity(build, "container.host-pid", SEVERITY_MEDIUM);
	process->namespaces[NAMESPACE_PID] = 0xF0000000;
	assert_severity(build, "container.host-pid", SEVERITY_NONE);
	process->namespaces[NAMESPACE_NET] = 0xF0000000; /* before 6.18 no number tells of the network */
	assert_severity(build, "container.host-network", SEVERITY_NONE);
}

static void test_host_network(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	assert_severity(build, "container.host-network", SEVERITY_NONE);
	share(process, NAMESPACE_NET);
	assert_severity(build, "container.host-network", SEVERITY_MEDIUM);
	build_root(process, CAP(NET_ADMIN));
	assert_severity(build, "container.host-network", SEVERITY_HIGH);
	process->namespaces[NAMESPACE_NET] = 0xF0000000;
	assert_severity(build, "container.host-network", SEVERITY_NONE);
	build->snapshot->host.namespaces[NAMESPACE_NET] = 0xF0000000; /* an older kernel, pid 1 was read */
	assert_severity(build, "container.host-network", SEVERITY_HIGH);
}

static void test_host_ipc(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	assert_severity(build, "container.host-ipc", SEVERITY_NONE);
	share(process, NAMESPACE_IPC);
	assert_severity(build, "container.host-ipc", SEVERITY_LOW);
	build_root(process, 0);
	assert_severity(build, "container.host-ipc", SEVERITY_MEDIUM);
}

static void test_host_uts(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	assert_severity(build, "container.host-uts", SEVERITY_NONE);
	share(process, NAMESPACE_UTS);
	assert_severity(build, "container.host-uts", SEVERITY_LOW);
	build_root(process, CAP(SYS_ADMIN));
	assert_severity(build, "container.host-uts", SEVERITY_MEDIUM);
}

static void test_host_cgroup(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	assert_severity(build, "container.host-cgroup", SEVERITY_NONE);
	share(process, NAMESPACE_CGROUP);
	assert_severity(build, "container.host-cgroup", SEVERITY_INFO);
	build_root(process, CAP(SYS_ADMIN));
	process->credentials.seccomp = SECCOMP_OFF;
	assert_severity(build, "container.host-cgroup", SEVERITY_INFO); /* version 2 has no release_agent */
	build->snapshot->host.cgroup_version = 1;
	assert_severity(build, "container.host-cgroup", SEVERITY_CRITICAL);
	process->credentials.seccomp = SECCOMP_FILTERED;
	assert_severity(build, "container.host-cgroup", SEVERITY_INFO);
}

static void test_host_user(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	assert_severity(build, "container.host-user", SEVERITY_INFO);
	build_root(process, 0);
	assert_severity(build, "container.host-user", SEVERITY_LOW);
	build_user_namespace(build, process, 100000);
	assert_severity(build, "container.host-user", SEVERITY_NONE);
	process->user_namespace = NULL;
	assert_severity(build, "container.host-user", SEVERITY_NONE);
}

/* ---- container.host-device --------------------------------------------------------------------- */

static void assert_device(struct build *build, struct device device, enum severity as_user,
			  enum severity as_root)
{
	struct process *process = &build->snapshot->processes[0];

	container_of(process)->devices = &device;
	container_of(process)->device_count = 1;
	process->credentials.uid[ID_EFFECTIVE] = process->credentials.uid[ID_FILESYSTEM] = 1000;
	assert_severity(build, "container.host-device", as_user);
	process->credentials.uid[ID_EFFECTIVE] = process->credentials.uid[ID_FILESYSTEM] = 0;
	assert_severity(build, "container.host-device", as_root);
}

static void test_host_device(void **state)
{
	struct build *build = *state;

	contained(build);
	assert_severity(build, "container.host-device", SEVERITY_NONE);
	assert_device(build, (struct device){"/dev/sda", true, 8, 0, 0660}, SEVERITY_LOW, SEVERITY_CRITICAL);
	assert_device(build, (struct device){"/dev/mem", false, 1, 1, 0640}, SEVERITY_LOW, SEVERITY_CRITICAL);
	assert_device(build, (struct device){"/dev/loop0", true, 7, 0, 0660}, SEVERITY_LOW, SEVERITY_MEDIUM);
	assert_device(build, (struct device){"/dev/fuse", false, 10, 229, 0666}, SEVERITY_LOW, SEVERITY_LOW);
	assert_device(build, (struct device){"/dev/nvidia0", false, 195, 0, 0666}, SEVERITY_MEDIUM,
		      SEVERITY_MEDIUM);
}

static void test_every_device(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	container_of(process)->all_devices = true;
	assert_severity(build, "container.host-device", SEVERITY_MEDIUM);
	build_root(process, 0);
	assert_severity(build, "container.host-device", SEVERITY_HIGH);
	build_root(process, CAP(MKNOD));
	assert_severity(build, "container.host-device", SEVERITY_CRITICAL);
	container_of(process)->all_devices_known = false;
	assert_severity(build, "container.host-device", SEVERITY_NONE);
}

/* ---- limits ------------------------------------------------------------------------------------ */

static void test_limit_memory(void **state)
{
	struct build *build = *state;
	struct limit *limit = &container_of(contained(build))->limits.memory;

	assert_severity(build, "limit.memory", SEVERITY_NONE);
	limit->value = build->snapshot->host.memory_total;
	assert_severity(build, "limit.memory", SEVERITY_LOW);
	build->snapshot->host.memory_total = 0; /* not known */
	assert_severity(build, "limit.memory", SEVERITY_NONE);
	limit->state = LIMIT_NONE;
	assert_severity(build, "limit.memory", SEVERITY_MEDIUM);
	limit->state = LIMIT_UNKNOWN;
	assert_severity(build, "limit.memory", SEVERITY_NONE);
}

static void test_limit_cpu(void **state)
{
	struct build *build = *state;
	struct limits *limits = &container_of(contained(build))->limits;

	assert_severity(build, "limit.cpu", SEVERITY_NONE);
	limits->cpu.state = LIMIT_NONE;
	assert_severity(build, "limit.cpu", SEVERITY_LOW);
	limits->cpu_weight = (struct limit){LIMIT_SET, 10, "cpu.weight"};
	assert_severity(build, "limit.cpu", SEVERITY_INFO);
	limits->cpu.state = LIMIT_UNKNOWN;
	assert_severity(build, "limit.cpu", SEVERITY_NONE);
}

static void test_limit_pids(void **state)
{
	struct build *build = *state;
	struct limit *limit = &container_of(contained(build))->limits.pids;

	assert_severity(build, "limit.pids", SEVERITY_NONE);
	limit->state = LIMIT_NONE;
	assert_severity(build, "limit.pids", SEVERITY_MEDIUM);
	limit->state = LIMIT_UNKNOWN;
	assert_severity(build, "limit.pids", SEVERITY_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUILD_TEST(test_privileged),
		BUILD_TEST(test_privileged_as_far_as_the_machine_grants),
		BUILD_TEST(test_privileged_when_the_kernel_knows_fewer_or_more),
		BUILD_TEST(test_privileged_run_as_a_user),
		BUILD_TEST(test_privileged_in_user_namespace),
		BUILD_TEST(test_container_without_a_known_first_process),
		BUILD_TEST(test_host_pid),
		BUILD_TEST(test_host_pid_seen_from_a_container),
		BUILD_TEST(test_host_network),
		BUILD_TEST(test_host_ipc),
		BUILD_TEST(test_host_uts),
		BUILD_TEST(test_host_cgroup),
		BUILD_TEST(test_host_user),
		BUILD_TEST(test_host_device),
		BUILD_TEST(test_every_device),
		BUILD_TEST(test_limit_memory),
		BUILD_TEST(test_limit_cpu),
		BUILD_TEST(test_limit_pids),
	};

	return cmocka_run_group_tests_name("rules_container", tests, NULL, NULL);
}
