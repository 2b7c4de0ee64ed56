#include "tests/unit/test.h"

#include <string.h>

#include "tests/unit/build.h"

#define CAP(name) CAPABILITY_MASK(CAP_##name)

/* A process that is not confined by an LSM, uid 1000, first of the container `web`. */
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

/* Judges beyond-default with these capabilities. */
static void assert_beyond(struct build *build, struct process *process, capability_set held,
			  enum severity expected)
{
	process->credentials.effective = process->credentials.permitted = held;
	assert_severity(build, "capability.beyond-default", expected);
}

static void assert_escape(const struct build *build, const char *name)
{
	const struct finding *finding = build_finding(build, "capability.beyond-default");
	const struct evidence *escape = build_evidence(finding, "escape");

	assert_non_null(escape);
	assert_non_null(strstr(escape->text, name));
}

static void share(struct process *process, enum namespace_kind kind)
{
	process->namespaces[kind] = build_initial(kind);
}

/* ---- capability.beyond-default ----------------------------------------------------------------- */

static void test_beyond_default(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	assert_beyond(build, process, 0, SEVERITY_NONE);
	assert_beyond(build, process, CAPABILITY_DOCKER_DEFAULT, SEVERITY_NONE);
	assert_beyond(build, process, CAP(WAKE_ALARM), SEVERITY_LOW);
	assert_beyond(build, process, CAP(SYSLOG), SEVERITY_MEDIUM);
	assert_beyond(build, process, CAPABILITY_MASK(55), SEVERITY_MEDIUM); /* newer than we are */
}

static void test_beyond_default_of_host(void **state)
{
	struct build *build = *state;

	build_process(build, 10, NULL, "/usr/sbin/cron");
	assert_severity(build, "capability.beyond-default", SEVERITY_NONE);
}

static void test_beyond_default_in_user_namespace(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	process->credentials.seccomp = SECCOMP_OFF;
	build_user_namespace(build, process, 100000);
	assert_beyond(build, process, capability_all(40), SEVERITY_LOW);
	process->user_namespace = NULL; /* not known: neither an escape nor harmless */
	assert_beyond(build, process, capability_all(40), SEVERITY_MEDIUM);
}

static void test_beyond_default_permitted_only_and_in_threads(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	process->credentials.permitted = CAP(SYSLOG);
	assert_severity(build, "capability.beyond-default", SEVERITY_MEDIUM);
	process->credentials.permitted = 0;
	build_thread(build, process, 11)->credentials.effective = CAP(SYSLOG);
	assert_severity(build, "capability.beyond-default", SEVERITY_MEDIUM);
}

static void test_sys_admin(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	assert_beyond(build, process, CAP(SYS_ADMIN), SEVERITY_HIGH);
	process->credentials.seccomp = SECCOMP_OFF;
	assert_beyond(build, process, CAP(SYS_ADMIN), SEVERITY_CRITICAL);
	assert_escape(build, "administer-kernel");
	process->lsm = "docker-default (enforce)";
	assert_beyond(build, process, CAP(SYS_ADMIN), SEVERITY_HIGH);
}

static void test_sys_admin_by_release_agent(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	build_root(process, 0);
	process->credentials.seccomp = SECCOMP_OFF;
	assert_beyond(build, process, CAP(SYS_ADMIN), SEVERITY_CRITICAL);
	assert_escape(build, "core_pattern");
	assert_null(strstr(build_evidence(build_finding(build, "capability.beyond-default"), "escape")->text,
			   "release_agent"));
	share(process, NAMESPACE_CGROUP);
	build->snapshot->host.cgroup_version = 3;
	assert_beyond(build, process, CAP(SYS_ADMIN), SEVERITY_CRITICAL);
	assert_escape(build, "release_agent");
	assert_non_null(strstr(build_finding(build, "capability.beyond-default")->why, "release_agent"));
}

