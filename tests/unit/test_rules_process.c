#include "tests/unit/test.h"

#include <string.h>

#include "tests/unit/build.h"

/* A faultless process of the container `web`, its first. */
static struct process *contained(struct build *build)
{
	return build_process(build, 10, build_container(build, "web"), "/bin/web");
}

static void assert_severity(struct build *build, const char *rule, enum severity expected)
{
	assert_string_equal(severity_names[build_severity(build, rule)], severity_names[expected]);
}

static const char *why(const struct build *build, const char *rule)
{
	return build_finding(build, rule)->why;
}

/* ---- nothing wrong ----------------------------------------------------------------------------- */

static void test_a_hardened_container_yields_nothing_above_info(void **state)
{
	struct build *build = *state;

	contained(build);
	build_judge(build);
	for (size_t i = 0; i < build->findings->count; i++)
		assert_string_equal(severity_names[build->findings->list[i]->severity], "info");
}

static void test_unknown_facts_never_fire(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	build_root(process, capability_all(40));
	process->credentials.seccomp = SECCOMP_OFF;
	process->known = 0;
	build_judge(build);
	for (size_t i = 0; i < build->findings->count; i++)
		assert_string_not_equal(build->findings->list[i]->kind, "process");
}

static void test_kernel_threads_and_the_dead_are_not_judged(void **state)
{
	struct build *build = *state;
	struct process *process = build_process(build, 2, NULL, "kthreadd");

	process->kernel_thread = true;
	process = build_process(build, 3, NULL, "/bin/dead");
	process->zombie = true;
	assert_int_equal(build_judge(build)->count, 0);
	process->thread_count = 2; /* its leader has exited, a thread lives */
	assert_severity(build, "process.root-user", SEVERITY_INFO);
}

/* ---- process.root-user ------------------------------------------------------------------------- */

static void test_root_user_in_container(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	assert_severity(build, "process.root-user", SEVERITY_NONE);
	build_root(process, CAPABILITY_DOCKER_DEFAULT);
	assert_severity(build, "process.root-user", SEVERITY_MEDIUM);
	build_root(process, 0);
	assert_severity(build, "process.root-user", SEVERITY_MEDIUM);
	assert_non_null(strstr(why(build, "process.root-user"), "ECS Exec"));
}

static void test_root_user_by_file_system_uid(void **state)
{
	struct build *build = *state;

	contained(build)->credentials.uid[ID_FILESYSTEM] = 0;
	assert_severity(build, "process.root-user", SEVERITY_MEDIUM);
}

static void test_root_user_that_can_escape(void **state)
{
	struct build *build = *state;
	struct process *process;

	build_without_lsm(build);
	process = contained(build);
	build_root(process, CAPABILITY_MASK(CAP_SYS_ADMIN));
	assert_severity(build, "process.root-user", SEVERITY_HIGH);
	process->credentials.seccomp = SECCOMP_OFF;
	assert_severity(build, "process.root-user", SEVERITY_CRITICAL);
}

static void test_root_user_of_user_namespace(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	build_root(process, capability_all(40));
	process->credentials.seccomp = SECCOMP_OFF;
	build_user_namespace(build, process, 100000);
	assert_severity(build, "process.root-user", SEVERITY_LOW);
	assert_non_null(strstr(why(build, "process.root-user"), "another uid"));
}

static void test_root_user_mapped_to_host_root(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	build_root(process, capability_all(40));
	build_user_namespace(build, process, 0);
	assert_severity(build, "process.root-user", SEVERITY_MEDIUM);
}

static void test_root_user_of_unread_user_namespace(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	build_root(process, capability_all(40));
	process->credentials.seccomp = SECCOMP_OFF;
	process->user_namespace = NULL; /* whether its capabilities count for the host is not known */
	assert_severity(build, "process.root-user", SEVERITY_MEDIUM);
}

static void test_root_user_seen_from_a_user_namespace(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	build_root(process, CAPABILITY_DOCKER_DEFAULT);
	build_user_namespace(build, process, 0);
	build->snapshot->self.user_namespace_initial = false;
	build->snapshot->self.namespaces[NAMESPACE_USER] = process->namespaces[NAMESPACE_USER];
	assert_severity(build, "process.root-user", SEVERITY_MEDIUM);
	assert_non_null(strstr(why(build, "process.root-user"), "could not be read"));
	process->user_namespace->uids[0].outside = 100000; /* its own map tells the ids of the parent */
	assert_severity(build, "process.root-user", SEVERITY_LOW);
	assert_null(
		strstr(why(build, "process.root-user"), "uid")); /* which one the host sees is not known */
}

