#include "tests/unit/test.h"

#include <linux/capability.h>
#include <string.h>

#include "collectors/usage/asker.h"

static int number_of(const char *function)
{
	for (int i = 0; askers[i].function; i++)
		if (!strcmp(askers[i].function, function))
			return i;
	fail_msg("%s is in no entry", function);
	return -1;
}

static void test_table(void **state)
{
	(void)state;
	for (const struct asker *asker = askers; asker->function; asker++) {
		assert_true(asker->capability >= ASKER_ANY && asker->capability < 64);
		assert_true(asker->asking == ASKING_NEED || asker->asking == ASKING_OPTIONAL ||
			    asker->asking == ASKING_ADVISORY);
		assert_int_equal(asker->reason == NULL, asker->asking == ASKING_NEED);
		assert_true(!asker->reason || asker->reason[strlen(asker->reason) - 1] != '.');
		assert_true(strchr(asker->source, '/') != NULL);
	}
}

/* One that says more than another stands before it: none is there in vain. */
static void test_each_can_be_found(void **state)
{
	(void)state;
	for (const struct asker *asker = askers; asker->function; asker++) {
		const int stack[] = {*asker->function == '*' ? -1 : number_of(asker->function)};
		unsigned capability = asker->capability == ASKER_ANY ? CAP_KILL : (unsigned)asker->capability;
		assert_ptr_equal(asker_find(stack, 1, capability), asker);
	}
}

static void test_those_that_say_more_come_first(void **state)
{
	const int seccomp[] = {-1, number_of("ns_capable_noaudit"), -1, number_of("do_seccomp")};
	const int looking[] = {-1, number_of("ns_capable_noaudit"), -1, -1};

	(void)state;
	assert_int_equal(asker_find(seccomp, 4, CAP_SYS_ADMIN)->asking, ASKING_NEED);
	assert_int_equal(asker_find(looking, 4, CAP_SYS_ADMIN)->asking, ASKING_ADVISORY);
}

/* A function asks for several capabilities, and each means something else. */
static void test_the_capability_counts(void **state)
{
	const int stack[] = {number_of("setattr_prepare")}, pipe[] = {number_of("alloc_pipe_info")};

	(void)state;
	assert_non_null(asker_find(stack, 1, CAP_FSETID));
	assert_null(asker_find(stack, 1, CAP_CHOWN));
	assert_int_equal(asker_find(pipe, 1, CAP_SYS_ADMIN)->capability, CAP_SYS_ADMIN);
	assert_int_equal(asker_find(pipe, 1, CAP_SYS_RESOURCE)->capability, CAP_SYS_RESOURCE);
}

static void test_no_one_who_is_known(void **state)
{
	const int stack[] = {-1, -1, -1};

	(void)state;
	assert_null(asker_find(stack, 3, CAP_NET_RAW));
	assert_null(asker_find(stack, 0, CAP_NET_RAW));
	assert_null(asker_find(stack, 3, 200));
	assert_int_equal(asker_find(stack, 0, CAP_FSETID)->asking, ASKING_OPTIONAL); /* whoever asks */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_each_can_be_found),
		cmocka_unit_test(test_those_that_say_more_come_first),
		cmocka_unit_test(test_the_capability_counts),
		cmocka_unit_test(test_no_one_who_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
