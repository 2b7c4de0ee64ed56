#include "tests/unit/store.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

static struct store *store;

static int teardown(void **state)
{
	(void)state;
	store_close(store);
	store = NULL;
	return 0;
}

static void open_store(uint64_t bytes, uint64_t age)
{
	struct store_options options = test_options(NULL);

	options.queue_bytes = bytes;
	options.queue_age = age;
	store = store_open(&options, NULL);
	assert_non_null(store);
}

static void set_sinks(const struct queue_options *sinks, size_t count)
{
	assert_int_equal(store_set_sinks(store, sinks, count, NULL), 0);
}

static void beat(void)
{
	static const char members[] = "{\"version\":\"1\",\"dropped\":0,\"degraded\":false,\"queue\":[]}";
	struct error *error = NULL;

	if (store_append(store, "heartbeat", members, strlen(members), &error))
		fail_msg("%s", error_message(error));
}

/* The findings `letters`, one of each severity: a is info, b low, …; all others are gone. */
static void find(const char *letters)
{
	struct look look = {.time = LOOK_TIME};

	for (size_t i = 0; letters[i]; i++) {
		look.findings[i].letter = letters[i];
		look.findings[i].severity = (enum severity)(SEVERITY_INFO + (letters[i] - 'a') % 5);
	}
	assert_int_equal(look_at(store, &look), 0);
}

/* The letters of what waits for the sink, `-` for what is no finding; at most `count` records. *last is the
 * sequence of the last one. */
static const char *next(const char *sink, size_t count, int64_t *last)
{
	static char letters[64];
	struct batch *batch = store_next(store, sink, count, 1 << 20, NULL);
	size_t got, length = 0;

	assert_non_null(batch);
	const struct queued *records = batch_records(batch, &got);
	assert_true(got <= count);
	for (size_t i = 0; i < got; i++) {
		const char *id = strstr(records[i].text, "\"finding\":{\"id\":\"");
		letters[length++] = id ? id[17] : '-';
		*last = records[i].sequence;
	}
	letters[length] = '\0';
	batch_free(batch);
	return letters;
}

/* What waits for the sink up to that one is out: so many records. */
static void done(const char *sink, int64_t last, size_t count)
{
	struct batch *batch = store_next(store, sink, 64, 1 << 20, NULL);
	size_t got, out = 0;
	const struct queued *records = batch_records(batch, &got);

	while (out < got && records[out].sequence <= last)
		out++;
	assert_int_equal(out, count);
	assert_int_equal(store_done(store, sink, records, count, NULL), 0);
	batch_free(batch);
}

static struct sink_state state_of(const char *name)
{
	struct store_state *state = store_state(store, NULL);
	struct sink_state found = {0};

	assert_non_null(state);
	for (size_t i = 0; i < state->sink_count; i++)
		if (!strcmp(state->sinks[i].name, name))
			found = state->sinks[i];
	found.name = name;
	store_state_free(state);
	return found;
}

/* ---- places -------------------------------------------------------------------------------------- */

static void test_without_sinks_nothing_is_queued(void **state)
{
	const struct queue_options sink = {.sink = "late", .minimum = SEVERITY_INFO};
	int64_t last;

	(void)state;
	open_store(0, 0);
	find("abc");
	set_sinks(&sink, 1);
	assert_string_equal(next("late", 9, &last), "");
	find("abcd");
	assert_string_equal(next("late", 9, &last), "d");
}