/* The evidence is of the task that is root, whichever it is. */
static void test_root_user_in_a_thread(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);
	struct thread *thread = build_thread(build, process, 11);
	const struct finding *finding;

	thread->credentials.uid[ID_FILESYSTEM] = 0;
	assert_severity(build, "process.root-user", SEVERITY_MEDIUM);
	finding = build_finding(build, "process.root-user");
	assert_int_equal(build_evidence(finding, "uid")->number, 0);
	assert_int_equal(build_evidence(finding, "thread")->number, 11);
	process->credentials.uid[ID_EFFECTIVE] = 0; /* then it speaks for itself */
	build_judge(build);
	finding = build_finding(build, "process.root-user");
	assert_int_equal(build_evidence(finding, "uid")->number, 0);
	assert_null(build_evidence(finding, "thread"));
}

static void test_root_user_of_host(void **state)
{
	struct build *build = *state;

	build_process(build, 10, NULL, "/usr/sbin/cron");
	build_process(build, 11, NULL, "/usr/sbin/cron");
	assert_severity(build, "process.root-user", SEVERITY_INFO);
	assert_int_equal(build->findings->count, 1);
	assert_int_equal(build->findings->list[0]->count, 2);
}

static void test_root_user_of_host_in_user_namespace(void **state)
{
	struct build *build = *state;

	build_user_namespace(build, build_process(build, 10, NULL, "/usr/bin/bwrap"), 1000);
	assert_severity(build, "process.root-user", SEVERITY_NONE);
}

/* ---- process.root-group ------------------------------------------------------------------------ */

static void test_root_group(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);
	uint32_t groups[] = {1000, 0};

	process->credentials.gid[ID_EFFECTIVE] = 0;
	assert_severity(build, "process.root-group", SEVERITY_INFO);
	process->credentials.gid[ID_EFFECTIVE] = 1000;
	assert_severity(build, "process.root-group", SEVERITY_NONE);
	process->groups = groups;
	process->group_count = 2;
	assert_severity(build, "process.root-group", SEVERITY_INFO);
	build_root(process, 0); /* process.root-user tells more */
	assert_severity(build, "process.root-group", SEVERITY_NONE);
}

/* ---- process.root-regain ----------------------------------------------------------------------- */

static void test_root_regain_by_kept_uid(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	process->credentials.uid[ID_SAVED] = 0;
	assert_severity(build, "process.root-regain", SEVERITY_MEDIUM);
	process->credentials.uid[ID_SAVED] = 1000;
	process->credentials.uid[ID_REAL] = 0;
	assert_severity(build, "process.root-regain", SEVERITY_MEDIUM);
	process->credentials.uid[ID_EFFECTIVE] = 0; /* root already */
	assert_severity(build, "process.root-regain", SEVERITY_NONE);
}

static void test_root_regain_by_thread(void **state)
{
	struct build *build = *state;

	build_thread(build, contained(build), 11)->credentials.uid[ID_SAVED] = 0;
	assert_severity(build, "process.root-regain", SEVERITY_MEDIUM);
}

static void test_root_regain_by_capability(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	process->credentials.permitted = CAPABILITY_MASK(CAP_SETUID);
	assert_severity(build, "process.root-regain", SEVERITY_MEDIUM);
	build_user_namespace(build, process, 100000);
	assert_severity(build, "process.root-regain", SEVERITY_LOW);
}

static void test_root_regain_by_setuid_file(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);
	struct file *file = build_file(build, (struct container *)process->container, "/usr/bin/su");

	file->mode |= 04000;
	assert_severity(build, "process.root-regain", SEVERITY_NONE); /* no_new_privs */
	process->credentials.no_new_privs = false;
	assert_severity(build, "process.root-regain", SEVERITY_NONE); /* empty bounding set */
	process->credentials.bounding = CAPABILITY_DOCKER_DEFAULT;
	assert_severity(build, "process.root-regain", SEVERITY_LOW);
	assert_non_null(strstr(why(build, "process.root-regain"), "/usr/bin/su"));
	file->nosuid = true;
	assert_severity(build, "process.root-regain", SEVERITY_NONE);
	file->nosuid = false;
	file->uid = 33;
	assert_severity(build, "process.root-regain", SEVERITY_NONE);
}

