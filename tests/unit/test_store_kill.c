#include "tests/unit/store.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

enum { KILLS = 50, LETTERS = 8 };

static unsigned seed = 1;
static const char *directory; /* the parent's and its children's */

/* What the pass `number` sees: each of the letters or not, each with one of a few digests. */
static struct look look_of(unsigned number)
{
	struct look look = {.time = LOOK_TIME};
	size_t count = 0;

	for (unsigned i = 0; i < LETTERS; i++) {
		unsigned noise = (number * 2654435761u) ^ (i * 40503u + 77u);
		noise ^= noise >> 13;
		if (noise % 3)
			look.findings[count++] = (typeof(look.findings[0])){
				.letter = (char)('a' + i), .digest = noise % 5, .excepted = noise % 7 == 1};
	}
	return look;
}

static struct store *open_store(void)
{
	struct store_options options = test_options(directory);

	options.clock = NULL;
	return test_store(&options);
}

/* Applies passes until it is killed. */
static _Noreturn void run_auditor(unsigned number)
{
	struct store *store = open_store();

	for (;; number++) {
		struct look look = look_of(number);
		if (look_at(store, &look))
			_exit(1);
	}
}

/* Refuses what is next, or has it tried again. */
static int refuse_or_retry(struct store *store)
{
	struct batch *batch = store_next(store, "test", 3, 1 << 20, NULL);
	uint64_t retried;
	size_t count;
	int result;

	if (!batch)
		return -1;
	const struct queued *records = batch_records(batch, &count);
	result = rand_r(&seed) % 4 ? store_refuse(store, "test", records, count, "no", NULL)
				   : store_retry(store, "test", &retried, NULL);
	batch_free(batch);
	return result;
}

/* The same, for a receiver that takes nothing. */
static _Noreturn void run_refused(unsigned number)
{
	struct store *store = open_store();

	for (seed = number;; number++) {
		struct look look = look_of(number);
		if (look_at(store, &look) || refuse_or_retry(store))
			_exit(1);
	}
}

/* ---- what was told, replayed --------------------------------------------------------------------- */

enum seen_as { SEEN_NOT, SEEN_OPEN, SEEN_SUPPRESSED };

static struct replay {
	enum seen_as letters[LETTERS];
	json_int_t digests[LETTERS];
	int64_t sequence;
	size_t records;
} replay;

static json_int_t digest_of(const json_t *finding)
{
	return strtol(json_string_value(json_object_get(finding, "title")) + strlen("digest "), NULL, 10);
}

static void replay_record(const char *text, size_t length)
{
	_cleanup_json_ json_t *record = json_loadb(text, length, 0, NULL);
	const char *status = json_string_value(json_object_get(record, "status"));
	const json_t *finding = json_object_get(record, "finding");
	int64_t sequence = json_integer_value(json_object_get(record, "sequence"));
	size_t letter = (size_t)(json_string_value(json_object_get(finding, "id"))[0] - 'a');
	enum seen_as before = replay.letters[letter];

	if (sequence <= replay.sequence)
		fail_msg("sequence %lld after %lld", (long long)sequence, (long long)replay.sequence);
	if ((!strcmp(status, "opened") && before == SEEN_OPEN) ||
	    (!strcmp(status, "suppressed") && before == SEEN_SUPPRESSED) ||
	    (!strcmp(status, "changed") && before != SEEN_OPEN) ||
	    (!strcmp(status, "resolved") && before == SEEN_NOT))
		fail_msg("%.*s, where it was %d", (int)length, text, before);
	replay.sequence = sequence;
	replay.records++;
	replay.digests[letter] = digest_of(finding);
	replay.letters[letter] = !strcmp(status, "resolved")     ? SEEN_NOT
				 : !strcmp(status, "suppressed") ? SEEN_SUPPRESSED
								 : SEEN_OPEN;
}

struct copied {
	int64_t sequence; /* its own, which stays when it is tried again */
	char *text;
};

static int compare_copied(const void *left, const void *right)
{
	int64_t a = ((const struct copied *)left)->sequence, b = ((const struct copied *)right)->sequence;

	return (a > b) - (a < b);
}

static struct copied copy_of(const struct queued *record)
{
	_cleanup_json_ json_t *json = json_loadb(record->text, record->length, 0, NULL);

	return (struct copied){.sequence = json_integer_value(json_object_get(json, "sequence")),
			       .text = strndup(record->text, record->length)};
}

/* Takes all that waits, and replays it: as it came, or in the order in which it was made. */
static void drain(struct store *store, bool in_order)
{
	_cleanup_free_ struct copied *all = NULL;
	size_t total = 0, count;

	do {
		struct batch *batch = store_next(store, "test", 100, 1 << 20, NULL);
		assert_non_null(batch);
		const struct queued *records = batch_records(batch, &count);
		struct copied *grown = reallocarray(all, total + count + 1, sizeof(*all));
		assert_non_null(grown);
		all = grown;
		for (size_t i = 0; i < count; i++)
			all[total++] = copy_of(&records[i]);
		if (count)
			assert_int_equal(store_done(store, "test", records, count, NULL), 0);
		batch_free(batch);
	} while (count);
	if (in_order)
		qsort(all, total, sizeof(*all), compare_copied);
	for (size_t i = 0; i < total; i++) {
		replay_record(all[i].text, strlen(all[i].text));
		free(all[i].text);
	}
}

/* What was told comes to what is there. */
static void check_against(const struct look *look)
{
	enum seen_as expected[LETTERS] = {SEEN_NOT};

	for (size_t i = 0; look->findings[i].letter; i++) {
		size_t letter = (size_t)(look->findings[i].letter - 'a');
		expected[letter] = look->findings[i].excepted ? SEEN_SUPPRESSED : SEEN_OPEN;
		if (expected[letter] == SEEN_OPEN)
			assert_int_equal(replay.digests[letter], look->findings[i].digest);
	}
	assert_memory_equal(replay.letters, expected, sizeof(expected));
}

static void kill_one(void (*run)(unsigned number), unsigned number)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child)
		run(number);
	usleep((useconds_t)(rand_r(&seed) % 20000));
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status)); /* it did not fail before */
}

static void kill_many(void (*run)(unsigned number), bool refused)
{
	replay = (struct replay){0};
	directory = test_directory();
	for (unsigned i = 0; i < KILLS; i++) {
		struct look look = look_of(i);
		struct store *store;
		uint64_t retried;
		kill_one(run, i * 1000);
		store = open_store();
		assert_string_equal(test_notices, "");
		assert_int_equal(store_retry(store, NULL, &retried, NULL), 0);
		drain(store, refused);
		assert_int_equal(look_at(store, &look), 0);
		drain(store, false);
		check_against(&look);
		store_close(store);
	}
	print_message("%zu records after %d kills\n", replay.records, KILLS);
	assert_true(replay.records > KILLS);
	test_directory_remove();
}

static void test_killed_at_random(void **state)
{
	(void)state;
	kill_many(run_auditor, false);
}

static void test_killed_while_all_is_refused(void **state)
{
	(void)state;
	kill_many(run_refused, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed_at_random),
		cmocka_unit_test(test_killed_while_all_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