static void test_each_sink_has_its_place_and_its_wishes(void **state)
{
	const struct queue_options sinks[] = {
		{.sink = "all", .minimum = SEVERITY_INFO, .heartbeats = true},
		{.sink = "worst", .minimum = SEVERITY_HIGH},
	};
	int64_t last, worst;

	(void)state;
	open_store(0, 0);
	set_sinks(sinks, 2);
	find("abcde");
	beat();
	assert_string_equal(next("all", 2, &last), "ab");
	assert_string_equal(next("all", 2, &last), "ab"); /* until it is done */
	assert_string_equal(next("worst", 9, &worst), "de");
	done("all", last, 2);
	assert_string_equal(next("all", 9, &last), "cde-");
	done("worst", worst, 2);
	assert_string_equal(next("worst", 9, &worst), "");
	assert_int_equal(state_of("all").waiting, 4);
	assert_int_equal(state_of("worst").waiting, 0);
	assert_int_equal(state_of("worst").waiting_bytes, 0);
	done("all", last, 4);
	assert_int_equal(state_of("all").sent, 6);
	assert_int_equal(state_of("all").waiting_bytes, 0);
	beat();
	assert_string_equal(next("worst", 9, &worst), "");
	assert_string_equal(next("all", 9, &last), "-");
	done("all", last, 1);
	assert_string_equal(next("all", 9, &last), "");
}

static void test_a_new_sink_begins_at_the_oldest_and_one_that_left_loses_its_place(void **state)
{
	const struct queue_options first[] = {{.sink = "one", .minimum = SEVERITY_INFO}};
	const struct queue_options both[] = {{.sink = "one", .minimum = SEVERITY_INFO},
					     {.sink = "two", .minimum = SEVERITY_LOW}};
	int64_t last;

	(void)state;
	open_store(0, 0);
	set_sinks(first, 1);
	find("abc");
	assert_string_equal(next("one", 1, &last), "a");
	set_sinks(both, 2);
	assert_string_equal(next("two", 9, &last), "bc");
	assert_int_equal(state_of("two").waiting, 2);
	assert_string_equal(next("one", 9, &last), "abc");
	done("one", last, 3);
	set_sinks(both + 1, 1);
	assert_null(store_next(store, "one", 1, 1, NULL));
	assert_int_equal(store_done(store, "one", &(struct queued){.sequence = last}, 1, NULL), -1);
	set_sinks(first, 1);
	assert_string_equal(next("one", 9, &last), "bc"); /* which waited for two */
}

static void test_wishes_that_change_count_anew(void **state)
{
	struct queue_options sink = {.sink = "one", .minimum = SEVERITY_INFO, .heartbeats = true};
	int64_t last;

	(void)state;
	open_store(0, 0);
	set_sinks(&sink, 1);
	find("abcde");
	beat();
	assert_int_equal(state_of("one").waiting, 6);
	sink.minimum = SEVERITY_CRITICAL;
	sink.heartbeats = false;
	set_sinks(&sink, 1);
	assert_int_equal(state_of("one").waiting, 1);
	assert_string_equal(next("one", 9, &last), "e");
	done("one", last, 1);
	assert_int_equal(state_of("one").waiting, 0);
}

static void test_whoever_was_told_of_the_worse_is_told_of_the_better(void **state)
{
	const struct queue_options sink = {.sink = "test", .minimum = SEVERITY_CRITICAL};

	(void)state;
	open_store(0, 0);
	set_sinks(&sink, 1);
	look_at(store, &(struct look){.findings = {{.letter = 'a', .severity = SEVERITY_CRITICAL},
						   {.letter = 'b', .severity = SEVERITY_LOW}}});
	look_at(store, &(struct look){.findings = {{.letter = 'a', .severity = SEVERITY_LOW},
						   {.letter = 'b', .severity = SEVERITY_LOW, .digest = 1}}});
	look_at(store, &(struct look){.findings = {{.letter = 'a', .severity = SEVERITY_LOW, .digest = 1}}});
	assert_string_equal(told(store), "opened a, changed a");
}

static void test_bytes_bound_a_batch(void **state)
{
	const struct queue_options sink = {.sink = "one", .minimum = SEVERITY_INFO};
	struct batch *batch;
	size_t count;

	(void)state;
	open_store(0, 0);
	set_sinks(&sink, 1);
	find("abcde");
	batch = store_next(store, "one", 5, 1, NULL);
	batch_records(batch, &count);
	assert_int_equal(count, 1); /* one always, however large */
	batch_free(batch);
	batch = store_next(store, "one", 5, state_of("one").waiting_bytes - 1, NULL);
	batch_records(batch, &count);
	assert_int_equal(count, 4);
	batch_free(batch);
}

