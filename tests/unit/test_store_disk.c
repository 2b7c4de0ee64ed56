#include "tests/unit/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

static struct store *store;

static int teardown(void **state)
{
	(void)state;
	store_close(store);
	store = NULL;
	test_directory_remove();
	return 0;
}

static void open_store(const char *directory)
{
	struct store_options options = test_options(directory);

	store = test_store(&options);
}

static void reopen(const char *directory)
{
	store_close(store);
	open_store(directory);
}

static const char *in_directory(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", own_path(), name);
	return path;
}

/* What store_open says; the store is not opened. */
static const char *refusal(const char *directory)
{
	static char text[512];
	struct store_options options = test_options(directory);
	struct error *error = NULL;

	assert_null(store_open(&options, &error));
	snprintf(text, sizeof(text), "%s", error_message(error));
	error_free(error);
	return text;
}

static void assert_says(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("`%s` does not say `%s`", text, part);
}

/* How many files of the directory have a name that begins so. */
static size_t count_files(const char *begin)
{
	DIR *directory = opendir(own_path());
	const struct dirent *entry;
	size_t count = 0;

	assert_non_null(directory);
	while ((entry = readdir(directory)))
		count += !strncmp(entry->d_name, begin, strlen(begin));
	closedir(directory);
	return count;
}

static void look(const char *letters)
{
	struct look seen = {.time = LOOK_TIME};

	for (size_t i = 0; letters[i]; i++)
		seen.findings[i].letter = letters[i];
	assert_int_equal(look_at(store, &seen), 0);
}

/* ---- restarts ------------------------------------------------------------------------------------ */

static void test_a_restart_goes_on(void **state)
{
	const char *directory = test_directory();
	json_int_t first, second;

	(void)state;
	open_store(directory);
	look("ab");
	assert_string_equal(told(store), "opened a, opened b");
	first = json_integer_value(json_object_get(told_last(), "sequence"));
	look("abc");
	reopen(directory);
	assert_string_equal(told(store), "opened c");
	second = json_integer_value(json_object_get(told_last(), "sequence"));
	assert_int_equal(second, first + 1);
	look("ac");
	assert_string_equal(told(store), "resolved b");
	assert_int_equal(json_integer_value(json_object_get(told_last(), "sequence")), second + 1);
	reopen(directory);
	assert_string_equal(told(store), "");
	look("ac");
	assert_string_equal(told(store), "");
	assert_string_equal(test_notices, "");
}

static void test_a_state_that_begins_anew_begins_above_the_old_one(void **state)
{
	const char *directory = test_directory();
	json_int_t first;

	(void)state;
	open_store(directory);
	look("a");
	told(store);
	first = json_integer_value(json_object_get(told_last(), "sequence"));
	assert_true(first < INT64_C(1) << 53); /* what JSON's readers take for an integer */
	store_close(store);
	test_directory();
	usleep(2000); /* as long as no agent needs to start */
	open_store(directory);
	look("a");
	told(store);
	assert_true(json_integer_value(json_object_get(told_last(), "sequence")) > first);
}

static void test_the_file_is_for_its_owner_and_group(void **state)
{
	const char *directory = test_directory();
	mode_t mask = umask(0);
	struct stat facts;

	(void)state;
	open_store(directory);
	look("a");
	umask(mask);
	for (size_t i = 0; i < 3; i++) {
		static const char *const names[] = {"proctor.db", "proctor.db-wal", "proctor.db-shm"};
		assert_int_equal(stat(in_directory(names[i]), &facts), 0);
		assert_int_equal(facts.st_mode, S_IFREG | 0640);
	}
}

/* ---- refusals ------------------------------------------------------------------------------------ */

static void test_a_directory_is_one_agent_s(void **state)
{
	const char *directory = test_directory();

	(void)state;
	open_store(directory);
	assert_says(refusal(directory), "in use by another agent");
	store_close(store);
	open_store(directory);
}

static void test_a_directory_has_to_be_there(void **state)
{
	(void)state;
	test_directory_remove();
	assert_says(refusal(own_path()), "No such file or directory");
	assert_says(refusal("/dev/null"), "Not a directory");
}