static void test_root_regain_by_file_capability(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);
	struct file *file = build_file(build, (struct container *)process->container, "/usr/bin/newuidmap");

	process->credentials.no_new_privs = false;
	process->credentials.bounding = CAPABILITY_DOCKER_DEFAULT;
	file->capability = (struct file_capability){
		.permitted = CAPABILITY_MASK(CAP_SETUID), .effective = true, .version = 2};
	assert_severity(build, "process.root-regain", SEVERITY_LOW);
	file->capability.permitted = CAPABILITY_MASK(CAP_NET_RAW);
	assert_severity(build, "process.root-regain", SEVERITY_NONE);
}

static void test_root_regain_on_host(void **state)
{
	struct build *build = *state;
	struct process *process = build_process(build, 10, NULL, "/usr/bin/daemon");

	build_file(build, NULL, "/usr/bin/su")->mode |= 04000;
	process->credentials.permitted = process->credentials.effective = 0;
	process->credentials.uid[ID_EFFECTIVE] = process->credentials.uid[ID_FILESYSTEM] = 1000;
	assert_severity(build, "process.root-regain", SEVERITY_LOW);
	process->credentials.uid[ID_REAL] = process->credentials.uid[ID_SAVED] = 1000;
	assert_severity(build, "process.root-regain",
			SEVERITY_NONE); /* every user of the host can start su */
}

/* ---- process.permitted-not-effective ----------------------------------------------------------- */

static void test_permitted_not_effective(void **state)
{
	struct build *build = *state;
	struct process *process;

	build_without_lsm(build);
	process = contained(build);
	process->credentials.permitted = CAPABILITY_MASK(CAP_NET_RAW);
	assert_severity(build, "process.permitted-not-effective", SEVERITY_LOW);
	process->credentials.permitted = CAPABILITY_MASK(CAP_SYSLOG);
	assert_severity(build, "process.permitted-not-effective", SEVERITY_MEDIUM);
	process->credentials.permitted = CAPABILITY_MASK(CAP_SYS_ADMIN);
	process->credentials.seccomp = SECCOMP_OFF;
	assert_severity(build, "process.permitted-not-effective", SEVERITY_CRITICAL);
	process->credentials.effective = CAPABILITY_MASK(CAP_SYS_ADMIN);
	assert_severity(build, "process.permitted-not-effective", SEVERITY_NONE);
}

static void test_permitted_not_effective_behind_some(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	process->credentials.effective = CAPABILITY_MASK(CAP_NET_BIND_SERVICE);
	process->credentials.permitted = process->credentials.effective | CAPABILITY_MASK(CAP_NET_RAW);
	assert_severity(build, "process.permitted-not-effective", SEVERITY_LOW);
}

static void test_permitted_not_effective_of_thread(void **state)
{
	struct build *build = *state;

	build_thread(build, contained(build), 11)->credentials.permitted = CAPABILITY_MASK(CAP_SYSLOG);
	assert_severity(build, "process.permitted-not-effective", SEVERITY_MEDIUM);
}

static void test_permitted_not_effective_elsewhere(void **state)
{
	struct build *build = *state;
	struct process *process = build_process(build, 10, NULL, "/usr/bin/daemon");

	process->credentials.effective = 0;
	process->credentials.permitted = CAPABILITY_MASK(CAP_SYS_TIME);
	assert_severity(build, "process.permitted-not-effective", SEVERITY_LOW);
	process->credentials.permitted = CAPABILITY_MASK(CAP_SETUID);
	assert_severity(build, "process.permitted-not-effective", SEVERITY_MEDIUM);
	build_user_namespace(build, process, 100000);
	assert_severity(build, "process.permitted-not-effective", SEVERITY_INFO);
}

/* ---- process.thread-privileges ----------------------------------------------------------------- */

static void test_thread_with_capabilities(void **state)
{
	struct build *build = *state;
	struct process *process;
	struct thread *thread;

	build_without_lsm(build);
	process = contained(build);
	thread = build_thread(build, process, 11);
	assert_severity(build, "process.thread-privileges", SEVERITY_NONE);
	thread->credentials.effective = thread->credentials.permitted = CAPABILITY_MASK(CAP_NET_RAW);
	assert_severity(build, "process.thread-privileges", SEVERITY_MEDIUM);
	thread->credentials.effective = thread->credentials.permitted = CAPABILITY_MASK(CAP_SYS_MODULE);
	thread->credentials.seccomp = SECCOMP_OFF;
	assert_severity(build, "process.thread-privileges", SEVERITY_CRITICAL);
	assert_int_equal(build_evidence(build_finding(build, "process.thread-privileges"), "thread")->number,
			 11);
	build_user_namespace(build, process, 100000);
	assert_severity(build, "process.thread-privileges", SEVERITY_LOW);
}

