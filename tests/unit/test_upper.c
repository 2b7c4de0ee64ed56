#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "collectors/upper.h"

/* A directory that stands for an upper layer. */
struct place {
	char path[64];
	int directory;
};

/* Runs a command in it. */
static int run(const struct place *place, const char *command)
{
	char text[512];

	snprintf(text, sizeof(text), "cd %s && %s", place->path, command);
	return system(text);
}

static int place_make(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	strcpy(place->path, "/tmp/proctor-test-upper-XXXXXX");
	if (!mkdtemp(place->path) || run(place, "mkdir -p usr/bin var/log && touch var/log/file"))
		return -1;
	place->directory = open(place->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	*state = place;
	return 0;
}

static int place_remove(void **state)
{
	struct place *place = *state;

	close(place->directory);
	run(place, "rm -rf \"$PWD\"");
	free(place);
	return 0;
}

/* What the overlay showed before. */
static const char *const paths[] = {"/usr/bin-x", "/usr/bin/su", "/usr/sbin/nc"};

static struct upper_sign look(const struct place *place, bool makes_redirects)
{
	const struct upper_setting setting = {paths, 3, makes_redirects};
	struct upper_sign sign;

	assert_int_equal(upper_look(place->directory, &setting, &sign), 0);
	return sign;
}

/* Whether a change to the place, as a command in it, changes the sign. */
static bool shows(const struct place *place, const char *command)
{
	struct upper_sign before = look(place, false), after;

	assert_int_equal(run(place, command), 0);
	after = look(place, false);
	return memcmp(before.sum, after.sum, sizeof(before.sum)) != 0;
}

static void test_programs(void **state)
{
	struct place *place = *state;

	assert_true(shows(place, "touch var/program && chmod 755 var/program"));
	assert_true(shows(place, "chmod 4755 var/program"));
	assert_true(shows(place, "echo >var/program"));
	assert_true(shows(place, "ln var/program var/other"));
	assert_true(shows(place, "cp -p var/program var/copy && mv var/copy var/program"));
	assert_true(shows(place, "chown 7 var/program"));
	assert_true(shows(place, "mv var/program var/elsewhere"));
	assert_true(shows(place, "rm var/elsewhere"));
	assert_true(shows(place, "touch var/setgid && chmod 2600 var/setgid"));
	assert_true(shows(place, "ln -s target var/bash"));
	assert_true(shows(place, "ln -sfn other var/bash"));
}

static void test_what_hides(void **state)
{
	struct place *place = *state;

	assert_true(shows(place, "touch usr/bin/su"));
	assert_true(shows(place, "rm usr/bin/su"));
	assert_true(shows(place, "mknod usr/bin/su c 0 0 2>/dev/null || ln -s nowhere usr/bin/su"));
	assert_true(shows(place, "mkdir usr/sbin"));
	assert_true(shows(place, "chmod 700 usr/sbin"));
	assert_true(shows(place, "rmdir usr/sbin && touch usr/sbin"));
	assert_true(shows(place, "rm usr/sbin && mkdir usr/sbin"));
	assert_true(shows(place, "rmdir usr/sbin && mkdir usr/sbin")); /* whatever its inode number is */
	assert_true(shows(place, "chmod 1777 ."));
}

static void test_what_does_not_count(void **state)
{
	struct place *place = *state;

	assert_false(shows(place, "echo line >>var/log/file"));
	assert_false(shows(place, "mv var/log/file var/log/file.1 && touch var/log/file"));
	assert_false(shows(place, "mkdir -p tmp/build && touch tmp/build/object"));
	assert_false(shows(place, "rm -r tmp var"));
	assert_false(shows(place, "touch usr/bin/text && rm usr/bin/text"));
	assert_false(shows(place, "ln -s target usr/link && mkfifo pipe"));
	assert_false(shows(place, "touch usr/bi usr/binary usr/bin/s usr/bin/su2 usr/bin-"));
}

static void test_redirects(void **state)
{
	struct place *place = *state;
	struct upper_sign before = look(place, true), after;

	assert_int_equal(run(place, "mkdir moved"), 0);
	after = look(place, true);
	assert_memory_not_equal(before.sum, after.sum, sizeof(before.sum));
}

static void test_newest(void **state)
{
	struct place *place = *state;
	struct stat facts;

	assert_int_equal(run(place, "cd usr/bin && touch tool && chmod 755 tool"), 0);
	assert_int_equal(fstatat(place->directory, "usr/bin/tool", &facts, 0), 0);
	assert_int_equal(look(place, false).newest, facts.st_ctime);
}

/* A container makes as much as it likes, as deep as it likes. */
static void test_too_much(void **state)
{
	struct place *place = *state;
	const struct upper_setting setting = {paths, 3, false};
	struct upper_sign sign;

	assert_int_equal(run(place, "i=0; while [ $i -lt 70 ]; do mkdir d && cd d; i=$((i + 1)); done"), 0);
	assert_int_equal(upper_look(place->directory, &setting, &sign), 1);
	assert_int_equal(run(place, "rm -r d && mkdir many && cd many && seq 66000 | xargs touch"), 0);
	assert_int_equal(upper_look(place->directory, &setting, &sign), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_programs, place_make, place_remove),
		cmocka_unit_test_setup_teardown(test_what_hides, place_make, place_remove),
		cmocka_unit_test_setup_teardown(test_what_does_not_count, place_make, place_remove),
		cmocka_unit_test_setup_teardown(test_redirects, place_make, place_remove),
		cmocka_unit_test_setup_teardown(test_newest, place_make, place_remove),
		cmocka_unit_test_setup_teardown(test_too_much, place_make, place_remove),
	};

	return cmocka_run_group_tests_name("upper", tests, NULL, NULL);
}
