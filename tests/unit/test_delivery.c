#include "tests/unit/store.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/daemon/delivery.h"

/* ---- a sink that does as it is told -------------------------------------------------------------- */

static struct receiver {
	pthread_mutex_t lock;
	size_t out, refused; /* of the next delivery; what is left of a batch is out when nothing is said */
	bool fails;          /* all of them, from then on */
	char calls[256];     /* how many records each delivery had */
	unsigned calls_count;
} receiver = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *open_sink(const struct sink_options *options, struct error **error)
{
	(void)options;
	(void)error;
	return &receiver;
}

static int take(void *sink, const struct queued *records, size_t count, int stop, struct delivered *delivered,
		struct error **error)
{
	int result = 0;
	size_t length;

	(void)sink;
	(void)records;
	(void)stop;
	pthread_mutex_lock(&receiver.lock);
	length = strlen(receiver.calls);
	snprintf(receiver.calls + length, sizeof(receiver.calls) - length, "%zu ", count);
	receiver.calls_count++;
	delivered->out = receiver.out || receiver.refused ? receiver.out : count;
	delivered->refused = receiver.refused;
	snprintf(delivered->reason, sizeof(delivered->reason), "400 a secret");
	if (receiver.fails) {
		delivered->out = 0;
		result = error_set(error, 0, "it does not answer");
	}
	receiver.out = receiver.refused = 0;
	pthread_mutex_unlock(&receiver.lock);
	return result;
}

static int tend(void *sink, int stop, struct error **error)
{
	size_t length;

	(void)sink;
	(void)stop;
	(void)error;
	pthread_mutex_lock(&receiver.lock);
	length = strlen(receiver.calls);
	snprintf(receiver.calls + length, sizeof(receiver.calls) - length, "tend ");
	pthread_mutex_unlock(&receiver.lock);
	return 0;
}

static void close_sink(void *sink)
{
	(void)sink;
}

static const struct sink_kind kind = {.open = open_sink, .deliver = take, .close = close_sink};
static const struct sink_kind tended = {
	.open = open_sink, .deliver = take, .tend = tend, .close = close_sink};

/* ---- its agent ------------------------------------------------------------------------------------ */

static struct sink_setting setting;
static struct settings settings = {.sinks = &setting, .sink_count = 1};
static struct store *store;
static struct delivery *delivery;
static int log_pipe[2];

static void start(void)
{
	const struct store_options options = test_options(NULL);
	static struct log log;

	receiver.calls[0] = '\0';
	receiver.calls_count = 0;
	assert_int_equal(pipe(log_pipe), 0);
	log = (struct log){.fd = log_pipe[1], .level = LOG_DEBUG, .process = "test"};
	if (!setting.kind)
		setting.kind = &kind;
	setting.name = "test";
	setting.minimum = SEVERITY_INFO;
	store = store_open(&options, NULL);
	assert_non_null(store);
	delivery = delivery_start(&settings, store, &log, NULL);
	assert_non_null(delivery);
}

/* Ends it, after what can be delivered was; what it logged, which lives until the next call. */
static const char *end(void)
{
	static char text[4096];
	ssize_t length;

	delivery_stop(delivery, 60000);
	close(log_pipe[1]);
	length = read(log_pipe[0], text, sizeof(text) - 1);
	close(log_pipe[0]);
	assert_true(length >= 0);
	text[length] = '\0';
	return text;
}

static void find(const char *letters)
{
	struct look look = {.time = LOOK_TIME};

	for (size_t i = 0; letters[i]; i++)
		look.findings[i].letter = letters[i];
	assert_int_equal(look_at(store, &look), 0);
}

static void wait_for_calls(unsigned count)
{
	for (unsigned i = 0, calls = 0; calls < count; i++) {
		if (i == 30000)
			fail_msg("after 30 seconds there were %u deliveries", calls);
		poll(NULL, 0, 1);
		pthread_mutex_lock(&receiver.lock);
		calls = receiver.calls_count;
		pthread_mutex_unlock(&receiver.lock);
	}
}

