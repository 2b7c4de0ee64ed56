/* What is kept of what was learned, as commands read it. */
#include "tests/unit/store.h"

#include <sqlite3.h>
#include <stdlib.h>

#include "agent/store/learned.h"
#include "agent/store/read.h"

static struct store *store;
static struct learned *learned;

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
	learned_free(learned);
	learned = NULL;
	store_close(store);
	store = NULL;
	test_directory_remove();
	return 0;
}

static void keep(const struct learned_container *container)
{
	struct learned_history history;
	struct error *error = NULL;

	if (store_learn(store, container, 1, &history, &error))
		fail_msg("%s", error_message(error));
}

static void keep_use(const struct watched *watched, const struct learned_use *use)
{
	struct learned_use copy = *use;

	keep(&(struct learned_container){
		.watched = watched, .uses = &copy, .use_count = 1, .observed_seconds = 10, .complete = true});
}

static void keep_denial(const struct watched *watched, const struct learned_denial *denial)
{
	struct learned_denial copy = *denial;

	keep(&(struct learned_container){.watched = watched, .denials = &copy, .denial_count = 1});
}

/* Reads all that there is of that container; NULL: of any. */
static const struct learned *read_from(struct store_reader *reader, const char *container)
{
	struct error *error = NULL;

	learned_free(learned);
	learned = store_read_learned(reader, container, &error);
	if (!learned)
		fail_msg("%s", error_message(error));
	store_read_close(reader);
	return learned;
}

static const struct learned *read_of(const char *container)
{
	struct store_reader *reader = store_read_open(own_path(), NULL);

	assert_non_null(reader);
	return read_from(reader, container);
}

static const struct learned_container *read_one(void)
{
	assert_int_equal(read_of(NULL)->count, 1);
	return &learned->containers[0];
}

#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define CAP(name) CAPABILITY_MASK(CAP_##name)

static const struct watched web = {.id = "a",
				   .name = "web",
				   .image = "shop/web:1",
				   .image_digest = "sha256:1",
				   .family = "shop",
				   .granted = CAP(CHOWN) | CAP(KILL),
				   .since = 100,
				   .saw_start = true};

/* ---- what is kept --------------------------------------------------------------------------------- */

static void test_all_of_it_comes_back(void **state)
{
	const struct learned_container *read;

	(void)state;
	keep_use(&web, &(struct learned_use){.capability = CAP_CHOWN,
					     .count = 2,
					     .first = 150,
					     .last = 190,
					     .executables = TEXTS("/bin/chown", "/bin/sh"),
					     .required = true});
	keep_denial(&web, &(struct learned_denial){.capability = CAP_SYS_TIME,
						   .count = 3,
						   .first = 160,
						   .last = 170,
						   .executables = TEXTS("/bin/date"),
						   .reason = "it may be no need"});
	read = read_one();
	assert_null(read->watched->id);
	assert_string_equal(read->watched->name, "web");
	assert_string_equal(read->watched->image, "shop/web:1");
	assert_string_equal(read->watched->image_digest, "sha256:1");
	assert_string_equal(read->watched->family, "shop");
	assert_int_equal(read->watched->granted, CAP(CHOWN) | CAP(KILL));
	assert_true(read->watched->saw_start && read->complete);
	assert_int_equal(read->kept->starts, 2);
	assert_int_equal(read->kept->first, 100);
	assert_true(read->kept->last > 1000);
	assert_int_equal(read->observed_seconds, 10);
	assert_int_equal(read->use_count, 1);
	assert_int_equal(read->uses[0].count, 2);
	assert_int_equal(read->uses[0].first, 150);
	assert_int_equal(read->uses[0].last, 190);
	assert_true(read->uses[0].required && read->uses[0].at_start);
	assert_null(read->uses[0].reason);
	assert_string_equal(read->uses[0].executables[1], "/bin/sh");
	assert_null(read->uses[0].executables[2]);
	assert_int_equal(read->denial_count, 1);
	assert_int_equal(read->denials[0].count, 3);
	assert_int_equal(read->denials[0].first, 160);
	assert_string_equal(read->denials[0].reason, "it may be no need");
	assert_string_equal(read->denials[0].executables[0], "/bin/date");
	assert_int_equal(read->recommended, CAP(CHOWN));
}