/* ---- bounds -------------------------------------------------------------------------------------- */

static uint64_t bytes_of_one(void)
{
	const struct queue_options sink = {.sink = "one", .minimum = SEVERITY_INFO};
	uint64_t bytes;

	open_store(0, 0);
	set_sinks(&sink, 1);
	find("d");
	bytes = state_of("one").waiting_bytes;
	store_close(store);
	return bytes;
}

static void test_the_oldest_of_the_lowest_severity_falls_out(void **state)
{
	const struct queue_options sinks[] = {{.sink = "one", .minimum = SEVERITY_INFO},
					      {.sink = "two", .minimum = SEVERITY_HIGH}};
	int64_t last;

	(void)state;
	open_store(bytes_of_one() * 4 + 20, 0);
	set_sinks(sinks, 2);
	find("dabe");
	assert_string_equal(next("one", 9, &last), "abde");
	find("dabeicf"); /* a and f are info, b is low, c is medium, d and i are high, e is critical */
	assert_string_equal(next("one", 9, &last), "deci");
	assert_int_equal(state_of("one").dropped, 3);
	assert_int_equal(state_of("one").waiting, 4);
	assert_int_equal(state_of("two").dropped, 0);
	assert_string_equal(next("two", 9, &last), "dei");
	done("two", last - 1, 2);
	assert_int_equal(state_of("two").waiting, 1);
	find("dabeicfjnox"); /* j, o: critical; n: high; x: high */
	assert_string_equal(next("one", 9, &last), "ejox");
	assert_int_equal(state_of("one").dropped, 6 + 1);
	assert_int_equal(state_of("one").waiting, 4);
	assert_int_equal(state_of("two").dropped, 2); /* i and n: it has had d */
}

static void test_what_is_too_old_falls_out(void **state)
{
	const struct queue_options sink = {.sink = "one", .minimum = SEVERITY_INFO};
	int64_t last;

	(void)state;
	open_store(0, 60);
	set_sinks(&sink, 1);
	find("e");
	test_clock += 40000;
	find("ea");
	assert_true(state_of("one").oldest > 39.9 && state_of("one").oldest < 40.1);
	test_clock += 21000;
	find("eab");
	assert_string_equal(next("one", 9, &last), "ab");
	assert_int_equal(state_of("one").dropped, 1);
	test_clock += 100000;
	find("eab");
	assert_string_equal(next("one", 9, &last), "");
	assert_int_equal(state_of("one").dropped, 3);
	assert_int_equal(state_of("one").waiting, 0);
	assert_int_equal(state_of("one").waiting_bytes, 0);
	assert_true(state_of("one").oldest == 0);
}

/* ---- bounds of a sink ---------------------------------------------------------------------------- */

static void test_a_sink_loses_at_its_own_bound_and_no_other_one_does(void **state)
{
	struct queue_options sinks[] = {{.sink = "one", .minimum = SEVERITY_INFO, .heartbeats = true},
					{.sink = "two", .minimum = SEVERITY_INFO}};
	int64_t last;

	(void)state;
	sinks[0].max_bytes = bytes_of_one() * 4 + 20;
	open_store(0, 0);
	set_sinks(sinks, 2);
	find("dabe");
	assert_string_equal(next("one", 9, &last), "abde");
	find("dabeicf");
	assert_string_equal(next("one", 9, &last), "deci");
	assert_string_equal(next("two", 20, &last), "abdecfi");
	assert_int_equal(state_of("one").dropped, 3);
	assert_int_equal(state_of("one").waiting, 4);
	assert_int_equal(state_of("two").dropped, 0);
	assert_int_equal(state_of("two").waiting, 7);
	next("two", 5, &last);
	done("two", last, 5); /* c is left to one, f and i to two */
	assert_string_equal(next("two", 9, &last), "fi");
	find("dabeicfjnox");
	assert_string_equal(next("one", 9, &last), "ejox");
	assert_int_equal(state_of("one").dropped, 7);
	assert_string_equal(next("two", 9, &last), "fijnox");
	done("two", last, 6);
	next("one", 1, &last);
	done("one", last, 1);
	assert_string_equal(next("one", 9, &last), "jox");
	assert_int_equal(state_of("one").waiting, 3);
	set_sinks(sinks, 2); /* counted anew, it is the same */
	assert_int_equal(state_of("one").waiting, 3);
	assert_int_equal(state_of("two").waiting, 0);
}

