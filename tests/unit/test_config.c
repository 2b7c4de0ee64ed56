#include "tests/unit/test.h"

#include <fcntl.h>
#include <string.h>

#include "agent/config.h"
#include "proctor/cleanup.h"

enum { DAY = 24 * 60 * 60 };

/* Noon of 2024-02-29. */
static const time_t today = 1709208000;

static char path[] = "/tmp/proctor-test-config-XXXXXX";

static void cleanup_config(struct config **config)
{
	config_free(*config);
}

#define _cleanup_config_ __attribute__((cleanup(cleanup_config)))

static int make_file(void **state)
{
	int fd = mkostemp(path, O_CLOEXEC);

	(void)state;
	return fd < 0 || close(fd) ? -1 : 0;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static struct config *read_bytes(const void *data, size_t length, struct error **error)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, length), length);
	return config_read(path, today, error);
}

static struct config *read_text(const char *text)
{
	_cleanup_error_ struct error *error = NULL;
	struct config *config = read_bytes(text, strlen(text), &error);

	if (!config)
		print_message("%s\n", error_message(error));
	assert_non_null(config);
	return config;
}

/* The configuration is refused, at that place, and the message has `part`. */
static void assert_refused_bytes(const void *data, size_t length, const char *place, const char *part)
{
	_cleanup_error_ struct error *error = NULL;
	_cleanup_config_ struct config *config = read_bytes(data, length, &error);
	_cleanup_free_ char *start = NULL;

	assert_null(config);
	assert_true(asprintf(&start, "%s:%s: ", path, place) > 0);
	if (strncmp(error_message(error), start, strlen(start)) != 0 || !strstr(error_message(error), part))
		fail_msg("'%s' is not '%s…%s…'", error_message(error), start, part);
}

static void assert_refused(const char *text, const char *place, const char *part)
{
	assert_refused_bytes(text, strlen(text), place, part);
}

/* ---- what is understood ------------------------------------------------------------------------- */

static void test_empty(void **state)
{
	(void)state;
	for (const char *const *text = (const char *const[]){"", "\n", "# a\n; b\n  # c", "\xef\xbb\xbf",
							     "[severity]\n[rules]\n[paths]", NULL};
	     *text; text++) {
		_cleanup_config_ struct config *config = read_text(*text);
		assert_int_equal(config->override_count + config->rule_off_count + config->excluded_count +
					 config->exception_count,
				 0);
	}
}

static void test_all_of_it(void **state)
{
	_cleanup_config_ struct config *config = read_text("\xef\xbb\xbf[severity]\r\n"
							   "process.root-user = low\r\n"
							   "mount.* : critical ; all of them\n"
							   "[rules]\n"
							   "off = process.root-user\n"
							   "\n"
							   "  mount.*\n"
							   "off=process.*\n"
							   "[paths]\n"
							   "exclude = /srv/with blank, and comma\n"
							   "exclude = */node_modules\n"
							   "[images]\n"
							   "curated = *.amazonaws.com/shop/*\n"
							   "curated = docker.io/library/nginx\n"
							   "[exception web's root]\n"
							   "rule = process.root-user\n"
							   "container = web-*\n"
							   "reason = binds port 80;\n"
							   "\tasked for = in\n"
							   "   TICKET: 17\n"
							   "expires = 2024-02-29\n"
							   "[exception 2]\n"
							   "reason = r\n"
							   "path = /x\n"
							   "executable = /y\n"
							   "image = z\n"
							   "rule = *\n");

	(void)state;
	assert_int_equal(config->override_count, 2);
	assert_string_equal(config->overrides[0].rule, "process.root-user");
	assert_int_equal(config->overrides[0].severity, SEVERITY_LOW);
	assert_string_equal(config->overrides[1].rule, "mount.*");
	assert_int_equal(config->overrides[1].severity, SEVERITY_CRITICAL);
	assert_int_equal(config->rule_off_count, 3);
	assert_string_equal(config->rules_off[0], "process.root-user");
	assert_string_equal(config->rules_off[1], "mount.*");
	assert_string_equal(config->rules_off[2], "process.*");
	assert_int_equal(config->excluded_count, 2);
	assert_string_equal(config->excluded_paths[0], "/srv/with blank, and comma");
	assert_string_equal(config->excluded_paths[1], "*/node_modules");
	assert_int_equal(config->curated_count, 2);
	assert_string_equal(config->curated[0], "*.amazonaws.com/shop/*");
	assert_string_equal(config->curated[1], "docker.io/library/nginx");
	assert_int_equal(config->exception_count, 2);
	assert_string_equal(config->exceptions[0].name, "web's root");
	assert_string_equal(config->exceptions[0].rule, "process.root-user");
	assert_string_equal(config->exceptions[0].container, "web-*");
	assert_string_equal(config->exceptions[0].reason, "binds port 80; asked for = in TICKET: 17");
	assert_string_equal(config->exceptions[0].expires, "2024-02-29");
	assert_false(config->exceptions[0].expired);
	assert_null(config->exceptions[0].path);
	assert_string_equal(config->exceptions[1].path, "/x");
	assert_string_equal(config->exceptions[1].executable, "/y");
	assert_string_equal(config->exceptions[1].image, "z");
	assert_null(config->exceptions[1].expires);
	assert_false(config->exceptions[1].expired);
}

