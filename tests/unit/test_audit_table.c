#include "tests/unit/test.h"

#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/formats/audit_table.h"
#include "agent/formats/wrap.h"
#include "collectors/read.h"
#include "proctor/cleanup.h"
#include "tests/unit/build.h"

static const char *const only_nothing[] = {""};
static int setup(void **state)
{
	*state = build_new(64);
	return 0;
}

static int teardown(void **state)
{
	build_free(*state);
	return 0;
}

/* What stands in the file after the output is committed. */
static void take(struct output *output, struct buffer *buffer)
{
	assert_int_equal(output_commit(output, NULL), 0);
	output_free(output);
	assert_int_equal(buffer_read(buffer, AT_FDCWD, own_path(), 1 << 24), 0);
	unlink(own_path());
}

static void print(const struct build *build, struct table_look look, struct buffer *buffer)
{
	struct output *output = output_open(own_path(), NULL);

	assert_non_null(output);
	assert_int_equal(audit_table_print(build->snapshot, build->findings, &look, output, NULL), 0);
	take(output, buffer);
}

/* The texts stand in the table in this order. */
static void assert_in_order(const char *table, const char *const *texts)
{
	for (const char *found; *texts; texts++, table = found) {
		found = strstr(table, *texts);
		if (!found) {
			fail_msg("'%s' is not where it should be in:\n%s", *texts, table);
			return;
		}
	}
}

static size_t count_of(const char *table, const char *text)
{
	size_t count = 0;

	while ((table = strstr(table, text))) {
		count++;
		table += strlen(text);
	}
	return count;
}

static void assert_lines_fit(const struct buffer *buffer, size_t width)
{
	const char *cursor = buffer->data, *end = cursor + buffer->length, *line;
	size_t length;

	while (line_next(&cursor, end, &line, &length)) {
		_cleanup_free_ char *text = strndup(line, length);
		if (text_width(text) > width)
			fail_msg("%zu: %s", width, text);
	}
}

static const struct rule rule = {
	.id = "family.rule",
	.remedy = {.text = "Mend it.",
		   .docker = "--mended",
		   .ecs = "{\"mended\": true}",
		   .kubernetes = "a:\n  b: c"},
};

static const struct exception exception = {.name = "e", .rule = "*", .container = "api", .reason = "r"};

/* Findings by hand, to be added worst first. */
static struct finding *add_finding(struct build *build, enum severity severity,
				   const struct container *container, const char *executable)
{
	struct findings *findings = build->findings;
	struct finding *finding = arena_alloc(findings->arena, sizeof(*finding));

	assert_true(findings->count < 64);
	*finding = (struct finding){.rule = &rule,
				    .severity = severity,
				    .title = "What is wrong",
				    .why = "what it means",
				    .container = container,
				    .kind = "process",
				    .executable = executable,
				    .count = 1};
	findings->list[findings->count++] = finding;
	findings->by_severity[severity]++;
	return finding;
}

static void make_findings(struct build *build)
{
	build->policy.only = only_nothing;
	build->policy.only_count = 1;
	build_judge(build);
	assert_int_equal(build->findings->count, 0);
	build->findings->list = arena_array(build->findings->arena, 64, sizeof(struct finding *));
	assert_non_null(build->findings->list);
}

/* Two containers, of which the later one is worse, and the host. */
static void add_places(struct build *build)
{
	struct container *api = build_container(build, "api"), *web = build_container(build, "web");

	build_process(build, 10, api, "/bin/api");
	build_process(build, 20, web, "/bin/web");
	make_findings(build);
	add_finding(build, SEVERITY_CRITICAL, NULL, "/usr/sbin/cron");
	add_finding(build, SEVERITY_CRITICAL, web, "/bin/web");
	add_finding(build, SEVERITY_HIGH, api, "/bin/api");
	add_finding(build, SEVERITY_LOW, web, "/bin/web")->why = "less";
}

