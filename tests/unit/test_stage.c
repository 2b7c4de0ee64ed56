#include "tests/unit/test.h"

#include "agent/stage.h"

static const struct stage after_mount = {&collector_mount, {&record_mount}}, end = {0};

static void test_waits_for_those_before_it(void **state)
{
	(void)state;
	assert_false(stage_is_complete(&after_mount, collectors, &collector_host));
	assert_false(stage_is_complete(&after_mount, collectors, &collector_process));
	assert_true(stage_is_complete(&after_mount, collectors, &collector_mount));
	assert_true(stage_is_complete(&after_mount, collectors, &collector_filesystem));
}

/* What is switched off is not waited for. */
static void test_without_its_collector(void **state)
{
	static const struct collector *const some[] = {&collector_host, &collector_container,
						       &collector_filesystem, NULL};
	static const struct collector *const few[] = {&collector_host, NULL};

	(void)state;
	assert_false(stage_is_complete(&after_mount, some, &collector_host));
	assert_true(stage_is_complete(&after_mount, some, &collector_container));
	assert_true(stage_is_complete(&after_mount, few, &collector_host));
}

static void test_end_of_the_table(void **state)
{
	(void)state;
	assert_false(stage_is_complete(&end, collectors, &collector_filesystem));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits_for_those_before_it),
		cmocka_unit_test(test_without_its_collector),
		cmocka_unit_test(test_end_of_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
