/* How the auditor has documents fetched: what comes of the shipper meanwhile. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "agent/daemon/asking.h"
#include "proctor/cleanup.h"

enum { FROM_SHIPPER = MESSAGE_BIT(MESSAGE_ANSWER) | MESSAGE_BIT(MESSAGE_AGAIN) };

struct sides {
	struct inquiry asking;
	struct channel *auditor; /* as the shipper has it */
};

static int begin(void **state)
{
	struct sides *sides = calloc(1, sizeof(*sides));
	int sockets[2];

	assert_non_null(sides);
	assert_int_equal(channel_pair(sockets, NULL), 0);
	sides->asking.shipper = channel_new(sockets[0], FROM_SHIPPER, NULL);
	sides->auditor = channel_new(sockets[1], MESSAGE_BIT(MESSAGE_ASK), NULL);
	assert_non_null(sides->asking.shipper);
	assert_non_null(sides->auditor);
	*state = sides;
	return 0;
}

static int end(void **state)
{
	struct sides *sides = *state;

	channel_free(sides->asking.shipper);
	channel_free(sides->auditor);
	free(sides);
	return 0;
}

/* It may be on its way before it was asked for. */
static void say(const struct sides *sides, const struct message *message)
{
	assert_int_equal(channel_send(sides->auditor, message, NULL), 0);
}

static const struct message again = {.kind = MESSAGE_AGAIN};
static const struct message task = {.kind = MESSAGE_ANSWER,
				    .answer = {.endpoint = ENDPOINT_TASK, .body = {"{}", 2}}};
static const struct message refused = {.kind = MESSAGE_ANSWER,
				       .answer = {ENDPOINT_DOCKER_CONTAINERS, FETCH_STATUS, 403, {NULL, 0}}};

static void test_answers_are_taken(void **state)
{
	struct sides *sides = *state;
	struct fetch fetches[] = {{.endpoint = ENDPOINT_TASK}, {.endpoint = ENDPOINT_DOCKER_CONTAINERS}};

	say(sides, &refused);
	say(sides, &task);
	ask_shipper(&sides->asking, fetches, 2);
	assert_int_equal(fetches[0].fault, FETCH_NO_FAULT);
	assert_string_equal(fetches[0].body.data, "{}");
	assert_int_equal(fetches[1].fault, FETCH_STATUS);
	assert_int_equal(fetches[1].number, 403);
	assert_false(sides->asking.again);
	buffer_free(&fetches[0].body);
}

static void test_a_question_for_everything_is_kept(void **state)
{
	struct sides *sides = *state;
	struct fetch fetch = {.endpoint = ENDPOINT_TASK};

	say(sides, &again);
	say(sides, &task);
	ask_shipper(&sides->asking, &fetch, 1);
	assert_int_equal(fetch.fault, FETCH_NO_FAULT);
	assert_true(sides->asking.again);
	buffer_free(&fetch.body);
}

static void test_a_shipper_that_has_gone_answers_nothing(void **state)
{
	struct sides *sides = *state;
	struct fetch fetch = {.endpoint = ENDPOINT_TASK};

	channel_free(sides->auditor);
	sides->auditor = NULL;
	ask_shipper(&sides->asking, &fetch, 1);
	assert_int_equal(fetch.fault, FETCH_NO_ANSWER);
	assert_int_equal(fetch.number, 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_answers_are_taken),
		TEST(test_a_question_for_everything_is_kept),
		TEST(test_a_shipper_that_has_gone_answers_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
