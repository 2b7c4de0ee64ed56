/* From a snapshot to a pass: what is told of findings, and how far was seen. */
#include "tests/unit/test.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/daemon/changed.h"
#include "agent/daemon/message_form.h"
#include "agent/daemon/observe.h"
#include "agent/daemon/sent.h"
#include "agent/daemon/sight.h"
#include "proctor/collector.h"
#include "tests/unit/build.h"

enum {
	WANTED = PROCESS_KNOWS_STAT | PROCESS_KNOWS_CGROUP | PROCESS_KNOWS_EXECUTABLE |
		 PROCESS_KNOWS_NAMESPACES | PROCESS_KNOWS_THREADS | PROCESS_KNOWS_ROOT,
};

/* Coverage of every collector, without anything missed. */
static void cover(struct build *build)
{
	struct snapshot *snapshot = build->snapshot;

	snapshot->coverage = arena_array(snapshot->arena, 16, sizeof(*snapshot->coverage));
	snapshot->coverage_count = 0;
	for (size_t i = 0; collectors[i]; i++)
		snapshot->coverage[snapshot->coverage_count++].collector = collectors[i]->name;
}

static void know_all(struct build *build)
{
	for (size_t i = 0; i < build->snapshot->process_count; i++)
		build->snapshot->processes[i].known |= WANTED;
}

static uint64_t sight_at(struct build *build, size_t index)
{
	struct seen *seen = sight_of(build->snapshot, build->snapshot->arena);

	assert_non_null(seen);
	return seen[index].sight;
}

static void test_an_unread_process_takes_sight_of_its_container_only(void **state)
{
	struct build *build = *state;
	struct container *a = build_container(build, "a"), *b = build_container(build, "b");
	struct process *hidden;

	cover(build);
	build_process(build, 10, a, "/bin/a");
	hidden = build_process(build, 20, b, "/bin/b");
	build_process(build, 30, NULL, "/bin/host");
	know_all(build);
	assert_true(sight_at(build, 0) & SIGHT_PROCESSES);
	assert_true(sight_at(build, 1) & SIGHT_PROCESSES);
	hidden->known &= ~(uint32_t)PROCESS_KNOWS_NAMESPACES;
	assert_true(sight_at(build, 0) & SIGHT_PROCESSES);
	assert_false(sight_at(build, 1) & SIGHT_PROCESSES);
	assert_true(sight_at(build, 2) & SIGHT_PROCESSES);
}

static void test_pid_1_that_nobody_may_look_at_hides_nothing(void **state)
{
	struct build *build = *state;

	cover(build);
	build_process(build, 1, NULL, "/sbin/init");
	build_process(build, 30, NULL, "/bin/host");
	know_all(build);
	build->snapshot->processes[0].known = PROCESS_KNOWS_STATUS;
	assert_true(sight_at(build, 0) & SIGHT_PROCESSES);
	build->snapshot->processes[1].known = PROCESS_KNOWS_STATUS;
	assert_false(sight_at(build, 0) & SIGHT_PROCESSES);
}

static void test_what_was_not_walked_or_read_is_not_seen(void **state)
{
	struct build *build = *state;
	struct container *container = build_container(build, "a");

	cover(build);
	build_process(build, 10, container, "/bin/a");
	know_all(build);
	container->files_walked = container->programs_known = true;
	assert_int_equal(sight_at(build, 0) & (SIGHT_FILES | SIGHT_PROGRAMS | SIGHT_MOUNTS | SIGHT_LIMITS),
			 SIGHT_FILES | SIGHT_PROGRAMS | SIGHT_MOUNTS | SIGHT_LIMITS);
	container->files_walked = container->programs_known = false;
	container->mount_namespace = NULL;
	container->limits.cpu.state = LIMIT_UNKNOWN;
	assert_int_equal(sight_at(build, 0) & (SIGHT_FILES | SIGHT_PROGRAMS | SIGHT_MOUNTS | SIGHT_LIMITS),
			 0);
}

static void test_hidepid_hides_containers(void **state)
{
	struct build *build = *state;

	assert_false(sight_is_complete(build->snapshot));
	cover(build);
	assert_true(sight_is_complete(build->snapshot));
	build->snapshot->host.hidepid = "invisible";
	assert_false(sight_is_complete(build->snapshot));
}

