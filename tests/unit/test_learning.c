/* The auditor's part of learning, with checks that are made by hand in the place of the kernel's. */
#include "tests/unit/test.h"

#include <string.h>

#include "agent/daemon/learning.h"
#include "proctor/cleanup.h"
#include "proctor/learned.h"
#include "tests/unit/build.h"
#include "tests/unit/stand_in_watch.h"

enum { NOW = 1000000 };

/* ---- instead of collectors/usage/watch.c --------------------------------------------------------- */

static struct usage_check counted[64];
static size_t count;
static uint64_t lost;

struct usage *usage_watch_take(struct usage_watch *watch, struct error **error)
{
	struct arena *arena = arena_new();
	struct usage *usage = arena_alloc(arena, sizeof(*usage));

	(void)watch, (void)error;
	*usage = (struct usage){.arena = arena, .count = count, .lost = lost, .evidence = "tracepoint"};
	usage->checks = arena_array(arena, count + 1, sizeof(*usage->checks));
	memcpy(usage->checks, counted, count * sizeof(*counted));
	count = 0;
	return usage;
}

static void ask(const struct process *process, unsigned capability, bool denied)
{
	counted[count++] = (struct usage_check){.mount_namespace = process->namespaces[NAMESPACE_MNT],
						.user_namespace = process->namespaces[NAMESPACE_USER],
						.mount_id = process->mount_id,
						.executable = "/srv/app",
						.capability = capability,
						.denied = denied,
						.asking = ASKING_NEED,
						.count = 3,
						.first = NOW - 10,
						.last = NOW};
}

/* ---- what is told ------------------------------------------------------------------------------- */

struct fixture {
	struct build *build;
	struct learning *learning;
	struct process *web;
	struct message message;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	count = 0;
	lost = refusals = 0;
	filling = false;
	fixture->build = build_new(64);
	fixture->learning = learning_new(NULL);
	assert_non_null(fixture->learning);
	fixture->web = build_process(fixture->build, 100, build_container(fixture->build, "web"), "/srv/app");
	fixture->web->known |= PROCESS_KNOWS_STAT;
	fixture->web->start_time = UINT64_C(1) << 40; /* after the watch began */
	fixture->build->snapshot->containers[0]->image = "shop/web:1";
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	learning_free(fixture->learning);
	build_free(fixture->build);
	free(fixture);
	return 0;
}

static void look(struct fixture *fixture, int64_t now)
{
	assert_int_equal(learning_see(fixture->learning, fixture->build->snapshot, now), 0);
}

static int tell(struct fixture *fixture, int64_t now)
{
	return learning_tell(fixture->learning, false, now, &fixture->message, NULL);
}

static bool answer(struct fixture *fixture, capability_set required)
{
	struct learned_history history = {.id = "web", .required = required, .seconds = 60, .starts = 1};
	const struct message message = {.kind = MESSAGE_HISTORY, .history = {&history, 1}};

	return learning_answer(fixture->learning, &message);
}

static const struct learning_facts *facts(const struct fixture *fixture)
{
	return fixture->build->snapshot->containers[0]->learning;
}

static void test_told_once(void **state)
{
	struct fixture *fixture = *state;
	const struct learned_container *told;

	look(fixture, NOW);
	ask(fixture->web, CAP_CHOWN, false);
	assert_int_equal(tell(fixture, NOW + 5000), 1);
	told = fixture->message.learned.list;
	assert_int_equal(fixture->message.learned.count, 1);
	assert_string_equal(told->watched->image, "shop/web:1");
	assert_true(told->watched->saw_start);
	assert_int_equal(told->observed_seconds, 5);
	assert_int_equal(told->use_count, 1);
	assert_int_equal(told->uses[0].count, 3);
	assert_int_equal(tell(fixture, NOW + 6000), 0); /* it waits for the answer */
	assert_null(facts(fixture));
	assert_true(answer(fixture, CAPABILITY_MASK(CAP_CHOWN)));
	look(fixture, NOW + 7000);
	assert_int_equal(facts(fixture)->required, CAPABILITY_MASK(CAP_CHOWN));
	assert_true(facts(fixture)->whole);
	assert_int_equal(tell(fixture, NOW + 8000), 0); /* nothing new */
	ask(fixture->web, CAP_CHOWN, false);
	assert_int_equal(tell(fixture, NOW + 9000), 1);
	told = fixture->message.learned.list;
	assert_false(told->watched->saw_start); /* that was told */
	assert_int_equal(told->observed_seconds, 4);
	assert_int_equal(told->uses[0].count, 3);
}

