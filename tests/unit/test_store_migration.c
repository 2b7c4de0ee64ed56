/* A state that an earlier version of Proctor left behind. */
#include "tests/unit/store.h"

#include <sqlite3.h>

#include "agent/store/learned.h"
#include "agent/store/read.h"

/* Form 1, as it was made. */
static const char form_1[] =
	"CREATE TABLE figures ("
	"	one INTEGER PRIMARY KEY CHECK (one = 1),"
	"	sequence INTEGER NOT NULL,"
	"	clock INTEGER NOT NULL,"
	"	pass_time INTEGER,"
	"	queue_bytes INTEGER NOT NULL,"
	"	host TEXT, status TEXT);"
	"CREATE TABLE finding ("
	"	id TEXT PRIMARY KEY, rule TEXT NOT NULL, severity INTEGER NOT NULL,"
	"	standing TEXT NOT NULL CHECK (standing IN ('open', 'suppressed', 'resolved')),"
	"	digest INTEGER NOT NULL,"
	"	places INTEGER NOT NULL,"
	"	needs INTEGER NOT NULL,"
	"	first_seen INTEGER NOT NULL,"
	"	last_seen INTEGER,"
	"	missed_at INTEGER, held_until INTEGER,"
	"	opened_0 INTEGER, opened_1 INTEGER, opened_2 INTEGER, resolved_at INTEGER,"
	"	told_as TEXT, told_at INTEGER, sequence INTEGER, record_id TEXT) WITHOUT ROWID;"
	"CREATE INDEX finding_unresolved ON finding (id) WHERE standing <> 'resolved';"
	"CREATE INDEX finding_resolved ON finding (resolved_at) WHERE standing = 'resolved';"
	"CREATE TABLE detail ("
	"	id TEXT PRIMARY KEY,"
	"	containers BLOB,"
	"	container_name TEXT, image TEXT, task TEXT, json TEXT NOT NULL);"
	"CREATE TABLE queue ("
	"	sequence INTEGER PRIMARY KEY, kind INTEGER NOT NULL, severity INTEGER NOT NULL,"
	"	made INTEGER NOT NULL, bytes INTEGER NOT NULL, text TEXT NOT NULL);"
	"CREATE INDEX queue_weight ON queue (severity, sequence, kind, bytes);"
	"CREATE TABLE sink ("
	"	name TEXT PRIMARY KEY, minimum INTEGER NOT NULL,"
	"	wants INTEGER NOT NULL,"
	"	place INTEGER NOT NULL,"
	"	waiting INTEGER NOT NULL, waiting_bytes INTEGER NOT NULL,"
	"	sent INTEGER NOT NULL, dropped INTEGER NOT NULL) WITHOUT ROWID;";

/* A finding that was told to one sink and waits for the other, as is a heartbeat. */
static const char left_behind[] =
	"INSERT INTO figures VALUES (1, 101, 5000, 1700000000000, 0, NULL, NULL);"
	"INSERT INTO finding VALUES ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'process.root-user', 4, 'open', 0, "
	"0, 1, "
	"1700000000000, NULL, NULL, NULL, 1000, NULL, NULL, NULL, 'opened', 1700000000000, 100, "
	"'0123456789abcdef0123456789abcdef');"
	"INSERT INTO detail VALUES ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', NULL, NULL, NULL, NULL, "
	"'{\"id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}');"
	"INSERT INTO queue SELECT 100, 0, 4, 1000, length(text), text FROM (SELECT "
	"'{\"type\":\"finding\",\"record_id\":\"0123456789abcdef0123456789abcdef\",\"sequence\":100,"
	"\"status\":\"opened\",\"finding\":{\"id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}}' AS text);"
	"INSERT INTO queue SELECT 101, 1, 1, 1000, length(text), text FROM (SELECT "
	"'{\"type\":\"heartbeat\",\"record_id\":\"123456789abcdef0123456789abcdef0\",\"sequence\":101}' AS "
	"text);"
	"UPDATE figures SET queue_bytes = (SELECT sum(bytes) FROM queue);"
	"INSERT INTO sink SELECT 'test', 1, 2, 99, 2, sum(bytes), 7, 3 FROM queue;"
	"INSERT INTO sink SELECT 'told', 1, 2, 100, 1, bytes, 8, 0 FROM queue WHERE sequence = 101;"
	"PRAGMA user_version = 1;";

