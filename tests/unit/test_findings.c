/* The engine: what becomes of the rules' answers. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/build.h"

/* ---- memory that runs out ---------------------------------------------------------------------- */

static long allocations_left = -1; /* -1: no limit */

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
	if (allocations_left == 0)
		return NULL;
	if (allocations_left > 0)
		allocations_left--;
	return __real_calloc(count, size);
}

/* ---- snapshots --------------------------------------------------------------------------------- */

/* A root process of the container, the first if it has none. */
static struct process *root_process(struct build *build, pid_t pid, struct container *container,
				    const char *executable)
{
	struct process *process = build_process(build, pid, container, executable);

	build_root(process, CAPABILITY_DOCKER_DEFAULT);
	return process;
}

static const struct finding *only_finding(struct build *build, const char *rule)
{
	const struct finding *found = NULL;

	build->policy.only = &rule;
	build->policy.only_count = 1;
	build_judge(build);
	build->policy.only = NULL;
	assert_int_equal(build->findings->count, 1);
	found = build->findings->list[0];
	assert_string_equal(found->rule->id, rule);
	return found;
}

static size_t count_findings(struct build *build, const char *rule)
{
	size_t count = 0;

	build_judge(build);
	for (size_t i = 0; i < build->findings->count; i++)
		count += !strcmp(build->findings->list[i]->rule->id, rule);
	return count;
}

/* ---- grouping ---------------------------------------------------------------------------------- */

static void test_workers_are_one_finding(void **state)
{
	struct build *build = *state;
	struct container *container = build_container(build, "web");
	const struct finding *finding;

	for (pid_t pid = 10; pid < 50; pid++)
		root_process(build, pid, container, pid == 10 ? "/bin/master" : "/bin/worker");
	finding = only_finding(build, "process.root-user");
	assert_int_equal(finding->count, 40);
	assert_int_equal(finding->pid_count, 40);
	assert_int_equal(finding->pids[0], 10);
	assert_int_equal(finding->pids[39], 49);
	assert_ptr_equal(finding->container, container);
	assert_int_equal(finding->container_count, 0); /* one is not several */
	assert_null(finding->executable);              /* nor are several one */
	assert_string_equal(finding->kind, "process");
}

static void test_executables_of_the_host_are_findings_of_their_own(void **state)
{
	struct build *build = *state;

	build_process(build, 10, NULL, "/usr/sbin/cron");
	build_process(build, 11, NULL, "/usr/sbin/sshd");
	assert_int_equal(count_findings(build, "process.root-user"), 2);
}

/* What a program does is a matter of the program, in a container too. */
static void test_executables_of_a_container_where_they_are_at_fault(void **state)
{
	struct build *build = *state;
	struct container *container = build_container(build, "web");

	root_process(build, 10, container, "/bin/a")->executable_deleted = true;
	root_process(build, 11, container, "/bin/b")->executable_deleted = true;
	assert_int_equal(count_findings(build, "process.deleted-executable"), 2);
	assert_int_equal(count_findings(build, "process.root-user"), 1);
}

static void test_unreadable_executables_are_told_apart_by_comm(void **state)
{
	struct build *build = *state;

	build_process(build, 10, NULL, "/usr/sbin/cron")->executable = NULL;
	build_process(build, 11, NULL, "/usr/sbin/sshd")->executable = NULL;
	assert_int_equal(count_findings(build, "process.root-user"), 2);
	assert_null(build_finding(build, "process.root-user")->executable);
	assert_non_null(strstr(build_finding(build, "process.root-user")->title, "cron"));
}

static struct container *nameless(struct build *build, const char *id, const char *image)
{
	struct container *container = build_container(build, id);

	container->name = NULL;
	container->image = image;
	return container;
}

static void test_containers_of_one_image_are_one_finding(void **state)
{
	struct build *build = *state;
	struct container *a = nameless(build, "aaaaaaaaaaaa", "web:1"),
			 *b = nameless(build, "bbbbbbbbbbbb", "web:1");
	const struct finding *finding;

	root_process(build, 10, b, "/bin/web");
	root_process(build, 11, a, "/bin/web");
	root_process(build, 12, b, "/bin/web");
	finding = only_finding(build, "process.root-user");
	assert_int_equal(finding->count, 3);
	assert_int_equal(finding->container_count, 2);
	assert_ptr_equal(finding->containers[0], a);
	assert_ptr_equal(finding->containers[1], b);
	b->image = "web:2";
	assert_int_equal(count_findings(build, "process.root-user"), 2);
	b->name = a->name = "web"; /* a name counts before the image */
	assert_int_equal(count_findings(build, "process.root-user"), 1);
}