static void test_sys_admin_with_a_disk(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);
	struct device disk = {.path = "/dev/sda", .block = true, .major = 8, .mode = 0660};

	container_of(process)->devices = &disk;
	container_of(process)->device_count = 1;
	build_root(process, 0);
	process->credentials.seccomp = SECCOMP_OFF;
	assert_beyond(build, process, CAP(SYS_ADMIN), SEVERITY_CRITICAL);
	assert_escape(build, "mount-host-disk");
}

static void test_ptrace(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	assert_beyond(build, process, CAP(SYS_PTRACE), SEVERITY_MEDIUM);
	share(process, NAMESPACE_PID);
	assert_beyond(build, process, CAP(SYS_PTRACE), SEVERITY_CRITICAL); /* no filter sees /proc/PID/mem */
	assert_escape(build, "ptrace-host-process");
	assert_beyond(build, process, CAP(SYS_PTRACE) | CAP(SYS_ADMIN), SEVERITY_CRITICAL);
	assert_escape(build, "enter-host-namespaces");
	build_sysctl(build, "kernel.yama.ptrace_scope", "3");
	assert_beyond(build, process, CAP(SYS_PTRACE), SEVERITY_MEDIUM);
}

static void test_unknown_namespace_opens_no_way(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	process->namespaces[NAMESPACE_PID] = 0;
	assert_beyond(build, process, CAP(SYS_PTRACE), SEVERITY_MEDIUM);
}

static void test_dac_read_search(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	assert_beyond(build, process, CAP(DAC_READ_SEARCH), SEVERITY_MEDIUM);
	build_mount(build, container_of(process), "ext4", "/var/lib/docker/containers/x/hosts", "/etc/hosts")
		->kind = MOUNT_RUNTIME_FILE;
	assert_beyond(build, process, CAP(DAC_READ_SEARCH), SEVERITY_HIGH);
	process->credentials.seccomp = SECCOMP_OFF;
	assert_beyond(build, process, CAP(DAC_READ_SEARCH), SEVERITY_CRITICAL);
	assert_escape(build, "open_by_handle_at");
}

static void test_sys_module(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	assert_beyond(build, process, CAP(SYS_MODULE), SEVERITY_HIGH);
	process->credentials.seccomp = SECCOMP_OFF;
	assert_beyond(build, process, CAP(SYS_MODULE), SEVERITY_CRITICAL);
	assert_escape(build, "load-kernel-module");
	build_sysctl(build, "kernel.modules_disabled", "1");
	assert_beyond(build, process, CAP(SYS_MODULE), SEVERITY_LOW);
}

static void test_rawio(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);
	struct device memory = {.path = "/dev/mem", .major = 1, .minor = 1, .mode = 0640};

	assert_beyond(build, process, CAP(SYS_RAWIO), SEVERITY_HIGH);
	build_root(process, 0);
	container_of(process)->devices = &memory;
	container_of(process)->device_count = 1;
	assert_beyond(build, process, CAP(SYS_RAWIO), SEVERITY_CRITICAL);
	assert_escape(build, "memory-device");
}

static void test_bpf(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	assert_beyond(build, process, CAP(BPF), SEVERITY_MEDIUM);
	assert_beyond(build, process, CAP(PERFMON), SEVERITY_MEDIUM);
	assert_beyond(build, process, CAP(BPF) | CAP(PERFMON), SEVERITY_HIGH);
}

static void test_network(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	assert_beyond(build, process, CAP(NET_ADMIN), SEVERITY_MEDIUM);
	share(process, NAMESPACE_NET);
	assert_beyond(build, process, CAP(NET_ADMIN), SEVERITY_HIGH);
}

static void test_boot(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	assert_beyond(build, process, CAP(SYS_BOOT), SEVERITY_MEDIUM);
	process->credentials.seccomp = SECCOMP_OFF;
	assert_beyond(build, process, CAP(SYS_BOOT), SEVERITY_HIGH);
	build_sysctl(build, "kernel.kexec_load_disabled", "1");
	assert_beyond(build, process, CAP(SYS_BOOT), SEVERITY_MEDIUM);
	share(process, NAMESPACE_PID);
	assert_beyond(build, process, CAP(SYS_BOOT), SEVERITY_HIGH);
}