static uint64_t needed(struct build *build, const struct rule *rule, struct container *container)
{
	const struct finding finding = {.rule = rule, .container = container};

	return sight_needed(build->snapshot, &finding);
}

static void test_every_rule_needs_something_but_that_of_the_policy(void **state)
{
	struct build *build = *state;
	struct container *container = build_container(build, "a");

	for (const struct rule *const *family = rule_families; *family; family++)
		for (const struct rule *rule = *family; rule->id; rule++)
			assert_int_equal(needed(build, rule, NULL) != 0,
					 strncmp(rule->id, "policy.", 7) != 0);
	assert_int_equal(needed(build, rule_find("limit.memory"), container), SIGHT_LIMITS | SIGHT_IDENTITY);
	assert_int_equal(needed(build, rule_find("image.shell"), container), SIGHT_FILES | SIGHT_IDENTITY);
	container->name = NULL; /* it is known by the program of its first process */
	assert_int_equal(needed(build, rule_find("limit.memory"), container),
			 SIGHT_LIMITS | SIGHT_IDENTITY | SIGHT_PROCESSES);
	container->image = "shop/web";
	assert_int_equal(needed(build, rule_find("limit.memory"), container), SIGHT_LIMITS | SIGHT_IDENTITY);
	assert_int_equal(needed(build, rule_find("file.setuid"), NULL), SIGHT_FILES | SIGHT_PROCESSES);
	assert_int_equal(needed(build, rule_find("host.sysctl"), NULL), SIGHT_HOST);
}

/* The pass of what is judged now. */
static struct pass pass_of(struct build *build)
{
	struct pass pass = {.full = false};

	assert_int_equal(observe(build->snapshot, build_judge(build), false, true, build->snapshot->arena,
				 &pass, NULL),
			 0);
	return pass;
}

static const struct observed *observed_of(const struct pass *pass, const char *rule)
{
	for (size_t i = 0; i < pass->observed_count; i++)
		if (!strcmp(pass->observed[i].rule, rule))
			return &pass->observed[i];
	return NULL;
}

static void test_a_finding_is_told_as_in_a_document(void **state)
{
	struct build *build = *state;
	struct container *container = build_container(build, "web");
	struct task task = {.family = "shop", .revision = "42"};
	struct pass pass;
	const struct observed *observed;
	json_t *json, *summary;

	cover(build);
	build_root(build_process(build, 10, container, "/bin/web"), CAPABILITY_MASK(CAP_SYS_ADMIN));
	know_all(build);
	container->task = &task;
	pass = pass_of(build);
	observed = observed_of(&pass, "process.root-user");
	assert_non_null(observed);
	assert_string_equal(observed->task, "shop:42");
	json = json_loadb(observed->json, observed->json_length, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(json, "id")), observed->id);
	assert_string_equal(json_string_value(json_object_get(json, "rule")), "process.root-user");
	assert_string_equal(json_string_value(json_object_get(json, "task")), "shop:42");
	assert_string_equal(observed->container_name, "web");
	assert_int_equal(observed->container_count, 1);
	assert_string_equal(observed->containers[0], container->id);
	summary = json_loadb(pass.summary, pass.summary_length, 0, NULL);
	assert_true(json_is_object(json_object_get(summary, "host")));
	assert_int_equal(json_array_size(json_object_get(summary, "coverage")),
			 build->snapshot->coverage_count);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(summary, "seen"), "processes")),
			 1);
	json_decref(json);
	json_decref(summary);
}

/* One that could not be read hides what is told of it, and of no other. */
static void test_each_sysctl_has_to_be_seen(void **state)
{
	struct build *build = *state;
	struct host *host = &build->snapshot->host;
	struct seen *seen;
	struct pass pass;

	cover(build);
	build_sysctl(build, "net.core.bpf_jit_harden", "0");
	build_sysctl(build, "kernel.dmesg_restrict", "0");
	host->lsms_known = true;
	pass = pass_of(build);
	assert_int_equal(pass.seen[0].sight & SIGHT_HOST, SIGHT_HOST);
	host->sysctls_unread = UINT64_C(1) << host->sysctls[0].number;
	seen = sight_of(build->snapshot, build->snapshot->arena);
	assert_non_null(seen);
	for (size_t i = 0; i < pass.observed_count; i++) {
		const struct observed *observed = &pass.observed[i];
		if (strcmp(observed->rule, "host.sysctl") != 0)
			continue;
		assert_int_equal(observed->needs & ~pass.seen[0].sight, 0);
		assert_int_equal((observed->needs & ~seen[0].sight) != 0,
				 strstr(observed->json, "bpf_jit_harden") != NULL);
	}
	assert_non_null(observed_of(&pass, "host.sysctl"));
}