static void test_containers_without_name_and_image_go_by_their_program(void **state)
{
	struct build *build = *state;
	struct container *a = nameless(build, "a", NULL), *b = nameless(build, "b", NULL);

	root_process(build, 10, a, "/bin/web");
	root_process(build, 11, b, "/bin/web");
	assert_int_equal(count_findings(build, "process.root-user"), 1);
	((struct process *)b->init)->executable = "/bin/db";
	assert_int_equal(count_findings(build, "process.root-user"), 2);
	((struct process *)a->init)->executable = ((struct process *)b->init)->executable = NULL;
	assert_int_equal(count_findings(build, "process.root-user"), 2); /* by id then */
}

static void make_admin(struct process *process)
{
	build_root(process, CAPABILITY_DOCKER_DEFAULT | CAPABILITY_MASK(CAP_SYS_ADMIN));
	process->credentials.seccomp = SECCOMP_OFF;
}

static void test_the_worst_subject_speaks(void **state)
{
	struct build *build = *state;
	struct container *container;
	const struct finding *finding;

	build_without_lsm(build);
	container = build_container(build, "a");
	make_admin(build_process(build, 10, container, "/bin/web"));
	root_process(build, 11, container, "/bin/web");
	finding = only_finding(build, "process.root-user");
	assert_int_equal(finding->severity, SEVERITY_CRITICAL);
	assert_true(build_evidence(finding, "capabilities")->capabilities & CAPABILITY_MASK(CAP_SYS_ADMIN));
	assert_int_equal(finding->count, 2);
	assert_int_equal(finding->pids[0], 10);
	assert_int_equal(finding->pids[1], 11);
}

/* The finding of that rule that names the container, alone or among others. */
static const struct finding *finding_of(const struct build *build, const struct container *container,
					const char *rule)
{
	for (size_t i = 0; i < build->findings->count; i++)
		if (build->findings->list[i]->container == container &&
		    !strcmp(build->findings->list[i]->rule->id, rule))
			return build->findings->list[i];
	return NULL;
}

/* Neither who they are nor what they run tells a replica from a stranger: each is told its own. */
static void test_containers_with_other_faults_are_told_their_own(void **state)
{
	struct build *build = *state;
	struct container *plain, *admin;
	char id[FINDING_ID_SIZE];

	build_without_lsm(build);
	plain = nameless(build, "a", NULL);
	root_process(build, 10, plain, "/bin/web");
	strcpy(id, only_finding(build, "process.root-user")->id);
	admin = nameless(build, "b", NULL);
	make_admin(build_process(build, 11, admin, "/bin/web"));
	for (unsigned named = 0; named < 3; named++) {
		plain->image = admin->image = named > 0 ? "web:1" : NULL;
		plain->name = admin->name = named > 1 ? "web" : NULL;
		assert_int_equal(count_findings(build, "process.root-user"), 2);
		assert_int_equal(finding_of(build, plain, "process.root-user")->severity, SEVERITY_MEDIUM);
		assert_int_equal(finding_of(build, admin, "process.root-user")->severity, SEVERITY_CRITICAL);
		assert_null(build_evidence(finding_of(build, plain, "process.root-user"), "escape"));
		if (!named) /* a stranger changes nothing */
			assert_string_equal(finding_of(build, plain, "process.root-user")->id, id);
	}
}

