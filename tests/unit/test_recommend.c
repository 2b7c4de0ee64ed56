/* What was learned, as changes to how containers are started. */
#include "tests/unit/test.h"

#include <string.h>

#include "agent/learn/recommend.h"
#include "agent/remedy/target.h"

#define CAP(name) CAPABILITY_MASK(CAP_##name)

static const struct learned_kept kept = {.starts = 2};
static const struct watched web = {.name = "web",
				   .image = "shop/web:2",
				   .family = "shop",
				   .saw_start = true,
				   .granted = CAPABILITY_DOCKER_DEFAULT | CAP(SYS_ADMIN) | CAP(SYS_PTRACE)};

static struct learned_container of(const struct watched *watched, capability_set recommended, bool complete)
{
	return (struct learned_container){.watched = watched,
					  .kept = &kept,
					  .recommended = recommended,
					  .complete = complete,
					  .observed_seconds = 3 * 24 * 3600};
}

static struct plans *plans;

static int teardown(void **state)
{
	(void)state;
	plans_free(plans);
	plans = NULL;
	return 0;
}

/* The plans for the containers; *snapshot has as many. */
static const struct plan *plan_for(struct learned_container *containers, size_t count,
				   const struct recommend_request *request)
{
	const struct learned learned = {.containers = containers, .count = count};
	const struct snapshot *snapshot = NULL;

	plans_free(plans);
	plans = recommend_plans(&learned, request, &snapshot);
	assert_non_null(plans);
	assert_int_equal(snapshot->container_count, plans->count);
	for (size_t i = 0; i < plans->count; i++)
		assert_ptr_equal(snapshot->containers[i], plans->list[i].container);
	return plans->list;
}

/* The fragment for the one container, in one line. */
static const char *fragment_for(struct learned_container container, const char *target, bool fargate)
{
	static char text[1024];
	const struct recommend_request request = {.target = target_of_learned(target), .fargate = fargate};
	const struct plan *plan = plan_for(&container, 1, &request);
	char *json = json_dumps(plan->fragment, JSON_COMPACT);

	assert_non_null(json);
	snprintf(text, sizeof(text), "%s", json);
	free(json);
	return text;
}

/* ---- targets ------------------------------------------------------------------------------------- */

static void test_what_is_needed_is_added(void **state)
{
	const struct learned_container needs = of(&web, CAP(CHOWN) | CAP(SYS_PTRACE), true);

	(void)state;
	assert_string_equal(fragment_for(needs, "docker", false),
			    "{\"options\":[\"--cap-drop\",\"ALL\",\"--cap-add\",\"CHOWN\",\"--cap-add\","
			    "\"SYS_PTRACE\"]}");
	assert_string_equal(plans->list[0].leave_out[0], "--cap-add SYS_ADMIN");
	assert_null(plans->list[0].leave_out[1]);
	assert_string_equal(fragment_for(needs, "compose", false),
			    "{\"services\":{\"web\":{\"cap_drop\":[\"ALL\"],\"cap_add\":[\"CHOWN\","
			    "\"SYS_PTRACE\"]}}}");
	assert_string_equal(
		fragment_for(needs, "kubernetes", false),
		"{\"spec\":{\"containers\":[{\"name\":\"web\",\"securityContext\":{\"capabilities\":"
		"{\"drop\":[\"ALL\"],\"add\":[\"CHOWN\",\"SYS_PTRACE\"]}}}]}}");
	assert_string_equal(
		fragment_for(needs, "ecs", false),
		"{\"containerDefinitions\":[{\"name\":\"web\",\"linuxParameters\":{\"capabilities\":"
		"{\"drop\":[\"ALL\"],\"add\":[\"CHOWN\",\"SYS_PTRACE\"]}}}]}");
	fragment_for(needs, "systemd", false);
	assert_non_null(strstr(plans->list[0].text, "\nCapabilityBoundingSet=CAP_CHOWN CAP_SYS_PTRACE\n"));
}

static void test_nothing_is_needed(void **state)
{
	static const char *const targets[] = {"ecs", "docker", "compose", "kubernetes"};

	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		assert_null(strstr(fragment_for(of(&web, 0, true), targets[i], false), "add"));
		assert_non_null(strstr(plans->list[0].text, "ALL"));
		assert_non_null(plans->list[0].changes[0].side_effects[0]);
	}
	fragment_for(of(&web, 0, true), "systemd", false);
	assert_non_null(strstr(plans->list[0].text, "\nCapabilityBoundingSet=\n"));
}

