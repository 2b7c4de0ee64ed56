/* The threads that bring the queue to sinks: here to one that fails at first. */
#include "tests/unit/store.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "agent/daemon/delivery.h"

/* What a sink's thread has to have done by then; else the test fails. */
enum { PATIENCE_MS = 30000, LOOK_MS = 10 };

static struct {
	atomic_bool works;
	atomic_uint failed, out;
	atomic_bool holds, tended; /* a thread that found nothing to do is to go on when it is let */
} receiver;

static void *open_receiver(const struct sink_options *options, struct error **error)
{
	(void)options, (void)error;
	return &receiver;
}

/* As one that is closed for an hour. */
static int deliver(void *sink, const struct queued *records, size_t count, int stop,
		   struct delivered *delivered, struct error **error)
{
	(void)sink, (void)records, (void)stop;
	if (!atomic_load(&receiver.works)) {
		atomic_fetch_add(&receiver.failed, 1);
		delivered->wait = 3600;
		return error_set(error, 0, "closed");
	}
	delivered->out = count;
	atomic_fetch_add(&receiver.out, (unsigned)count);
	return 0;
}

static int tend(void *sink, int stop, struct error **error)
{
	(void)sink, (void)stop, (void)error;
	atomic_store(&receiver.tended, true);
	while (atomic_load(&receiver.holds))
		poll(NULL, 0, 1);
	return 0;
}

static void close_receiver(void *sink)
{
	(void)sink;
}

static const struct sink_kind kind = {
	.open = open_receiver, .deliver = deliver, .tend = tend, .close = close_receiver};
static struct sink_setting sink = {
	.name = "test", .kind = &kind, .minimum = SEVERITY_INFO, .heartbeats = true, .batch = 1};
static const struct settings settings = {.sinks = &sink, .sink_count = 1};
static const struct log quiet = {.level = LOG_ERROR, .fd = -1};

static void wait_for_sink(const atomic_bool *what)
{
	for (int waited = 0; !atomic_load(what); waited += LOOK_MS) {
		assert_true(waited < PATIENCE_MS);
		poll(NULL, 0, LOOK_MS);
	}
}

/* Two records in memory, and a thread that has failed to bring out the first. */
static struct delivery *start(struct store **store)
{
	struct store_options options = test_options(NULL);
	struct look look = {.time = LOOK_TIME, .findings = {{.letter = 'a'}, {.letter = 'b'}}};
	struct delivery *delivery;

	receiver.works = false;
	receiver.failed = receiver.out = 0;
	*store = test_store(&options);
	assert_int_equal(look_at(*store, &look), 0);
	delivery = delivery_start(&settings, *store, &quiet, NULL);
	assert_non_null(delivery);
	for (int waited = 0; !atomic_load(&receiver.failed); waited += LOOK_MS) {
		assert_true(waited < PATIENCE_MS);
		poll(NULL, 0, LOOK_MS);
	}
	return delivery;
}

static uint64_t waiting(struct store *store)
{
	struct store_state *state = store_state(store, NULL);
	uint64_t count;

	assert_non_null(state);
	count = state->sinks[0].waiting;
	store_state_free(state);
	return count;
}

static void test_a_sink_that_failed_is_tried_once_more_at_the_end(void **state)
{
	struct store *store;
	struct delivery *delivery = start(&store);

	(void)state;
	atomic_store(&receiver.works, true);
	delivery_stop(delivery, PATIENCE_MS);
	assert_int_equal(atomic_load(&receiver.out), 2);
	assert_int_equal(waiting(store), 0);
	store_close(store);
}

static void test_one_that_fails_still_keeps_what_waits(void **state)
{
	struct store *store;
	struct delivery *delivery = start(&store);

	(void)state;
	delivery_stop(delivery, 0);
	assert_int_equal(atomic_load(&receiver.out), 0);
	assert_int_equal(waiting(store), 2);
	store_close(store);
}

/* By then the end has begun, most likely; if not, the test proves less. */
static void *let_go_soon(void *argument)
{
	(void)argument;
	poll(NULL, 0, 200);
	atomic_store(&receiver.holds, false);
	return NULL;
}

static void test_what_came_before_the_end_is_looked_for(void **state)
{
	struct look look = {.time = LOOK_TIME,
			    .findings = {{.letter = 'a'}, {.letter = 'b'}, {.letter = 'c'}}};
	struct store *store;
	struct store_options options = test_options(NULL);
	struct delivery *delivery;
	pthread_t thread;

	(void)state;
	receiver.works = receiver.holds = true;
	receiver.tended = false;
	receiver.out = 0;
	store = test_store(&options);
	delivery = delivery_start(&settings, store, &quiet, NULL);
	assert_non_null(delivery);
	wait_for_sink(&receiver.tended);
	assert_int_equal(look_at(store, &look), 0);
	assert_int_equal(pthread_create(&thread, NULL, let_go_soon, NULL), 0);
	delivery_stop(delivery, PATIENCE_MS);
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&receiver.out), 3);
	assert_int_equal(waiting(store), 0);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_sink_that_failed_is_tried_once_more_at_the_end),
		cmocka_unit_test(test_one_that_fails_still_keeps_what_waits),
		cmocka_unit_test(test_what_came_before_the_end_is_looked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