/* As bad, but for other reasons. */
static void test_containers_with_other_reasons_are_findings_of_their_own(void **state)
{
	struct build *build = *state;
	struct container *a = nameless(build, "a", "web:1"), *b = nameless(build, "b", "web:1");

	build_root(build_process(build, 10, a, "/bin/web"), CAPABILITY_MASK(CAP_SYS_TIME));
	build_root(build_process(build, 11, b, "/bin/web"), CAPABILITY_MASK(CAP_SYSLOG));
	assert_int_equal(count_findings(build, "capability.beyond-default"), 2);
	build_root((struct process *)b->init, CAPABILITY_MASK(CAP_SYS_TIME));
	((struct process *)b->init)->privilege_used = true; /* which is no reason */
	assert_int_equal(count_findings(build, "capability.beyond-default"), 1);
	assert_int_equal(build_finding(build, "capability.beyond-default")->container_count, 2);
}

/* A sentence that is true of one of them is not told of both. */
static void test_what_is_said_of_several_is_true_of_each(void **state)
{
	struct build *build = *state;
	struct container *a = nameless(build, "a", "web:1"), *b = nameless(build, "b", "web:1");
	const struct finding *finding;

	root_process(build, 10, a, "/bin/web");
	root_process(build, 11, b, "/bin/web")->privilege_used = true;
	finding = only_finding(build, "capability.default-set");
	assert_int_equal(finding->container_count, 2);
	assert_string_equal(finding->why, finding->rule->why);
	((struct process *)b->init)->privilege_used = false;
	finding = only_finding(build, "capability.default-set");
	assert_non_null(strstr(finding->why, "has not used"));
}

static void test_names_count_within_their_task_or_name_space(void **state)
{
	struct build *build = *state;
	const struct task shop = {.family = "shop", .revision = "1"}, mail = {.family = "mail"};
	const struct pod one = {.name = "a-1", .name_space = "one"},
			 two = {.name = "b-2", .name_space = "two"};
	struct container *a = nameless(build, "a", "web:1"), *b = nameless(build, "b", "web:1");

	a->name = b->name = "app";
	root_process(build, 10, a, "/bin/web");
	root_process(build, 11, b, "/bin/web");
	a->task = b->task = &shop;
	assert_int_equal(count_findings(build, "process.root-user"), 1);
	b->task = &mail;
	assert_int_equal(count_findings(build, "process.root-user"), 2);
	a->task = b->task = NULL;
	a->pod = &one;
	b->pod = &two;
	assert_int_equal(count_findings(build, "process.root-user"), 2);
	b->pod = &one;
	assert_int_equal(count_findings(build, "process.root-user"), 1);
}

static void bind_host_path(struct build *build, struct container *container, const char *path)
{
	struct mount *mount = build_mount(build, container, "ext4", path, "/data");

	mount->kind = MOUNT_HOST_PATH;
	mount->host_path = path;
}

/* What is mounted from a directory that the runtime made for this one pod is the same for the next one. */
static void test_host_paths_part_findings_but_for_ids_in_them(void **state)
{
#define POD(uid) "/var/lib/kubelet/pods/" uid "/volumes/data"
	struct build *build = *state;
	struct container *a = nameless(build, "a", "web:1"), *b = nameless(build, "b", "web:1"),
			 *c = nameless(build, "c", "web:1"), *d = nameless(build, "d", "web:1");

	root_process(build, 10, a, "/bin/web");
	root_process(build, 11, b, "/bin/web");
	root_process(build, 12, c, "/bin/web");
	root_process(build, 13, d, "/bin/web");
	bind_host_path(build, a, "/srv/a");
	bind_host_path(build, b, "/srv/b");
	assert_int_equal(count_findings(build, "mount.host-path"), 2);
	bind_host_path(build, c, POD("01234567-89ab-cdef-0123-456789abcdef"));
	bind_host_path(build, d, POD("fedcba98-7654-3210-fedc-ba9876543210"));
	assert_int_equal(count_findings(build, "mount.host-path"), 3);
#undef POD
}

/* A memfd is named by the program, often at random: how it calls itself tells it. */
static void test_programs_in_memory_go_by_their_command(void **state)
{
	struct build *build = *state;
	static const char *const names[] = {"/memfd:sealed-91173221a7ea", "/memfd:sealed-0123456789ab"};

	for (pid_t i = 0; i < 2; i++) {
		struct process *process = build_process(build, 10 + i, NULL, names[i]);
		process->comm = "runner";
		process->executable_memfd = true;
	}
	assert_int_equal(only_finding(build, "process.deleted-executable")->count, 2);
	assert_null(build_finding(build, "process.deleted-executable")->executable);
	build->snapshot->processes[1].comm = "another";
	assert_int_equal(count_findings(build, "process.deleted-executable"), 2);
}

