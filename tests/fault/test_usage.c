/* What is learned of the kernel's answers, without memory and with files that cannot be read. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/learn/sampled.h"
#include "agent/learn/seen.h"
#include "agent/learn/tally.h"
#include "collectors/usage/kernel_symbols.h"
#include "proctor/cleanup.h"
#include "tests/fault/inject.h"

static const char *const names[] = {"first", "second", NULL};

static void test_symbols(void **state)
{
	char text[] = "1000 T first\n2000 t second.isra.0\n3000 t third\n";

	(void)state;
	for (unsigned long nth = 1, calls = nth; nth <= calls + 1; nth++) {
		_cleanup_error_ struct error *error = NULL;
		_cleanup_fclose_ FILE *file = fmemopen(text, strlen(text), "r");
		struct kernel_symbols symbols;
		int result;

		assert_non_null(file);
		inject_arm(CALL_ALLOCATE, nth, ENOMEM, false);
		result = kernel_symbols_read(&symbols, file, names, &error);
		calls = inject_disarm();
		assert_int_equal(result != 0, error != NULL);
		assert_int_equal(symbols.count, result ? 0 : 2);
		assert_true(calls > 0);
		kernel_symbols_free(&symbols);
	}
}

static struct process first = {.known = PROCESS_KNOWS_STAT | PROCESS_KNOWS_STATUS,
			       .namespaces = {[NAMESPACE_MNT] = 7}};
static struct container container = {.id = "web", .name = "web", .image = "web:1", .init = &first};

static void test_seen(void **state)
{
	struct container *containers[] = {&container};
	struct snapshot snapshot = {
		.containers = containers, .container_count = 1, .processes = &first, .process_count = 1};

	(void)state;
	first.container = &container;
	for (unsigned long nth = 1, calls = nth; nth <= calls + 1; nth++) {
		struct seen *seen;
		size_t count = 0;
		int result = -1;

		inject_arm(CALL_ALLOCATE, nth, ENOMEM, false);
		seen = seen_new(0, NULL);
		if (seen)
			result = seen_take(seen, &snapshot, 1000);
		calls = inject_disarm();
		assert_true(calls > 0);
		if (!result) {
			const struct watched *watched = seen_list(seen, &count);
			assert_int_equal(count, 1);
			assert_string_equal(watched->image, "web:1");
			assert_int_equal(watched->mounts.count, 1);
		}
		seen_free(seen);
	}
}

static void test_samples(void **state)
{
	struct snapshot snapshot = {.processes = &first, .process_count = 1};

	(void)state;
	first.container = &container;
	for (unsigned long nth = 1, calls = nth; nth <= calls + 1; nth++) {
		struct samples *samples;
		int result = -1;

		inject_arm(CALL_ALLOCATE, nth, ENOMEM, false);
		samples = samples_new();
		if (samples)
			result = samples_take(samples, &snapshot);
		calls = inject_disarm();
		assert_true(calls > 0);
		assert_int_equal(result == 0, calls < nth);
		samples_free(samples);
	}
}

static void test_judging(void **state)
{
	struct mounts_span span = {.inode = 7, .until = 9000};
	const struct mounts_seen others = {0};
	const struct watched watched = {.id = "web", .mounts = {.list = &span, .count = 1}};
	struct usage_check checks[] = {
		{.mount_namespace = 7,
		 .executable = "/a",
		 .capability = CAP_CHOWN,
		 .count = 1,
		 .first = 1,
		 .last = 2},
		{.mount_namespace = 7,
		 .executable = "/b",
		 .capability = CAP_KILL,
		 .denied = true,
		 .count = 1,
		 .last = 2},
	};
	const struct usage usage = {.checks = checks, .count = 2, .evidence = "tracepoint"};

	(void)state;
	for (unsigned long nth = 1, calls = nth; nth <= calls + 1; nth++) {
		struct learned *learned;

		inject_arm(CALL_ALLOCATE, nth, ENOMEM, false);
		learned = learned_make(&usage, &watched, 1, &others, 3);
		calls = inject_disarm();
		assert_true(calls > 0);
		if (learned) {
			assert_int_equal(learned->containers[0].use_count, 1);
			assert_int_equal(learned->containers[0].denial_count, 1);
		}
		learned_free(learned);
	}
}

static void test_tally(void **state)
{
	struct usage_check checks[] = {{.mount_id = 1, .executable = "/a", .count = 1},
				       {.mount_id = 2, .executable = "/a", .count = 1}};
	const struct usage usage = {.checks = checks, .count = 2};

	(void)state;
	for (unsigned long nth = 1, calls = nth; nth <= calls + 1; nth++) {
		const struct usage *all = NULL;
		struct tally *tally;
		bool added = false;

		inject_arm(CALL_ALLOCATE, nth, ENOMEM, false);
		tally = tally_new();
		if (tally)
			added = !tally_add(tally, &usage);
		if (added)
			all = tally_usage(tally);
		calls = inject_disarm();
		assert_true(calls > 0);
		assert_int_equal(all != NULL, calls < nth);
		if (all)
			assert_int_equal(all->count, 2);
		tally_free(tally);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_symbols), cmocka_unit_test(test_samples), cmocka_unit_test(test_seen),
		cmocka_unit_test(test_judging), cmocka_unit_test(test_tally),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
