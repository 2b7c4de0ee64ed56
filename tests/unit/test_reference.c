/* What rules, explain and decode print. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/command.h"
#include "agent/decode_print.h"
#include "agent/explain_print.h"
#include "agent/formats/prose.h"
#include "collectors/read.h"
#include "proctor/cleanup.h"
#include "proctor/record.h"

/* What was written to the path of this test. */
static void take(struct buffer *buffer)
{
	assert_int_equal(buffer_read(buffer, AT_FDCWD, own_path(), 1 << 24), 0);
	assert_int_equal(unlink(own_path()), 0);
}

struct ran {
	int status;
	char message[512];
	struct buffer buffer;
};

static void ran_free(struct ran *ran)
{
	buffer_free(&ran->buffer);
}

#define _cleanup_ran_ __attribute__((cleanup(ran_free)))

/* Runs the command of that name with up to four words, its output into a buffer. */
static struct ran run(const char *name, const char *one, const char *two, const char *three, const char *four)
{
	_cleanup_error_ struct error *error = NULL;
	const char *words[] = {name, "--output-file", own_path(), one, two, three, four, NULL};
	const struct command *command = command_find(name);
	struct ran ran = {0};
	int count = 0;

	assert_non_null(command);
	while (words[count])
		count++;
	ran.status = command->run(command, count, (char **)words, &error);
	assert_int_equal(ran.status == EXIT_AUDITED, !error);
	snprintf(ran.message, sizeof(ran.message), "%s", error ? error_message(error) : "");
	if (ran.status == EXIT_AUDITED)
		take(&ran.buffer);
	else
		assert_int_equal(access(own_path(), F_OK), -1);
	return ran;
}

static void assert_refused(const char *name, const char *one, const char *two, const char *words)
{
	_cleanup_ran_ struct ran ran = run(name, one, two, NULL, NULL);

	assert_int_equal(ran.status, EXIT_USAGE);
	if (!strstr(ran.message, words))
		fail_msg("%s %s: %s", name, one, ran.message);
}