/* ---- fingerprint ------------------------------------------------------------------------------- */

static void test_fingerprint_survives_a_restart(void **state)
{
	struct build *build = *state, *again = build_new(64);
	struct container *container;
	char id[FINDING_ID_SIZE];

	root_process(build, 10, nameless(build, "0123456789ab", "web:1"), "/bin/web");
	strcpy(id, only_finding(build, "process.root-user")->id);
	assert_int_equal(strlen(id), FINDING_ID_SIZE - 1);
	assert_int_equal(strspn(id, "0123456789abcdef"), FINDING_ID_SIZE - 1);
	container = nameless(again, "ba9876543210", "web:1"); /* another id, pid, time and more of them */
	root_process(again, 4711, container, "/bin/web");
	root_process(again, 4712, container, "/bin/web");
	assert_string_equal(only_finding(again, "process.root-user")->id, id);
	container->image = "web:2";
	assert_string_not_equal(only_finding(again, "process.root-user")->id, id);
	build_free(again);
}

/* Whoever stored findings knows them again after an upgrade. */
static void test_fingerprint_does_not_change(void **state)
{
	struct build *build = *state;

	build_process(build, 10, NULL, "/usr/sbin/cron");
	assert_string_equal(only_finding(build, "process.root-user")->id, "38b514fc0edd55ecc5410829e97b99c6");
}

static void test_fingerprint_tells_parts_apart(void **state)
{
	struct build *build = *state;
	struct container *container = build_container(build, "ab");

	root_process(build, 10, container, "/bin/web");
	root_process(build, 11, nameless(build, "b", "ab"), "/bin/web"); /* an image of the other's name */
	root_process(build, 12, NULL, "/bin/web");
	assert_int_equal(count_findings(build, "process.root-user"), 3);
}

/* ---- many -------------------------------------------------------------------------------------- */

enum { MANY = 100000 };

static void test_many_subjects_of_one_finding(void **state)
{
	struct build *build = build_new(MANY);
	const struct finding *finding;

	(void)state;
	for (pid_t pid = 1; pid <= MANY; pid++)
		build_process(build, pid, NULL, "/usr/sbin/worker");
	finding = only_finding(build, "process.root-user");
	assert_int_equal(finding->count, MANY);
	assert_int_equal(finding->pid_count, FINDING_PIDS_MAX);
	for (pid_t i = 0; i < FINDING_PIDS_MAX; i++)
		assert_int_equal(finding->pids[i], i + 1);
	build_free(build);
}

static void test_many_findings(void **state)
{
	struct build *build = build_new(MANY);
	static char paths[MANY][16];

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		snprintf(paths[i], sizeof(paths[i]), "/opt/%zu", i);
		build_file(build, NULL, paths[i])->mode = 0104755;
	}
	build_judge(build);
	assert_int_equal(build->findings->count, MANY);
	assert_int_equal(build->findings->by_severity[SEVERITY_MEDIUM], MANY);
	build_free(build);
}

static void test_many_containers_of_one_name(void **state)
{
	enum { CONTAINERS = 1000 };
	struct build *build = build_new(CONTAINERS);
	static char ids[CONTAINERS][16];

	(void)state;
	for (size_t i = 0; i < CONTAINERS; i++) {
		snprintf(ids[i], sizeof(ids[i]), "c%06zu", i);
		root_process(build, (pid_t)i + 1, nameless(build, ids[i], "web"), "/bin/web");
	}
	assert_int_equal(only_finding(build, "process.root-user")->container_count, CONTAINERS);
	build_free(build);
}

/* ---- which rules and subjects ------------------------------------------------------------------ */

static void test_only_and_without(void **state)
{
	struct build *build = *state;
	const char *only[] = {"process.*", "limit.memory"}, *without[] = {"process.root-user"};

	root_process(build, 10, build_container(build, "web"), "/bin/web");
	build->policy.only = only;
	build->policy.only_count = 2;
	build_judge(build);
	assert_non_null(build_finding(build, "process.root-user"));
	assert_non_null(build_finding(build, "process.new-privileges-allowed"));
	assert_null(build_finding(build, "capability.default-set"));
	build->policy.without = without;
	build->policy.without_count = 1;
	build_judge(build);
	assert_null(build_finding(build, "process.root-user"));
	assert_non_null(build_finding(build, "process.new-privileges-allowed"));
}