static const struct queue_options sinks[] = {{.sink = "test", .minimum = SEVERITY_INFO, .heartbeats = true},
					     {.sink = "told", .minimum = SEVERITY_INFO, .heartbeats = true}};

static struct store *store;

static int teardown(void **state)
{
	(void)state;
	store_close(store);
	store = NULL;
	test_directory_remove();
	return 0;
}

/* A directory with a database that the statements made. */
static const char *make(const char *form, const char *rest)
{
	const char *directory = test_directory();
	char path[512];
	sqlite3 *handle;

	snprintf(path, sizeof(path), "%s/proctor.db", directory);
	assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
	if (sqlite3_exec(handle, form, NULL, NULL, NULL) || sqlite3_exec(handle, rest, NULL, NULL, NULL))
		fail_msg("%s", sqlite3_errmsg(handle));
	sqlite3_close(handle);
	return directory;
}

static void open_both(const char *directory)
{
	struct store_options options = test_options(directory);

	store = store_open(&options, NULL);
	assert_non_null(store);
	assert_int_equal(store_set_sinks(store, sinks, 2, NULL), 0);
	assert_string_equal(test_notices, "");
}

static struct sink_state state_of(size_t sink)
{
	struct store_state *state = store_state(store, NULL);
	struct sink_state found;

	assert_non_null(state);
	assert_int_equal(state->sink_count, 2);
	found = state->sinks[sink];
	store_state_free(state);
	return found;
}

static void look(const char *letters)
{
	struct look seen = {.time = LOOK_TIME};

	for (size_t i = 0; letters[i]; i++)
		seen.findings[i].letter = letters[i];
	assert_int_equal(look_at(store, &seen), 0);
}

/* ---- form 1 -------------------------------------------------------------------------------------- */

static void test_what_waited_goes_out_in_its_order(void **state)
{
	(void)state;
	open_both(make(form_1, left_behind));
	assert_int_equal(state_of(0).waiting, 2);
	assert_int_equal(state_of(1).waiting, 1);
	look("ab"); /* a is known to be open */
	assert_string_equal(told(store), "opened a, heartbeat, opened b");
	assert_int_equal(json_integer_value(json_object_get(told_last(), "sequence")), 102);
	assert_int_equal(state_of(0).waiting + state_of(0).waiting_bytes, 0);
	assert_int_equal(state_of(1).waiting, 2);
}

static void test_counts_go_on(void **state)
{
	(void)state;
	open_both(make(form_1, left_behind));
	told(store);
	assert_int_equal(state_of(0).sent, 7 + 2);
	assert_int_equal(state_of(0).dropped, 3);
	assert_int_equal(state_of(0).refused, 0);
	assert_int_equal(state_of(0).dead_letters, 0);
	assert_int_equal(state_of(1).sent, 8);
}