static void test_what_no_sink_waits_for_makes_room_for_others(void **state)
{
	struct queue_options sinks[] = {{.sink = "slow", .minimum = SEVERITY_INFO},
					{.sink = "fast", .minimum = SEVERITY_INFO}};
	uint64_t one = bytes_of_one();
	int64_t last;

	(void)state;
	sinks[0].max_bytes = one * 2 + 20;
	open_store(one * 4 + 20, 0);
	set_sinks(sinks, 2);
	find("e");
	find("ed");
	find("edi");
	assert_string_equal(next("slow", 9, &last), "ei"); /* d fell out, and waits for fast only */
	next("fast", 9, &last);
	done("fast", last, 3);
	find("edia"); /* of e and i there is room for it, though slow has had neither */
	find("ediaf");
	assert_string_equal(next("fast", 9, &last), "af");
	assert_int_equal(state_of("fast").dropped, 0);
	assert_int_equal(state_of("slow").dropped, 3);
}

static void test_what_is_too_old_for_a_sink_falls_out_for_it(void **state)
{
	const struct queue_options sinks[] = {{.sink = "one", .minimum = SEVERITY_INFO, .max_age = 60},
					      {.sink = "two", .minimum = SEVERITY_INFO}};
	int64_t last;

	(void)state;
	open_store(0, 0);
	set_sinks(sinks, 2);
	find("e");
	test_clock += 40000;
	find("ea");
	test_clock += 21000;
	find("eab");
	assert_string_equal(next("one", 9, &last), "ab");
	assert_int_equal(state_of("one").dropped, 1);
	test_clock += 100000;
	find("eab");
	assert_string_equal(next("one", 9, &last), "");
	assert_int_equal(state_of("one").dropped, 3);
	assert_int_equal(state_of("one").waiting_bytes, 0);
	assert_string_equal(next("two", 9, &last), "eab");
	assert_int_equal(state_of("two").dropped, 0);
}

/* It was counted when it fell out. */
static void test_what_falls_out_on_its_way_is_counted_once(void **state)
{
	struct queue_options sink = {.sink = "one", .minimum = SEVERITY_INFO};
	const struct queued *records;
	struct batch *batch;
	size_t count;

	(void)state;
	sink.max_bytes = bytes_of_one() * 2 + 20;
	open_store(0, 0);
	set_sinks(&sink, 1);
	find("ab");
	batch = store_next(store, "one", 9, 1 << 20, NULL);
	records = batch_records(batch, &count);
	assert_int_equal(count, 2);
	find("abe");
	assert_int_equal(state_of("one").dropped, 1);
	assert_int_equal(store_done(store, "one", records, count, NULL), 0);
	batch_free(batch);
	assert_int_equal(state_of("one").sent, 1);
	assert_int_equal(state_of("one").waiting, 1);
	assert_int_equal(state_of("one").dropped, 1);
}

/* ---- dead letters -------------------------------------------------------------------------------- */

static void refuse(const char *sink, size_t count)
{
	struct batch *batch = store_next(store, sink, count, 1 << 20, NULL);
	size_t got;
	const struct queued *records = batch_records(batch, &got);

	assert_int_equal(got, count);
	assert_int_equal(store_refuse(store, sink, records, count, "413 \"too large\"\n", NULL), 0);
	batch_free(batch);
}