/* The first look; that the container is there is told and answered. */
static void begin(struct fixture *fixture, int64_t now)
{
	look(fixture, now);
	assert_int_equal(tell(fixture, now), 1);
	answer(fixture, 0);
}

/* The kernel gives numbers of namespaces away again: that of one which was not a container's is a new
 * container's when it asks, and the next look shows it. */
static void test_a_number_that_another_had(void **state)
{
	struct fixture *fixture = *state;
	struct process *other = build_process(fixture->build, 50, NULL, "/srv/other");

	fixture->web->known &= (unsigned)~PROCESS_KNOWS_STAT; /* it came after the first look, whenever */
	other->namespaces[NAMESPACE_MNT] = 777;
	begin(fixture, NOW - 2000);
	other->namespaces[NAMESPACE_MNT] = 778;
	fixture->web->namespaces[NAMESPACE_MNT] = 777;
	ask(fixture->web, CAP_CHOWN, false);
	assert_int_equal(tell(fixture, NOW + 500), 0);
	look(fixture, NOW + 1000);
	assert_int_equal(tell(fixture, NOW + 2000), 1);
	assert_int_equal(fixture->message.learned.list[0].uses[0].count, 3);
}

/* One that a look shows to be another's still is not kept for who comes next. */
static void test_a_number_that_another_has(void **state)
{
	struct fixture *fixture = *state;
	struct process *other = build_process(fixture->build, 50, NULL, "/srv/other");

	other->namespaces[NAMESPACE_MNT] = 777;
	begin(fixture, NOW - 2000);
	ask(other, CAP_CHOWN, false);
	look(fixture, NOW + 1000);
	assert_int_equal(tell(fixture, NOW + 2000), 0);
	other->namespaces[NAMESPACE_MNT] = 778;
	fixture->web->namespaces[NAMESPACE_MNT] = 777;
	look(fixture, NOW + 3000);
	assert_int_equal(tell(fixture, NOW + 4000), 0);
}

/* Where the kernel tells of ids as well, two with one number are told apart, whichever was there first. */
static void test_a_number_of_two(void **state)
{
	struct fixture *fixture = *state;
	struct process *other = build_process(fixture->build, 50, NULL, "/srv/other");

	other->namespaces[NAMESPACE_MNT] = fixture->web->namespaces[NAMESPACE_MNT] = 777;
	other->mount_id = 7;
	fixture->web->mount_id = 8;
	begin(fixture, NOW - 2000);
	ask(other, CAP_CHOWN, false);
	assert_int_equal(tell(fixture, NOW + 1000), 0);
	ask(fixture->web, CAP_KILL, false);
	assert_int_equal(tell(fixture, NOW + 2000), 1);
	assert_int_equal(fixture->message.learned.list[0].use_count, 1);
	assert_int_equal(fixture->message.learned.list[0].uses[0].capability, CAP_KILL);
}

/* Its namespace is seen before it is seen to be a container: what it asked for waits for that. */
static void test_a_namespace_that_becomes_a_containers(void **state)
{
	struct fixture *fixture = *state;
	struct process *process = build_process(fixture->build, 50, NULL, "/srv/shop");
	struct container *shop;

	process->namespaces[NAMESPACE_MNT] = 777;
	process->mount_id = 7;
	fixture->build->snapshot->process_count--;
	begin(fixture, NOW - 2000);
	fixture->build->snapshot->process_count++;
	look(fixture, NOW - 1000);
	ask(process, CAP_CHOWN, false);
	look(fixture, NOW + 1000);
	assert_int_equal(tell(fixture, NOW + 1500), 0);
	shop = build_container(fixture->build, "z");
	shop->image = "shop/z:1";
	process->container = shop;
	look(fixture, NOW + 2000);
	assert_int_equal(tell(fixture, NOW + 2500), 1);
	assert_string_equal(fixture->message.learned.list[0].watched->id, "z");
	assert_int_equal(fixture->message.learned.list[0].use_count, 1);
}

