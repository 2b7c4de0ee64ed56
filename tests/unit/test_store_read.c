#include "tests/unit/store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "agent/store/read.h"

static struct store *store;

static int setup(void **state)
{
	struct store_options options = test_options(test_directory());

	(void)state;
	store = test_store(&options);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	store_close(store);
	store = NULL;
	test_directory_remove();
	return 0;
}

/* What the reader tells, as `opened a high, suppressed b low`. Lives until the next call. */
static const char *list(struct store_reader *reader, const struct finding_filter *filter)
{
	static char text[1024];
	const struct remembered *remembered;
	struct error *error = NULL;

	assert_int_equal(store_read_findings(reader, filter, NULL), 0);
	text[0] = '\0';
	while ((remembered = store_read_next(reader))) {
		size_t length = strlen(text);
		snprintf(text + length, sizeof(text) - length, "%s%s %.1s %s", length ? ", " : "",
			 remembered->record.status,
			 json_string_value(json_object_get(remembered->record.finding, "id")),
			 severity_names[remembered->severity]);
	}
	if (store_read_failed(reader, &error))
		snprintf(text, sizeof(text), "%s", error_message(error));
	error_free(error);
	return text;
}

static const char *read_with(const struct finding_filter *filter)
{
	struct error *error = NULL;
	struct store_reader *reader = store_read_open(own_path(), &error);
	const char *text;

	if (!reader)
		fail_msg("%s", error_message(error));
	text = list(reader, filter);
	store_read_close(reader);
	return text;
}

#define READ(...) read_with(&(struct finding_filter){__VA_ARGS__})

static void look_twice(void)
{
	look_at(store,
		&(struct look){.findings = {{.letter = 'a', .severity = SEVERITY_LOW},
					    {.letter = 'b', .severity = SEVERITY_CRITICAL},
					    {.letter = 'c', .severity = SEVERITY_MEDIUM, .excepted = true},
					    {.letter = 'd', .container = "0123456789abcdef"},
					    {.letter = 'e'}}});
	look_at(store,
		&(struct look){.time = LOOK_TIME + 60,
			       .findings = {{.letter = 'a', .severity = SEVERITY_LOW, .digest = 1},
					    {.letter = 'b', .severity = SEVERITY_CRITICAL},
					    {.letter = 'c', .severity = SEVERITY_MEDIUM, .excepted = true},
					    {.letter = 'd', .container = "0123456789abcdef"}}});
}

static void test_filters(void **state)
{
	(void)state;
	look_twice();
	assert_string_equal(READ(.standing = NULL), "opened b critical, resolved e high, opened d high, "
						    "suppressed c medium, changed a low");
	assert_string_equal(READ(.standing = "open"), "opened b critical, opened d high, changed a low");
	assert_string_equal(READ(.standing = "suppressed"), "suppressed c medium");
	assert_string_equal(READ(.standing = "resolved"), "resolved e high");
	assert_string_equal(READ(.since = (LOOK_TIME + 60) * INT64_C(1000)),
			    "resolved e high, changed a low");
	assert_string_equal(READ(.rule = "process.*", .standing = "resolved"), "resolved e high");
	assert_string_equal(READ(.rule = "file.*"), "");
	assert_string_equal(READ(.container = "web"), "opened d high");
	assert_string_equal(READ(.container = "0123456789ab"), "opened d high");
	assert_string_equal(READ(.container = "0123456789abcdef"), "opened d high");
	assert_string_equal(READ(.container = "0123456789a"), ""); /* too short for an id */
	assert_string_equal(READ(.container = ""), "");
}

static void test_what_is_there_was_last_seen_in_the_last_pass(void **state)
{
	const struct finding_filter filter = {.standing = "open"};
	struct store_reader *reader;
	const struct remembered *remembered;

	(void)state;
	look_twice();
	reader = store_read_open(own_path(), NULL);
	assert_non_null(reader);
	assert_int_equal(store_read_findings(reader, &filter, NULL), 0);
	remembered = store_read_next(reader);
	assert_int_equal(remembered->record.time, LOOK_TIME * INT64_C(1000));
	assert_int_equal(remembered->record.first_seen, LOOK_TIME * INT64_C(1000));
	assert_int_equal(remembered->record.last_seen, (LOOK_TIME + 60) * INT64_C(1000));
	assert_true(remembered->on_host);
	assert_string_equal(json_string_value(json_object_get(remembered->record.host, "hostname")),
			    "machine");
	store_read_close(reader);
}

