#include "tests/unit/test.h"

#include <string.h>

#include "agent/daemon/profile.h"

static struct process example(void)
{
	struct process process = {.pid = 100,
				  .known = PROCESS_KNOWS_STATUS | PROCESS_KNOWS_EXECUTABLE,
				  .comm = "server",
				  .executable = "/bin/server",
				  .cgroup = "/docker/1"};

	process.credentials.effective = process.credentials.permitted = 1;
	return process;
}

static int setup(void **state)
{
	*state = profiles_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	profiles_free(*state);
	return 0;
}

static void test_another_process_of_the_kind_is_known(void **state)
{
	struct process first = example(), second = example();

	second.pid = 200;
	second.ppid = 7;
	second.start_time = 12345;
	second.comm = "renamed";
	assert_int_equal(profiles_add(*state, &first), 1);
	assert_int_equal(profiles_add(*state, &second), 0);
	assert_int_equal(profiles_count(*state), 1);
}

/* Each changes one fact that is judged. */
static void change_executable(struct process *process)
{
	process->executable = "/bin/other";
}

static void change_cgroup(struct process *process)
{
	process->cgroup = "/docker/2";
}

static void change_effective(struct process *process)
{
	process->credentials.effective |= 2;
}

static void change_bounding(struct process *process)
{
	process->credentials.bounding = 4;
}

static void change_uid(struct process *process)
{
	process->credentials.uid[ID_SAVED] = 1;
}

static void change_no_new_privs(struct process *process)
{
	process->credentials.no_new_privs = true;
}

static void change_seccomp(struct process *process)
{
	process->credentials.seccomp = SECCOMP_FILTERED;
}

static void change_namespace(struct process *process)
{
	process->namespaces[NAMESPACE_USER] = 5;
}

static void change_lsm(struct process *process)
{
	process->lsm = "docker-default (enforce)";
}

static void change_known(struct process *process)
{
	process->known |= PROCESS_KNOWS_ROOT;
}

static void change_root(struct process *process)
{
	process->root_changed = true;
}

static void change_deleted(struct process *process)
{
	process->executable_deleted = true;
}

static void change_groups(struct process *process)
{
	static uint32_t groups[] = {0};

	process->groups = groups;
	process->group_count = 1;
}

static void change_thread(struct process *process)
{
	static struct thread threads[1];

	threads[0].credentials.effective = 8;
	process->threads = threads;
	process->differing_count = 1;
}

static void test_every_fact_that_is_judged_makes_another_kind(void **state)
{
	static void (*const changes[])(struct process *) = {
		change_executable,   change_cgroup,  change_effective, change_bounding, change_uid,
		change_no_new_privs, change_seccomp, change_namespace, change_lsm,      change_known,
		change_root,         change_deleted, change_groups,    change_thread,
	};
	struct process process = example();

	assert_int_equal(profiles_add(*state, &process), 1);
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		process = example();
		changes[i](&process);
		assert_int_equal(profiles_add(*state, &process), 1);
		assert_int_equal(profiles_add(*state, &process), 0);
	}
}

/* Where one text ends and the next begins is a part of it. */
static void test_texts_do_not_run_into_each_other(void **state)
{
	struct process first = example(), second = example();

	first.executable = "/bin/ab";
	first.cgroup = "c";
	second.executable = "/bin/a";
	second.cgroup = "bc";
	assert_int_equal(profiles_add(*state, &first), 1);
	assert_int_equal(profiles_add(*state, &second), 1);
}

static void test_forgets_what_two_rounds_did_not_have(void **state)
{
	struct process kept = example(), lost = example();

	lost.executable = "/bin/lost";
	assert_int_equal(profiles_add(*state, &kept), 1);
	assert_int_equal(profiles_add(*state, &lost), 1);
	profiles_age(*state);
	assert_int_equal(profiles_add(*state, &kept), 0);
	profiles_age(*state);
	assert_int_equal(profiles_add(*state, &kept), 0);
	assert_int_equal(profiles_add(*state, &lost), 1);
}

static void test_bears_many(void **state)
{
	struct process process = example();
	char name[32];

	process.executable = name;
	for (int turn = 1; turn >= 0; turn--)
		for (unsigned i = 0; i < 20000; i++) {
			snprintf(name, sizeof(name), "/bin/%u", i);
			assert_int_equal(profiles_add(*state, &process), turn);
		}
	assert_int_equal(profiles_count(*state), 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_another_process_of_the_kind_is_known, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_fact_that_is_judged_makes_another_kind, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_texts_do_not_run_into_each_other, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forgets_what_two_rounds_did_not_have, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bears_many, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