static void test_thread_that_is_root(void **state)
{
	struct build *build = *state;

	build_thread(build, contained(build), 11)->credentials.uid[ID_EFFECTIVE] = 0;
	assert_severity(build, "process.thread-privileges", SEVERITY_MEDIUM);
}

static void test_thread_with_less(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);
	struct thread *thread;

	build_root(process, CAPABILITY_DOCKER_DEFAULT);
	thread = build_thread(build, process, 11);
	thread->credentials.effective = thread->credentials.permitted = 0;
	assert_severity(build, "process.thread-privileges", SEVERITY_NONE);
}

static void test_thread_less_confined(void **state)
{
	struct build *build = *state;
	struct thread *thread = build_thread(build, contained(build), 11);

	thread->credentials.seccomp = SECCOMP_OFF;
	assert_severity(build, "process.thread-privileges", SEVERITY_LOW);
	thread->credentials.seccomp = SECCOMP_FILTERED;
	thread->credentials.no_new_privs = false;
	assert_severity(build, "process.thread-privileges", SEVERITY_LOW);
}

static void test_thread_on_host(void **state)
{
	struct build *build = *state;
	struct process *process = build_process(build, 10, NULL, "/usr/bin/daemon");
	capability_set all = process->credentials.effective;
	struct thread *thread;

	process->credentials.effective = process->credentials.permitted = 0;
	thread = build_thread(build, process, 11);
	thread->credentials.effective = thread->credentials.permitted = all;
	assert_severity(build, "process.thread-privileges", SEVERITY_MEDIUM);
}

/* ---- process.no-seccomp, new-privileges-allowed, lsm-unconfined -------------------------------- */

static void test_no_seccomp(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	process->credentials.seccomp = SECCOMP_STRICT;
	assert_severity(build, "process.no-seccomp", SEVERITY_NONE);
	process->credentials.seccomp = SECCOMP_OFF;
	assert_severity(build, "process.no-seccomp", SEVERITY_LOW);
	build_root(process, CAPABILITY_DOCKER_DEFAULT);
	assert_severity(build, "process.no-seccomp", SEVERITY_MEDIUM);
	build_root(process, CAPABILITY_MASK(CAP_SYS_TIME));
	assert_severity(build, "process.no-seccomp", SEVERITY_HIGH);
	build_user_namespace(build, process, 100000);
	assert_severity(build, "process.no-seccomp", SEVERITY_MEDIUM);
}

static void test_no_seccomp_in_a_thread(void **state)
{
	struct build *build = *state;

	build_thread(build, contained(build), 11)->credentials.seccomp = SECCOMP_OFF;
	assert_severity(build, "process.no-seccomp", SEVERITY_LOW);
}

static void test_settings_of_containers_are_not_the_hosts(void **state)
{
	struct build *build = *state;

	build_process(build, 10, NULL, "/usr/sbin/cron"); /* no filter, no label, new privileges */
	build_judge(build);
	assert_null(build_finding(build, "process.no-seccomp"));
	assert_null(build_finding(build, "process.new-privileges-allowed"));
	assert_null(build_finding(build, "process.lsm-unconfined"));
}

static void test_new_privileges_allowed(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	assert_severity(build, "process.new-privileges-allowed", SEVERITY_NONE);
	process->credentials.no_new_privs = false;
	assert_severity(build, "process.new-privileges-allowed", SEVERITY_INFO); /* empty bounding set */
	process->credentials.bounding = CAPABILITY_DOCKER_DEFAULT;
	assert_severity(build, "process.new-privileges-allowed", SEVERITY_LOW);
	build_root(process, CAPABILITY_DOCKER_DEFAULT);
	assert_severity(build, "process.new-privileges-allowed", SEVERITY_INFO);
}

