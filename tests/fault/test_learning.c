/* The auditor's part of learning without memory: what was counted is told the next time. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "agent/daemon/learning.h"
#include "proctor/cleanup.h"
#include "proctor/learned.h"
#include "tests/fault/inject.h"
#include "tests/unit/build.h"
#include "tests/unit/stand_in_watch.h"

enum { NOW = 1000000, COUNT = 3, MOUNTS = 77 };

/* ---- instead of collectors/usage/watch.c --------------------------------------------------------- */

static bool asked; /* and not taken yet */

struct usage *usage_watch_take(struct usage_watch *watch, struct error **error)
{
	struct arena *arena = arena_new();
	struct usage *usage = arena ? arena_alloc(arena, sizeof(*usage)) : NULL;
	struct usage_check *check = usage ? arena_alloc(arena, sizeof(*check)) : NULL;

	(void)watch;
	if (!check) {
		arena_free(arena);
		error_set(error, ENOMEM, "taking");
		return NULL;
	}
	*check = (struct usage_check){.mount_namespace = MOUNTS,
				      .mount_id = MOUNTS,
				      .user_namespace = build_initial(NAMESPACE_USER),
				      .executable = "/srv/app",
				      .capability = CAP_CHOWN,
				      .asking = ASKING_NEED,
				      .count = COUNT,
				      .first = NOW,
				      .last = NOW};
	*usage = (struct usage){.arena = arena, .checks = check, .count = asked, .evidence = "tracepoint"};
	asked = false;
	return usage;
}

/* ---- a look, and what is told of it -------------------------------------------------------------- */

static struct build *build_one(void)
{
	struct build *build = build_new(8);
	struct process *process = build_process(build, 100, build_container(build, "web"), "/srv/app");

	build->snapshot->containers[0]->image = "shop/web:1";
	process->namespaces[NAMESPACE_MNT] = process->mount_id = MOUNTS;
	return build;
}

/* Looks, tells and is answered; how many checks were told. */
static uint64_t round_of(struct learning *learning, struct snapshot *snapshot, int64_t now)
{
	struct learned_history history = {.id = "web"};
	const struct message answer = {.kind = MESSAGE_HISTORY, .history = {&history, 1}};
	_cleanup_error_ struct error *error = NULL;
	struct message message;
	uint64_t told = 0;

	if (learning_see(learning, snapshot, now) ||
	    learning_tell(learning, true, now, &message, &error) != 1)
		return 0;
	for (size_t i = 0; i < message.learned.count; i++)
		for (size_t k = 0; k < message.learned.list[i].use_count; k++)
			told += message.learned.list[i].uses[k].count;
	learning_answer(learning, &answer);
	return told;
}

static void test_each_allocation(void **state)
{
	(void)state;
	for (unsigned long nth = 1, calls = nth; nth <= calls + 1; nth++) {
		struct build *build = build_one();
		struct learning *learning;
		uint64_t told = 0;

		asked = true;
		inject_arm(CALL_ALLOCATE, nth, ENOMEM, false);
		learning = learning_new(NULL);
		if (learning)
			told = round_of(learning, build->snapshot, NOW + 1);
		calls = inject_disarm();
		assert_true(calls > 0);
		if (learning) {
			told += round_of(learning, build->snapshot, NOW + 2);
			told += round_of(learning, build->snapshot, NOW + 3);
			assert_int_equal(told, COUNT);
		}
		learning_free(learning);
		build_free(build);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