static void run_sql(const char *text)
{
	sqlite3 *handle;

	assert_int_equal(sqlite3_open(in_directory("proctor.db"), &handle), SQLITE_OK);
	if (sqlite3_exec(handle, text, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", text, sqlite3_errmsg(handle));
	sqlite3_close(handle);
}

static void test_a_newer_version_is_refused_and_kept(void **state)
{
	const char *directory = test_directory();

	(void)state;
	open_store(directory);
	look("a");
	store_close(store);
	store = NULL;
	run_sql("PRAGMA user_version = 99");
	assert_says(refusal(directory), "written by a newer version of Proctor (form 99");
	assert_int_equal(count_files("proctor.db.corrupt"), 0);
	run_sql("PRAGMA user_version = 3");
	open_store(directory);
	assert_string_equal(told(store), "opened a");
}

/* ---- damage -------------------------------------------------------------------------------------- */

static void write_file(const char *name, const void *data, size_t length, off_t offset, int flags)
{
	int fd = open(in_directory(name), O_WRONLY | O_CREAT | flags, 0640);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, length, offset), length);
	close(fd);
}

static void assert_begun_anew(void)
{
	assert_says(test_notices, "proctor.db.corrupt-");
	assert_int_equal(count_files("proctor.db.corrupt-"), 1);
	look("a");
	assert_string_equal(told(store), "opened a");
	assert_false(store_is_degraded(store));
}

static void test_what_is_no_database_is_set_aside(void **state)
{
	const char *directory = test_directory();
	char noise[9000];

	(void)state;
	memset(noise, 'x', sizeof(noise));
	write_file("proctor.db", noise, sizeof(noise), 0, O_TRUNC);
	open_store(directory);
	assert_begun_anew();
}

static void test_a_damaged_page_is_noticed(void **state)
{
	const char *directory = test_directory();
	char noise[4096];

	(void)state;
	open_store(directory);
	look("abcdefgh");
	store_close(store);
	memset(noise, 0xa5, sizeof(noise));
	for (off_t page = 2; page < 6; page++)
		write_file("proctor.db", noise, sizeof(noise), page * 4096, 0);
	open_store(directory);
	assert_begun_anew();
}

static void test_another_s_database_is_set_aside(void **state)
{
	const char *directory = test_directory();

	(void)state;
	run_sql("CREATE TABLE figures (x); PRAGMA user_version = 1;");
	open_store(directory);
	assert_begun_anew();
}

static void test_an_empty_file_is_filled(void **state)
{
	const char *directory = test_directory();

	(void)state;
	write_file("proctor.db", "", 0, 0, O_TRUNC);
	open_store(directory);
	assert_string_equal(test_notices, "");
	look("a");
	assert_string_equal(told(store), "opened a");
}

/* A record of 64 KiB. */
static void append_large(void)
{
	static char members[70000];
	int length = snprintf(members, sizeof(members), "{\"event_sources\":\"%065536d\"}", 1);

	assert_int_equal(store_append(store, "heartbeat", members, (size_t)length, NULL), 0);
}

static void damage(void)
{
	char noise[4096];
	struct stat facts;

	assert_int_equal(stat(in_directory("proctor.db"), &facts), 0);
	memset(noise, 0xa5, sizeof(noise));
	for (off_t offset = 4096; offset < facts.st_size; offset += 4096)
		write_file("proctor.db", noise, sizeof(noise), offset, 0);
}

static void open_for_two(const char *directory)
{
	static const struct queue_options sinks[] = {
		{.sink = "slow", .minimum = SEVERITY_INFO, .heartbeats = true},
		{.sink = "test", .minimum = SEVERITY_INFO, .heartbeats = true}};
	struct store_options options = test_options(directory);

	store = store_open(&options, NULL);
	assert_non_null(store);
	assert_int_equal(store_set_sinks(store, sinks, 2, NULL), 0);
}