static json_t *json_of(const char *name, const char *one, const char *two)
{
	_cleanup_ran_ struct ran ran = run(name, "--format", "json", one, two);
	json_t *json;

	assert_int_equal(ran.status, EXIT_AUDITED);
	json = json_loadb(ran.buffer.data, ran.buffer.length, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	return json;
}

static const char *text_of(json_t *object, const char *member)
{
	return json_string_value(json_object_get(object, member));
}

/* ---- rules -------------------------------------------------------------------------------------- */

static size_t rule_count(void)
{
	size_t count = 0;

	for (const struct rule *const *family = rule_families; *family; family++)
		for (const struct rule *rule = *family; rule->id; rule++)
			count++;
	return count;
}

static void test_every_rule_is_listed_once(void **state)
{
	_cleanup_ran_ struct ran ran = run("rules", NULL, NULL, NULL, NULL);
	const char *cursor = ran.buffer.data, *end = cursor + ran.buffer.length, *line;
	size_t length, lines = 0;

	(void)state;
	while (line_next(&cursor, end, &line, &length)) {
		_cleanup_free_ char *id = strndup(line, strcspn(line, " "));
		assert_non_null(id);
		if (lines++)
			assert_non_null(rule_find(id));
		else
			assert_string_equal(id, "RULE");
	}
	assert_int_equal(lines, rule_count() + 1);
}

static void test_rules_by_glob(void **state)
{
	_cleanup_json_ json_t *one = json_of("rules", "mount.writable-root", NULL),
			      *family = json_of("rules", "mount.*", "mount.writable-root");
	json_t *rules = json_object_get(family, "rules");

	(void)state;
	assert_int_equal(json_array_size(json_object_get(one, "rules")), 1);
	assert_true(json_array_size(rules) > 1);
	for (size_t i = 0; i < json_array_size(rules); i++)
		assert_memory_equal(text_of(json_array_get(rules, i), "id"), "mount.", 6);
	assert_refused("rules", "no.such*", NULL, "no rule");
	assert_refused("rules", "mount.*", "", "no rule");
}

static void test_a_rule_as_a_record_has_all_of_it(void **state)
{
	(void)state;
	for (const struct rule *const *family = rule_families; *family; family++)
		for (const struct rule *rule = *family; rule->id; rule++) {
			_cleanup_json_ json_t *json = json_of("explain", rule->id, NULL);
			json_t *record = json_array_get(json_object_get(json, "rules"), 0);
			assert_string_equal(text_of(record, "id"), rule->id);
			assert_string_equal(text_of(record, "severity"), severity_names[rule->severity]);
			assert_non_null(text_of(record, "scope"));
			assert_string_equal(text_of(record, "title"), rule->bad);
			assert_string_equal(text_of(record, "good"), rule->good);
			assert_non_null(text_of(record, "why"));
			assert_non_null(text_of(record, "attack"));
			assert_non_null(text_of(json_object_get(record, "remediation"), "text"));
			assert_true(json_array_size(json_object_get(record, "references")) > 0);
		}
}

/* What is to be pasted into a task definition can be. */
static void test_remedies_for_ecs_are_json(void **state)
{
	(void)state;
	for (const struct rule *const *family = rule_families; *family; family++)
		for (const struct rule *rule = *family; rule->id; rule++) {
			const char *text = rule->remedy.ecs;
			_cleanup_json_ json_t *json =
				text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
			if (text && !json_is_object(json))
				fail_msg("%s: %s", rule->id, text);
		}
}

/* ---- explain ------------------------------------------------------------------------------------ */

/* No line of prose is wider than 80 columns; code and references, behind their headings, may be. */
static void assert_fits(const struct ran *ran)
{
	const char *cursor = ran->buffer.data, *end = cursor + ran->buffer.length, *line;
	bool references = false;
	size_t length;

	while (line_next(&cursor, end, &line, &length)) {
		_cleanup_free_ char *text = strndup(line, length);
		assert_non_null(text);
		references |= !strcmp(text, "References");
		if (text_width(text) > 80 && !references && strncmp(text, "    ", 4) != 0)
			fail_msg("'%s' is too wide", text);
		if (length && line[length - 1] == ' ')
			fail_msg("'%s' ends in a blank", text);
	}
}

static void assert_has(const struct ran *ran, const char *text)
{
	if (!strstr(ran->buffer.data, text))
		fail_msg("'%s' is not in:\n%s", text, ran->buffer.data);
}

static void test_every_rule_is_explained(void **state)
{
	(void)state;
	for (const struct rule *const *family = rule_families; *family; family++)
		for (const struct rule *rule = *family; rule->id; rule++) {
			_cleanup_ran_ struct ran ran = run("explain", rule->id, NULL, NULL, NULL);
			assert_int_equal(ran.status, EXIT_AUDITED);
			assert_memory_equal(ran.buffer.data, rule->id, strlen(rule->id));
			assert_has(&ran, "\nWhy it matters\n");
			assert_has(&ran, "\nHow to fix it\n");
			assert_has(&ran, "\nReferences\n");
			assert_fits(&ran);
			if (rule->remedy.docker && !strchr(rule->remedy.docker, '\n'))
				assert_has(&ran, rule->remedy.docker);
		}
}

static void test_every_capability_is_explained(void **state)
{
	char name[CAPABILITY_NAME_SIZE];

	(void)state;
	for (unsigned number = 0; number <= CAP_LAST_CAP; number++) {
		_cleanup_ran_ struct ran ran =
			run("explain", capability_constant(number, name), NULL, NULL, NULL);
		bool given = CAPABILITY_DOCKER_DEFAULT & CAPABILITY_MASK(number);
		assert_int_equal(ran.status, EXIT_AUDITED);
		assert_memory_equal(ran.buffer.data, name, strlen(name));
		assert_has(&ran, given ? "\n  In Docker's default set" : "\n  Not in Docker's default set");
		assert_has(&ran, "--cap-drop ");
		assert_fits(&ran);
	}
}

static void test_a_rule_in_full(void **state)
{
	static const char *const references[] = {"prctl(2)", NULL};
	static const struct rule rule = {
		.id = "family.rule",
		.severity = SEVERITY_HIGH,
		.bad = "no_new_privs is off",
		.why = "it may gain privilege",
		.attack = "By a file. Then more!",
		.remedy = {.text = "Turn it on",
			   .dockerfile = "RUN a \\\n  b\n\nUSER 1",
			   .ecs = "{\"b\": [1], \"a\": true}",
			   .kubernetes = "not yaml, whatever it is: it stands as it stands, however long the "
					 "line is"},
		.references = references,
	};
	const struct rule *rules[] = {&rule};
	struct reference reference = {.rules = rules, .rule_count = 1};
	_cleanup_buffer_ struct buffer buffer = {0};
	struct output *output = output_open(own_path(), NULL);

	(void)state;
	assert_int_equal(explain_print(&reference, output, NULL), 0);
	assert_int_equal(output_commit(output, NULL), 0);
	output_free(output);
	take(&buffer);
	assert_string_equal(buffer.data,
			    "family.rule\n"
			    "  no_new_privs is off.\n"
			    "  Severity: high, unless its context makes it better or worse.\n"
			    "\nWhy it matters\n  It may gain privilege.\n"
			    "\nHow an attacker uses it\n  By a file. Then more!\n"
			    "\nHow to fix it\n  Turn it on.\n"
			    "\n  Dockerfile:\n    RUN a \\\n      b\n\n    USER 1\n"
			    "\n  ECS task definition:\n    {\n      \"b\": [\n        1\n      ],\n      "
			    "\"a\": true\n    }\n"
			    "\n  Kubernetes:\n"
			    "    not yaml, whatever it is: it stands as it stands, however long the line is\n"
			    "\nReferences\n  prctl(2)\n");
}

static void test_what_cannot_be_explained(void **state)
{
	char longest[4096];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_refused("explain", NULL, NULL, "name a rule");
	assert_refused("explain", "net_raw", "chown", "'chown' is one argument too many");
	assert_refused("explain", "", NULL, "no rule or capability is called ''; 'proctor rules'");
	assert_refused("explain", "beyond-defualt", NULL, "the nearest is 'capability.beyond-default'");
	assert_refused("explain", "cap_net-raw", NULL, "the nearest is 'net_raw'");
	assert_refused("explain", "cap_63", NULL, "cap_63");
	assert_refused("explain", "64", NULL, "'64'");
	assert_refused("explain", "mount.*", NULL, "mount.*");
	assert_refused("explain", "\033[31m", NULL, "no rule");
	assert_refused("explain", "%n%s", NULL, "'%n%s'");
	assert_refused("explain", longest, NULL, "xxx'; 'proctor rules'");
}

/* ---- decode ------------------------------------------------------------------------------------- */

static void test_masks_as_records(void **state)
{
	_cleanup_json_ json_t *json = json_of("decode", "8000000000002001", "net_raw");
	json_t *sets = json_object_get(json, "sets"), *set = json_array_get(sets, 0);
	json_t *capabilities = json_object_get(json, "capabilities");
	json_t *expected = json_pack("[sss]", "CAP_CHOWN", "CAP_NET_RAW", "CAP_63");

	(void)state;
	assert_int_equal(json_array_size(sets), 2);
	assert_string_equal(text_of(set, "name"), "8000000000002001");
	assert_string_equal(text_of(set, "mask"), "8000000000002001");
	assert_true(json_equal(json_object_get(set, "capabilities"), expected));
	assert_string_equal(text_of(json_array_get(sets, 1), "mask"), "0000000000002000");
	assert_int_equal(json_array_size(capabilities), 3); /* each once */
	assert_non_null(text_of(json_array_get(capabilities, 1), "allows"));
	assert_null(text_of(json_array_get(capabilities, 2), "allows"));
	assert_string_equal(text_of(json_array_get(capabilities, 2), "name"), "CAP_63");
	json_decref(expected);
}

static void test_masks_for_people(void **state)
{
	_cleanup_ran_ struct ran ran = run("decode", "8000000000002000", "0", NULL, NULL);

	(void)state;
	assert_string_equal(
		ran.buffer.data,
		"8000000000002000      net_raw cap_63 (2 capabilities)\n"
		"  net_raw             Open raw and packet sockets, and bind to addresses that are not its "
		"own.\n"
		"  cap_63              A capability of a kernel newer than this version of Proctor.\n"
		"\n"
		"0000000000000000      none (0 capabilities)\n");
}

static void test_what_cannot_be_decoded(void **state)
{
	(void)state;
	assert_refused("decode", NULL, NULL, "MASK");
	assert_refused("decode", "--self", "1", "exclude");
	assert_refused("decode", "1", "0xzz", "'0xzz'");
	assert_refused("decode", "1", "", "''");
	assert_refused("decode", "--self=1", NULL, "no argument");
}

static void print_self(const struct own_state *self, struct buffer *buffer)
{
	static const unsigned numbers[] = {CAP_CHOWN, CAP_NET_RAW};
	const struct named_set sets[] = {{"effective", self->credentials.effective},
					 {"permitted", self->credentials.permitted},
					 {"inheritable", self->credentials.inheritable},
					 {"bounding", self->credentials.bounding},
					 {"ambient", self->credentials.ambient}};
	struct reference reference = {
		.self = self, .sets = sets, .set_count = 5, .capabilities = numbers, .capability_count = 2};
	struct output *output = output_open(own_path(), NULL);

	assert_int_equal(decode_print(&reference, output, NULL), 0);
	assert_int_equal(output_commit(output, NULL), 0);
	output_free(output);
	take(buffer);
}

static void test_our_own_state(void **state)
{
	struct own_state self = {
		.pid = 7,
		.credentials = {.uid = {1, 2, 3, 4},
				.effective = 1,
				.permitted = 0x2001,
				.bounding = 0x2000,
				.no_new_privs = true,
				.seccomp = SECCOMP_FILTERED,
				.seccomp_filters = 2},
		.securebits = 0x80001003,
		.user_namespace = "other",
	};
	_cleanup_buffer_ struct buffer first = {0}, second = {0};

	(void)state;
	print_self(&self, &first);
	assert_non_null(strstr(first.data, "This process, 7, of uid 2\n"));
	assert_non_null(strstr(first.data, "\n  permitted       chown net_raw\n"));
	assert_non_null(strstr(first.data, "\n  no_new_privs    on:"));
	assert_non_null(strstr(first.data, "\n  seccomp         2 filters\n"));
	assert_non_null(strstr(first.data, "\n  securebits      noroot noroot_locked bit_12 bit_31\n"));
	assert_non_null(strstr(first.data, "\n  user namespace  another than the host's"));
	assert_non_null(strstr(first.data, "\n  ep---  chown "));
	assert_non_null(strstr(first.data, "\n  -p-b-  net_raw "));
	self.credentials.no_new_privs = false;
	self.credentials.seccomp = SECCOMP_STRICT;
	self.credentials.seccomp_filters = 0;
	self.securebits = 0;
	self.user_namespace = NULL;
	print_self(&self, &second);
	assert_non_null(strstr(second.data, "\n  no_new_privs    off:"));
	assert_non_null(strstr(second.data, "\n  seccomp         strict:"));
	assert_non_null(strstr(second.data, "\n  securebits      none\n"));
	assert_non_null(strstr(second.data, "\n  user namespace  not readable\n"));
}

/* All of them, each with every securebit: the longest line. */
static void test_every_securebit(void **state)
{
	struct own_state self = {.securebits = UINT32_MAX, .user_namespace = "initial"};
	_cleanup_buffer_ struct buffer buffer = {0};

	(void)state;
	print_self(&self, &buffer);
	assert_non_null(strstr(buffer.data, " exec_deny_interactive_locked bit_12 "));
	assert_non_null(strstr(buffer.data, " bit_31\n"));
}

/* ---- prose -------------------------------------------------------------------------------------- */

static void print_prose(size_t width, bool colour, struct buffer *buffer)
{
	struct output *output = output_open(own_path(), NULL);
	struct prose prose = {.output = output, .look = {.width = width, .colour = colour}};

	prose_heading(&prose, "Heading");
	prose_entry(&prose, 2, "term", 8, "some words of text");
	prose_entry(&prose, 2, "a long term", 8, "text");
	prose_code(&prose, 4, "a line that is longer than the terminal is wide\n\n  indented\\n\n");
	prose_code(&prose, 4, "");
	assert_false(prose.failed);
	assert_int_equal(output_commit(output, NULL), 0);
	output_free(output);
	take(buffer);
}

static void test_prose(void **state)
{
	_cleanup_buffer_ struct buffer wide = {0}, narrow = {0}, coloured = {0};

	(void)state;
	print_prose(0, false, &wide);
	assert_string_equal(wide.data,
			    "Heading\n  term  some words of text\n  a long term\n    text\n"
			    "    a line that is longer than the terminal is wide\n\n      indented\\n\n");
	print_prose(20, false, &narrow);
	assert_string_equal(narrow.data,
			    "Heading\n  term\n    some words of\n    text\n  a long term\n    text\n"
			    "    a line that is longer than the terminal is wide\n\n      indented\\n\n");
	print_prose(0, true, &coloured);
	assert_non_null(strstr(coloured.data, "\033[1mHeading\033[0m\n  \033[1mterm\033[0m  some"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_rule_is_listed_once),
		cmocka_unit_test(test_rules_by_glob),
		cmocka_unit_test(test_a_rule_as_a_record_has_all_of_it),
		cmocka_unit_test(test_remedies_for_ecs_are_json),
		cmocka_unit_test(test_every_rule_is_explained),
		cmocka_unit_test(test_every_capability_is_explained),
		cmocka_unit_test(test_a_rule_in_full),
		cmocka_unit_test(test_what_cannot_be_explained),
		cmocka_unit_test(test_masks_as_records),
		cmocka_unit_test(test_masks_for_people),
		cmocka_unit_test(test_what_cannot_be_decoded),
		cmocka_unit_test(test_our_own_state),
		cmocka_unit_test(test_every_securebit),
		cmocka_unit_test(test_prose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