/* Every capability beyond the default set is told of by a way of its own. */
static void test_every_capability_is_weighed(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	for (unsigned number = 0; number <= 40; number++) {
		char constant[CAPABILITY_NAME_SIZE];
		if (CAPABILITY_DOCKER_DEFAULT & CAPABILITY_MASK(number))
			continue;
		process->credentials.permitted = CAPABILITY_MASK(number);
		build_judge(build);
		const struct finding *finding = build_finding(build, "capability.beyond-default");
		assert_non_null(finding);
		assert_non_null(strstr(finding->why, capability_constant(number, constant)));
	}
}

/* ---- capability.default-set -------------------------------------------------------------------- */

static void test_default_set(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	assert_severity(build, "capability.default-set", SEVERITY_NONE);
	build_root(process, CAPABILITY_DOCKER_DEFAULT);
	assert_severity(build, "capability.default-set", SEVERITY_LOW);
	assert_non_null(strstr(build_finding(build, "capability.default-set")->why, "has not used"));
	process->privilege_used = true;
	build_judge(build);
	assert_null(strstr(build_finding(build, "capability.default-set")->why, "has not used"));
	build_root(process, CAP(NET_BIND_SERVICE));
	assert_severity(build, "capability.default-set", SEVERITY_INFO);
	build_root(process, CAPABILITY_DOCKER_DEFAULT | CAP(SYSLOG)); /* beyond-default tells more */
	assert_severity(build, "capability.default-set", SEVERITY_NONE);
}

static void test_default_set_in_context(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	build_root(process, CAPABILITY_DOCKER_DEFAULT);
	share(process, NAMESPACE_NET);
	assert_severity(build, "capability.default-set", SEVERITY_MEDIUM); /* net_raw on the host's network */
	container_of(process)->all_devices = true;
	assert_severity(build, "capability.default-set", SEVERITY_CRITICAL); /* mknod of the host's disk */
	container_of(process)->all_devices_known = false;
	assert_severity(build, "capability.default-set", SEVERITY_MEDIUM);
	build_user_namespace(build, process, 100000);
	assert_severity(build, "capability.default-set", SEVERITY_INFO);
}

static void test_default_set_of_host(void **state)
{
	struct build *build = *state;

	build_process(build, 10, NULL, "/usr/sbin/cron")->credentials.permitted = CAP(NET_RAW);
	assert_severity(build, "capability.default-set", SEVERITY_NONE);
}

/* ---- capability.ambient ------------------------------------------------------------------------ */

static void set_ambient(struct process *process, capability_set set)
{
	process->credentials.ambient = process->credentials.inheritable = set;
	process->credentials.permitted = process->credentials.effective = set;
}

static void test_ambient(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	assert_severity(build, "capability.ambient", SEVERITY_NONE);
	set_ambient(process, CAP(NET_BIND_SERVICE));
	assert_severity(build, "capability.ambient", SEVERITY_INFO);
	set_ambient(process, CAP(NET_RAW));
	assert_severity(build, "capability.ambient", SEVERITY_LOW);
	set_ambient(process, CAP(SYSLOG));
	assert_severity(build, "capability.ambient", SEVERITY_MEDIUM);
	set_ambient(process, CAP(SYS_ADMIN));
	process->credentials.seccomp = SECCOMP_OFF;
	assert_severity(build, "capability.ambient", SEVERITY_CRITICAL);
	build_user_namespace(build, process, 100000);
	assert_severity(build, "capability.ambient", SEVERITY_INFO);
}