static void test_lsm_unconfined(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	assert_severity(build, "process.lsm-unconfined", SEVERITY_NONE);
	process->lsm = "unconfined";
	assert_severity(build, "process.lsm-unconfined", SEVERITY_LOW);
	build_root(process, 0);
	assert_severity(build, "process.lsm-unconfined", SEVERITY_MEDIUM);
	process->lsm = "web (complain)";
	assert_severity(build, "process.lsm-unconfined", SEVERITY_MEDIUM);
	process->lsm = "system_u:system_r:spc_t:s0";
	assert_severity(build, "process.lsm-unconfined", SEVERITY_MEDIUM);
	process->lsm = "system_u:system_r:container_t:s0:c1,c2";
	assert_severity(build, "process.lsm-unconfined", SEVERITY_NONE);
	process->lsm = NULL;
	assert_severity(build, "process.lsm-unconfined", SEVERITY_MEDIUM);
	process->known &= ~(uint32_t)PROCESS_KNOWS_LSM;
	assert_severity(build, "process.lsm-unconfined", SEVERITY_NONE);
}

static void test_lsm_unconfined_without_an_lsm(void **state)
{
	struct build *build = *state;

	build_without_lsm(build);
	contained(build);
	assert_severity(build, "process.lsm-unconfined", SEVERITY_NONE);
	build->snapshot->host.lsms_known = false;
	assert_severity(build, "process.lsm-unconfined", SEVERITY_NONE);
}

/* ---- process.deleted-executable ---------------------------------------------------------------- */

static void test_deleted_executable(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	assert_severity(build, "process.deleted-executable", SEVERITY_NONE);
	process->executable_deleted = true;
	assert_severity(build, "process.deleted-executable", SEVERITY_LOW);
	build_root(process, 0);
	assert_severity(build, "process.deleted-executable", SEVERITY_MEDIUM);
	process->executable_memfd = true;
	assert_severity(build, "process.deleted-executable", SEVERITY_HIGH);
	build_user_namespace(build, process, 100000);
	assert_severity(build, "process.deleted-executable", SEVERITY_MEDIUM);
}

static void test_deleted_executable_on_host(void **state)
{
	struct build *build = *state;
	struct process *process = build_process(build, 10, NULL, "/usr/sbin/cron");

	process->executable_deleted = true;
	assert_severity(build, "process.deleted-executable", SEVERITY_LOW);
	process->executable_memfd = true;
	assert_severity(build, "process.deleted-executable", SEVERITY_MEDIUM);
	process->credentials.effective = process->credentials.permitted = 0;
	process->credentials.uid[ID_EFFECTIVE] = process->credentials.uid[ID_FILESYSTEM] = 1000;
	assert_severity(build, "process.deleted-executable", SEVERITY_LOW);
	process->executable_memfd = false;
	assert_severity(build, "process.deleted-executable", SEVERITY_INFO);
}

/* ---- process.more-than-init -------------------------------------------------------------------- */

/* A second process of the container, root with the default set. */
static struct process *entered(struct build *build)
{
	struct process *process =
		build_process(build, 20, (struct container *)contained(build)->container, "/bin/sh");

	build_root(process, CAPABILITY_DOCKER_DEFAULT);
	return process;
}

static void test_more_than_init(void **state)
{
	struct build *build = *state;
	struct process *process = entered(build), *init;

	assert_severity(build, "process.more-than-init", SEVERITY_MEDIUM);
	assert_non_null(strstr(why(build, "process.more-than-init"), "outside"));
	assert_int_equal(build_finding(build, "process.more-than-init")->pids[0], 20);
	init = (struct process *)process->container->init;
	init->credentials = process->credentials;
	assert_severity(build, "process.more-than-init", SEVERITY_NONE);
}

static void test_more_than_init_by_each(void **state)
{
	struct build *build = *state;
	struct process *process = entered(build);
	const struct credentials *first = &process->container->init->credentials;

	process->credentials = *first;
	assert_severity(build, "process.more-than-init", SEVERITY_NONE);
	process->credentials.seccomp = SECCOMP_OFF;
	assert_severity(build, "process.more-than-init", SEVERITY_MEDIUM);
	process->credentials = *first;
	process->credentials.no_new_privs = false;
	assert_severity(build, "process.more-than-init", SEVERITY_MEDIUM);
	process->credentials = *first;
	process->credentials.uid[ID_EFFECTIVE] = 0;
	assert_severity(build, "process.more-than-init", SEVERITY_MEDIUM);
	process->credentials = *first;
	process->lsm = "unconfined";
	assert_severity(build, "process.more-than-init", SEVERITY_MEDIUM);
}