static void test_what_is_refused_then_is_kept(void **state)
{
	struct batch *batch;
	const struct queued *records;
	uint64_t count;
	size_t got;

	(void)state;
	open_both(make(form_1, left_behind));
	batch = store_next(store, "test", 1, 1 << 20, NULL);
	records = batch_records(batch, &got);
	assert_int_equal(got, 1);
	assert_int_equal(store_refuse(store, "test", records, 1, "no", NULL), 0);
	batch_free(batch);
	store_close(store);
	open_both(own_path());
	assert_int_equal(state_of(0).dead_letters, 1);
	assert_int_equal(state_of(0).waiting, 1);
	assert_int_equal(store_retry(store, "test", &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_int_equal(state_of(0).waiting, 2);
	assert_int_equal(state_of(1).waiting, 1);
}

static void test_it_is_brought_up_once(void **state)
{
	const char *directory = make(form_1, left_behind);

	(void)state;
	open_both(directory);
	store_close(store);
	open_both(directory);
	assert_string_equal(told(store), "opened a, heartbeat");
}

/* ---- form 2 -------------------------------------------------------------------------------------- */

/* What the second form added to the first. */
static const char form_2[] = "ALTER TABLE queue ADD COLUMN for_sink TEXT;"
			     "DROP INDEX queue_weight;"
			     "CREATE INDEX queue_weight ON queue (severity, sequence, kind, bytes, for_sink);"
			     "ALTER TABLE sink ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;"
			     "ALTER TABLE sink ADD COLUMN past_1 INTEGER NOT NULL DEFAULT 0;"
			     "ALTER TABLE sink ADD COLUMN past_2 INTEGER NOT NULL DEFAULT 0;"
			     "ALTER TABLE sink ADD COLUMN past_3 INTEGER NOT NULL DEFAULT 0;"
			     "ALTER TABLE sink ADD COLUMN past_4 INTEGER NOT NULL DEFAULT 0;"
			     "ALTER TABLE sink ADD COLUMN past_5 INTEGER NOT NULL DEFAULT 0;"
			     "CREATE TABLE dead_letter ("
			     "	sink TEXT NOT NULL, sequence INTEGER NOT NULL, severity INTEGER NOT NULL,"
			     "	refused_at INTEGER NOT NULL, bytes INTEGER NOT NULL, reason TEXT NOT NULL, "
			     "text TEXT NOT NULL,"
			     "	PRIMARY KEY (sink, sequence));"
			     "CREATE INDEX dead_letter_size ON dead_letter (sink, bytes);"
			     "PRAGMA user_version = 2;";

static void test_it_learns_from_then_on(void **state)
{
	const struct watched watched = {.id = "a", .image = "web", .saw_start = true};
	const struct learned_container container = {.watched = &watched, .observed_seconds = 7};
	struct learned_history history = {0};
	char forms[sizeof(left_behind) + sizeof(form_2)];

	(void)state;
	snprintf(forms, sizeof(forms), "%s%s", left_behind, form_2);
	open_both(make(form_1, forms));
	assert_int_equal(store_learn(store, &container, 1, &history, NULL), 0);
	store_close(store);
	open_both(own_path());
	assert_int_equal(store_learn(store, &container, 1, &history, NULL), 0);
	assert_int_equal(history.seconds, 14);
	assert_int_equal(history.starts, 2);
	assert_string_equal(told(store), "opened a, heartbeat");
}

/* ---- others -------------------------------------------------------------------------------------- */

static void assert_refused(const char *version, const char *why)
{
	struct store_options options = test_options(make(form_1, version));
	struct error *error = NULL;

	assert_null(store_open(&options, &error));
	assert_non_null(strstr(error_message(error), why));
	assert_true(error_has_remedy(error));
	error_free(error);
}

/* As this one's is to the version before it. */
static void test_a_form_of_tomorrow_is_left_alone(void **state)
{
	struct store_reader *reader;
	struct error *error = NULL;

	(void)state;
	assert_refused("PRAGMA user_version = 2147483647", "by a newer version of Proctor (form 2147483647");
	reader = store_read_open(own_path(), &error);
	assert_null(reader);
	assert_non_null(strstr(error_message(error), "by a newer version of Proctor (form 2147483647"));
	error_free(error);
}

static void test_a_form_that_never_was_is_set_aside(void **state)
{
	struct store_options options = test_options(make(form_1, "PRAGMA user_version = -1"));

	(void)state;
	store = test_store(&options);
	assert_non_null(strstr(test_notices, "proctor.db.corrupt-"));
	look("a");
	assert_string_equal(told(store), "opened a");
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_waited_goes_out_in_its_order),
		TEST(test_counts_go_on),
		TEST(test_what_is_refused_then_is_kept),
		TEST(test_it_is_brought_up_once),
		TEST(test_it_learns_from_then_on),
		TEST(test_a_form_of_tomorrow_is_left_alone),
		TEST(test_a_form_that_never_was_is_set_aside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
