/* The least set of capabilities: what is tried, and what comes of programs that need this or that. */
#include "tests/unit/test.h"

#include "proctor/proof.h"

#define CHOWN CAPABILITY_MASK(CAP_CHOWN)
#define KILL CAPABILITY_MASK(CAP_KILL)
#define SETUID CAPABILITY_MASK(CAP_SETUID)
#define NET_RAW CAPABILITY_MASK(CAP_NET_RAW)
#define ALL (CHOWN | KILL | SETUID | NET_RAW)

/* A program that works with all of `needs`, or with all of `other`; fails to be tried at try `breaks`. */
struct pretended {
	capability_set needs, other;
	size_t tries, breaks;
};

static int attempt(void *context, capability_set set, struct error **error)
{
	struct pretended *pretended = context;

	if (++pretended->tries == pretended->breaks)
		return error_set(error, 0, "broken");
	return (set & pretended->needs) == pretended->needs ||
	       (pretended->other && (set & pretended->other) == pretended->other);
}

static struct proof *search(struct pretended *pretended, capability_set learned, capability_set optional)
{
	struct error *error = NULL;
	struct proof *proof = proof_search(learned, optional, ALL, attempt, pretended, &error);

	assert_int_equal(proof == NULL, error != NULL);
	error_free(error);
	return proof;
}

/* Its last tries are the proof: each that is left was missed. */
static void assert_proven(const struct proof *proof, capability_set expected)
{
	capability_set missed = 0;

	assert_int_equal(proof->proven, expected);
	for (size_t i = 0; i < proof->count; i++)
		if (!proof->tries[i].passed)
			missed |= expected & ~proof->tries[i].set;
	assert_int_equal(missed, expected);
}

static void test_learned_is_the_least(void **state)
{
	struct pretended pretended = {.needs = CHOWN | SETUID};
	struct proof *proof = search(&pretended, CHOWN | SETUID, KILL);

	(void)state;
	assert_proven(proof, CHOWN | SETUID);
	assert_int_equal(proof->count, 3);
	proof_free(proof);
}

static void test_what_is_not_missed_is_taken_away(void **state)
{
	struct pretended pretended = {.needs = SETUID};
	struct proof *proof = search(&pretended, CHOWN | KILL | SETUID, 0);

	(void)state;
	assert_proven(proof, SETUID);
	proof_free(proof);
}

static void test_what_was_optional_is_missed(void **state)
{
	struct pretended pretended = {.needs = CHOWN | KILL};
	struct proof *proof = search(&pretended, CHOWN, KILL);

	(void)state;
	assert_proven(proof, CHOWN | KILL);
	proof_free(proof);
}

static void test_what_was_not_seen_is_missed(void **state)
{
	struct pretended pretended = {.needs = NET_RAW};
	struct proof *proof = search(&pretended, CHOWN, KILL);

	(void)state;
	assert_proven(proof, NET_RAW);
	proof_free(proof);
}

static void test_one_or_the_other(void **state)
{
	struct pretended pretended = {.needs = CHOWN, .other = KILL | SETUID};
	struct proof *proof = search(&pretended, CHOWN | KILL | SETUID, 0);

	(void)state;
	assert_proven(proof, KILL | SETUID);
	proof_free(proof);
}

static void test_needs_nothing(void **state)
{
	struct pretended pretended = {0};
	struct proof *proof = search(&pretended, 0, 0);

	(void)state;
	assert_proven(proof, 0);
	assert_int_equal(proof->count, 1);
	proof_free(proof);
}

static void test_more_than_is_granted(void **state)
{
	struct pretended pretended = {.needs = CAPABILITY_MASK(CAP_SYS_ADMIN)};

	(void)state;
	assert_null(search(&pretended, CAPABILITY_MASK(CAP_SYS_ADMIN), CAPABILITY_MASK(CAP_SYS_ADMIN)));
}

static void test_that_cannot_be_tried(void **state)
{
	(void)state;
	for (size_t i = 1; i < 4; i++) {
		struct pretended pretended = {.needs = CHOWN | SETUID, .breaks = i};
		assert_null(search(&pretended, CHOWN | SETUID, 0));
		assert_int_equal(pretended.tries, i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_learned_is_the_least),
		cmocka_unit_test(test_what_is_not_missed_is_taken_away),
		cmocka_unit_test(test_what_was_optional_is_missed),
		cmocka_unit_test(test_what_was_not_seen_is_missed),
		cmocka_unit_test(test_one_or_the_other),
		cmocka_unit_test(test_needs_nothing),
		cmocka_unit_test(test_more_than_is_granted),
		cmocka_unit_test(test_that_cannot_be_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