static void test_one_container_only(void **state)
{
	struct build *build = *state;

	root_process(build, 10, build_container(build, "db"), "/bin/db");
	root_process(build, 11, build_container(build, "web"), "/bin/web");
	build_process(build, 12, NULL, "/usr/sbin/cron");
	build_sysctl(build, "kernel.randomize_va_space", "0");
	build->policy.container = "web";
	build_judge(build);
	assert_true(build->findings->count > 0);
	for (size_t i = 0; i < build->findings->count; i++)
		assert_string_equal(build->findings->list[i]->container->name, "web");
}

static void test_some_processes_only(void **state)
{
	struct build *build = *state;
	const pid_t pids[] = {12, 12, 99};
	struct container *web = build_container(build, "web");

	root_process(build, 11, web, "/bin/web");
	root_process(build, 12, web, "/bin/web");
	root_process(build, 13, build_container(build, "xyz"), "/bin/xyz");
	web->limits.memory.state = LIMIT_NONE;
	build_file(build, web, "/opt/tool")->mode = 0104755;
	build->policy.pids = pids;
	build->policy.pid_count = 3;
	build_judge(build);
	assert_int_equal(build_finding(build, "process.root-user")->count, 1);
	assert_int_equal(build_finding(build, "process.root-user")->pids[0], 12);
	assert_non_null(build_finding(build, "limit.memory")); /* of its container */
	assert_null(build_finding(build, "file.setuid"));
	for (size_t i = 0; i < build->findings->count; i++)
		assert_ptr_equal(build->findings->list[i]->container, web);
}

static void test_no_process_is_not_every_process(void **state)
{
	struct build *build = *state;
	const pid_t pids[] = {99};

	root_process(build, 10, build_container(build, "web"), "/bin/web");
	build->policy.pids = pids;
	build->policy.pid_count = 1;
	assert_int_equal(build_judge(build)->count, 0);
}

/* ---- severities -------------------------------------------------------------------------------- */

static void test_overrides(void **state)
{
	struct build *build = *state;
	struct severity_override overrides[] = {{"process.*", SEVERITY_LOW},
						{"process.root-user", SEVERITY_CRITICAL}};

	root_process(build, 10, build_container(build, "web"), "/bin/web");
	build->policy.overrides = overrides;
	build->policy.override_count = 2;
	assert_int_equal(build_severity(build, "process.root-user"), SEVERITY_CRITICAL); /* the last counts */
	assert_int_equal(build_severity(build, "process.new-privileges-allowed"), SEVERITY_LOW);
	assert_int_equal(build_severity(build, "capability.default-set"), SEVERITY_LOW);
	overrides[1].severity = SEVERITY_NONE;
	assert_int_equal(build_severity(build, "process.root-user"), SEVERITY_NONE);
}

static void test_minimum(void **state)
{
	struct build *build = *state;
	size_t all;

	root_process(build, 10, build_container(build, "web"), "/bin/web");
	all = build_judge(build)->count;
	build->policy.minimum = SEVERITY_MEDIUM;
	build_judge(build);
	assert_true(build->findings->count > 0 && build->findings->count < all);
	assert_int_equal(build->findings->below_minimum, all - build->findings->count);
	assert_true(build->findings->by_severity[SEVERITY_LOW] > 0); /* counted all the same */
	for (size_t i = 0; i < build->findings->count; i++)
		assert_true(build->findings->list[i]->severity >= SEVERITY_MEDIUM);
}

static void test_order(void **state)
{
	struct build *build = *state;
	const struct findings *findings;

	root_process(build, 10, build_container(build, "alpha"), "/bin/web");
	root_process(build, 11, build_container(build, "beta"), "/bin/web");
	build_process(build, 12, NULL, "/usr/sbin/cron")->executable_deleted = true;
	findings = build_judge(build);
	for (size_t i = 1; i < findings->count; i++) {
		const struct finding *before = findings->list[i - 1], *after = findings->list[i];
		assert_true(before->severity >= after->severity);
		if (before->severity != after->severity)
			continue;
		assert_true(before->container || !after->container); /* the host last */
		if (before->container && after->container)
			assert_true(strcmp(before->container->name, after->container->name) <= 0);
		if (before->container == after->container)
			assert_true(strcmp(before->rule->id, after->rule->id) <= 0);
	}
}