/* Its task definitions add SYS_PTRACE and no other: what is needed of the default is not dropped. */
static void test_fargate(void **state)
{
	const char *text = fragment_for(of(&web, CAP(CHOWN) | CAP(SYS_PTRACE), true), "ecs", true);

	(void)state;
	assert_null(strstr(text, "ALL"));
	assert_null(strstr(text, "\"CHOWN\""));
	assert_non_null(strstr(text, "\"drop\":[\"DAC_OVERRIDE\",\"FOWNER\""));
	assert_non_null(strstr(text, "\"add\":[\"SYS_PTRACE\"]"));
	text = fragment_for(of(&web, 0, true), "ecs", true);
	assert_non_null(strstr(text, "\"drop\":[\"ALL\"]"));
	assert_null(strstr(text, "add"));
}

static void test_names_of_targets(void **state)
{
	char names[128] = "";
	const char *name;

	(void)state;
	for (size_t i = 0; (name = target_of_learned_name(i)); i++) {
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s ", name);
		assert_string_equal(target_of_learned(name)->name, name);
		assert_false(target_of_learned(name)->fargate);
	}
	assert_string_equal(names, "ecs docker compose kubernetes systemd ");
	assert_null(target_of_learned("dockerfile"));
	assert_null(target_of_learned(""));
}

/* ---- what is told -------------------------------------------------------------------------------- */

static void test_what_is_told_of_it(void **state)
{
	const struct recommend_request request = {.target = target_of_learned("docker")};
	struct learned_container containers[] = {of(&web, CAP(CHOWN), true), of(&web, 0, false)};
	const struct plan *list = plan_for(containers, 2, &request);

	(void)state;
	assert_int_equal(plans->count, 2);
	assert_string_equal(list[0].changes[0].what,
			    "Drop all capabilities but those that it needed. Its image "
			    "shop/web:2 was watched for 3d with 2 starts.");
	assert_null(list[0].changes[0].question);
	assert_non_null(strstr(list[1].changes[0].question, "No start of it was seen whole"));
	assert_null(list[1].changes[0].closes[0]);
	assert_string_equal(list[0].container->task->family, "shop");
}

/* An image that was replaced is no part of the definition any more. */
static void test_the_newest_of_a_name(void **state)
{
	const struct recommend_request request = {.target = target_of_learned("ecs"), .newest = true};
	struct watched older = web, sidecar = web, elsewhere = web;
	struct learned_container containers[] = {of(&web, CAP(CHOWN), true), of(&older, CAP(KILL), true),
						 of(&sidecar, 0, true), of(&elsewhere, 0, true)};

	(void)state;
	older.image = "shop/web:1";
	sidecar.name = "sidecar";
	elsewhere.family = NULL;
	plan_for(containers, 4, &request);
	assert_int_equal(plans->count, 3);
	assert_int_equal(plans->list[0].facts.keep, CAP(CHOWN));
	assert_string_equal(plans->list[1].container->name, "sidecar");
	assert_null(plans->list[2].container->task);
}

/* ---- what is hostile ------------------------------------------------------------------------------ */

static void test_names_that_cannot_be_written(void **state)
{
	static const char *const names[] = {"$(reboot)", "a\nservices:",     "\x1b[2J",
					    "\xff\xfe",  "' --privileged '", ""};
	static const char *const targets[] = {"ecs", "docker", "compose", "kubernetes", "systemd"};
	struct watched hostile = {.saw_start = true};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (size_t k = 0; k < sizeof(targets) / sizeof(targets[0]); k++) {
			hostile.name = hostile.image = names[i];
			fragment_for(of(&hostile, CAP(CHOWN), true), targets[k], false);
			assert_true(!*names[i] || !strstr(plans->list[0].text, names[i]));
			assert_null(strpbrk(plans->list[0].changes[0].what, "\n\x1b\xff"));
		}
}

static void test_a_container_without_any_name(void **state)
{
	const struct watched nameless = {.granted = UINT64_MAX};
	const struct watched by_id = {
		.id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};

	(void)state;
	fragment_for(of(&nameless, UINT64_MAX, false), "ecs", false);
	assert_non_null(strstr(plans->list[0].text, "\"NAME\""));
	fragment_for(of(&by_id, 0, false), "ecs", false);
	assert_non_null(strstr(plans->list[0].text, "\"0123456789ab\""));
	assert_null(plans->list[0].container->name);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_needed_is_added),
		TEST(test_nothing_is_needed),
		TEST(test_fargate),
		TEST(test_names_of_targets),
		TEST(test_what_is_told_of_it),
		TEST(test_the_newest_of_a_name),
		TEST(test_names_that_cannot_be_written),
		TEST(test_a_container_without_any_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