static void test_the_last_day_holds(void **state)
{
	static const char text[] = "[exception a]\nrule = *\npath = /x\nreason = r\nexpires = 2024-02-29\n";
	_cleanup_config_ struct config *config = read_text(text);

	(void)state;
	assert_false(config->exceptions[0].expired);
	for (time_t now = today - DAY / 2; now <= today + DAY; now += DAY / 4) {
		_cleanup_config_ struct config *again = config_read(path, now, NULL);
		assert_non_null(again);
		assert_int_equal(again->exceptions[0].expired, now >= today + DAY / 2);
	}
}

static void test_sections_of_the_agent(void **state)
{
	_cleanup_config_ struct config *config = read_text("[agent]\ninterval = nonsense\n  more\n"
							   "[sink.a]\nurl = x\n[rules]\noff = *\n[agent]\n");

	(void)state;
	assert_int_equal(config->rule_off_count, 1);
	assert_refused("[agents]\n", "1:2", "of the agent [agent] and [sink.NAME]");
	assert_refused("[sink]\n", "1:2", "no section is called [sink]");
}

static void test_many_entries(void **state)
{
	enum { COUNT = 3000 };
	_cleanup_config_ struct config *config = NULL;
	_cleanup_free_ char *text = malloc(COUNT * 100);
	size_t length = 0;

	(void)state;
	assert_non_null(text);
	for (int i = 0; i < COUNT; i++)
		length += (size_t)sprintf(
			text + length, "[exception %d]\nrule=*\npath=/%d\nreason=r\n[paths]\nexclude=/%d\n",
			i, i, i);
	config = read_text(text);
	assert_int_equal(config->exception_count, COUNT);
	assert_string_equal(config->exceptions[COUNT - 1].path, "/2999");
	assert_int_equal(config->excluded_count, COUNT);
}

/* ---- what is not -------------------------------------------------------------------------------- */

static void test_unknown_words(void **state)
{
	(void)state;
	assert_refused("\n[sevrity]\n", "2:2", "no section is called [sevrity]");
	assert_refused("[]\n", "1:2", "no section");
	assert_refused("[exceptions a]", "1:2", "no section");
	assert_refused("[severity now]\n", "1:2", "takes no name");
	assert_refused("[exception]\n", "1:2", "needs a name");
	assert_refused("[exception   ]\n", "1:2", "needs a name");
	assert_refused("off = *\n", "1:1", "before the first section");
	assert_refused("[rules]\n\n  on = *\n", "3:3", "no key of [rules] is called 'on'");
	assert_refused("[paths]\nexclude =\n", "2:10", "not the glob of an absolute path");
	assert_refused("[images]\ncurated =\n", "2:10", "'curated' is empty");
	assert_refused("[images]\ntrusted = x\n", "2:1", "no key of [images] is called 'trusted'");
	assert_refused("[paths]\nexclude = srv\n", "2:11", "'srv' is not");
	assert_refused("[severity]\nprocess.rot-user = low\n", "2:1", "no rule is called 'process.rot-user'");
	assert_refused("[severity]\nprocess.root-user = lowest\n", "2:21", "no severity is called 'lowest'");
	assert_refused("[severity]\nprocess.root-user = none\n", "2:21", "no severity");
	assert_refused("[rules]\noff = process.root-user, mount.*\n", "2:7", "no rule is called");
	assert_refused("[exception a]\nseverity = low\n", "2:1",
		       "no key of [exception a] is called 'severity'");
}