static void test_ambient_on_host(void **state)
{
	struct build *build = *state;
	struct process *process = build_process(build, 10, NULL, "/usr/lib/systemd/systemd-timesyncd");

	set_ambient(process, CAP(SYS_TIME));
	assert_severity(build, "capability.ambient", SEVERITY_LOW);
	set_ambient(process, CAP(DAC_OVERRIDE));
	assert_severity(build, "capability.ambient", SEVERITY_MEDIUM);
}

/* ---- capability.inheritable -------------------------------------------------------------------- */

static void test_inheritable(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	assert_severity(build, "capability.inheritable", SEVERITY_NONE);
	process->credentials.inheritable = CAPABILITY_DOCKER_DEFAULT;
	assert_severity(build, "capability.inheritable", SEVERITY_INFO); /* no_new_privs */
	process->credentials.no_new_privs = false;
	assert_severity(build, "capability.inheritable", SEVERITY_LOW);
	build_root(process, CAPABILITY_DOCKER_DEFAULT); /* has them already */
	assert_severity(build, "capability.inheritable", SEVERITY_INFO);
}

static void test_inheritable_on_host(void **state)
{
	struct build *build = *state;

	build_process(build, 10, NULL, "/usr/lib/systemd/systemd")->credentials.inheritable = CAP(WAKE_ALARM);
	assert_severity(build, "capability.inheritable", SEVERITY_INFO);
}

/* ---- capability.bounding-open ------------------------------------------------------------------ */

static void test_bounding_open(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	assert_severity(build, "capability.bounding-open", SEVERITY_NONE);
	process->credentials.bounding = CAPABILITY_DOCKER_DEFAULT;
	assert_severity(build, "capability.bounding-open", SEVERITY_INFO); /* no_new_privs */
	process->credentials.no_new_privs = false;
	assert_severity(build, "capability.bounding-open", SEVERITY_LOW);
	process->credentials.bounding |= CAP(SYS_ADMIN);
	assert_severity(build, "capability.bounding-open", SEVERITY_MEDIUM);
	build_user_namespace(build, process, 100000);
	assert_severity(build, "capability.bounding-open", SEVERITY_INFO);
}

static void test_bounding_open_of_root(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	build_root(process, CAPABILITY_DOCKER_DEFAULT);
	assert_severity(build, "capability.bounding-open", SEVERITY_NONE);
	process->credentials.effective = process->credentials.permitted = 0;
	assert_severity(build, "capability.bounding-open", SEVERITY_MEDIUM);
	assert_non_null(strstr(build_finding(build, "capability.bounding-open")->why, "execve"));
}

/* ---- what was learned -------------------------------------------------------------------------- */

static struct process *learned(struct build *build, struct learning_facts *facts)
{
	struct process *process = contained(build);

	build_root(process, CAPABILITY_DOCKER_DEFAULT);
	build->snapshot->containers[0]->learning = facts;
	build->policy.unused_seconds = 7 * 86400;
	build->policy.unused_starts = 2;
	return process;
}

static void test_unused(void **state)
{
	struct build *build = *state;
	struct learning_facts facts = {
		.required = CAP(CHOWN), .optional = CAP(FSETID), .seconds = 7 * 86400, .starts = 2};
	struct process *process = learned(build, &facts);
	const struct finding *finding;

	assert_severity(build, "capability.unused", SEVERITY_LOW);
	finding = build_finding(build, "capability.unused");
	assert_int_equal(build_evidence(finding, "unused")->capabilities,
			 CAPABILITY_DOCKER_DEFAULT & ~(CAP(CHOWN) | CAP(FSETID)));
	facts.starts = 1;
	assert_severity(build, "capability.unused", SEVERITY_NONE); /* of its start nothing is known */
	facts.starts = 2;
	facts.seconds--;
	assert_severity(build, "capability.unused", SEVERITY_NONE);
	facts.seconds++;
	build_root(process, CAPABILITY_DOCKER_DEFAULT | CAP(SYS_ADMIN));
	assert_severity(build, "capability.unused", SEVERITY_HIGH); /* by what it gives */
	build_user_namespace(build, process, 100000);
	assert_severity(build, "capability.unused", SEVERITY_INFO);
	facts.required = ~(capability_set)0;
	assert_severity(build, "capability.unused", SEVERITY_NONE);
	build->snapshot->containers[0]->learning = NULL;
	assert_severity(build, "capability.unused", SEVERITY_NONE); /* not watched */
}

