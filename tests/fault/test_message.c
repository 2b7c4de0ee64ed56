/* Messages, with each allocation failing in turn: one is whole or told to be none, and no descriptor stays
 * open. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/daemon/message.h"
#include "proctor/cleanup.h"
#include "tests/fault/inject.h"

static const char *const containers[] = {"b", "a\n"};
static const struct seen seen[] = {{NULL, SIGHT_HOST}, {"a\n", 0}, {"b", SIGHT_FILES}};
static const struct observed observed[] = {
	{.id = "0123456789abcdef0123456789abcdef",
	 .rule = "file.setuid",
	 .severity = SEVERITY_LOW,
	 .containers = containers,
	 .container_count = 2,
	 .json = "{}",
	 .json_length = 2},
	{.id = "0123456789abcdef0123456789abcdee", .rule = "host.a", .severity = SEVERITY_LOW},
};

static struct message make_pass(void)
{
	return (struct message){.kind = MESSAGE_PASS,
				.pass = {.seen = seen,
					 .seen_count = 3,
					 .observed = observed,
					 .observed_count = 2,
					 .summary = "{}",
					 .summary_length = 2}};
}

static struct message make_peer(void)
{
	return (struct message){.kind = MESSAGE_PEER, .fd = STDERR_FILENO};
}

static void check(const struct message *got)
{
	if (got->kind == MESSAGE_PEER) {
		close(got->fd);
		return;
	}
	assert_int_equal(got->pass.observed_count, 2);
	assert_string_equal(got->pass.observed[0].containers[1], "a\\n");
}

/* Sends it and receives it. Whether it arrived; else the error is set. */
static bool pass_on(const struct message *message)
{
	_cleanup_error_ struct error *error = NULL;
	struct channel *left = NULL, *right = NULL;
	struct message *got = NULL;
	bool arrived = false;
	int sockets[2];

	assert_int_equal(channel_pair(sockets, &error), 0);
	left = channel_new(sockets[0], 0, &error);
	right = channel_new(sockets[1], MESSAGE_BIT(message->kind), &error);
	if (left && right && !channel_send(left, message, &error))
		arrived = channel_receive(right, &got, &error) == 1;
	if (arrived)
		check(got);
	else
		assert_non_null(error);
	message_free(got);
	if (!left)
		close(sockets[0]);
	if (!right)
		close(sockets[1]);
	channel_free(left);
	channel_free(right);
	return arrived;
}

static void each_allocation_fails(const struct message *message)
{
	unsigned long count, failed = 0;
	int before = dup(STDERR_FILENO), after;

	inject_arm(CALL_ALLOCATE, 0, 0, false);
	assert_true(pass_on(message));
	count = inject_disarm();
	assert_true(count > 3);
	for (unsigned long nth = 1; nth <= count; nth++) {
		inject_arm(CALL_ALLOCATE, nth, ENOMEM, false);
		failed += !pass_on(message);
		inject_disarm();
	}
	assert_in_range(failed, 3, count); /* one that is made smaller may stay as it is */
	after = dup(STDERR_FILENO);
	assert_int_equal(after, before + 1);
	close(after);
	close(before);
}

static void test_pass(void **state)
{
	const struct message pass = make_pass();

	(void)state;
	each_allocation_fails(&pass);
}

static void test_descriptor(void **state)
{
	const struct message peer = make_peer();

	(void)state;
	each_allocation_fails(&peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pass),
		cmocka_unit_test(test_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