static void test_more_than_init_that_can_escape(void **state)
{
	struct build *build = *state;
	struct process *process;

	build_without_lsm(build);
	process = entered(build);
	build_root(process, capability_all(40));
	process->credentials.seccomp = SECCOMP_OFF;
	assert_severity(build, "process.more-than-init", SEVERITY_CRITICAL);
}

static void test_more_than_init_is_not_the_containers_fault(void **state)
{
	struct build *build = *state;

	build_root(entered(build), capability_all(40));
	build_judge(build);
	assert_null(build_finding(build, "process.root-user"));
	assert_null(build_finding(build, "capability.beyond-default"));
	assert_null(build_finding(build, "process.new-privileges-allowed"));
}

static void test_more_than_init_unknown(void **state)
{
	struct build *build = *state;
	struct process *process = entered(build), *init = (struct process *)process->container->init;

	process->user_namespace = NULL;
	assert_severity(build, "process.more-than-init", SEVERITY_NONE);
	process->user_namespace = init->user_namespace;
	init->known = 0;
	assert_severity(build, "process.more-than-init", SEVERITY_NONE);
}

/* ---- process.ssh-server ------------------------------------------------------------------------ */

static void test_ssh_server(void **state)
{
	struct build *build = *state;
	struct process *process = contained(build);

	build_process(build, 20, NULL, "/usr/sbin/sshd");
	assert_severity(build, "process.ssh-server", SEVERITY_NONE);
	process->executable = "/usr/sbin/sshd";
	assert_severity(build, "process.ssh-server", SEVERITY_LOW);
	process->executable = NULL;
	assert_severity(build, "process.ssh-server", SEVERITY_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUILD_TEST(test_a_hardened_container_yields_nothing_above_info),
		BUILD_TEST(test_unknown_facts_never_fire),
		BUILD_TEST(test_kernel_threads_and_the_dead_are_not_judged),
		BUILD_TEST(test_root_user_in_container),
		BUILD_TEST(test_root_user_by_file_system_uid),
		BUILD_TEST(test_root_user_that_can_escape),
		BUILD_TEST(test_root_user_of_user_namespace),
		BUILD_TEST(test_root_user_mapped_to_host_root),
		BUILD_TEST(test_root_user_of_unread_user_namespace),
		BUILD_TEST(test_root_user_seen_from_a_user_namespace),
		BUILD_TEST(test_root_user_in_a_thread),
		BUILD_TEST(test_root_user_of_host),
		BUILD_TEST(test_root_user_of_host_in_user_namespace),
		BUILD_TEST(test_root_group),
		BUILD_TEST(test_root_regain_by_kept_uid),
		BUILD_TEST(test_root_regain_by_thread),
		BUILD_TEST(test_root_regain_by_capability),
		BUILD_TEST(test_root_regain_by_setuid_file),
		BUILD_TEST(test_root_regain_by_file_capability),
		BUILD_TEST(test_root_regain_on_host),
		BUILD_TEST(test_permitted_not_effective),
		BUILD_TEST(test_permitted_not_effective_behind_some),
		BUILD_TEST(test_permitted_not_effective_of_thread),
		BUILD_TEST(test_permitted_not_effective_elsewhere),
		BUILD_TEST(test_thread_with_capabilities),
		BUILD_TEST(test_thread_that_is_root),
		BUILD_TEST(test_thread_with_less),
		BUILD_TEST(test_thread_less_confined),
		BUILD_TEST(test_thread_on_host),
		BUILD_TEST(test_no_seccomp),
		BUILD_TEST(test_no_seccomp_in_a_thread),
		BUILD_TEST(test_settings_of_containers_are_not_the_hosts),
		BUILD_TEST(test_new_privileges_allowed),
		BUILD_TEST(test_lsm_unconfined),
		BUILD_TEST(test_lsm_unconfined_without_an_lsm),
		BUILD_TEST(test_deleted_executable),
		BUILD_TEST(test_deleted_executable_on_host),
		BUILD_TEST(test_more_than_init),
		BUILD_TEST(test_more_than_init_by_each),
		BUILD_TEST(test_more_than_init_that_can_escape),
		BUILD_TEST(test_more_than_init_is_not_the_containers_fault),
		BUILD_TEST(test_more_than_init_unknown),
		BUILD_TEST(test_ssh_server),
	};

	return cmocka_run_group_tests_name("rules_process", tests, NULL, NULL);
}