static void test_what_a_receiver_refuses_is_kept_until_it_is_tried_again(void **state)
{
	const struct queue_options sinks[] = {{.sink = "one", .minimum = SEVERITY_INFO},
					      {.sink = "two", .minimum = SEVERITY_INFO}};
	struct error *error = NULL;
	uint64_t count;
	int64_t last;

	(void)state;
	open_store(0, 0);
	set_sinks(sinks, 2);
	find("abc");
	refuse("one", 2);
	assert_string_equal(next("one", 9, &last), "c");
	assert_string_equal(next("two", 9, &last), "abc");
	assert_int_equal(state_of("one").refused, 2);
	assert_int_equal(state_of("one").dead_letters, 2);
	assert_int_equal(state_of("one").sent, 0);
	assert_int_equal(state_of("one").waiting, 1);
	assert_int_equal(state_of("two").dead_letters, 0);
	assert_int_equal(store_retry(store, "two", &count, NULL), 0);
	assert_int_equal(count, 0);
	assert_int_equal(store_retry(store, "three", &count, &error), -1);
	assert_string_equal(error_message(error), "no sink is called three");
	error_free(error);
	find("abcd");
	assert_int_equal(store_retry(store, "one", &count, NULL), 0);
	assert_int_equal(count, 2);
	assert_string_equal(next("one", 9, &last), "cdab");
	assert_int_equal(state_of("one").waiting, 4);
	assert_int_equal(state_of("one").dead_letters, 0);
	assert_int_equal(state_of("one").refused, 2);
	done("one", last, 4);
	assert_int_equal(state_of("one").waiting_bytes, 0);
	assert_string_equal(next("two", 9, &last), "abcd"); /* not what is for one alone */
	find("abcdi");
	assert_string_equal(next("one", 9, &last), "i");
}

static void test_dead_letters_of_all_sinks_or_of_one(void **state)
{
	const struct queue_options sinks[] = {{.sink = "one", .minimum = SEVERITY_INFO},
					      {.sink = "two", .minimum = SEVERITY_INFO}};
	uint64_t count;
	int64_t last;

	(void)state;
	open_store(0, 0);
	set_sinks(sinks, 2);
	find("abcd");
	refuse("one", 2);
	refuse("two", 3);
	assert_int_equal(store_drop(store, "one", &count, NULL), 0);
	assert_int_equal(count, 2);
	refuse("one", 1);
	set_sinks(sinks, 1);
	assert_int_equal(store_retry(store, NULL, &count, NULL), 0);
	assert_int_equal(count, 1); /* two is not there any more */
	assert_string_equal(next("one", 9, &last), "dc");
	set_sinks(sinks, 2);
	assert_int_equal(state_of("two").dead_letters, 3);
	assert_int_equal(store_drop(store, NULL, &count, NULL), 0);
	assert_int_equal(count, 3);
	assert_int_equal(state_of("two").dead_letters, 0);
}

static void test_the_oldest_dead_letters_fall_out(void **state)
{
	const struct queue_options sink = {.sink = "one", .minimum = SEVERITY_INFO};
	static char text[400000];
	struct queued records[3];

	(void)state;
	memset(text, 'x', sizeof(text));
	open_store(0, 0); /* in memory: 1 MiB */
	set_sinks(&sink, 1);
	for (int64_t i = 0; i < 3; i++)
		records[i] = (struct queued){
			.sequence = i + 1, .severity = SEVERITY_LOW, .text = text, .length = sizeof(text)};
	assert_int_equal(store_refuse(store, "one", records, 3, "", NULL), 0);
	assert_int_equal(state_of("one").refused, 3);
	assert_int_equal(state_of("one").dead_letters, 2);
	assert_int_equal(state_of("one").dropped, 1);
}

/* ---- records of the agent ------------------------------------------------------------------------ */

static int append(const char *type, const char *members)
{
	struct error *error = NULL;
	int result = store_append(store, type, members, strlen(members), &error);

	assert_true(!result == !error);
	error_free(error);
	return result;
}