static void test_what_comes_is_added(void **state)
{
	struct watched later = web;
	const struct learned_use *use;

	(void)state;
	later.saw_start = false;
	later.granted = CAP(CHOWN);
	keep_use(&later, &(struct learned_use){.capability = CAP_CHOWN,
					       .count = 1,
					       .first = 300,
					       .last = 400,
					       .executables = TEXTS("/bin/a"),
					       .reason = "another way"});
	assert_false(read_one()->uses[0].required || learned->containers[0].complete);
	assert_string_equal(learned->containers[0].uses[0].reason, "another way");
	assert_int_equal(learned->containers[0].recommended, 0);
	keep_use(&web, &(struct learned_use){.capability = CAP_CHOWN,
					     .count = 5,
					     .first = 200,
					     .last = 250,
					     .executables = TEXTS("/bin/b", "/bin/a"),
					     .required = true,
					     .reason = "it may be no need"});
	keep_use(&later,
		 &(struct learned_use){
			 .capability = CAP_CHOWN, .count = 1, .first = 500, .last = 500, .required = true});
	use = &read_one()->uses[0];
	assert_int_equal(learned->containers[0].use_count, 1);
	assert_int_equal(learned->containers[0].watched->granted, CAP(CHOWN));
	assert_int_equal(learned->containers[0].kept->starts, 1);
	assert_int_equal(use->count, 7);
	assert_int_equal(use->first, 200);
	assert_int_equal(use->last, 500);
	assert_true(use->required && use->at_start);
	assert_null(use->reason); /* once it was certain */
	assert_string_equal(use->executables[0], "/bin/b");
	assert_string_equal(use->executables[1], "/bin/a");
	assert_null(use->executables[2]);
}

/* Names that a runtime makes up are no images of their own; those of a task are parts of it. */
static void test_what_is_kept_together(void **state)
{
	const struct learned_use use = {.capability = CAP_KILL, .count = 1};
	const struct watched one = {.name = "eager_kalam", .image = "web", .since = 5},
			     other = {.name = "jolly_hopper", .image = "web", .since = 7},
			     sidecar = {.name = "sidecar",
					.image = "shop/web:1",
					.image_digest = "sha256:1",
					.family = "shop"};

	(void)state;
	keep_use(&one, &use);
	keep_use(&other, &use);
	assert_int_equal(read_one()->uses[0].count, 2);
	assert_string_equal(learned->containers[0].watched->name, "jolly_hopper");
	assert_int_equal(learned->containers[0].kept->first, 5);
	keep_use(&web, &use);
	keep_use(&sidecar, &use);
	assert_int_equal(read_of(NULL)->count, 3);
	assert_int_equal(read_of("sidecar")->count, 1);
	assert_int_equal(read_of("shop/web:1")->count, 2);
	assert_int_equal(read_of("sha256:1")->count, 2);
	assert_int_equal(read_of("eager_kalam")->count, 0);
}

static void test_the_id_where_nothing_else_is_known(void **state)
{
	const struct watched nameless = {.id = "0123456789abcdef"};

	(void)state;
	keep_use(&nameless, &(struct learned_use){.capability = CAP_KILL, .count = 1});
	assert_string_equal(read_one()->watched->id, "0123456789abcdef");
	assert_null(learned->containers[0].watched->name);
	assert_int_equal(read_of("0123456789ab")->count, 1);
	assert_int_equal(read_of("0123456789a")->count, 0);
}

static void test_a_running_agent_tells_the_same(void **state)
{
	struct store_options options = test_options(NULL);
	unsigned char *image = NULL;
	size_t length;

	(void)state;
	store_close(store);
	store = test_store(&options);
	keep_use(&web, &(struct learned_use){.capability = CAP_KILL, .count = 4, .executables = TEXTS("/x")});
	assert_int_equal(store_image(store, &image, &length, NULL), 0);
	read_from(store_read_open_image(image, length, NULL), NULL);
	free(image);
	assert_int_equal(learned->count, 1);
	assert_int_equal(learned->containers[0].uses[0].count, 4);
	assert_string_equal(learned->containers[0].uses[0].executables[0], "/x");
}

/* ---- what is hostile ------------------------------------------------------------------------------ */

static void test_names_of_every_byte(void **state)
{
	char name[256];
	const struct watched watched = {.name = name, .image = name, .image_digest = name, .family = name};

	(void)state;
	for (int i = 0; i < 255; i++)
		name[i] = (char)(i + 1);
	name[255] = '\0';
	for (int i = 0; i < 2; i++)
		keep_use(&watched, &(struct learned_use){.capability = CAP_KILL,
							 .count = 1,
							 .reason = name,
							 .executables = TEXTS(name)});
	assert_string_equal(read_one()->watched->name, name);
	assert_string_equal(learned->containers[0].watched->family, name);
	assert_string_equal(learned->containers[0].uses[0].reason, name);
	assert_string_equal(learned->containers[0].uses[0].executables[0], name);
	assert_null(learned->containers[0].uses[0].executables[1]);
	assert_int_equal(learned->containers[0].uses[0].count, 2);
}