static void take(size_t count)
{
	struct batch *batch = store_next(store, "test", count, SIZE_MAX / 2, NULL);
	size_t got;
	const struct queued *records = batch_records(batch, &got);

	assert_int_equal(got, count);
	assert_int_equal(store_done(store, "test", records, count, NULL), 0);
	batch_free(batch);
}

/* Though what waits the longest for the faster one stands in a page that is out of reach. */
static void test_the_state_is_told_while_a_damaged_queue_waits(void **state)
{
	const char *directory = test_directory();
	struct store_state *counts;

	(void)state;
	open_for_two(directory);
	for (int i = 0; i < 40; i++)
		append_large();
	take(20);
	store_close(store);
	open_for_two(directory);
	damage();
	look("a");
	assert_true(store_is_degraded(store));
	counts = store_state(store, NULL);
	assert_non_null(counts);
	assert_true(counts->degraded);
	assert_true(counts->sinks[1].waiting > 0);
	store_state_free(counts);
}

static void test_damage_while_it_is_open(void **state)
{
	const char *directory = test_directory();

	(void)state;
	open_store(directory);
	for (int i = 0; i < 40; i++) /* more than is cached */
		append_large();
	look("ab");
	reopen(directory);
	damage();
	told(store);
	look("ab");
	assert_says(test_notices, "kept in memory");
	test_clock += 10000;
	look("ab");
	assert_says(test_notices, "written to again");
	assert_int_equal(count_files("proctor.db.corrupt-"), 3); /* with its -wal and -shm */
	assert_false(store_is_degraded(store));
	told(store);
	look("abq");
	reopen(directory);
	assert_string_equal(test_notices, "");
	assert_string_equal(told(store), "opened q");
}

/* ---- the file is taken away ---------------------------------------------------------------------- */

static void remove_files(void)
{
	unlink(in_directory("proctor.db"));
	unlink(in_directory("proctor.db-wal"));
	unlink(in_directory("proctor.db-shm"));
}

static void test_a_file_that_is_removed_is_written_anew(void **state)
{
	const char *directory = test_directory();

	(void)state;
	open_store(directory);
	look("ab");
	look("abc");
	look("bc");
	remove_files();
	look("bcd");
	assert_says(test_notices, "was removed or replaced");
	assert_says(test_notices, "written to again");
	assert_false(store_is_degraded(store));
	look("cd");
	reopen(directory);
	assert_string_equal(told(store), "opened a, opened b, opened c, resolved a, opened d, resolved b");
	look("cd");
	assert_string_equal(told(store), "");
}

static void test_a_file_in_its_place_is_set_aside(void **state)
{
	const char *directory = test_directory();

	(void)state;
	open_store(directory);
	look("a");
	remove_files();
	write_file("proctor.db", "mine", 4, 0, O_TRUNC);
	look("ab");
	assert_int_equal(count_files("proctor.db.replaced-"), 1);
	reopen(directory);
	assert_string_equal(told(store), "opened a, opened b");
}

static void test_without_its_directory_it_waits_for_another(void **state)
{
	const char *directory = test_directory();
	char away[128];
	struct store_state *counts;

	(void)state;
	snprintf(away, sizeof(away), "%s-away", directory);
	open_store(directory);
	look("a");
	assert_int_equal(rename(directory, away), 0);
	look("ab");
	assert_true(store_is_degraded(store));
	look("bc");
	assert_string_equal(told(store), "opened a, opened b, resolved a, opened c");
	look("bcd");
	counts = store_state(store, NULL);
	assert_true(counts->degraded);
	assert_int_equal(counts->sinks[0].waiting, 1);
	assert_int_equal(counts->sinks[0].sent, 4);
	store_state_free(counts);
	assert_int_equal(mkdir(directory, 0750), 0);
	look("bcd"); /* too early to try again */
	assert_true(store_is_degraded(store));
	test_clock += 10000;
	look("bcde");
	assert_false(store_is_degraded(store));
	assert_says(refusal(directory), "in use by another agent");
	reopen(directory);
	assert_string_equal(told(store), "opened d, opened e");
	look("bcde");
	assert_string_equal(told(store), "");
	rename(directory, directory);
	test_directory_remove();
	rename(away, directory);
}