static void test_denied(void **state)
{
	struct build *build = *state;
	struct learning_facts facts = {.refused = CAP(SYS_NICE)};

	learned(build, &facts);
	assert_severity(build, "capability.denied", SEVERITY_LOW);
	facts.refused |= CAP(SYS_ADMIN);
	facts.refused_to[CAP_SYS_ADMIN] = "/srv/app";
	assert_severity(build, "capability.denied", SEVERITY_MEDIUM);
	assert_string_equal(build_evidence(build_finding(build, "capability.denied"), "program")->text,
			    "/srv/app");
	facts.refused = CAP(CHOWN); /* which the container has: a user of it has not */
	assert_severity(build, "capability.denied", SEVERITY_INFO);
	facts.refused = 0;
	assert_severity(build, "capability.denied", SEVERITY_NONE);
	assert_severity(build, "capability.newly-denied", SEVERITY_NONE);
}

static void test_newly_denied(void **state)
{
	struct build *build = *state;
	struct learning_facts facts = {.required = CAP(CHOWN) | CAP(KILL), .refused = CAP(CHOWN)};
	struct process *process = learned(build, &facts);

	assert_severity(build, "capability.newly-denied", SEVERITY_NONE); /* it is granted still */
	process->credentials.bounding &= ~CAP(CHOWN);
	assert_severity(build, "capability.newly-denied", SEVERITY_HIGH);
	assert_severity(build, "capability.denied", SEVERITY_NONE); /* not told twice */
	facts.required = CAP(KILL);
	assert_severity(build, "capability.newly-denied", SEVERITY_NONE);
	assert_severity(build, "capability.denied", SEVERITY_MEDIUM);
}

static void test_bounding_open_of_host(void **state)
{
	struct build *build = *state;
	struct process *process = build_process(build, 10, NULL, "/usr/bin/daemon");

	process->credentials.effective = process->credentials.permitted = 0;
	assert_severity(build, "capability.bounding-open", SEVERITY_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUILD_TEST(test_beyond_default),
		BUILD_TEST(test_beyond_default_of_host),
		BUILD_TEST(test_beyond_default_in_user_namespace),
		BUILD_TEST(test_beyond_default_permitted_only_and_in_threads),
		BUILD_TEST(test_sys_admin),
		BUILD_TEST(test_sys_admin_by_release_agent),
		BUILD_TEST(test_sys_admin_with_a_disk),
		BUILD_TEST(test_ptrace),
		BUILD_TEST(test_unknown_namespace_opens_no_way),
		BUILD_TEST(test_dac_read_search),
		BUILD_TEST(test_sys_module),
		BUILD_TEST(test_rawio),
		BUILD_TEST(test_bpf),
		BUILD_TEST(test_network),
		BUILD_TEST(test_boot),
		BUILD_TEST(test_every_capability_is_weighed),
		BUILD_TEST(test_default_set),
		BUILD_TEST(test_default_set_in_context),
		BUILD_TEST(test_default_set_of_host),
		BUILD_TEST(test_ambient),
		BUILD_TEST(test_ambient_on_host),
		BUILD_TEST(test_inheritable),
		BUILD_TEST(test_inheritable_on_host),
		BUILD_TEST(test_bounding_open),
		BUILD_TEST(test_bounding_open_of_root),
		BUILD_TEST(test_bounding_open_of_host),
		BUILD_TEST(test_unused),
		BUILD_TEST(test_denied),
		BUILD_TEST(test_newly_denied),
	};

	return cmocka_run_group_tests_name("rules_capability", tests, NULL, NULL);
}