/* A shipper that ends before it answers, or cannot keep it, is told again. */
static void test_told_until_it_is_answered(void **state)
{
	struct fixture *fixture = *state;

	look(fixture, NOW);
	ask(fixture->web, CAP_CHOWN, false);
	assert_int_equal(tell(fixture, NOW + 1000), 1);
	learning_again(fixture->learning);
	ask(fixture->web, CAP_KILL, false);
	assert_int_equal(tell(fixture, NOW + 2000), 1);
	assert_int_equal(fixture->message.learned.list->use_count, 2);
	assert_true(fixture->message.learned.list->watched->saw_start);
	assert_false(learning_answer(fixture->learning, &(struct message){.kind = MESSAGE_HISTORY}));
	assert_int_equal(tell(fixture, NOW + 3000), 1);
	assert_int_equal(fixture->message.learned.list->use_count, 2);
	assert_true(answer(fixture, 0));
	assert_int_equal(tell(fixture, NOW + 4000), 0);
	assert_false(answer(fixture, 0)); /* one that was not asked for */
}

static void test_refusal_is_news_once(void **state)
{
	struct fixture *fixture = *state;

	look(fixture, NOW);
	assert_false(learning_is_urgent(fixture->learning));
	refusals++;
	assert_true(learning_is_urgent(fixture->learning));
	assert_false(learning_is_urgent(fixture->learning));
	filling = true;
	assert_true(learning_is_urgent(fixture->learning));
	filling = false;
	ask(fixture->web, CAP_CHOWN, true);
	assert_int_equal(tell(fixture, NOW + 1000), 1);
	assert_true(answer(fixture, CAPABILITY_MASK(CAP_CHOWN)));
	look(fixture, NOW + 2000);
	assert_int_equal(facts(fixture)->refused, CAPABILITY_MASK(CAP_CHOWN));
	assert_string_equal(facts(fixture)->refused_to[CAP_CHOWN], "/srv/app");
	ask(fixture->web, CAP_CHOWN, true);
	assert_int_equal(tell(fixture, NOW + 3000), 1);
	assert_false(answer(fixture, CAPABILITY_MASK(CAP_CHOWN))); /* it is known */
	look(fixture, NOW + INT64_C(25) * 3600 * 1000);
	assert_int_equal(facts(fixture)->refused, 0); /* a day without */
}

/* A container that was not seen yet: its checks wait for a look, and ask for one. */
static void test_checks_before_the_look(void **state)
{
	struct fixture *fixture = *state;
	struct container *shop = build_container(fixture->build, "z");
	struct process *process = build_process(fixture->build, 200, shop, "/srv/shop");
	uint64_t inode = process->namespaces[NAMESPACE_MNT] = 4242;

	shop->image = "shop/z:1";
	fixture->build->snapshot->process_count--;
	fixture->build->snapshot->container_count--;
	look(fixture, NOW);
	ask(process, CAP_SYS_TIME, true);
	assert_int_equal(tell(fixture, NOW + 1000), 1); /* of web, which is new */
	assert_int_equal(fixture->message.learned.list->denial_count, 0);
	assert_true(learning_is_behind(fixture->learning));
	assert_true(answer(fixture, 0));
	fixture->build->snapshot->process_count++;
	fixture->build->snapshot->container_count++;
	assert_int_equal(process->namespaces[NAMESPACE_MNT], inode);
	look(fixture, NOW + 2000);
	assert_int_equal(tell(fixture, NOW + 3000), 1);
	assert_string_equal(fixture->message.learned.list->watched->id, "z");
	assert_int_equal(fixture->message.learned.list->denial_count, 1);
	assert_false(learning_is_behind(fixture->learning));
}

