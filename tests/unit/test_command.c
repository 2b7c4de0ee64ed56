#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "agent/command.h"
#include "proctor/cleanup.h"

/* What the handler was called with: `a`, `p=1`, `n`, parted by spaces. */
struct seen {
	char text[256];
};

enum { OPTION_NAMED = OPTION_OWN };

static const struct option_entry options[] = {
	{'a', "all", NULL, "everything", COMPLETE_NONE},
	{'p', "pid", "PID,…", "only these", COMPLETE_PID},
	{OPTION_NAMED, "named", "NAME", "by name", COMPLETE_NONE},
	{OPTION_OWN + 1, "nameless", NULL, "without name", COMPLETE_NONE},
	{0},
};

static const struct command with_operands = {.name = "walk", .synopsis = "[PATH…]", .options = options};
static const struct command without = {.name = "list", .synopsis = "", .options = options};

static int note(void *state, int id, const char *value, struct error **error)
{
	struct seen *seen = state;
	size_t length = strlen(seen->text);

	snprintf(seen->text + length, sizeof(seen->text) - length, "%s%c%s%s", length ? " " : "",
		 id > 255 ? 'A' + id - OPTION_OWN : id, value ? "=" : "", value ? value : "");
	return value && !strcmp(value, "bad") ? error_set(error, 0, "not a name") : 0;
}

struct parsed {
	int result, operands;
	struct seen seen;
	char message[256];
};

static struct parsed parse(const struct command *command, const char **argv)
{
	_cleanup_error_ struct error *error = NULL;
	struct parsed parsed = {.operands = -1};
	int argc = 0;

	while (argv[argc])
		argc++;
	parsed.result =
		command_parse(command, argc, (char **)argv, note, &parsed.seen, &parsed.operands, &error);
	if (error)
		snprintf(parsed.message, sizeof(parsed.message), "%s", error_message(error));
	return parsed;
}

#define PARSE(command, ...) parse(&(command), (const char *[]){"proctor", __VA_ARGS__, NULL})

static void test_letters_names_and_operands(void **state)
{
	struct parsed parsed =
		PARSE(with_operands, "-ap1,2", "/usr", "--named", "x y", "--nameless", "--pid=", "/etc");

	(void)state;
	assert_int_equal(parsed.result, 0);
	assert_string_equal(parsed.seen.text, "a p=1,2 A=x y B p=");
	assert_int_equal(parsed.operands, 6);
}

static void test_what_follows_two_dashes_is_no_option(void **state)
{
	struct parsed parsed = PARSE(with_operands, "-a", "--", "--named");

	(void)state;
	assert_int_equal(parsed.result, 0);
	assert_string_equal(parsed.seen.text, "a");
	assert_int_equal(parsed.operands, 3);
}

static void test_each_call_starts_over(void **state)
{
	(void)state;
	assert_int_equal(PARSE(without, "-a", "-?").result, -1);
	assert_string_equal(PARSE(without, "-a").seen.text, "a");
	assert_string_equal(parse(&without, (const char *[]){"list", NULL}).seen.text, "");
}

static void test_wrong_usage(void **state)
{
	(void)state;
	assert_string_equal(PARSE(without, "-x").message, "no option is called -x");
	assert_string_equal(PARSE(without, "-a\033").message, "no option is called -\033");
	assert_string_equal(PARSE(without, "--wrong").message,
			    "no option, or more than one, is called --wrong");
	assert_string_equal(PARSE(without, "--nam").message, "no option, or more than one, is called --nam");
	assert_string_equal(PARSE(without, "-p").message, "--pid needs an argument: PID,…");
	assert_string_equal(PARSE(without, "--named").message, "--named needs an argument: NAME");
	assert_string_equal(PARSE(without, "--all=x").message, "--all takes no argument");
	assert_string_equal(PARSE(without, "--help=x").message, "--help takes no argument");
	assert_string_equal(PARSE(without, "--named", "bad").message, "--named bad: not a name");
	assert_string_equal(PARSE(without, "x").message, "'x' is one argument too many");
	assert_int_equal(PARSE(without, "x").result, -1);
}

static void test_the_table_of_commands(void **state)
{
	(void)state;
	assert_null(command_find(""));
	assert_null(command_find("-"));
	for (size_t i = 0; commands[i]; i++) {
		assert_ptr_equal(command_find(commands[i]->name), commands[i]);
		assert_non_null(commands[i]->synopsis);
		assert_non_null(commands[i]->summary);
		assert_non_null(commands[i]->description);
		assert_non_null(commands[i]->options);
		assert_non_null(commands[i]->examples);
		assert_non_null(commands[i]->run);
	}
}

static void test_no_option_stands_twice(void **state)
{
	(void)state;
	for (size_t i = 0; commands[i]; i++)
		for (const struct option_entry *one = commands[i]->options; one->name; one++)
			for (const struct option_entry *two = one + 1; two->name; two++)
				if (one->id == two->id || !strcmp(one->name, two->name))
					fail_msg("%s: --%s and --%s", commands[i]->name, one->name,
						 two->name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_letters_names_and_operands),
		cmocka_unit_test(test_what_follows_two_dashes_is_no_option),
		cmocka_unit_test(test_each_call_starts_over),
		cmocka_unit_test(test_wrong_usage),
		cmocka_unit_test(test_the_table_of_commands),
		cmocka_unit_test(test_no_option_stands_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