static void test_only_records_by_the_tables_are_appended(void **state)
{
	const struct queue_options sink = {
		.sink = "test", .minimum = SEVERITY_INFO, .heartbeats = true, .inventory = true};

	(void)state;
	open_store(0, 0);
	set_sinks(&sink, 1);
	find("");
	assert_int_equal(append("heartbeat", "{\"version\":\"2\",\"seen\":{\"processes\":7,\"secret\":1}}"),
			 0);
	assert_string_equal(told(store), "heartbeat");
	assert_string_equal(json_string_value(json_object_get(told_last(), "version")), "2");
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(told_last(), "seen"), "processes")), 7);
	assert_null(json_object_get(json_object_get(told_last(), "seen"), "secret"));
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(told_last(), "host"), "hostname")),
		"machine");
	assert_int_equal(append("inventory", "{\"containers\":[{\"id\":\"x\"}]}"), 0);
	assert_string_equal(told(store), "inventory");
	assert_int_equal(append("heartbeat", "{\"unheard\":1}"), -1);
	assert_int_equal(append("heartbeat", "[]"), -1);
	assert_int_equal(append("heartbeat", "{"), -1);
	assert_int_equal(append("finding", "{}"), -1);
	assert_int_equal(append("", "{}"), -1);
	assert_string_equal(told(store), "");
}

static void test_the_state_as_a_heartbeat_has_it(void **state)
{
	const struct queue_options sink = {.sink = "test", .minimum = SEVERITY_INFO, .heartbeats = true};
	struct store_state *counts;
	_cleanup_json_ json_t *json = NULL;
	_cleanup_free_ char *text = NULL;

	(void)state;
	open_store(0, 0);
	set_sinks(&sink, 1);
	find("bc");
	told(store);
	counts = store_state(store, NULL);
	json = store_state_json(counts);
	store_state_free(counts);
	text = json_dumps(json, JSON_COMPACT);
	assert_string_equal(text,
			    "{\"findings\":{\"critical\":0,\"high\":0,\"medium\":1,\"low\":1,\"info\":0,"
			    "\"suppressed\":0},\"dropped\":0,\"queue\":[{\"sink\":\"test\",\"waiting\":0,"
			    "\"waiting_bytes\":0,\"oldest_seconds\":0,\"sent\":2,\"dropped\":0,\"refused\":0,"
			    "\"dead_letters\":0}],\"degraded\":false}");
	assert_int_equal(append("heartbeat", text), 0);
	assert_string_equal(told(store), "heartbeat");
	assert_true(json_equal(json_object_get(told_last(), "queue"), json_object_get(json, "queue")));
}

/* ---- wakeups and threads ------------------------------------------------------------------------- */

static bool is_readable(int fd)
{
	struct pollfd waited = {.fd = fd, .events = POLLIN};

	return poll(&waited, 1, 0) == 1;
}

/* ---- one who sends now and then ------------------------------------------------------------------ */

static void open_keeping(void)
{
	struct store_options options = test_options(NULL);

	options.keep_sinks = true;
	store = store_open(&options, NULL);
	assert_non_null(store);
}

static void test_who_is_left_out_keeps_what_waits_and_gets_no_more(void **state)
{
	const struct queue_options here = {.sink = "here", .minimum = SEVERITY_INFO, .heartbeats = true};
	const struct queue_options away = {.sink = "away", .minimum = SEVERITY_INFO, .heartbeats = true};
	int64_t last = 0;

	(void)state;
	open_keeping();
	set_sinks(&away, 1);
	find("a");
	beat();
	assert_int_equal(store_take_apart(store, NULL), 0);
	set_sinks(&here, 1);
	assert_string_equal(next("here", 9, &last), ""); /* it was for another */
	find("ab");
	beat();
	assert_int_equal(state_of("away").waiting, 2);
	assert_string_equal(next("here", 9, &last), "b-");
	assert_int_equal(store_take_apart(store, NULL), 0);
	set_sinks(&away, 1);
	assert_string_equal(next("away", 9, &last), "a-");
	done("away", last, 2);
	assert_int_equal(state_of("here").waiting, 2);
	set_sinks(&here, 1);
	assert_string_equal(next("here", 9, &last), "b-");
	assert_string_equal(state_of("away").name, "away");
	assert_int_equal(state_of("away").sent, 0); /* it waited for nothing, and is gone */
}

