/* Everything that judges, prints or reads text, with each allocation failing in turn: the answer is what it
 * always is, or an error that says so. What leaks, the sanitizers tell. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/command.h"
#include "agent/config.h"
#include "agent/formats/audit_table.h"
#include "agent/formats/json.h"
#include "agent/formats/plan_table.h"
#include "agent/remediate.h"
#include "agent/remedy/plan.h"
#include "agent/remedy/target.h"
#include "agent/selection.h"
#include "proctor/cleanup.h"
#include "tests/fault/inject.h"
#include "tests/unit/build.h"

void *__real_malloc(size_t size);

/* One thing to do; -1 and *error when it cannot. */
typedef int (*action)(struct build *build, struct error **error);

/* Lets the first allocation fail, the second and so on, until there are no more. */
static void with_each_failure(struct build *build, action act, bool lasting)
{
	unsigned long failures = 0;

	for (unsigned long nth = 1;; nth++) {
		_cleanup_error_ struct error *error = NULL;
		unsigned long calls;
		int result;

		inject_arm(CALL_ALLOCATE, nth, ENOMEM, lasting);
		result = act(build, &error);
		calls = inject_disarm();
		assert_true(result == 0 ? !error : error != NULL);
		if (error && !strstr(error_message(error), "emory"))
			fail_msg("allocation %lu: %s", nth, error_message(error));
		failures += result != 0;
		if (calls < nth)
			break;
	}
	assert_true(failures > 0);
}

static void test_act(struct build *build, action act)
{
	with_each_failure(build, act, false);
	with_each_failure(build, act, true);
}

static int print_with(int (*print)(struct output *, struct build *, struct error **), struct build *build,
		      struct error **error)
{
	struct output *output = output_open(own_path(), error);
	int result = output ? print(output, build, error) : -1;

	if (!result)
		result = output_commit(output, error);
	output_free(output);
	return result;
}

static int put_document(struct output *output, struct build *build, struct error **error)
{
	struct record_context context = {.snapshot = build->snapshot, .findings = build->findings};
	int result = json_document(output, record_kinds, &context, error);

	record_context_free(&context);
	return result;
}

static int put_lines(struct output *output, struct build *build, struct error **error)
{
	struct record_context context = {.snapshot = build->snapshot, .findings = build->findings};
	int result = ndjson_records(output, record_kinds, &context, error);

	record_context_free(&context);
	return result;
}

static int put_audit_table(struct output *output, struct build *build, struct error **error)
{
	const struct table_look look = {.width = 80, .colour = true};

	return audit_table_print(build->snapshot, build->findings, &look, output, error);
}

static int put_table(struct output *output, struct build *build, struct error **error)
{
	static const struct table_column pid = {.header = "PID", .right = true}, comm = {.header = "COMMAND"};
	static const struct table_column *const columns[] = {&pid, &comm};
	const struct table_look look = {.width = 30};
	struct table *table = table_new(columns, 2);
	int result;

	(void)build;
	if (!table)
		return error_set(error, ENOMEM, "making a table");
	for (int i = 0; i < 1000; i++) {
		table_number(table, STYLE_PLAIN, 1);
		table_prefix(table, "└─ ");
		table_text(table, STYLE_PLAIN, "\xff a longer command\n");
	}
	result = table_print(table, &look, output, error);
	table_free(table);
	return result;
}

static int act_document(struct build *build, struct error **error)
{
	return print_with(put_document, build, error);
}

static int act_lines(struct build *build, struct error **error)
{
	return print_with(put_lines, build, error);
}

static int act_audit_table(struct build *build, struct error **error)
{
	return print_with(put_audit_table, build, error);
}

static int act_table(struct build *build, struct error **error)
{
	return print_with(put_table, build, error);
}

/* Runs a command with two words behind its name, its output into the file. */
static int run_command(const char *name, const char *one, const char *two, struct error **error)
{
	const char *words[] = {name, "--output-file", own_path(), one, two, NULL};

	return command_find(name)->run(command_find(name), 5, (char **)words, error);
}

static int act_rules(struct build *build, struct error **error)
{
	(void)build;
	return run_command("rules", "process.*", "mount.*", error);
}

static int act_rule_records(struct build *build, struct error **error)
{
	(void)build;
	return run_command("rules", "--format=json", "mount.*", error);
}

static int act_explain_rule(struct build *build, struct error **error)
{
	(void)build;
	return run_command("explain", "--", "capability.beyond-default", error);
}

static int act_explain_capability(struct build *build, struct error **error)
{
	(void)build;
	return run_command("explain", "--", "sys_admin", error);
}

static int act_decode(struct build *build, struct error **error)
{
	(void)build;
	return run_command("decode", "ffffffffffffffff", "net_raw,bpf", error);
}

static int act_decode_records(struct build *build, struct error **error)
{
	(void)build;
	return run_command("decode", "--format=ndjson", "ffffffffffffffff", error);
}

static int act_schema(struct build *build, struct error **error)
{
	_cleanup_json_ json_t *schema = record_schema();

	(void)build;
	return schema ? 0 : error_set(error, ENOMEM, "making the schema");
}

static int act_config(struct build *build, struct error **error)
{
	struct config *config = config_read(own_path(), 0, error);

	(void)build;
	config_free(config);
	return config ? 0 : -1;
}

static int act_judge(struct build *build, struct error **error)
{
	struct findings *findings = findings_judge(build->snapshot, &build->policy, error);

	findings_free(findings);
	return findings ? 0 : -1;
}