static void test_worst_container_first_and_host_last(void **state)
{
	_cleanup_buffer_ struct buffer buffer = {0};

	add_places(*state);
	print(*state, (struct table_look){0}, &buffer);
	assert_string_equal(buffer.data, "web (1 process)\n"
					 "  CRITICAL  family.rule: What is wrong (/bin/web)\n"
					 "            why  what it means\n"
					 "            fix  Mend it. --mended\n"
					 "  LOW       family.rule: What is wrong (/bin/web)\n"
					 "            why  less\n"
					 "            fix  Mend it. --mended\n"
					 "\n"
					 "api (1 process)\n"
					 "  HIGH      family.rule: What is wrong (/bin/api)\n"
					 "            why  what it means\n"
					 "            fix  Mend it. --mended\n"
					 "\n"
					 "host (machine)\n"
					 "  CRITICAL  family.rule: What is wrong (/usr/sbin/cron)\n"
					 "            why  what it means\n"
					 "            fix  Mend it.\n"
					 "\n"
					 "Findings: 2 critical, 1 high, 0 medium, 1 low, 0 info\n"
					 "Coverage:\n");
}

static void test_what_is_not_listed_is_counted(void **state)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct build *build = *state;

	add_places(build);
	build->findings->list[2]->exception = &exception;
	build->findings->excepted = 1;
	build->findings->below_minimum = 2;
	print(build, (struct table_look){0}, &buffer);
	assert_null(strstr(buffer.data, "api"));
	assert_non_null(strstr(buffer.data, "info; 2 not listed: see --min-severity; 1 accepted by "
					    "exceptions\n"));
}

static void test_the_fix_is_that_of_the_place(void **state)
{
	static const char *const kinds[] = {"ecs", "fargate", "kubernetes", "standalone", NULL};
	static const char *const fixes[] = {"fix  Mend it. {\"mended\": true}\n",
					    "fix  Mend it. {\"mended\": true}\n", "fix  Mend it.\n",
					    "fix  Mend it. --mended\n"};
	struct build *build = *state;
	struct container *web = build_container(build, "web");

	make_findings(build);
	add_finding(build, SEVERITY_LOW, web, "/bin/web");
	for (size_t i = 0; kinds[i]; i++) {
		_cleanup_buffer_ struct buffer buffer = {0};
		web->kind = kinds[i];
		print(build, (struct table_look){0}, &buffer);
		assert_non_null(strstr(buffer.data, fixes[i]));
	}
}

static void test_who_shows_it(void **state)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct build *build = *state;
	struct container *web = build_container(build, "web");
	struct finding *finding;

	make_findings(build);
	add_finding(build, SEVERITY_LOW, web, NULL)->kind = "container";
	finding = add_finding(build, SEVERITY_LOW, web, "/bin/web");
	finding->count = 40;
	finding->container_count = 3;
	finding = add_finding(build, SEVERITY_LOW, web, NULL);
	finding->kind = "container";
	finding->count = finding->container_count = 4;
	add_finding(build, SEVERITY_LOW, web, NULL)->path = "/etc/shadow";
	print(build, (struct table_look){0}, &buffer);
	assert_in_order(buffer.data,
			(const char *const[]){"  LOW       family.rule: What is wrong\n",
					      "What is wrong (/bin/web, 40 processes, 3 containers)\n",
					      "What is wrong (4 containers)\n",
					      "What is wrong (/etc/shadow)\n", NULL});
}

static void test_nothing_found(void **state)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct build *build = *state;

	build_judge(build);
	print(build, (struct table_look){.width = 80, .colour = true}, &buffer);
	assert_string_equal(buffer.data,
			    "Findings: 0 critical, 0 high, 0 medium, 0 low, 0 info\nCoverage:\n");
}

/* Findings of one rule that mean the same are explained once. */
static void test_why_and_fix_are_said_once(void **state)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct build *build = *state;

	make_findings(build);
	add_finding(build, SEVERITY_LOW, NULL, "/sbin/one");
	add_finding(build, SEVERITY_LOW, NULL, "/sbin/two");
	print(build, (struct table_look){0}, &buffer);
	assert_int_equal(count_of(buffer.data, "family.rule: "), 2);
	assert_int_equal(count_of(buffer.data, "  why  "), 1);
	assert_int_equal(count_of(buffer.data, "  fix  "), 1);
}