static void test_who_is_left_out_can_have_its_dead_letters_again(void **state)
{
	const struct queue_options here = {.sink = "here", .minimum = SEVERITY_INFO};
	const struct queue_options away = {.sink = "away", .minimum = SEVERITY_INFO};
	uint64_t count;
	int64_t last = 0;

	(void)state;
	open_keeping();
	set_sinks(&away, 1);
	find("a");
	refuse("away", 1);
	assert_int_equal(store_take_apart(store, NULL), 0);
	set_sinks(&here, 1);
	find("ab");
	assert_int_equal(store_retry(store, NULL, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_int_equal(state_of("away").waiting, 1);
	assert_string_equal(next("here", 9, &last), "b");
	set_sinks(&away, 1);
	assert_string_equal(next("away", 9, &last), "a");
}

static void test_what_waits_for_several_is_taken_apart(void **state)
{
	const struct queue_options sinks[] = {{.sink = "all", .minimum = SEVERITY_INFO, .heartbeats = true},
					      {.sink = "bad", .minimum = SEVERITY_HIGH}};
	int64_t last = 0, sequence = 0;

	(void)state;
	open_keeping();
	set_sinks(sinks, 2);
	find("abcde");
	beat();
	assert_string_equal(next("all", 1, &last), "a");
	done("all", last, 1);
	assert_int_equal(store_take_apart(store, NULL), 0);
	assert_int_equal(store_take_apart(store, NULL), 0); /* there is no more to it */
	assert_int_equal(state_of("all").waiting, 5);
	assert_int_equal(state_of("bad").waiting, 2);
	find("abcdefghij");
	assert_string_equal(next("all", 20, &last), "bcde-fghij");
	assert_string_equal(next("bad", 20, &sequence), "deij");
	done("all", last, 10);
	done("bad", sequence, 4);
	assert_int_equal(state_of("all").waiting + state_of("all").waiting_bytes, 0);
	assert_int_equal(state_of("bad").waiting + state_of("bad").waiting_bytes, 0);
}

static void test_all_that_is_there_opens_after_it_was_forgotten(void **state)
{
	const struct queue_options sink = {.sink = "test", .minimum = SEVERITY_INFO};

	(void)state;
	open_store(0, 0);
	set_sinks(&sink, 1);
	find("ab");
	find("ab");
	assert_string_equal(told(store), "opened a, opened b");
	assert_int_equal(store_forget(store, NULL), 0);
	find("bc");
	assert_string_equal(told(store), "opened b, opened c");
}

/* More than is kept for a disk that fails. */
static void test_memory_has_no_bound_where_none_is_asked_for(void **state)
{
	const struct queue_options sink = {.sink = "test", .minimum = SEVERITY_INFO};
	enum { SIZE = 1 << 20, COUNT = 12 };
	char *json = malloc(SIZE);

	(void)state;
	assert_non_null(json);
	memset(json, 'x', SIZE);
	memcpy(json, "{\"id\":\"", 7);
	memcpy(json + SIZE - 3, "\"}", 3);
	open_store(0, 0);
	set_sinks(&sink, 1);
	for (uint64_t i = 0; i < COUNT; i++)
		look_at(store, &(struct look){.findings = {{.letter = 'a', .digest = i + 1, .json = json}}});
	assert_int_equal(state_of("test").waiting, COUNT);
	assert_true(state_of("test").waiting_bytes > COUNT * (SIZE - 16));
	assert_int_equal(state_of("test").dropped, 0);
	free(json);
}

static void test_sinks_are_woken(void **state)
{
	const struct queue_options sink = {.sink = "one", .minimum = SEVERITY_INFO};
	uint64_t count;
	int fd;

	(void)state;
	open_store(0, 0);
	set_sinks(&sink, 1);
	fd = store_wakeup(store, "one");
	assert_int_equal(store_wakeup(store, "one"), fd);
	assert_int_not_equal(store_wakeup(store, "two"), fd);
	assert_true(is_readable(fd)); /* something may wait from before */
	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	assert_false(is_readable(fd));
	find("a");
	assert_true(is_readable(fd));
	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	find("a");
	beat(); /* which it does not want */
	assert_false(is_readable(fd));
}

enum { THREAD_PASSES = 200 };

struct taker {
	const char *sink;
	size_t batch, taken;
	bool ascending;
};

static bool take_batch(struct taker *taker, int64_t *last)
{
	struct batch *batch = store_next(store, taker->sink, taker->batch, 1 << 20, NULL);
	size_t count = 0;
	const struct queued *records = batch ? batch_records(batch, &count) : NULL;
	bool done;

	for (size_t i = 0; i < count; i++) {
		taker->ascending = taker->ascending && records[i].sequence > *last;
		*last = records[i].sequence;
	}
	taker->taken += count;
	done = count && !store_done(store, taker->sink, records, count, NULL);
	batch_free(batch);
	return done;
}

/* Takes all that comes until it has had a record for each pass. */
static void *take_all(void *context)
{
	struct taker *taker = context;
	int fd = store_wakeup(store, taker->sink);
	int64_t last = 0;

	while (taker->taken < THREAD_PASSES) {
		struct pollfd waited = {.fd = fd, .events = POLLIN};
		uint64_t count;
		if (poll(&waited, 1, 10000) != 1 || read(fd, &count, sizeof(count)) < 0)
			break;
		while (take_batch(taker, &last))
			;
	}
	return NULL;
}

static void test_sinks_at_different_paces(void **state)
{
	const struct queue_options sinks[] = {{.sink = "fast", .minimum = SEVERITY_INFO},
					      {.sink = "slow", .minimum = SEVERITY_INFO}};
	struct taker takers[] = {{.sink = "fast", .batch = 50, .ascending = true},
				 {.sink = "slow", .batch = 1, .ascending = true}};
	pthread_t threads[2];

	(void)state;
	open_store(0, 0);
	set_sinks(sinks, 2);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_all, &takers[i]), 0);
	for (uint64_t i = 0; i < THREAD_PASSES; i++)
		look_at(store, &(struct look){.findings = {{.letter = 'a', .digest = i + 1}}});
	for (size_t i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(takers[i].taken, THREAD_PASSES);
		assert_true(takers[i].ascending);
		assert_int_equal(state_of(takers[i].sink).sent, THREAD_PASSES);
		assert_int_equal(state_of(takers[i].sink).waiting, 0);
	}
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_without_sinks_nothing_is_queued),
		TEST(test_each_sink_has_its_place_and_its_wishes),
		TEST(test_a_new_sink_begins_at_the_oldest_and_one_that_left_loses_its_place),
		TEST(test_wishes_that_change_count_anew),
		TEST(test_whoever_was_told_of_the_worse_is_told_of_the_better),
		TEST(test_bytes_bound_a_batch),
		TEST(test_the_oldest_of_the_lowest_severity_falls_out),
		TEST(test_what_is_too_old_falls_out),
		TEST(test_a_sink_loses_at_its_own_bound_and_no_other_one_does),
		TEST(test_what_no_sink_waits_for_makes_room_for_others),
		TEST(test_what_is_too_old_for_a_sink_falls_out_for_it),
		TEST(test_what_falls_out_on_its_way_is_counted_once),
		TEST(test_what_a_receiver_refuses_is_kept_until_it_is_tried_again),
		TEST(test_dead_letters_of_all_sinks_or_of_one),
		TEST(test_the_oldest_dead_letters_fall_out),
		TEST(test_only_records_by_the_tables_are_appended),
		TEST(test_the_state_as_a_heartbeat_has_it),
		TEST(test_who_is_left_out_keeps_what_waits_and_gets_no_more),
		TEST(test_who_is_left_out_can_have_its_dead_letters_again),
		TEST(test_what_waits_for_several_is_taken_apart),
		TEST(test_all_that_is_there_opens_after_it_was_forgotten),
		TEST(test_memory_has_no_bound_where_none_is_asked_for),
		TEST(test_sinks_are_woken),
		TEST(test_sinks_at_different_paces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