static uint64_t waiting_of(size_t sink)
{
	struct store_state *counts = store_state(store, NULL);
	uint64_t waiting;

	assert_non_null(counts);
	assert_true(counts->sink_count > sink);
	waiting = counts->sinks[sink].waiting;
	store_state_free(counts);
	return waiting;
}

/* ---- a full disk --------------------------------------------------------------------------------- */

/* A file system of a megabyte over the directory, for this process alone. */
static void mount_small(const char *directory)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("small", directory, "tmpfs", 0, "size=1m"))
		skip();
}

static void fill(void)
{
	static char block[4096];
	int fd = open(in_directory("filler"), O_WRONLY | O_CREAT | O_APPEND, 0600);

	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

static void beat(void)
{
	static const char members[] = "{\"version\":\"1\"}";

	assert_int_equal(store_append(store, "heartbeat", members, strlen(members), NULL), 0);
}

/* Looks until the store has noticed. */
static void look_until_degraded(void)
{
	for (int i = 0; i < 200 && !store_is_degraded(store); i++)
		beat();
	assert_true(store_is_degraded(store));
}

static void test_a_full_disk_loses_and_doubles_nothing(void **state)
{
	const char *directory = test_directory();

	(void)state;
	mount_small(directory);
	open_store(directory);
	look("ab");
	fill();
	look_until_degraded();
	assert_says(test_notices, "full");
	look("bc");
	test_clock += 10000;
	look("bcd"); /* it is tried, and is full still */
	assert_true(store_is_degraded(store));
	unlink(in_directory("filler"));
	test_clock += 10000;
	look("bcde");
	assert_false(store_is_degraded(store));
	assert_says(test_notices, "written to again");
	reopen(directory);
	const char *all = told(store);
	assert_says(all, "opened a, opened b, heartbeat");
	assert_says(all, "heartbeat, resolved a, opened c, opened d, opened e");
	assert_null(strstr(strstr(all, "opened c") + 1, "opened c"));
	look("bcde");
	assert_string_equal(told(store), "");
	umount2(directory, MNT_DETACH);
}

static void test_sinks_go_on_while_the_disk_is_full(void **state)
{
	const char *directory = test_directory();
	struct store_state *counts;

	(void)state;
	mount_small(directory);
	open_store(directory);
	look("ab");
	fill();
	look_until_degraded();
	assert_non_null(strstr(told(store), "opened a, opened b, heartbeat"));
	look("abc");
	assert_string_equal(told(store), "opened c");
	unlink(in_directory("filler"));
	test_clock += 10000;
	look("abc");
	assert_false(store_is_degraded(store));
	assert_string_equal(told(store), "");
	counts = store_state(store, NULL);
	assert_int_equal(counts->sinks[0].waiting, 0);
	assert_int_equal(counts->sinks[0].waiting_bytes, 0);
	store_state_free(counts);
	umount2(directory, MNT_DETACH);
}

static void test_a_disk_that_is_full_at_the_start(void **state)
{
	const char *directory = test_directory();

	(void)state;
	mount_small(directory);
	open_store(directory);
	look("ab");
	store_close(store);
	fill();
	open_store(directory);
	look("abc");
	look_until_degraded();
	unlink(in_directory("filler"));
	test_clock += 10000;
	look("abc");
	assert_false(store_is_degraded(store));
	reopen(directory);
	assert_says(told(store), "opened a, opened b");
	look("abc");
	assert_string_equal(told(store), "");
	umount2(directory, MNT_DETACH);
}

/* The queue, which is on the disk, could not be taken apart. */
static void test_who_is_left_out_while_the_disk_is_full_loses_nothing(void **state)
{
	static const struct queue_options both[] = {{.sink = "away", .minimum = SEVERITY_INFO},
						    {.sink = "test", .minimum = SEVERITY_INFO}};
	const char *directory = test_directory();
	struct store_options options = test_options(directory);

	(void)state;
	mount_small(directory);
	options.keep_sinks = true;
	store = store_open(&options, NULL);
	assert_int_equal(store_set_sinks(store, both, 2, NULL), 0);
	look("ab");
	store_close(store);
	store = store_open(&options, NULL);
	fill();
	look_until_degraded();
	assert_int_equal(store_take_apart(store, NULL), 0);
	assert_int_equal(store_set_sinks(store, both + 1, 1, NULL), 0);
	assert_string_equal(told(store), "opened a, opened b");
	unlink(in_directory("filler"));
	test_clock += 10000;
	look("ab");
	assert_false(store_is_degraded(store));
	assert_int_equal(store_set_sinks(store, both, 1, NULL), 0);
	assert_int_equal(waiting_of(0), 2);
	umount2(directory, MNT_DETACH);
}

/* ---- a file that cannot be opened at first -------------------------------------------------------- */

/* What waits in the file comes back while what was found meanwhile is on its way. */
static void test_what_comes_back_is_not_passed_over(void **state)
{
	const char *directory = test_directory();
	const struct queued *records;
	struct batch *batch;
	size_t count;

	(void)state;
	open_store(directory);
	look("x");
	store_close(store);
	assert_int_equal(mkdir(in_directory("proctor.db-wal"), 0700), 0);
	open_store(directory);
	assert_true(store_is_degraded(store));
	look("ab");
	batch = store_next(store, "test", 9, 1 << 20, NULL);
	records = batch_records(batch, &count);
	assert_int_equal(count, 2);
	assert_int_equal(rmdir(in_directory("proctor.db-wal")), 0);
	test_clock += 10000;
	look("ab");
	assert_false(store_is_degraded(store));
	assert_int_equal(store_done(store, "test", records, count, NULL), 0);
	batch_free(batch);
	assert_says(told(store), "opened x, opened a, opened b");
}

/* ---- memory -------------------------------------------------------------------------------------- */

/* The short form of tests/bench/store. */
static void test_memory_does_not_grow_with_the_queue(void **state)
{
	enum { LOOKS = 400, MOST = 2 << 20 };
	struct store_options options = test_options(test_directory());
	sqlite3_int64 before;

	(void)state;
	sqlite3_memory_highwater(1);
	before = sqlite3_memory_used();
	store = test_store(&options);
	for (uint64_t i = 1; i <= LOOKS; i++) {
		struct look look = {.time = LOOK_TIME};
		for (size_t k = 0; k < LOOK_MAX - 1; k++)
			look.findings[k] = (typeof(look.findings[0])){.letter = (char)('a' + k), .digest = i};
		assert_int_equal(look_at(store, &look), 0);
	}
	assert_true(sqlite3_memory_used() - before < MOST && sqlite3_memory_highwater(0) - before < MOST);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_restart_goes_on),
		TEST(test_a_state_that_begins_anew_begins_above_the_old_one),
		TEST(test_the_file_is_for_its_owner_and_group),
		TEST(test_a_directory_is_one_agent_s),
		TEST(test_a_directory_has_to_be_there),
		TEST(test_a_newer_version_is_refused_and_kept),
		TEST(test_what_is_no_database_is_set_aside),
		TEST(test_a_damaged_page_is_noticed),
		TEST(test_another_s_database_is_set_aside),
		TEST(test_an_empty_file_is_filled),
		TEST(test_the_state_is_told_while_a_damaged_queue_waits),
		TEST(test_damage_while_it_is_open),
		TEST(test_a_file_that_is_removed_is_written_anew),
		TEST(test_a_file_in_its_place_is_set_aside),
		TEST(test_without_its_directory_it_waits_for_another),
		TEST(test_a_full_disk_loses_and_doubles_nothing),
		TEST(test_sinks_go_on_while_the_disk_is_full),
		TEST(test_a_disk_that_is_full_at_the_start),
		TEST(test_who_is_left_out_while_the_disk_is_full_loses_nothing),
		TEST(test_what_comes_back_is_not_passed_over),
		TEST(test_memory_does_not_grow_with_the_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
