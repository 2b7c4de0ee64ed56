#include "tests/unit/store.h"

#include <string.h>

#include "agent/store/learned.h"

static struct store *store;

static int setup(void **state)
{
	struct store_options options = test_options(NULL);

	(void)state;
	store = test_store(&options);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	store_close(store);
	return 0;
}

/* What is kept after the container used the capability, or was refused it. */
static struct learned_history learn(const struct watched *watched, unsigned capability, bool required,
				    bool denied)
{
	struct learned_use use = {
		.capability = capability, .count = 2, .first = 5, .last = 9, .required = required};
	struct learned_denial denial = {.capability = capability, .count = 1, .first = 5, .last = 9};
	const struct learned_container container = {.watched = watched,
						    .uses = &use,
						    .use_count = !denied,
						    .denials = &denial,
						    .denial_count = denied,
						    .observed_seconds = 10};
	struct learned_history history = {0};

	assert_int_equal(store_learn(store, &container, 1, &history, NULL), 0);
	assert_string_equal(history.id, watched->id);
	return history;
}

#define CAP(name) CAPABILITY_MASK(CAP_##name)

static void test_of_one_image(void **state)
{
	const struct watched first = {.id = "a", .image = "web:1", .saw_start = true},
			     second = {.id = "b", .image = "web:1"}, other = {.id = "c", .image = "web:2"};
	struct learned_history history = learn(&first, CAP_CHOWN, true, false);

	(void)state;
	assert_int_equal(history.required, CAP(CHOWN));
	assert_int_equal(history.seconds, 10);
	assert_int_equal(history.starts, 1);
	history = learn(&second, CAP_FSETID, false, false);
	assert_int_equal(history.required, CAP(CHOWN));
	assert_int_equal(history.optional, CAP(FSETID));
	assert_int_equal(history.seconds, 20);
	assert_int_equal(history.starts, 1);
	history = learn(&second, CAP_FSETID, true, false); /* once is enough */
	assert_int_equal(history.required, CAP(CHOWN) | CAP(FSETID));
	assert_int_equal(history.optional, 0);
	history = learn(&second, CAP_KILL, true, true); /* refused is not used */
	assert_int_equal(history.required, CAP(CHOWN) | CAP(FSETID));
	history = learn(&other, CAP_KILL, true, false);
	assert_int_equal(history.required, CAP(KILL));
	assert_int_equal(history.seconds, 10);
}

/* The tag says less than the digest; a family goes on with another image. */
static void test_of_a_digest_and_a_family(void **state)
{
	const struct watched
		old = {.id = "a", .image = "web:1", .image_digest = "sha256:1", .family = "shop"},
		new = {.id = "b", .image = "web:1", .image_digest = "sha256:2", .family = "shop"},
		lone = {.id = "c", .image = "web:1", .image_digest = "sha256:3"};
	struct learned_history history;

	(void)state;
	learn(&old, CAP_CHOWN, true, false);
	history = learn(&new, CAP_KILL, true, false);
	assert_int_equal(history.required, CAP(CHOWN) | CAP(KILL));
	assert_int_equal(history.seconds, 10); /* but how long it was watched is of the image */
	history = learn(&lone, CAP_SETUID, true, false);
	assert_int_equal(history.required, CAP(SETUID));
}

static void test_restart(void **state)
{
	struct store_options options = test_options(test_directory());
	const struct watched web = {.id = "a", .image = "web:1", .saw_start = true};
	struct learned_history history;

	(void)state;
	store_close(store);
	store = test_store(&options);
	learn(&web, CAP_CHOWN, true, false);
	store_close(store);
	store = test_store(&options);
	history = learn(&web, CAP_KILL, true, false);
	assert_int_equal(history.required, CAP(CHOWN) | CAP(KILL));
	assert_int_equal(history.seconds, 20);
	assert_int_equal(history.starts, 2);
	store_close(store);
	options = test_options(NULL);
	store = test_store(&options);
	test_directory_remove();
}

/* More images than are kept: those that were not seen longest go. */
static void test_bound(void **state)
{
	struct learned_container list[512];
	struct learned_history histories[512];
	struct watched watched[512];
	char names[512][16];

	(void)state;
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 512; i++) {
			snprintf(names[i], sizeof(names[i]), "i%d", round * 512 + i);
			watched[i] = (struct watched){.id = names[i], .image = names[i]};
			list[i] = (struct learned_container){.watched = &watched[i], .observed_seconds = 1};
		}
		assert_int_equal(store_learn(store, list, 512, histories, NULL), 0);
		assert_int_equal(histories[511].seconds, 1);
	}
	watched[0].image = "i0";
	assert_int_equal(store_learn(store, list, 1, histories, NULL), 0);
	assert_int_equal(histories[0].seconds, 1); /* it was forgotten */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_of_one_image),
		TEST(test_of_a_digest_and_a_family),
		TEST(test_restart),
		TEST(test_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
