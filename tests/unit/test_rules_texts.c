/* The tables of rules as such: every rule has all its texts, and they keep to their form. */
#include "tests/unit/test.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include "proctor/cleanup.h"
#include "proctor/rule.h"
#include "proctor/text.h"

/* Those that the program is there for. */
static const char *const promised[] = {
	"process.root-user",
	"process.root-regain",
	"process.permitted-not-effective",
	"process.thread-privileges",
	"process.no-seccomp",
	"process.new-privileges-allowed",
	"process.lsm-unconfined",
	"process.deleted-executable",
	"process.more-than-init",
	"capability.beyond-default",
	"capability.default-set",
	"capability.ambient",
	"capability.inheritable",
	"capability.bounding-open",
	"capability.unused",
	"capability.denied",
	"capability.newly-denied",
	"container.privileged",
	"container.host-pid",
	"container.host-network",
	"container.host-ipc",
	"container.host-uts",
	"container.host-cgroup",
	"container.host-user",
	"container.host-device",
	"container.not-as-declared",
	"mount.writable-root",
	"mount.host-path",
	"mount.runtime-socket",
	"mount.proc-unmasked",
	"mount.shared-propagation",
	"mount.writable-kernel-interface",
	"file.setuid",
	"file.setgid",
	"file.capabilities",
	"file.world-writable-privileged",
	"file.drift",
	"file.writable-executable",
	"image.shell",
	"image.package-manager",
	"image.network-tool",
	"image.compiler",
	"image.debugger",
	"image.minimal",
	"limit.memory",
	"limit.cpu",
	"limit.pids",
	"host.sysctl",
	"host.user-namespaces",
	"host.ecs-privileged-allowed",
	"host.ecs-task-limits-off",
	"host.imds-reachable",
	"host.introspection-off-host",
	"image.mutable-tag",
	"image.not-curated",
};

/* Runs `check` on every rule; a failure names the rule. */
static void each_rule(void (*check)(const struct rule *rule))
{
	size_t count = 0;

	for (const struct rule *const *family = rule_families; *family; family++)
		for (const struct rule *rule = *family; rule->id; rule++, count++)
			check(rule);
	assert_true(count >= sizeof(promised) / sizeof(promised[0]));
}

static void test_every_promised_rule_exists(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(promised) / sizeof(promised[0]); i++)
		if (!rule_find(promised[i]))
			fail_msg("there is no rule %s", promised[i]);
	assert_null(rule_find("process"));
	assert_null(rule_find(""));
}

/* ---- ids --------------------------------------------------------------------------------------- */

static bool is_word(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!islower((unsigned char)text[i]) && !(text[i] == '-' && i && i + 1 < length))
			return false;
	return length > 0;
}

static void check_id(const struct rule *rule)
{
	const char *dot = strchr(rule->id, '.');

	if (!dot || !is_word(rule->id, (size_t)(dot - rule->id)) || !is_word(dot + 1, strlen(dot + 1)))
		fail_msg("%s is not family.condition", rule->id);
	if (rule_find(rule->id) != rule)
		fail_msg("%s is there twice", rule->id);
}

static void test_ids_are_unique_and_well_formed(void **state)
{
	(void)state;
	each_rule(check_id);
}

static void test_a_family_has_one_name(void **state)
{
	(void)state;
	for (const struct rule *const *family = rule_families; *family; family++) {
		size_t length = strcspn((*family)->id, ".") + 1;
		for (const struct rule *rule = *family; rule->id; rule++)
			assert_memory_equal(rule->id, (*family)->id, length);
	}
}

/* ---- sentences --------------------------------------------------------------------------------- */

/* Words by which a text claims more than facts can show. */
static const char *const claims[] = {"guarantee", "definitely", "certainly",   "impossible", "completely",
				     "totally",   "obviously",  "compromised", "hacked",     "unhackable",
				     "100%",      "simply",     "of course"};

