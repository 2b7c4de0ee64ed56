/* Task definitions, right and wrong, and what plans make of them. */
#include "tests/unit/test.h"

#include <string.h>

#include "agent/remedy/plan.h"
#include "agent/remedy/target.h"
#include "agent/remedy/task_definition.h"
#include "proctor/cleanup.h"
#include "tests/unit/build.h"

static void cleanup_definition(struct task_definition *definition)
{
	task_definition_free(definition);
}
#define _cleanup_definition_ __attribute__((cleanup(cleanup_definition)))

static void write_file(const char *text)
{
	_cleanup_fclose_ FILE *file = fopen(own_path(), "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
}

static int read_text(struct task_definition *definition, const char *text, struct error **error)
{
	int result;

	write_file(text);
	result = task_definition_read(definition, own_path(), error);
	unlink(own_path());
	return result;
}

/* ---- reading ------------------------------------------------------------------------------------- */

static void test_registered_members_are_left_out(void **state)
{
	_cleanup_definition_ struct task_definition definition = {0};
	_cleanup_free_ char *told = NULL;

	(void)state;
	assert_int_equal(
		read_text(
			&definition,
			"{\"taskDefinition\": {\"taskDefinitionArn\": \"x\", \"family\": \"shop\", "
			"\"revision\": 3, "
			"\"status\": \"ACTIVE\", \"requiresAttributes\": [], \"compatibilities\": [\"EC2\"], "
			"\"registeredAt\": 1.5, \"registeredBy\": \"x\", \"deregisteredAt\": 1, \"z\": "
			"{\"b\": 1, "
			"\"a\": 2}, \"containerDefinitions\": [{\"name\": \"web\"}]}, \"tags\": [{\"key\": "
			"\"k\"}]}",
			NULL),
		0);
	told = json_dumps(definition.json, JSON_COMPACT);
	assert_string_equal(
		told, "{\"family\":\"shop\",\"z\":{\"b\":1,\"a\":2},\"containerDefinitions\":[{\"name\":"
		      "\"web\"}],\"tags\":[{\"key\":\"k\"}]}");
	assert_false(definition.on_fargate);
}

static void test_fargate_is_told(void **state)
{
	_cleanup_definition_ struct task_definition definition = {0};

	(void)state;
	assert_int_equal(read_text(&definition,
				   "{\"requiresCompatibilities\": [\"EC2\", \"FARGATE\"], "
				   "\"containerDefinitions\": [{\"name\": \"web\"}]}",
				   NULL),
			 0);
	assert_true(definition.on_fargate);
}

static void test_what_is_wrong_is_told(void **state)
{
	static const char *const texts[] = {
		"",
		"null",
		"[1]",
		"{",
		"{\"containerDefinitions\": 1}",
		"{\"containerDefinitions\": [null]}",
		"{\"containerDefinitions\": [{\"name\": 1}]}",
		"{\"taskDefinition\": {}}",
		"{\"taskDefinition\": [], \"containerDefinitions\": []}",
		"{\"containerDefinitions\": [{\"name\": \"\xff\"}]}",
		"{\"containerDefinitions\": [{\"name\": \"x\", \"name\": \"y\"}]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct task_definition definition = {0};
		struct error *error = NULL;
		if (!read_text(&definition, texts[i], &error))
			fail_msg("%s was accepted", texts[i]);
		assert_non_null(strstr(error_message(error), own_path()));
		error_free(error);
		task_definition_free(&definition);
	}
}

/* ---- which container is which -------------------------------------------------------------------- */

static const char *name_of(const struct task_definition *definition, const struct container *container,
			   bool only)
{
	const json_t *found = task_definition_of(definition, container, only);

	return found ? json_string_value(json_object_get(found, "name")) : "none";
}

static void test_containers_are_told_by_name_or_image(void **state)
{
	_cleanup_definition_ struct task_definition definition = {0};
	const struct task other = {.family = "other"}, same = {.family = "shop"};
	struct container container = {.id = "x"};

	(void)state;
	assert_int_equal(
		read_text(&definition,
			  "{\"family\": \"shop\", \"containerDefinitions\": [{\"name\": \"web\", \"image\": "
			  "\"shop/web:1\"}, {\"name\": \"log\"}]}",
			  NULL),
		0);
	assert_string_equal(name_of(&definition, &container, true), "none"); /* which of both? */
	container.name = "web";
	assert_string_equal(name_of(&definition, &container, false), "web");
	container.task = &other;
	assert_string_equal(name_of(&definition, &container, false), "none");
	container.task = &same;
	container.name = "ecs-shop-1-web-0123";
	assert_string_equal(name_of(&definition, &container, true), "none");
	container.image = "shop/web:1";
	assert_string_equal(name_of(&definition, &container, false), "web");
}

static void test_the_only_one_of_which_nothing_is_known(void **state)
{
	_cleanup_definition_ struct task_definition definition = {0};
	struct container container = {.id = "x"};

	(void)state;
	assert_int_equal(read_text(&definition,
				   "{\"containerDefinitions\": [{\"name\": \"web\", \"image\": \"i\"}]}",
				   NULL),
			 0);
	assert_string_equal(name_of(&definition, &container, true), "web");
	assert_string_equal(name_of(&definition, &container, false), "none");
	container.name = "other";
	assert_string_equal(name_of(&definition, &container, true), "none");
}

/* ---- changes ------------------------------------------------------------------------------------- */

/* A container named web with most faults that a task definition can have. */
static void add_faulty(struct build *build)
{
	struct container *container = build_container(build, "web");
	struct process *process = build_process(build, 10, container, "/bin/app");
	struct mount *mount = build_mount(build, container, "ext4", "/etc", "/host/etc");

	build_root(process, CAPABILITY_DOCKER_DEFAULT | CAPABILITY_MASK(CAP_SYS_PTRACE));
	process->lsm = NULL;
	process->namespaces[NAMESPACE_PID] = build_initial(NAMESPACE_PID);
	process->namespaces[NAMESPACE_NET] = build_initial(NAMESPACE_NET);
	process->namespaces[NAMESPACE_IPC] = build_initial(NAMESPACE_IPC);
	mount->kind = MOUNT_HOST_PATH;
	mount->host_path = "/etc";
	container->limits = (struct limits){.memory.state = LIMIT_NONE, .cpu.state = LIMIT_NONE};
	((struct mount_namespace *)container->mount_namespace)->mounts[0].options = 0;
}

/* Makes the plans for web in the definition. */
static void change(struct build *build, struct task_definition *definition)
{
	const struct plan_request request = {.target = target_parse("ecs", NULL),
					     .minimum = SEVERITY_LOW,
					     .fargate = definition->on_fargate};
	struct plans *plans;

	build_judge(build);
	plans = plans_make(build->snapshot, build->findings, &request, NULL);
	assert_non_null(plans);
	for (size_t i = 0; i < plans->count; i++)
		assert_int_equal(task_definition_change(
					 definition,
					 task_definition_of(definition, plans->list[i].container, false),
					 &plans->list[i]),
				 0);
	plans_free(plans);
}

static void assert_changed(struct build *build, const char *given, const char *expected)
{
	_cleanup_definition_ struct task_definition definition = {0};
	_cleanup_free_ char *told = NULL;

	assert_int_equal(read_text(&definition, given, NULL), 0);
	change(build, &definition);
	told = json_dumps(definition.json, JSON_COMPACT);
	assert_string_equal(told, expected);
}

static void test_changes(void **state)
{
	struct build *build = *state;

	add_faulty(build);
	assert_changed(
		build,
		"{\"pidMode\": \"host\", \"ipcMode\": \"host\", \"networkMode\": \"host\", \"memory\": "
		"\"1024\", "
		"\"containerDefinitions\": [{\"image\": \"i\", \"linuxParameters\": {\"capabilities\": "
		"{\"add\": "
		"[\"SYS_PTRACE\"], \"drop\": [\"MKNOD\"]}, \"initProcessEnabled\": true, \"tmpfs\": "
		"[{\"containerPath\": \"/tmp\", \"size\": 8}]}, \"dockerSecurityOptions\": "
		"[\"apparmor:unconfined\", "
		"\"label:level:x\"], \"mountPoints\": [{\"sourceVolume\": \"etc\", \"containerPath\": "
		"\"/host/etc\"}, "
		"{\"sourceVolume\": \"data\", \"containerPath\": \"/data\"}], \"portMappings\": "
		"[{\"containerPort\": "
		"80, \"hostPort\": 81}], \"hostname\": \"x\", \"x\": 1, \"name\": \"web\"}, {\"name\": "
		"\"log\", "
		"\"memoryReservation\": 700}], \"volumes\": [{\"name\": \"etc\", \"host\": {\"sourcePath\": "
		"\"/etc\"}}, {\"name\": \"data\"}]}",
		"{\"networkMode\":\"awsvpc\",\"memory\":\"1024\",\"containerDefinitions\":[{\"image\":\"i\","
		"\"linuxParameters\":{\"capabilities\":{\"drop\":[\"ALL\"]},\"initProcessEnabled\":true,"
		"\"tmpfs\":"
		"[{\"containerPath\":\"/tmp\",\"size\":8}]},\"dockerSecurityOptions\":[\"label:level:x\"],"
		"\"mountPoints\":[{\"sourceVolume\":\"data\",\"containerPath\":\"/data\"}],\"portMappings\":"
		"[{\"containerPort\":80}],\"x\":1,\"name\":\"web\",\"user\":\"10001:10001\","
		"\"readonlyRootFilesystem\":true,\"memory\":324,\"cpu\":256},{\"name\":\"log\","
		"\"memoryReservation\":"
		"700}],\"volumes\":[{\"name\":\"data\"}]}");
}

/* A volume that another container mounts stays; sizes that are there stay. */
static void test_what_others_need_stays(void **state)
{
	struct build *build = *state;

	add_faulty(build);
	assert_changed(
		build,
		"{\"cpu\": \"1 vCPU\", \"networkMode\": \"bridge\", \"containerDefinitions\": [{\"name\": "
		"\"web\", "
		"\"memory\": 100, \"cpu\": 10, \"user\": \"root\", \"mountPoints\": [{\"sourceVolume\": "
		"\"etc\", "
		"\"containerPath\": \"/host/etc\"}]}, {\"name\": \"log\", \"mountPoints\": "
		"[{\"sourceVolume\": "
		"\"etc\"}]}], \"volumes\": [{\"name\": \"etc\"}]}",
		"{\"cpu\":\"1 "
		"vCPU\",\"networkMode\":\"awsvpc\",\"containerDefinitions\":[{\"name\":\"web\",\"memory\":"
		"100,\"cpu\":10,\"user\":\"10001:10001\",\"mountPoints\":[],\"readonlyRootFilesystem\":true,"
		"\"linuxParameters\":{\"capabilities\":{\"drop\":[\"ALL\"]},\"tmpfs\":[{\"containerPath\":\"/"
		"tmp\","
		"\"size\":64,\"mountOptions\":[\"mode=1777\",\"uid=10001\",\"gid=10001\"]}]}},{\"name\":"
		"\"log\",\"mountPoints\":[{"
		"\"sourceVolume\":\"etc\"}]}],"
		"\"volumes\":"
		"[{\"name\":\"etc\"}]}");
}

static void test_changes_on_fargate(void **state)
{
	struct build *build = *state;

	add_faulty(build);
	assert_changed(
		build,
		"{\"requiresCompatibilities\": [\"FARGATE\"], \"cpu\": \"256\", \"memory\": \"512\", "
		"\"containerDefinitions\": [{\"name\": \"web\", \"linuxParameters\": "
		"{\"capabilities\": {\"add\": "
		"[\"SYS_PTRACE\"]}}}, {\"name\": \"log\", \"cpu\": 100}]}",
		"{\"requiresCompatibilities\":[\"FARGATE\"],\"cpu\":\"256\",\"memory\":\"512\","
		"\"containerDefinitions\":[{\"name\":\"web\",\"linuxParameters\":{\"capabilities\":{"
		"\"drop\":[\"ALL\"]}},"
		"\"user\":\"10001:10001\",\"readonlyRootFilesystem\":true,\"memory\":512,\"cpu\":156,"
		"\"mountPoints\":"
		"[{\"sourceVolume\":\"web-writable-tmp\",\"containerPath\":\"/"
		"tmp\",\"readOnly\":false}]},{\"name\":\"log\","
		"\"cpu\":100}],\"networkMode\":\"awsvpc\",\"volumes\":[{\"name\":\"web-writable-tmp\"}]}");
}

/* Members of other types than ECS takes are replaced or left, and never followed. */
static void test_hostile_members(void **state)
{
	static const char *const given[] = {
		"{\"containerDefinitions\": [{\"name\": \"web\", \"linuxParameters\": 1, \"mountPoints\": "
		"{\"a\": 1}, "
		"\"dockerSecurityOptions\": \"x\", \"memory\": \"x\", \"cpu\": -1}], \"volumes\": 7, "
		"\"memory\": []}",
		"{\"containerDefinitions\": [{\"name\": \"web\", \"linuxParameters\": {\"capabilities\": [], "
		"\"tmpfs\": {}}, \"mountPoints\": [1, null, {\"containerPath\": \"/host/etc\"}, "
		"{\"containerPath\": 7}], "
		"\"portMappings\": [1]}, {\"name\": \"log\", \"mountPoints\": 1}], \"volumes\": [1, "
		"{\"name\": 2}], "
		"\"pidMode\": 1, \"cpu\": 99999999999999}",
	};
	struct build *build = *state;

	add_faulty(build);
	for (size_t i = 0; i < 2; i++) {
		_cleanup_definition_ struct task_definition definition = {0};
		const json_t *container;
		assert_int_equal(read_text(&definition, given[i], NULL), 0);
		change(build, &definition);
		container = json_array_get(json_object_get(definition.json, "containerDefinitions"), 0);
		assert_string_equal(json_string_value(json_object_get(container, "user")), "10001:10001");
		assert_true(json_is_object(json_object_get(container, "linuxParameters")));
	}
}

/* Twice the same change is no change; the diff is empty then. */
static void test_changes_are_made_once(void **state)
{
	struct build *build = *state;
	_cleanup_definition_ struct task_definition definition = {0};
	_cleanup_json_ json_t *once = NULL;
	_cleanup_free_ char *before = NULL, *after = NULL;

	add_faulty(build);
	assert_int_equal(read_text(&definition, "{\"containerDefinitions\": [{\"name\": \"web\"}]}", NULL),
			 0);
	before = task_definition_diff(&definition);
	assert_string_equal(before, "");
	change(build, &definition);
	once = json_deep_copy(definition.json);
	change(build, &definition);
	assert_true(json_equal(once, definition.json));
	after = task_definition_diff(&definition);
	assert_non_null(strstr(after, "\n+            \"user\": \"10001:10001\",\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_registered_members_are_left_out),
		cmocka_unit_test(test_fargate_is_told),
		cmocka_unit_test(test_what_is_wrong_is_told),
		cmocka_unit_test(test_containers_are_told_by_name_or_image),
		cmocka_unit_test(test_the_only_one_of_which_nothing_is_known),
		BUILD_TEST(test_changes),
		BUILD_TEST(test_what_others_need_stays),
		BUILD_TEST(test_changes_on_fargate),
		BUILD_TEST(test_hostile_members),
		BUILD_TEST(test_changes_are_made_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