static int print_plans(const struct plans *plans, struct build *build, struct error **error)
{
	struct record_context context = {
		.snapshot = build->snapshot, .findings = build->findings, .plans = plans};
	const struct table_look look = {.width = 60};
	struct output *output = output_open(own_path(), error);
	int result = output ? plan_table_print(plans, &look, output, error) : -1;

	if (!result)
		result = ndjson_records(output, plan_kinds, &context, error);
	if (!result)
		result = output_commit(output, error);
	record_context_free(&context);
	output_free(output);
	return result;
}

static int act_plans(struct build *build, struct error **error)
{
	int result = 0;

	for (size_t i = 0; !result && target_name(i); i++) {
		const struct plan_request request = {.target = target_parse(target_name(i), NULL),
						     .minimum = SEVERITY_LOW};
		struct plans *plans = plans_make(build->snapshot, build->findings, &request, error);
		result = plans ? print_plans(plans, build, error) : -1;
		plans_free(plans);
	}
	return result;
}

/* The file is read in each round, and stays. */
static int act_task_definition(struct build *build, struct error **error)
{
	_cleanup_free_ char *path = NULL, *new = NULL;
	struct remediation remediation = {.target = target_parse("ecs", NULL)};
	struct plans *plans = NULL;
	int result = -1, started;

	if (asprintf(&path, "%s.json", own_path()) < 0 || asprintf(&new, "%s.new", own_path()) < 0)
		return error_set(error, ENOMEM, "naming files");
	remediation.task_definition_file = path;
	remediation.write_task_definition = new;
	json_set_alloc_funcs(__real_malloc, free); /* its lexer goes on as if memory were there (lex_save) */
	started = remediation_start(&remediation, error);
	json_set_alloc_funcs(malloc, free);
	if (!started)
		plans = remediation_plan(&remediation, build->snapshot, build->findings, SEVERITY_LOW, error);
	if (plans && !remediation_write(&remediation, error))
		result = print_plans(plans, build, error);
	plans_free(plans);
	remediation_end(&remediation);
	unlink(new);
	return result;
}

static int act_selection(struct build *build, struct error **error)
{
	const pid_t pids[] = {10};
	const struct selection selection = {.pids = pids, .pid_count = 1};
	_cleanup_arena_ struct arena *arena = arena_new();
	struct snapshot part;

	if (!arena || selection_make(&selection, build->snapshot, arena, &part))
		return error_set(error, ENOMEM, "choosing records");
	return 0;
}

static int setup(void **state)
{
	struct build *build = build_new(16);
	struct container *container = build_container(build, "web\xff");
	struct process *process = build_process(build, 10, container, "/bin/\nweb");

	*state = build;
	build_root(process, CAPABILITY_DOCKER_DEFAULT);
	build_thread(build, process, 11);
	process->command_line = (struct bytes){"a\0\xff", 3};
	build_file(build, container, "/bin/su")->mode |= S_ISUID;
	build_process(build, 20, NULL, "/sbin/init");
	build->snapshot->coverage = arena_alloc(build->snapshot->arena, sizeof(struct coverage));
	build->snapshot->coverage->collector = "process";
	coverage_note(build->snapshot->coverage, build->snapshot->arena, "EACCES", "/proc/1/ns", "be root");
	build->snapshot->coverage_count = 1;
	build_judge(build);
	return 0;
}

static int teardown(void **state)
{
	unlink(own_path());
	build_free(*state);
	return 0;
}

static void test_document(void **state)
{
	test_act(*state, act_document);
}

static void test_lines(void **state)
{
	test_act(*state, act_lines);
}

static void test_audit_table(void **state)
{
	test_act(*state, act_audit_table);
}

static void test_table(void **state)
{
	test_act(*state, act_table);
}

static void test_commands_of_reference(void **state)
{
	test_act(*state, act_rules);
	test_act(*state, act_rule_records);
	test_act(*state, act_explain_rule);
	test_act(*state, act_explain_capability);
	test_act(*state, act_decode);
	test_act(*state, act_decode_records);
}

static void test_schema(void **state)
{
	test_act(*state, act_schema);
}

static void test_config(void **state)
{
	static const char text[] = "[severity]\nprocess.root-user = low\n[rules]\noff = process.*\n"
				   "[paths]\nexclude = /srv\n[exception a]\nrule = *\npath = /x\n"
				   "reason = one\n two\n";
	_cleanup_fclose_ FILE *file = fopen(own_path(), "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0 && !fflush(file));
	test_act(*state, act_config);
}

static void test_judge(void **state)
{
	test_act(*state, act_judge);
}

static void test_plans(void **state)
{
	test_act(*state, act_plans);
}

static void test_task_definition(void **state)
{
	static const char text[] =
		"{\"taskDefinition\": {\"family\": \"x\", \"revision\": 1, \"containerDefinitions\": "
		"[{\"image\": \"i\", \"name\": \"web\", \"mountPoints\": [{\"sourceVolume\": \"v\", "
		"\"containerPath\": \"/etc\"}]}], \"volumes\": [{\"name\": \"v\"}]}, \"tags\": [1]}";
	struct build *build = *state;
	_cleanup_fclose_ FILE *file = NULL;
	char path[80];

	snprintf(path, sizeof(path), "%s.json", own_path());
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0 && !fflush(file));
	build->snapshot->containers[0]->image = "i";
	test_act(build, act_task_definition);
	unlink(path);
}

static void test_selection(void **state)
{
	test_act(*state, act_selection);
}

#define ON_BUILD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BUILD(test_document),        ON_BUILD(test_lines),
		ON_BUILD(test_audit_table),     ON_BUILD(test_table),
		ON_BUILD(test_schema),          ON_BUILD(test_config),
		ON_BUILD(test_selection),       ON_BUILD(test_commands_of_reference),
		ON_BUILD(test_judge),           ON_BUILD(test_plans),
		ON_BUILD(test_task_definition),
	};

	json_set_alloc_funcs(malloc, free); /* jansson's allocations, too, go through inject.c */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