/* So many containers that are alike, with ids of that length, a process as root in each. */
static struct build *build_crowd(size_t count, int length)
{
	struct build *build = build_new(count);
	struct container *first = build_container(build, "web");
	struct snapshot *snapshot = build->snapshot;

	cover(build);
	for (size_t i = 0; i < count; i++) {
		struct container *container = first;
		if (i) {
			container = arena_alloc(snapshot->arena, sizeof(*container));
			assert_non_null(container);
			*container = *first;
			snapshot->containers[snapshot->container_count++] = container;
		}
		container->id = arena_printf(snapshot->arena, "%0*zu", length, i);
		build_root(build_process(build, (pid_t)(10 + i), container, "/bin/web"),
			   CAPABILITY_MASK(CAP_SYS_ADMIN));
	}
	know_all(build);
	return build;
}

static uint64_t told(const struct build *build, const struct collector *collector, const char *words)
{
	const struct coverage *coverage = snapshot_coverage(build->snapshot, collector->name);

	for (const struct coverage_reason *reason = coverage->reasons; reason; reason = reason->next)
		if (strstr(reason->reason, words))
			return reason->count;
	return 0;
}

static void assert_can_be_sent(const struct pass *pass)
{
	const struct message message = {.kind = MESSAGE_PASS, .pass = *pass};
	struct wire_writer writer = {0};

	assert_int_equal(message_encode(&message, &writer, NULL), 0);
	free(writer.data);
}

static void test_any_number_of_containers_is_told(void **state)
{
	enum { COUNT = 20000 };
	struct build *build = build_crowd(COUNT, 64);
	struct pass pass = pass_of(build);
	const struct observed *observed = observed_of(&pass, "process.root-user");
	json_t *json, *ids;

	(void)state;
	assert_int_equal(pass.seen_count, COUNT + 1);
	assert_true(pass.all_containers);
	assert_false(pass.truncated);
	assert_int_equal(observed->container_count, COUNT);
	json = json_loadb(observed->json, observed->json_length, 0, NULL);
	ids = json_object_get(json, "container_ids");
	assert_in_range(json_array_size(ids), 10000, COUNT - 1);
	assert_true(told(build, &collector_container, "not named in it") >= COUNT - json_array_size(ids));
	json_decref(json);
	assert_can_be_sent(&pass);
	build_free(build);
}

static void test_beyond_all_bounds_the_host_is_told(void **state)
{
	enum { COUNT = 20000 };
	struct build *build = build_crowd(COUNT, 1000);
	struct pass pass;

	(void)state;
	build_sysctl(build, "kernel.dmesg_restrict", "0");
	pass = pass_of(build);
	assert_int_equal(pass.seen_count, 1);
	assert_null(pass.seen[0].container);
	assert_false(pass.all_containers);
	assert_true(pass.truncated);
	assert_null(observed_of(&pass, "process.root-user"));
	assert_non_null(observed_of(&pass, "host.sysctl"));
	assert_int_equal(told(build, &collector_container, "more containers than a pass holds"), COUNT);
	assert_true(told(build, &collector_process, "more findings than a pass holds") > 0);
	assert_non_null(strstr(pass.summary, "more containers than a pass holds"));
	assert_can_be_sent(&pass);
	build_free(build);
}

static void test_more_findings_than_a_pass_holds_are_cut(void **state)
{
	struct build *build = build_new(OBSERVED_MAX + 10);
	struct pass pass;

	(void)state;
	cover(build);
	build_process(build, 10, NULL, "/bin/host");
	for (unsigned i = 0; i < OBSERVED_MAX + 5; i++) {
		struct file *file =
			build_file(build, NULL, arena_printf(build->snapshot->arena, "/usr/bin/s%u", i));
		file->mode |= S_ISUID;
		file->inode = i + 1;
	}
	pass = pass_of(build);
	assert_true(pass.truncated);
	assert_int_equal(pass.observed_count, OBSERVED_MAX);
	assert_int_equal(told(build, &collector_process, "more findings than a pass holds"),
			 build->findings->count - OBSERVED_MAX);
	build_free(build);
}