static void test_exceptions_that_are_not_whole(void **state)
{
	(void)state;
	assert_refused("[paths]\n[exception a]\n", "2:1", "names no rule");
	assert_refused("[exception a]\nrule = *\npath = /x\n", "1:1", "exception 'a' gives no reason");
	assert_refused("[exception a]\nrule = *\nreason = r\n", "1:1", "names no container");
	assert_refused("[exception a]\nrule = *\nrule = *\n", "3:1", "'rule' is given twice");
	assert_refused("[severity]\nhost.* = low\n[rules]\n[severity]\n  host.* = high\n", "5:3",
		       "'host.*' is given twice");
	assert_refused("[exception a]\nreason =\n", "2:9", "'reason' is empty");
	assert_refused("[exception a]\n[exception b]\n[exception a]\n", "3:2", "stands in line 1 already");
}

static void test_dates(void **state)
{
	static const char *const malformed[] = {"tomorrow",    "2024-2-9",   "24-02-29",       "2024/02/29",
						"2024-02-290", "-024-02-29", "２０２４-02-29", NULL};
	static const char *const wrong[] = {"2024-02-30", "2023-02-29", "1900-02-29", "2024-13-01",
					    "2024-00-10", "2024-04-31", "2024-01-00", NULL};
	static const char *const right[] = {"2000-02-29", "2024-12-31", "0001-01-01", "9999-12-31", NULL};
	char text[128];

	(void)state;
	for (size_t i = 0; malformed[i]; i++) {
		sprintf(text, "[exception a]\nrule=*\npath=/x\nreason=r\nexpires = %s\n", malformed[i]);
		assert_refused(text, "5:11", "of the form YYYY-MM-DD");
	}
	for (size_t i = 0; wrong[i]; i++) {
		sprintf(text, "[exception a]\nrule=*\npath=/x\nreason=r\nexpires = %s\n", wrong[i]);
		assert_refused(text, "5:11", "there is no day");
	}
	for (size_t i = 0; right[i]; i++) {
		_cleanup_config_ struct config *config = NULL;
		sprintf(text, "[exception a]\nrule=*\npath=/x\nreason=r\nexpires=%s\n", right[i]);
		config = read_text(text);
		assert_int_equal(config->exceptions[0].expired, strcmp(right[i], "2024-02-29") < 0);
	}
}

/* inih would take an indented key for more of the value before it. */
static void test_indented_keys(void **state)
{
	(void)state;
	assert_refused("[exception a]\n  rule = *\n  reason = r\n", "3:3",
		       "does not begin in the first column");
	assert_refused("[exception a]\nreason = r\n  expires = 2020-01-01\n", "3:3",
		       "does not begin in the first");
	assert_refused("[exception a]\nreason = r\n  expires\t: x\n", "3:3", "does not begin in the first");
	assert_refused("[exception a]\npath = /x\n  /y\n", "3:3", "would go on with the value of 'path'");
	assert_refused("[severity]\nprocess.root-user = low\n  high\n", "3:3",
		       "does not begin in the first column");
	assert_refused("[rules]\n [paths]\n", "2:2", "first column");
	assert_refused("[rules]\noff = *\n [paths]\n", "3:2", "first column");
}

static void test_what_is_not_ini(void **state)
{
	(void)state;
	assert_refused("[severity\n", "1:10", "without its `]`");
	assert_refused("[severity] low\n", "1:12", "text behind the name of a section");
	assert_refused("[severity]\nprocess.root-user\n", "2:1", "neither a [section] nor KEY = VALUE");
	assert_refused("[severity]\n   words\n", "2:4", "neither");
	assert_refused("[severity]\nwords\n[sevrity]\n", "2:1", "neither");
	assert_refused("<config>\n", "1:1", "neither");
	assert_refused("= low\n", "1:1", "");
	assert_refused("[severity]\n= low\n", "2:1", "no rule is called ''");
}