static void check_words(const struct rule *rule, const char *what, const char *text)
{
	char escaped[2048];

	if (!text || strlen(text) < strlen("core(5)"))
		fail_msg("%s: %s is missing", rule->id, what);
	if (text_escape(escaped, sizeof(escaped), text, strlen(text)) != strlen(text))
		fail_msg("%s: %s has bytes that are no text", rule->id, what);
	if (strstr(text, "  ") || isspace((unsigned char)text[strlen(text) - 1]))
		fail_msg("%s: %s has blanks too many", rule->id, what);
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++)
		if (strcasestr(text, claims[i]))
			fail_msg("%s: %s says '%s'", rule->id, what, claims[i]);
}

/* A title: begins with a capital, ends without a full stop. */
static void check_title(const struct rule *rule, const char *what, const char *text)
{
	check_words(rule, what, text);
	if (islower((unsigned char)text[0]) && strncmp(text, "no_", 3) != 0)
		fail_msg("%s: %s begins with a small letter", rule->id, what);
	if (text[strlen(text) - 1] == '.')
		fail_msg("%s: %s ends in a full stop", rule->id, what);
	if (strlen(text) > 80)
		fail_msg("%s: %s is too long for a line", rule->id, what);
}

/* Prose: whole sentences. */
static void check_prose(const struct rule *rule, const char *what, const char *text)
{
	check_words(rule, what, text);
	if (text[strlen(text) - 1] != '.')
		fail_msg("%s: %s does not end in a full stop", rule->id, what);
}

static void check_sentences(const struct rule *rule)
{
	check_title(rule, "good", rule->good);
	check_title(rule, "bad", rule->bad);
	check_words(rule, "why", rule->why);
	if (rule->why[strlen(rule->why) - 1] == '.' || isupper((unsigned char)rule->why[0]))
		fail_msg("%s: why is to go on from the title, without a full stop", rule->id);
	check_prose(rule, "attack", rule->attack);
	check_prose(rule, "remedy", rule->remedy.text);
	assert_string_not_equal(rule->good, rule->bad);
}

static void test_every_rule_has_its_sentences(void **state)
{
	(void)state;
	each_rule(check_sentences);
}

static void check_references(const struct rule *rule)
{
	if (!rule->references || !rule->references[0]) {
		fail_msg("%s has no reference", rule->id);
		return;
	}
	for (const char *const *reference = rule->references; *reference; reference++) {
		check_words(rule, "reference", *reference);
		for (const char *const *other = rule->references; other != reference; other++)
			if (!strcmp(*other, *reference))
				fail_msg("%s names %s twice", rule->id, *reference);
	}
}

static void test_every_rule_has_references(void **state)
{
	(void)state;
	each_rule(check_references);
}

static void check_judgement(const struct rule *rule)
{
	if (!rule->judge || rule->severity <= SEVERITY_NONE || rule->severity >= SEVERITY_COUNT)
		fail_msg("%s cannot judge", rule->id);
	if (rule->of_container && rule->scope != SCOPE_PROCESS)
		fail_msg("%s is of the container whatever it says", rule->id);
}

static void test_every_rule_can_judge(void **state)
{
	(void)state;
	each_rule(check_judgement);
}

/* ---- remedies ---------------------------------------------------------------------------------- */

/* Every member of the fragment is one that task definitions have. */
static void check_members(const struct rule *rule, const char *const *known, json_t *object)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value)
	{
		const char *const *at = known;
		while (*at && strcmp(*at, name) != 0)
			at++;
		if (!*at)
			fail_msg("%s: a task definition has no %s", rule->id, name);
	}
}