static void test_coverage(void **state)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct build *build = *state;
	struct arena *arena = build->snapshot->arena;
	struct coverage coverage[] = {{.collector = "process", .seen = 83, .missed = 2},
				      {.collector = "filesystem", .seen = 7}};

	coverage_note(&coverage[0], arena, "EACCES on namespaces", "/proc/1/\033ns", "be root");
	coverage_note(&coverage[0], arena, "EACCES on namespaces", "/proc/2/ns", "be root");
	coverage_note(&coverage[0], arena, "EACCES on root", "/proc/1/root", "be root");
	coverage_note(&coverage[0], arena, "vanished", NULL, NULL);
	build->snapshot->coverage = coverage;
	build->snapshot->coverage_count = 2;
	make_findings(build);
	print(build, (struct table_look){0}, &buffer);
	assert_non_null(strstr(buffer.data,
			       "  process     83 seen, 2 in part or not at all\n"
			       "              not  EACCES on namespaces (2 times), as /proc/1/\\x1bns\n"
			       "              not  EACCES on root, as /proc/1/root\n"
			       "              fix  be root\n"
			       "              not  vanished\n"
			       "  filesystem  7 seen\n"));
}

static void test_hostile_names_at_any_width(void **state)
{
	struct build *build = *state;
	struct container *container = build_container(build, "web\n\033[2J世界世界世界世界世界世界世界世界");
	struct process *process =
		build_process(build, 10, container,
			      "/bin/\xff\xfe/a name with blanks/"
			      "andaverylongwordthatnolineofaterminalcanholdandthereforehastobebroken");
	struct coverage coverage = {.collector = "filesystem", .seen = 1234567890, .missed = 98765};

	coverage_note(&coverage, build->snapshot->arena, "EACCES on namespaces of a process",
		      "/proc/1/\033ns", "run as root with CAP_SYS_PTRACE");
	build->snapshot->coverage = &coverage;
	build->snapshot->coverage_count = 1;
	container->image = "\033]0;title\a";
	container->runtime = "docker";
	make_findings(build);
	add_finding(build, SEVERITY_HIGH, container, process->executable);
	for (size_t width = 20; width < 140; width++) {
		_cleanup_buffer_ struct buffer buffer = {0};
		print(build, (struct table_look){.width = width}, &buffer);
		assert_null(strchr(buffer.data, '\033'));
		assert_null(strchr(buffer.data, '\a'));
		assert_lines_fit(&buffer, width);
	}
}

static void test_colour(void **state)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct build *build = *state;

	add_places(build);
	print(build, (struct table_look){.colour = true}, &buffer);
	assert_non_null(strstr(buffer.data, "  \033[1;31mCRITICAL\033[0m  family.rule"));
	assert_non_null(strstr(buffer.data, "\033[1mweb (1 process)\033[0m\n"));
}

static void wrapped(const char *text, size_t column, size_t indent, size_t width, const char *expected)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct output *output = output_open(own_path(), NULL);

	assert_int_equal(wrap_print(output, text, column, indent, width), 0);
	take(output, &buffer);
	assert_string_equal(buffer.data, expected);
}

static void test_wrap(void **state)
{
	(void)state;
	wrapped("", 0, 0, 10, "");
	wrapped("one  two ", 0, 0, 0, "one two");
	wrapped("one two three", 0, 2, 8, "one two\n  three");
	wrapped("one two three", 0, 2, 7, "one two\n  three");
	wrapped("one two three", 5, 2, 8, "one\n  two\n  three");
	wrapped("three two", 5, 2, 8, "\n  three\n  two");
	wrapped("threefour", 5, 2, 8, "\n  threef\n  our");
	wrapped("abcdefghij k", 0, 1, 4, "abcd\n efg\n hij\n k");
	wrapped("世界世界 世", 0, 0, 5, "世界\n世界\n世");
	wrapped("a\nb", 0, 0, 10, "a\\nb");
	wrapped("世界", 0, 0, 1, "世\n界");
}

#define ON_BUILD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BUILD(test_worst_container_first_and_host_last),
		ON_BUILD(test_what_is_not_listed_is_counted),
		ON_BUILD(test_the_fix_is_that_of_the_place),
		ON_BUILD(test_who_shows_it),
		ON_BUILD(test_nothing_found),
		ON_BUILD(test_why_and_fix_are_said_once),
		ON_BUILD(test_coverage),
		ON_BUILD(test_hostile_names_at_any_width),
		ON_BUILD(test_colour),
		cmocka_unit_test(test_wrap),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