/* ---- exceptions -------------------------------------------------------------------------------- */

static const struct exception *excepted(struct build *build, const struct exception *exception,
					const char *rule)
{
	build->policy.exceptions = exception;
	build->policy.exception_count = 1;
	build_judge(build);
	return build_finding(build, rule)->exception;
}

static void test_exceptions(void **state)
{
	struct build *build = *state;
	struct exception exception = {
		.name = "exception web", .rule = "process.root-user", .reason = "known"};
	struct container *container = build_container(build, "web");
	uint64_t medium;

	root_process(build, 10, container, "/bin/web");
	build_judge(build);
	medium = build->findings->by_severity[SEVERITY_MEDIUM];
	assert_ptr_equal(excepted(build, &exception, "process.root-user"), &exception);
	assert_int_equal(build->findings->excepted, 1);
	assert_int_equal(build->findings->by_severity[SEVERITY_MEDIUM], medium - 1);
	assert_null(build_finding(build, "capability.default-set")->exception);
	exception.container = "w?b*";
	assert_non_null(excepted(build, &exception, "process.root-user"));
	exception.container = "db";
	assert_null(excepted(build, &exception, "process.root-user"));
	exception.container = "self"; /* the auditor's own, whatever another is called */
	assert_null(excepted(build, &exception, "process.root-user"));
	container->self = true;
	assert_non_null(excepted(build, &exception, "process.root-user"));
	container->self = false;
	container->name = "self";
	assert_null(excepted(build, &exception, "process.root-user"));
	exception.container = NULL;
	exception.executable = "/bin/*";
	assert_non_null(excepted(build, &exception, "process.root-user"));
	exception.path = "*"; /* it is not about a path */
	assert_null(excepted(build, &exception, "process.root-user"));
	exception.path = exception.executable = NULL;
	exception.rule = "*";
	assert_non_null(excepted(build, &exception, "capability.default-set"));
	exception.expired = true;
	assert_null(excepted(build, &exception, "process.root-user"));
	assert_non_null(build_finding(build, "policy.exception-expired"));
}

static void test_exceptions_of_the_host(void **state)
{
	struct build *build = *state;
	struct exception exception = {.rule = "process.*", .container = "host", .reason = "known"};

	build_process(build, 10, NULL, "/usr/sbin/cron");
	assert_non_null(excepted(build, &exception, "process.root-user"));
	exception.container = NULL;
	exception.image = "*"; /* the host has none */
	assert_null(excepted(build, &exception, "process.root-user"));
}

static void test_exceptions_by_path(void **state)
{
	struct build *build = *state;
	struct exception exception = {.rule = "file.*", .path = "/opt/*", .reason = "known"};

	build_file(build, NULL, "/opt/a/tool")->mode = 0104755;
	assert_non_null(excepted(build, &exception, "file.setuid"));
	exception.path = "/srv/*";
	assert_null(excepted(build, &exception, "file.setuid"));
}

/* An exception for one of several containers does not hide the others. */
static void test_exceptions_of_merged_containers(void **state)
{
	struct build *build = *state;
	struct exception exception = {.rule = "process.root-user", .container = "aaa", .reason = "known"};

	root_process(build, 10, nameless(build, "aaa", "web:1"), "/bin/web");
	root_process(build, 11, nameless(build, "bbb", "web:1"), "/bin/web");
	assert_null(excepted(build, &exception, "process.root-user"));
	exception.container = NULL;
	exception.image = "web:*";
	assert_non_null(excepted(build, &exception, "process.root-user"));
}

/* Nor does one for one of several programs. */
static void test_exceptions_of_one_of_several_programs(void **state)
{
	struct build *build = *state;
	struct exception exception = {.rule = "process.root-user", .executable = "/bin/a", .reason = "known"};
	struct container *container = build_container(build, "web");

	root_process(build, 10, container, "/bin/a");
	assert_non_null(excepted(build, &exception, "process.root-user"));
	root_process(build, 11, container, "/bin/b");
	assert_null(excepted(build, &exception, "process.root-user"));
}