/* Pids and counts may change; a capability more is told. */
static void test_the_digest_is_of_what_decided(void **state)
{
	struct build *build = *state;
	struct container *container = build_container(build, "web");
	struct process *process = build_process(build, 10, container, "/bin/web");
	struct pass pass;
	uint64_t digest;
	char id[FINDING_ID_SIZE];

	cover(build);
	build_root(process, CAPABILITY_MASK(CAP_CHOWN));
	know_all(build);
	pass = pass_of(build);
	digest = observed_of(&pass, "process.root-user")->digest;
	memcpy(id, observed_of(&pass, "process.root-user")->id, sizeof(id));
	process->pid = 11;
	pass = pass_of(build);
	assert_string_equal(observed_of(&pass, "process.root-user")->id, id);
	assert_true(observed_of(&pass, "process.root-user")->digest == digest);
	build_root(process, CAPABILITY_MASK(CAP_SYS_ADMIN) | CAPABILITY_MASK(CAP_CHOWN));
	pass = pass_of(build);
	assert_true(observed_of(&pass, "process.root-user")->digest != digest);
}

static void test_what_was_sent_is_not_sent_whole_again(void **state)
{
	struct observed observed[] = {{.id = "b", .digest = 1, .json = "{}", .json_length = 2},
				      {.id = "a", .digest = 2, .json = "{}", .json_length = 2}};
	const struct pass pass = {.observed = observed, .observed_count = 2};
	struct sent sent = {0};

	(void)state;
	sent_shorten(&sent, observed, 2);
	assert_non_null(observed[0].json);
	assert_int_equal(sent_keep(&sent, &pass), 0);
	observed[1].digest = 3;
	sent_shorten(&sent, observed, 2);
	assert_null(observed[0].json);
	assert_non_null(observed[1].json);
	observed[0].json = "{}";
	sent_clear(&sent);
	sent_shorten(&sent, observed, 2);
	assert_non_null(observed[0].json);
}

static void test_changed_processes_are_kept_once_and_in_order(void **state)
{
	struct changed changed = {0};

	(void)state;
	for (int turn = 0; turn < 1000; turn++)
		for (pid_t pid = 300; pid > 0; pid--)
			assert_true(changed_add(&changed, pid));
	changed_sort(&changed);
	assert_int_equal(changed.count, 300);
	for (pid_t pid = 1; pid <= 300; pid++)
		assert_int_equal(changed.pids[pid - 1], pid);
	assert_true(changed.capacity <= 1024);
	changed_clear(&changed);
	assert_int_equal(changed.count, 0);
	changed_free(&changed);
}

static void test_too_many_changed_processes_are_refused(void **state)
{
	struct changed changed = {0};
	pid_t pid = 1;

	(void)state;
	while (pid < 2 * CHANGED_MAX && changed_add(&changed, pid))
		pid++;
	assert_in_range(pid, CHANGED_MAX / 2, CHANGED_MAX + 1);
	changed_free(&changed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUILD_TEST(test_an_unread_process_takes_sight_of_its_container_only),
		BUILD_TEST(test_pid_1_that_nobody_may_look_at_hides_nothing),
		BUILD_TEST(test_what_was_not_walked_or_read_is_not_seen),
		BUILD_TEST(test_hidepid_hides_containers),
		BUILD_TEST(test_every_rule_needs_something_but_that_of_the_policy),
		BUILD_TEST(test_a_finding_is_told_as_in_a_document),
		BUILD_TEST(test_each_sysctl_has_to_be_seen),
		cmocka_unit_test(test_more_findings_than_a_pass_holds_are_cut),
		cmocka_unit_test(test_any_number_of_containers_is_told),
		cmocka_unit_test(test_beyond_all_bounds_the_host_is_told),
		BUILD_TEST(test_the_digest_is_of_what_decided),
		cmocka_unit_test(test_what_was_sent_is_not_sent_whole_again),
		cmocka_unit_test(test_changed_processes_are_kept_once_and_in_order),
		cmocka_unit_test(test_too_many_changed_processes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