static void test_numbers_without_end(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		keep(&(struct learned_container){.watched = &web,
						 .uses = &(struct learned_use){.capability = 63,
									       .count = UINT64_MAX,
									       .last = INT64_MAX},
						 .use_count = 1,
						 .observed_seconds = UINT64_MAX});
	assert_int_equal(read_one()->uses[0].count, INT64_MAX - 1);
	assert_int_equal(learned->containers[0].observed_seconds, INT64_MAX - 1);
}

static void test_bounds(void **state)
{
	char longer[1000], names[20][8];
	const char *executables[21] = {0};
	const struct watched watched = {.image = longer};
	size_t count = 0;

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	for (int i = 0; i < 20; i++) {
		snprintf(names[i], sizeof(names[i]), "%d", i);
		executables[i] = names[i];
	}
	executables[19] = NULL;
	keep_use(&watched, &(struct learned_use){.capability = 1, .count = 1, .executables = TEXTS(longer)});
	keep_use(&watched, &(struct learned_use){.capability = 1, .count = 1, .executables = executables});
	keep_use(&watched, &(struct learned_use){.capability = 1, .count = 1, .executables = executables});
	assert_int_equal(strlen(read_one()->watched->image), 512);
	while (learned->containers[0].uses[0].executables[count])
		count++;
	assert_int_equal(count, 16);
	assert_int_equal(strlen(learned->containers[0].uses[0].executables[0]), 512);
	assert_string_equal(learned->containers[0].uses[0].executables[15], "14");
}

static void change(const char *sql)
{
	char path[128];
	sqlite3 *handle;

	snprintf(path, sizeof(path), "%s/proctor.db", own_path());
	assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
	if (sqlite3_exec(handle, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(handle));
	sqlite3_close(handle);
}

/* One that is not what the agent writes is told, and not read as if it were. */
static void assert_damaged(const char *sql)
{
	struct error *error = NULL;
	struct store_reader *reader;

	test_directory();
	struct store_options options = test_options(own_path());
	store = test_store(&options);
	keep_use(&web, &(struct learned_use){.capability = CAP_KILL, .count = 1, .executables = TEXTS("/x")});
	store_close(store);
	store = NULL;
	change(sql);
	reader = store_read_open(own_path(), NULL);
	assert_non_null(reader);
	assert_null(store_read_learned(reader, NULL, &error));
	if (!strstr(error_message(error), "what was learned is damaged"))
		fail_msg("%s: %s", sql, error_message(error));
	error_free(error);
	store_read_close(reader);
}

static void test_rows_that_nobody_wrote(void **state)
{
	static const char *const changes[] = {
		"UPDATE learned_use SET capability = 64", "UPDATE learned_use SET capability = -1",
		"UPDATE learned_use SET kind = 3",        "UPDATE learned_use SET count = 'many'",
		"UPDATE learned_use SET count = 1e300",   "UPDATE learned_use SET last = x'00'",
		"UPDATE learned SET seconds = -1",        "UPDATE learned SET starts = 'x'",
		"UPDATE learned SET last = 0.5",
	};

	(void)state;
	store_close(store);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		assert_damaged(changes[i]);
}

/* The agent goes on with what it finds, and what it adds is whole. */
static void test_executables_that_do_not_end(void **state)
{
	(void)state;
	keep_use(&web, &(struct learned_use){.capability = CAP_KILL, .count = 1, .executables = TEXTS("/x")});
	change("UPDATE learned_use SET executables = x'2f7900002f7a'");
	assert_string_equal(read_one()->uses[0].executables[0], "/y");
	keep_use(&web, &(struct learned_use){.capability = CAP_KILL, .count = 1, .executables = TEXTS("/w")});
	assert_string_equal(read_one()->uses[0].executables[0], "/y");
	assert_string_equal(learned->containers[0].uses[0].executables[1], "");
	assert_string_equal(learned->containers[0].uses[0].executables[2], "/w");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_of_it_comes_back),
		TEST(test_what_comes_is_added),
		TEST(test_what_is_kept_together),
		TEST(test_the_id_where_nothing_else_is_known),
		TEST(test_a_running_agent_tells_the_same),
		TEST(test_names_of_every_byte),
		TEST(test_numbers_without_end),
		TEST(test_bounds),
		TEST(test_rows_that_nobody_wrote),
		TEST(test_executables_that_do_not_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