static void test_the_first_exception_that_matches_counts(void **state)
{
	struct build *build = *state;
	const struct exception exceptions[] = {{.rule = "limit.*", .reason = "a"},
					       {.rule = "process.*", .reason = "b", .expired = true},
					       {.rule = "process.*", .reason = "c"},
					       {.rule = "*", .reason = "d"}};

	root_process(build, 10, build_container(build, "web"), "/bin/web");
	build->policy.exceptions = exceptions;
	build->policy.exception_count = 4;
	build_judge(build);
	assert_string_equal(build_finding(build, "process.root-user")->exception->reason, "c");
	assert_string_equal(build_finding(build, "capability.default-set")->exception->reason, "d");
}

/* ---- memory ------------------------------------------------------------------------------------ */

static void test_without_memory_there_is_an_error_and_no_leak(void **state)
{
	struct build *build = *state;
	struct findings *findings = NULL;
	struct error *error = NULL;
	long most = 0;

	root_process(build, 10, build_container(build, "web"), "/bin/web")->credentials.seccomp = SECCOMP_OFF;
	build_file(build, NULL, "/opt/tool")->mode = 0104755;
	while (!findings) {
		allocations_left = most++;
		findings = findings_judge(build->snapshot, &build->policy, &error);
		allocations_left = -1;
		if (!findings)
			assert_non_null(strstr(error_message(error), "memory"));
		error_free(error);
		error = NULL;
	}
	assert_true(most > 3);
	assert_true(findings->count > 0);
	findings_free(findings);
}

static void test_an_empty_snapshot(void **state)
{
	struct build *build = *state;

	assert_int_equal(build_judge(build)->count, 0);
	findings_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUILD_TEST(test_workers_are_one_finding),
		BUILD_TEST(test_executables_of_the_host_are_findings_of_their_own),
		BUILD_TEST(test_executables_of_a_container_where_they_are_at_fault),
		BUILD_TEST(test_unreadable_executables_are_told_apart_by_comm),
		BUILD_TEST(test_containers_of_one_image_are_one_finding),
		BUILD_TEST(test_containers_without_name_and_image_go_by_their_program),
		BUILD_TEST(test_the_worst_subject_speaks),
		BUILD_TEST(test_containers_with_other_faults_are_told_their_own),
		BUILD_TEST(test_containers_with_other_reasons_are_findings_of_their_own),
		BUILD_TEST(test_what_is_said_of_several_is_true_of_each),
		BUILD_TEST(test_names_count_within_their_task_or_name_space),
		BUILD_TEST(test_host_paths_part_findings_but_for_ids_in_them),
		BUILD_TEST(test_programs_in_memory_go_by_their_command),
		BUILD_TEST(test_fingerprint_survives_a_restart),
		BUILD_TEST(test_fingerprint_does_not_change),
		BUILD_TEST(test_fingerprint_tells_parts_apart),
		cmocka_unit_test(test_many_subjects_of_one_finding),
		cmocka_unit_test(test_many_findings),
		cmocka_unit_test(test_many_containers_of_one_name),
		BUILD_TEST(test_only_and_without),
		BUILD_TEST(test_one_container_only),
		BUILD_TEST(test_some_processes_only),
		BUILD_TEST(test_no_process_is_not_every_process),
		BUILD_TEST(test_overrides),
		BUILD_TEST(test_minimum),
		BUILD_TEST(test_order),
		BUILD_TEST(test_exceptions),
		BUILD_TEST(test_exceptions_of_the_host),
		BUILD_TEST(test_exceptions_by_path),
		BUILD_TEST(test_exceptions_of_merged_containers),
		BUILD_TEST(test_exceptions_of_one_of_several_programs),
		BUILD_TEST(test_the_first_exception_that_matches_counts),
		BUILD_TEST(test_without_memory_there_is_an_error_and_no_leak),
		BUILD_TEST(test_an_empty_snapshot),
	};

	return cmocka_run_group_tests_name("findings", tests, NULL, NULL);
}