static bool is_called(const char *calls)
{
	bool found;

	pthread_mutex_lock(&receiver.lock);
	found = strstr(receiver.calls, calls) != NULL;
	pthread_mutex_unlock(&receiver.lock);
	return found;
}

static struct sink_state state_of_sink(void)
{
	struct store_state *state = store_state(store, NULL);
	struct sink_state sink;

	assert_non_null(state);
	assert_int_equal(state->sink_count, 1);
	sink = state->sinks[0];
	store_state_free(state);
	return sink;
}

static size_t count_of(const char *text, const char *part)
{
	size_t count = 0;

	for (; (text = strstr(text, part)); text++)
		count++;
	return count;
}

static int teardown(void **state)
{
	(void)state;
	store_close(store);
	store = NULL;
	return 0;
}

/* ---- tests ---------------------------------------------------------------------------------------- */

static void test_a_batch_waits_until_it_is_full_or_all_ends(void **state)
{
	(void)state;
	setting = (struct sink_setting){.batch = 3, .batch_bytes = 1 << 20, .batch_age = 600};
	start();
	find("a");
	find("ab");
	find("abc");
	wait_for_calls(1);
	find("abcd");
	end();
	assert_string_equal(receiver.calls, "3 1 ");
	assert_int_equal(state_of_sink().sent, 4);
	assert_int_equal(state_of_sink().waiting, 0);
}

static void test_bytes_fill_a_batch(void **state)
{
	(void)state;
	setting = (struct sink_setting){.batch = 100, .batch_bytes = 1, .batch_age = 600};
	start();
	find("ab");
	wait_for_calls(2);
	end();
	assert_string_equal(receiver.calls, "1 1 ");
}

static void test_what_is_refused_is_kept_and_logged_once(void **state)
{
	const char *log;

	(void)state;
	setting = (struct sink_setting){.batch = 100, .batch_bytes = 1 << 20};
	receiver.out = 1;
	receiver.refused = 2;
	start();
	find("abcde");
	wait_for_calls(2);
	pthread_mutex_lock(&receiver.lock);
	receiver.refused = 1;
	pthread_mutex_unlock(&receiver.lock);
	find("abcdefg");
	wait_for_calls(4);
	log = end();
	assert_string_equal(receiver.calls, "5 2 2 1 ");
	assert_int_equal(state_of_sink().sent, 4);
	assert_int_equal(state_of_sink().refused, 3);
	assert_int_equal(state_of_sink().dead_letters, 3);
	assert_int_equal(state_of_sink().waiting, 0);
	assert_int_equal(count_of(log, "refuses records"), 1);
	assert_int_equal(count_of(log, "secret"), 0);
}

static void test_what_fails_stays(void **state)
{
	const char *log;

	(void)state;
	setting = (struct sink_setting){.batch = 100, .batch_bytes = 1 << 20};
	receiver.fails = true;
	start();
	find("ab");
	wait_for_calls(2);
	assert_int_equal(state_of_sink().waiting, 2);
	pthread_mutex_lock(&receiver.lock);
	receiver.fails = false;
	pthread_mutex_unlock(&receiver.lock);
	log = end(); /* it is tried once more, soon */
	assert_int_equal(state_of_sink().sent, 2);
	assert_int_equal(count_of(log, "it does not answer"), 1);
	assert_int_equal(count_of(log, "delivers again"), 1);
}

/* What was out may be lost with its receiver: it is looked for soon, not when the next records come. */
static void test_who_may_send_again_looks_soon(void **state)
{
	(void)state;
	setting = (struct sink_setting){.batch = 100, .batch_bytes = 1 << 20, .kind = &tended};
	start();
	find("ab");
	for (unsigned i = 0; !is_called("2 tend tend "); i++) {
		if (i == 30000)
			fail_msg("after 30 seconds: %s", receiver.calls);
		poll(NULL, 0, 1);
	}
	end();
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_batch_waits_until_it_is_full_or_all_ends),
		TEST(test_bytes_fill_a_batch),
		TEST(test_what_is_refused_is_kept_and_logged_once),
		TEST(test_what_fails_stays),
		TEST(test_who_may_send_again_looks_soon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