static void check_ecs(const struct rule *rule)
{
	static const char *const members[] = {"cpu",
					      "dockerSecurityOptions",
					      "image",
					      "ipcMode",
					      "memory",
					      "linuxParameters",
					      "memoryReservation",
					      "mountPoints",
					      "networkMode",
					      "pidMode",
					      "privileged",
					      "readonlyRootFilesystem",
					      "ulimits",
					      "user",
					      NULL};
	static const char *const parameters[] = {"capabilities", "devices", "tmpfs", NULL};
	static const char *const not_on_fargate[] = {
		"dockerSecurityOptions", "privileged", "devices", "tmpfs", "ipcMode", NULL};
	_cleanup_json_ json_t *fragment = NULL;
	json_error_t error;

	if (!rule->remedy.ecs)
		return;
	fragment = json_loads(rule->remedy.ecs, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(fragment) || !json_object_size(fragment))
		fail_msg("%s: the fragment of a task definition is no object: %s", rule->id, error.text);
	check_members(rule, members, fragment);
	check_members(rule, parameters, json_object_get(fragment, "linuxParameters"));
	for (const char *const *name = not_on_fargate; *name; name++)
		if (strstr(rule->remedy.ecs, *name) && !strstr(rule->remedy.text, "Fargate"))
			fail_msg("%s: %s does not exist on Fargate, and the text is silent", rule->id, *name);
}

static void test_ecs_fragments_are_json(void **state)
{
	(void)state;
	each_rule(check_ecs);
}

/* Two blanks a level, no tabs, and a colon or a list's dash in each line. */
static void check_kubernetes(const struct rule *rule)
{
	const char *line = rule->remedy.kubernetes;

	for (size_t last = 0; line && *line;) {
		size_t length = strcspn(line, "\n"), indent = strspn(line, " ");
		if (indent % 2 || indent > last + 2 || memchr(line, '\t', length) ||
		    (!memchr(line, ':', length) && line[indent] != '-'))
			fail_msg("%s: line '%.*s' is not YAML", rule->id, (int)length, line);
		last = indent;
		line += length + (line[length] == '\n');
	}
}

static void test_kubernetes_fragments_are_indented(void **state)
{
	(void)state;
	each_rule(check_kubernetes);
}

static void check_docker(const struct rule *rule)
{
	static const char *const instructions[] = {"RUN ", "USER ", "COPY ", "FROM ", "ENTRYPOINT ", NULL};
	const char *line = rule->remedy.dockerfile;

	if (rule->remedy.docker &&
	    (strncmp(rule->remedy.docker, "--", 2) != 0 || strchr(rule->remedy.docker, '(')))
		fail_msg("%s: '%s' are no options of docker run", rule->id, rule->remedy.docker);
	for (; line && *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *const *each = instructions;
		while (*each && strncmp(*each, line, strlen(*each)) != 0)
			each++;
		if (!*each)
			fail_msg("%s: a Dockerfile has no '%s'", rule->id, line);
	}
}

static void test_dockerfiles_have_instructions(void **state)
{
	(void)state;
	each_rule(check_docker);
}

/* ---- severities -------------------------------------------------------------------------------- */

static void test_severities_by_name(void **state)
{
	(void)state;
	for (unsigned severity = 0; severity < SEVERITY_COUNT; severity++)
		assert_int_equal(severity_parse(severity_names[severity]), severity);
	assert_int_equal(severity_parse("HIGH"), SEVERITY_HIGH);
	assert_int_equal(severity_parse(""), SEVERITY_COUNT);
	assert_int_equal(severity_parse("hig"), SEVERITY_COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_promised_rule_exists),
		cmocka_unit_test(test_ids_are_unique_and_well_formed),
		cmocka_unit_test(test_a_family_has_one_name),
		cmocka_unit_test(test_every_rule_has_its_sentences),
		cmocka_unit_test(test_every_rule_has_references),
		cmocka_unit_test(test_every_rule_can_judge),
		cmocka_unit_test(test_ecs_fragments_are_json),
		cmocka_unit_test(test_kubernetes_fragments_are_indented),
		cmocka_unit_test(test_dockerfiles_have_instructions),
		cmocka_unit_test(test_severities_by_name),
	};

	return cmocka_run_group_tests_name("rules_texts", tests, NULL, NULL);
}