static void test_hostile_bytes(void **state)
{
	_cleanup_free_ char *noise = malloc(10 << 20);
	uint32_t seed = 1;

	(void)state;
	assert_non_null(noise);
	assert_refused_bytes("[rules]\nof\0f = *\n", 17, "2:3", "a NUL byte");
	assert_refused_bytes("\0", 1, "1:1", "a NUL byte");
	assert_refused_bytes("[rules]\n#\0\n", 11, "2:2", "a NUL byte");
	memset(noise, 'x', 10 << 20);
	memcpy(noise, "[rules]\n", 8);
	assert_refused_bytes(noise, 10 << 20, "2:1048569", "more than 1048576 bytes");
	memset(noise, '\n', 10 << 20);
	assert_refused_bytes(noise, 10 << 20, "1048577:1", "more than 1048576 bytes");
	for (int round = 0; round < 20; round++) {
		_cleanup_error_ struct error *error = NULL;
		for (size_t i = 0; i < 10 << 20; i++)
			noise[i] = (char)((seed = seed * 1664525 + 1013904223) >> 24);
		assert_null(read_bytes(noise, round ? 1000 : 10 << 20, &error));
		assert_int_equal(strncmp(error_message(error), path, strlen(path)), 0);
		seed += (uint32_t)round;
	}
}

/* inih has room for 198 bytes of a line. */
static void test_long_lines(void **state)
{
	static char text[40000], name[151], glob[4096], comment[1000], key[201];
	_cleanup_config_ struct config *config = NULL;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	memset(comment, ';', sizeof(comment) - 1);
	memset(key, 'k', sizeof(key) - 1);
	for (size_t length = 150; length < sizeof(glob); length = length < 250 ? length + 1 : 2 * length) {
		memset(glob, 'p', length);
		glob[0] = '/';
		glob[length] = '\0';
		snprintf(text, sizeof(text),
			 "# %s\n[paths]\nexclude=%s\nexclude = %s ; %s\n \t%s\t;%s\n"
			 "[exception %s]%s\nrule=*\npath=%s\nreason=r;\n   %s; and ;more\n  ;%s\n  %s\n",
			 comment, glob, glob, comment, glob, comment, name, comment, glob, glob, comment,
			 glob);
		config_free(config);
		config = read_text(text);
		assert_int_equal(config->excluded_count, 3);
		for (size_t i = 0; i < 3; i++)
			assert_string_equal(config->excluded_paths[i], glob);
		assert_string_equal(config->exceptions[0].name, name);
		assert_string_equal(config->exceptions[0].path, glob);
		snprintf(text, sizeof(text), "r; %s; and %s", glob, glob);
		assert_string_equal(config->exceptions[0].reason, text);
	}
	snprintf(text, sizeof(text), "[severity]\n%s = low\n", key);
	assert_refused(text, "2:1", "no `=` in the first 198 bytes");
	assert_refused("[rules]\noff = ; all\n", "2:7", "no rule is called ''");
	assert_refused("[rules]\noff =;all\n", "2:6", "no rule is called ';all'");
	snprintf(text, sizeof(text), "[rules]\noff = mount.*\n%s = low\n", key);
	assert_refused(text, "3:1", "no `=` in the first 198 bytes");
	snprintf(text, sizeof(text), "[rules]\noff = mount.*\n%*sprocess.* ; too\n", 300, "");
	config_free(config);
	config = read_text(text);
	assert_string_equal(config->rules_off[1], "process.*");
	snprintf(text, sizeof(text), "[severity]\nhost.sysctl = %s\n", key);
	assert_refused(text, "2:15", "no severity is called");
}

/* The limit falls into a key, which is not taken for all of it. */
static void test_too_long(void **state)
{
	static char text[(1 << 20) + 16];
	size_t at;

	(void)state;
	memset(text, '#', sizeof(text) - 1);
	strcpy(text, "[rules]\n");
	text[8] = '#';
	at = (1 << 20) - strlen("off = pr");
	memcpy(text + at - 1, "\noff = process.*\n", strlen("\noff = process.*\n"));
	assert_refused(text, "3:9", "more than 1048576 bytes of configuration");
}

static void test_files_that_cannot_be_read(void **state)
{
	static const char *const paths[] = {"/nonexistent/proctor.conf", "/", "/proc/self/mem", NULL};

	(void)state;
	for (size_t i = 0; paths[i]; i++) {
		_cleanup_error_ struct error *error = NULL;
		assert_null(config_read(paths[i], today, &error));
		assert_non_null(strstr(error_message(error), paths[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_all_of_it),
		cmocka_unit_test(test_the_last_day_holds),
		cmocka_unit_test(test_sections_of_the_agent),
		cmocka_unit_test(test_many_entries),
		cmocka_unit_test(test_unknown_words),
		cmocka_unit_test(test_exceptions_that_are_not_whole),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_indented_keys),
		cmocka_unit_test(test_what_is_not_ini),
		cmocka_unit_test(test_hostile_bytes),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_files_that_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