static void test_an_image_is_read_alike(void **state)
{
	const struct finding_filter filter = {.standing = NULL};
	unsigned char *image = NULL;
	size_t length;
	struct store_reader *reader;
	char *text;

	(void)state;
	look_twice();
	assert_int_equal(store_set_status(store, "{\"x\":1}", 7, NULL), 0);
	assert_int_equal(store_image(store, &image, &length, NULL), 0);
	reader = store_read_open_image(image, length, NULL);
	assert_non_null(reader);
	text = strdup(list(reader, &filter));
	assert_string_equal(text, READ(.standing = NULL));
	assert_string_equal(store_read_status(reader), "{\"x\":1}");
	store_read_close(reader);
	free(text);
	free(image);
}

static void test_an_agent_that_ended_is_read(void **state)
{
	(void)state;
	look_twice();
	store_close(store);
	store = NULL;
	assert_string_equal(READ(.standing = "suppressed"), "suppressed c medium");
	assert_string_equal(READ(.standing = "suppressed"), "suppressed c medium");
}

/* ---- what is not as it should be ----------------------------------------------------------------- */

static const char *refusal(void)
{
	static char text[512];
	struct error *error = NULL;

	assert_null(store_read_open(own_path(), &error));
	snprintf(text, sizeof(text), "%s", error_message(error));
	error_free(error);
	return text;
}

static void change(const char *sql)
{
	char path[128];
	sqlite3 *handle;

	snprintf(path, sizeof(path), "%s/proctor.db", own_path());
	assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
	sqlite3_exec(handle, "PRAGMA ignore_check_constraints = ON", NULL, NULL, NULL);
	if (sqlite3_exec(handle, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(handle));
	sqlite3_close(handle);
}

static void test_refusals(void **state)
{
	(void)state;
	look_twice();
	store_close(store);
	store = NULL;
	change("PRAGMA user_version = 7");
	assert_non_null(strstr(refusal(), "written by a newer version of Proctor (form 7"));
	change("PRAGMA user_version = 0");
	assert_non_null(strstr(refusal(), "no state of an agent's"));
	test_directory();
	assert_non_null(strstr(refusal(), "no agent has kept a state in"));
	change("CREATE TABLE x (y); PRAGMA user_version = 3;");
	assert_non_null(strstr(refusal(), "no such table: figures"));
}

static void test_rows_that_nobody_wrote(void **state)
{
	static const char *const changes[] = {
		"UPDATE detail SET json = 'x'",        "UPDATE detail SET json = '[]'",
		"UPDATE detail SET json = x'ff00ff'",  "DELETE FROM detail",
		"UPDATE finding SET told_as = 'sold'", "UPDATE finding SET told_as = NULL",
		"UPDATE finding SET record_id = NULL",
	};
	static const char *const harmless[] = {
		"UPDATE finding SET severity = 99",
		"UPDATE finding SET severity = 'high', first_seen = 'never'",
		"UPDATE detail SET containers = 'without an end'",
		"UPDATE figures SET host = '['",
		"UPDATE figures SET host = '7', pass_time = 'x'",
	};

	(void)state;
	look_twice();
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
		change(harmless[i]);
		assert_null(strstr(READ(.container = "0123456789ab"), "damaged"));
		assert_non_null(strstr(READ(.standing = "suppressed"), "suppressed c"));
	}
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		change("SAVEPOINT before");
		change(changes[i]);
		assert_non_null(strstr(READ(.standing = NULL), "is damaged"));
		teardown(state);
		setup(state);
		look_twice();
	}
}

/* A table that is a query without an end. */
static void test_no_view_is_run(void **state)
{
	(void)state;
	look_twice();
	store_close(store);
	store = NULL;
	change("DROP TABLE figures; CREATE VIEW figures AS WITH RECURSIVE n (pass_time) AS (SELECT 1 UNION "
	       "ALL "
	       "SELECT pass_time + 1 FROM n) SELECT * FROM n");
	assert_non_null(strstr(refusal(), "reading the state: "));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_filters),
		TEST(test_what_is_there_was_last_seen_in_the_last_pass),
		TEST(test_an_image_is_read_alike),
		TEST(test_an_agent_that_ended_is_read),
		TEST(test_refusals),
		TEST(test_rows_that_nobody_wrote),
		TEST(test_no_view_is_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