static void test_what_is_never_seen(void **state)
{
	struct fixture *fixture = *state;
	struct process stray = {.namespaces = {[NAMESPACE_MNT] = 7}};
	struct message_counters counters = {0};

	lost = 9;
	look(fixture, NOW);
	ask(&stray, CAP_CHOWN, false);
	tell(fixture, NOW + 1000);
	answer(fixture, 0);
	tell(fixture, NOW + 40000);
	learning_count(fixture->learning, &counters);
	assert_int_equal(counters.checks_unseen, 3);
	assert_int_equal(counters.checks_lost, 9);
	tell(fixture, NOW + 50000);
	learning_count(fixture->learning, &counters);
	assert_int_equal(counters.checks_unseen, 3);
	assert_int_equal(counters.checks_lost, 9);
}

/* The kernel gives the number of a namespace to the next container: what that asks is not the first one's. */
static void test_a_number_that_was_given_away(void **state)
{
	struct fixture *fixture = *state;
	struct snapshot *snapshot = fixture->build->snapshot;

	look(fixture, NOW - 5000);
	tell(fixture, NOW - 4000);
	answer(fixture, 0);
	learning_exit(fixture->learning, snapshot, 100, NOW - 1000);
	snapshot->containers[0]->id = "web2";
	look(fixture, NOW + 1000);
	ask(fixture->web, CAP_CHOWN, false);
	assert_int_equal(tell(fixture, NOW + 2000), 1);
	assert_int_equal(fixture->message.learned.count, 1);
	assert_string_equal(fixture->message.learned.list->watched->id, "web2");
}

/* What a container asks for before it is known what it is, waits for that. */
static void test_before_its_image_is_known(void **state)
{
	struct fixture *fixture = *state;
	struct container *web = fixture->build->snapshot->containers[0];

	web->image = NULL;
	look(fixture, NOW);
	ask(fixture->web, CAP_CHOWN, false);
	assert_int_equal(tell(fixture, NOW + 500), 0);
	web->image = "shop/web:1";
	look(fixture, NOW + 1000);
	assert_int_equal(tell(fixture, NOW + 1500), 1);
	assert_string_equal(fixture->message.learned.list->watched->image, "shop/web:1");
	assert_int_equal(fixture->message.learned.list->use_count, 1);
	assert_true(fixture->message.learned.list->watched->saw_start);
}

/* Containers that come and go leave nothing behind. */
static void test_many_containers(void **state)
{
	struct fixture *fixture = *state;
	struct snapshot *snapshot = fixture->build->snapshot;
	char id[16];

	for (int i = 0; i < 2000; i++) {
		struct learned_history histories[2] = {0};
		struct message message = {.kind = MESSAGE_HISTORY};
		snprintf(id, sizeof(id), "c%d", i);
		snapshot->containers[0]->id = id;
		fixture->web->namespaces[NAMESPACE_MNT] = 1000 + (uint64_t)i;
		look(fixture, NOW + i * INT64_C(10000));
		assert_int_equal(learning_tell(fixture->learning, true, NOW + i * INT64_C(10000) + 1,
					       &fixture->message, NULL),
				 1);
		assert_in_range(fixture->message.learned.count, 1, 2);
		for (size_t k = 0; k < fixture->message.learned.count; k++)
			histories[k].id = fixture->message.learned.list[k].watched->id;
		message.history.list = histories;
		message.history.count = fixture->message.learned.count;
		learning_answer(fixture->learning, &message);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_told_once),
		TEST(test_a_number_that_another_had),
		TEST(test_a_number_that_another_has),
		TEST(test_a_number_of_two),
		TEST(test_a_namespace_that_becomes_a_containers),
		TEST(test_told_until_it_is_answered),
		TEST(test_refusal_is_news_once),
		TEST(test_checks_before_the_look),
		TEST(test_what_is_never_seen),
		TEST(test_a_number_that_was_given_away),
		TEST(test_before_its_image_is_known),
		TEST(test_many_containers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
