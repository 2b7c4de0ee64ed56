/* Plans for containers made by hand, and what each target makes of them. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/formats/plan_table.h"
#include "agent/remedy/change.h"
#include "agent/remedy/plan.h"
#include "agent/remedy/target.h"
#include "agent/remedy/yaml.h"
#include "collectors/read.h"
#include "proctor/cleanup.h"
#include "proctor/record.h"
#include "tests/unit/build.h"

/* ---- what is planned ----------------------------------------------------------------------------- */

/* A root container with Docker's default set, on a writable root. */
static struct container *add_plain(struct build *build, const char *name)
{
	struct container *container = build_container(build, name);

	build_root(build_process(build, 10 + (pid_t)build->snapshot->process_count, container, "/bin/app"),
		   CAPABILITY_DOCKER_DEFAULT);
	((struct mount_namespace *)container->mount_namespace)->mounts[0].options = 0;
	container->limits.pids.state = LIMIT_NONE;
	return container;
}

static struct plans *plans_for(struct build *build, const char *target)
{
	struct plan_request request = {.target = target_parse(target, NULL), .minimum = SEVERITY_LOW};
	struct plans *plans;

	assert_non_null(request.target);
	build_judge(build);
	plans = plans_make(build->snapshot, build->findings, &request, NULL);
	assert_non_null(plans);
	return plans;
}

static void cleanup_plans(struct plans **plans)
{
	plans_free(*plans);
}
#define _cleanup_plans_ __attribute__((cleanup(cleanup_plans)))

static const struct change *change_of(const struct plan *plan, const char *id)
{
	for (size_t i = 0; i < plan->change_count; i++)
		if (!strcmp(plan->changes[i].id, id))
			return &plan->changes[i];
	return NULL;
}

static bool has_rule(const struct finding *const *findings, const char *rule)
{
	for (; *findings; findings++)
		if (!strcmp((*findings)->rule->id, rule))
			return true;
	return false;
}

static const char *reason_of(const struct plan *plan, const char *rule)
{
	for (size_t i = 0; i < plan->left_count; i++)
		if (!strcmp(plan->left[i].finding->rule->id, rule))
			return plan->left[i].reason ? plan->left[i].reason : "";
	return NULL;
}

static bool leaves_out(const struct plan *plan, const char *text)
{
	for (const char *const *item = plan->leave_out; *item; item++)
		if (!strcmp(*item, text))
			return true;
	return false;
}

/* The fragment is this JSON. */
static void assert_fragment(const struct plan *plan, const char *text)
{
	_cleanup_json_ json_t *expected = json_loads(text, 0, NULL);
	_cleanup_free_ char *told = json_dumps(plan->fragment, JSON_COMPACT);

	assert_non_null(expected);
	if (!json_equal(expected, plan->fragment))
		fail_msg("the fragment is %s, not %s", told, text);
}

static void test_a_faultless_container_needs_nothing(void **state)
{
	struct build *build = *state;
	struct process *process = build_process(build, 10, build_container(build, "web"), "/bin/app");

	process->namespaces[NAMESPACE_USER] = 1;
	build_user_namespace(build, process, 100000);
	for (size_t i = 0; target_name(i); i++) {
		_cleanup_plans_ struct plans *plans = plans_for(build, target_name(i));
		assert_int_equal(plans->count, 0);
	}
}

static void test_changes_and_what_they_close(void **state)
{
	struct build *build = *state;
	_cleanup_plans_ struct plans *plans = NULL;
	const struct plan *plan;

	add_plain(build, "web");
	plans = plans_for(build, "docker");
	assert_int_equal(plans->count, 1);
	plan = &plans->list[0];
	assert_true(has_rule(change_of(plan, "drop-capabilities")->closes, "capability.default-set"));
	assert_true(has_rule(change_of(plan, "run-as-user")->closes, "process.root-user"));
	assert_true(has_rule(change_of(plan, "run-as-user")->lowers, "container.host-user"));
	assert_true(has_rule(change_of(plan, "read-only-root")->closes, "mount.writable-root"));
	assert_true(has_rule(change_of(plan, "limit-pids")->closes, "limit.pids"));
	assert_null(
		change_of(plan, "no-new-privileges")); /* it is for information only in a root container */
	assert_int_equal(plan->change_count, 4);
	assert_int_equal(plan->left_count, 0);
	assert_non_null(
		strstr(change_of(plan, "drop-capabilities")->question, "It has now: docker-default."));
	assert_string_equal(plan->text,
			    "--cap-drop ALL \\\n--pids-limit 200 \\\n--user 10001:10001 \\\n"
			    "--read-only \\\n--tmpfs /tmp:size=64m,mode=1777,uid=10001,gid=10001\n");
}

/* A change is made for what is bad enough only; what it closes besides is told. */
static void test_the_least_severity(void **state)
{
	struct build *build = *state;
	struct plan_request request = {.target = target_parse("docker", NULL), .minimum = SEVERITY_CRITICAL};
	struct plans *plans;

	add_plain(build, "web");
	build_judge(build);
	plans = plans_make(build->snapshot, build->findings, &request, NULL);
	assert_int_equal(plans->count, 0);
	plans_free(plans);
	request.minimum = SEVERITY_INFO;
	plans = plans_make(build->snapshot, build->findings, &request, NULL);
	assert_true(has_rule(change_of(&plans->list[0], "no-new-privileges")->closes,
			     "process.new-privileges-allowed"));
	plans_free(plans);
}

static void test_accepted_findings_are_left(void **state)
{
	static const struct exception accepted = {
		.name = "x", .rule = "*", .container = "web", .reason = "x"};
	struct build *build = *state;
	_cleanup_plans_ struct plans *plans = NULL;

	add_plain(build, "web");
	build->policy.exceptions = &accepted;
	build->policy.exception_count = 1;
	plans = plans_for(build, "docker");
	assert_true(build->findings->excepted > 0);
	assert_int_equal(plans->count, 0);
}

/* Every rule of a way is there, and every change is in some way and has its texts. */
static void test_the_tables(void **state)
{
	uint32_t used = 0;

	(void)state;
	for (const struct way *way = ways; way->rule; way++) {
		if (!rule_find(way->rule) && strncmp(way->rule, "image.", 6) != 0)
			fail_msg("no rule %s", way->rule);
		assert_int_not_equal(way->changes, 0);
		used |= way->changes;
	}
	for (unsigned kind = 0; kind < CHANGE_COUNT; kind++) {
		const struct change_text *text = &change_texts[kind];
		assert_true(used & UINT32_C(1) << kind);
		assert_true(text->id && text->what && text->what[strlen(text->what) - 1] == '.');
	}
}

static void test_unknown_targets(void **state)
{
	_cleanup_error_ struct error *error = NULL;

	(void)state;
	assert_null(target_parse("terraform", &error));
	assert_non_null(strstr(error_message(error), "kubernetes"));
}

/* ---- privileged, mounts, devices ----------------------------------------------------------------- */

static struct container *add_privileged(struct build *build)
{
	struct container *container = build_container(build, "web");
	struct process *process = build_process(build, 10, container, "/bin/app");

	build_root(process, capability_all(40));
	process->credentials.seccomp = SECCOMP_OFF;
	container->devices = (struct device[]){{.path = "/dev/kmsg", .major = 1, .minor = 11, .mode = 0666}};
	container->device_count = 1;
	container->all_devices = true;
	return container;
}

/* What comes of privileged mode is closed by leaving it, not by changes of its own. */
static void test_privileged(void **state)
{
	struct build *build = *state;
	_cleanup_plans_ struct plans *docker = NULL, *kubernetes = NULL;
	const struct change *change;
	struct device device = {.path = "/dev/kmsg", .major = 1, .minor = 11, .mode = 0666};
	struct container *container = add_privileged(build);

	container->devices = &device;
	docker = plans_for(build, "docker");
	change = change_of(&docker->list[0], "not-privileged");
	assert_true(has_rule(change->closes, "container.privileged"));
	assert_true(has_rule(change->closes, "process.no-seccomp"));
	assert_true(has_rule(change->closes, "container.host-device"));
	assert_null(change_of(&docker->list[0], "no-devices"));
	assert_null(change_of(&docker->list[0], "seccomp-default"));
	assert_true(leaves_out(&docker->list[0], "--privileged"));
	assert_false(leaves_out(&docker->list[0], "--cap-add SYS_ADMIN"));
	kubernetes = plans_for(build, "kubernetes");
	assert_non_null(strstr(kubernetes->list[0].text, "privileged: false\n"));
	assert_non_null(
		strstr(kubernetes->list[0].text, "seccompProfile:\n          type: \"RuntimeDefault\"\n"));
}

static void test_mounts_and_devices(void **state)
{
	struct build *build = *state;
	struct device device = {.path = "/dev/kmsg", .major = 1, .minor = 11, .mode = 0666};
	struct container *container = add_plain(build, "web");
	struct mount *mount = build_mount(build, container, "ext4", "/etc", "/host/etc");
	struct mount *socket = build_mount(build, container, "tmpfs", "/docker.sock", "/run/docker.sock");
	_cleanup_plans_ struct plans *plans = NULL;

	mount->kind = MOUNT_HOST_PATH;
	mount->host_path = "/etc";
	socket->kind = MOUNT_RUNTIME_SOCKET;
	container->devices = &device;
	container->device_count = 1;
	plans = plans_for(build, "docker");
	assert_true(has_rule(change_of(&plans->list[0], "no-host-mounts")->closes, "mount.host-path"));
	assert_true(has_rule(change_of(&plans->list[0], "no-host-mounts")->closes, "mount.runtime-socket"));
	assert_non_null(strstr(change_of(&plans->list[0], "no-host-mounts")->question, "/host/etc"));
	assert_true(leaves_out(&plans->list[0], "--volume /etc:/host/etc"));
	assert_true(leaves_out(&plans->list[0], "--volume …:/run/docker.sock"));
	assert_true(leaves_out(&plans->list[0], "--device /dev/kmsg"));
}

static void test_capabilities_that_were_added_are_taken_away(void **state)
{
	struct build *build = *state;
	struct container *container = build_container(build, "web");
	_cleanup_plans_ struct plans *plans = NULL;

	build_root(build_process(build, 10, container, "/bin/app"),
		   CAPABILITY_DOCKER_DEFAULT | CAPABILITY_MASK(CAP_SYS_PTRACE));
	plans = plans_for(build, "compose");
	assert_true(leaves_out(&plans->list[0], "cap_add: SYS_PTRACE"));
	assert_false(leaves_out(&plans->list[0], "cap_add: CHOWN"));
}

/* ---- what it writes, who it is ------------------------------------------------------------------- */

static void test_paths_that_are_written(void **state)
{
	static const char *const written[] = {"/var/log/app/deep/er/x",
					      "/var/log/app/a.log",
					      "/var/log/app/b.log",
					      "/var/log/app/old/c",
					      "/run/app.pid",
					      "/etc/app.conf",
					      "/proc/sys/x",
					      "/a:b/x",
					      "/data'; rm -rf /'/x",
					      "/esc\x1b[31m/x",
					      "/\xff/x",
					      "relative",
					      "/x",
					      "/srv/made/",
					      "/opt/app/cache",
					      "/etc/",
					      "/srv/lib/x",
					      "/tmp/",
					      NULL};
	struct build *build = *state;
	struct container *container = add_plain(build, "web");
	struct program program = {.path = "/srv/lib/libx.so"};
	_cleanup_plans_ struct plans *plans = NULL;
	const struct plan *plan;

	((struct process *)container->init)->executable = "/opt/app/bin/app";
	container->programs = &program;
	container->program_count = 1;
	container->written = written;
	plans = plans_for(build, "docker");
	plan = &plans->list[0];
	assert_int_equal(plan->facts.writable.count, 4);
	assert_string_equal(plan->facts.writable.paths[0], "/var/log/app");
	assert_string_equal(plan->facts.writable.paths[1], "/run");
	assert_string_equal(plan->facts.writable.paths[2], "/srv/made");
	assert_string_equal(plan->facts.writable.paths[3], "/tmp");
	assert_non_null(strstr(change_of(plan, "read-only-root")->question,
			       "it fails: /etc/app.conf, /x, /opt/app/cache, /etc/, /srv/lib/x and 4 more "
			       "that cannot be named "
			       "here."));
	assert_null(strstr(plan->text, "rm"));
	assert_null(strchr(plan->text, '\x1b'));
}

static void test_nothing_is_written(void **state)
{
	static const char *const nothing[] = {NULL};
	struct build *build = *state;
	struct container *container = add_plain(build, "web");
	_cleanup_plans_ struct plans *plans = NULL;

	container->written = nothing;
	plans = plans_for(build, "docker");
	assert_non_null(
		strstr(change_of(&plans->list[0], "read-only-root")->question, "has written nothing."));
	assert_null(strstr(plans->list[0].text, "--tmpfs"));
}

static void test_users(void **state)
{
	static const struct {
		const char *declared, *user;
		uint32_t uid;
	} cases[] = {
		{NULL, "10001:10001", 10001},       {"", "10001:10001", 10001},
		{"0", "10001:10001", 10001},        {"1000", "1000:1000", 1000},
		{"1000:2000", "1000:2000", 1000},   {"1000:0", "10001:10001", 10001},
		{"app", "10001:10001", 10001}, /* no source tells names */
		{"root:app", "10001:10001", 10001}, {"a b", "10001:10001", 10001},
		{"$(id)", "10001:10001", 10001},    {"99999999999", "10001:10001", 10001},
		{"1:2:3", "10001:10001", 10001},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct build *build = build_new(8);
		struct declared declared = {.user = cases[i].declared};
		struct plans *plans;
		add_plain(build, "web")->declared = &declared;
		plans = plans_for(build, "docker");
		assert_string_equal(plans->list[0].facts.user, cases[i].user);
		assert_int_equal(plans->list[0].facts.uid, cases[i].uid);
		plans_free(plans);
		build_free(build);
	}
}

static void test_what_shows_how_capabilities_are_used(void **state)
{
	struct build *build = *state;
	struct container *container = add_plain(build, "web");
	struct process *worker = build_process(build, 20, container, "/bin/worker");
	_cleanup_plans_ struct plans *plans = NULL;
	const char *question;

	worker->root_changed = true;
	plans = plans_for(build, "docker");
	question = change_of(&plans->list[0], "drop-capabilities")->question;
	assert_non_null(strstr(question, "None of its processes has used a privilege"));
	assert_non_null(strstr(question, "SETUID and SETGID"));
	assert_non_null(strstr(question, "SYS_CHROOT"));
}

/* A name that a format could take for something else is not written. */
static void test_hostile_names(void **state)
{
	static const char *const names[] = {"a: b\n- c", "a\"b", "\x1b[2J", "$x", "", "\xff"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct build *build = build_new(8);
		struct plans *plans;
		struct container *container = add_plain(build, "web");
		container->name = names[i];
		plans = plans_for(build, "compose");
		assert_non_null(strstr(plans->list[0].text, "services:\n  web:\n"));
		plans_free(plans);
		build_free(build);
	}
}

static void test_a_service_of_compose(void **state)
{
	static const struct label label = {.name = "com.docker.compose.service", .value = "web"};
	struct build *build = *state;
	struct container *container = add_plain(build, "shop-web-1");
	_cleanup_plans_ struct plans *compose = NULL, *ecs = NULL;

	container->labels = &label;
	container->label_count = 1;
	compose = plans_for(build, "compose");
	assert_non_null(strstr(compose->list[0].text, "services:\n  web:\n"));
	ecs = plans_for(build, "ecs");
	assert_string_equal(ecs->list[0].facts.name, "shop-web-1");
}

/* ---- the image ----------------------------------------------------------------------------------- */

/* One who is not root, and gains privilege from what files give. */
static void add_user(struct build *build, struct container *container)
{
	struct process *process = build_process(build, 10, container, "/bin/app");

	process->credentials.no_new_privs = false;
	process->credentials.bounding = CAPABILITY_DOCKER_DEFAULT;
}

static void test_files_of_the_image(void **state)
{
	struct build *build = *state;
	struct container *container = build_container(build, "web");
	struct file *ping;
	_cleanup_plans_ struct plans *dockerfile = NULL, *docker = NULL;

	add_user(build, container);
	build_file(build, container, "/bin/su")->mode |= S_ISUID;
	build_file(build, container, "/opt/a b")->mode |= S_ISUID;
	build_file(build, container, "/opt/it's")->mode |= S_ISUID;
	build_file(build, container, "/opt/line\nRUN x")->mode |= S_ISUID;
	ping = build_file(build, container, "/opt/ping");
	ping->capability = (struct file_capability){
		.permitted = CAPABILITY_MASK(CAP_NET_RAW), .effective = true, .version = 2};
	dockerfile = plans_for(build, "dockerfile");
	assert_string_equal(dockerfile->list[0].text, "USER 0:0\nRUN chmod a-s '/opt/a b' '/bin/su'\n"
						      "RUN setcap -r '/opt/ping'\nUSER 1000:1000\n");
	assert_string_equal(reason_of(&dockerfile->list[0], "file.setuid"),
			    "its path has characters that cannot be written here safely");
	docker = plans_for(build, "docker");
	assert_true(has_rule(change_of(&docker->list[0], "no-new-privileges")->lowers, "file.setuid"));
	assert_null(strstr(docker->list[0].text, "/bin/su"));
}

static void test_privileged_files_that_others_write(void **state)
{
	struct build *build = *state;
	struct container *container = build_container(build, "web");
	struct file *file;
	_cleanup_plans_ struct plans *plans = NULL;

	build_process(build, 10, container, "/bin/app");
	file = build_file(build, container, "/opt/bin/tool");
	file->mode |= S_ISUID | S_IWOTH;
	file->writable_directory = true;
	plans = plans_for(build, "dockerfile");
	assert_non_null(strstr(plans->list[0].text, "RUN chmod go-w '/opt/bin/tool' '/opt/bin'\n"));
}

/* ---- ECS ------------------------------------------------------------------------------------------ */

static void test_ecs(void **state)
{
	struct build *build = *state;
	_cleanup_plans_ struct plans *plans = NULL;

	add_plain(build, "web");
	plans = plans_for(build, "ecs");
	assert_fragment(
		&plans->list[0],
		"{\"containerDefinitions\": [{\"name\": \"web\", \"user\": \"10001:10001\", "
		"\"readonlyRootFilesystem\": true, \"linuxParameters\": {\"capabilities\": {\"drop\": "
		"[\"ALL\"]}, \"tmpfs\": [{\"containerPath\": \"/tmp\", \"size\": 64, \"mountOptions\": "
		"[\"mode=1777\", \"uid=10001\", \"gid=10001\"]}]}}]}");
	assert_non_null(strstr(reason_of(&plans->list[0], "limit.pids"), "ECS_TASK_PIDS_LIMIT"));
}

/* True when a member of that name is anywhere in the value. */
static bool mentions(const json_t *value, const char *name)
{
	const char *key;
	json_t *item;
	size_t index;

	json_object_foreach((json_t *)value, key,
			    item) if (!strcmp(key, name) || mentions(item, name)) return true;
	json_array_foreach((json_t *)value, index, item) if (mentions(item, name)) return true;
	return false;
}

/* Nothing that Fargate refuses is proposed, whatever the fault. */
static void test_fargate(void **state)
{
	static const char *const refused[] = {
		"privileged", "dockerSecurityOptions", "tmpfs", "devices", "add", "ipcMode", "pidMode",
		"host",       "sharedMemorySize"};
	struct build *build = *state;
	struct task task = {.launch_type = "FARGATE"};
	struct device device = {.path = "/dev/kmsg", .major = 1, .minor = 11, .mode = 0666};
	struct container *container = add_privileged(build);
	_cleanup_plans_ struct plans *plans = NULL;

	container->devices = &device;
	container->task = &task;
	container->limits = (struct limits){.memory.state = LIMIT_NONE, .cpu.state = LIMIT_NONE};
	((struct mount_namespace *)container->mount_namespace)->mounts[0].options = 0;
	build_file(build, container, "/bin/su")->mode |= S_ISUID;
	plans = plans_for(build, "ecs");
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (mentions(plans->list[0].fragment, refused[i]))
			fail_msg("%s is proposed", refused[i]);
	assert_true(plans->list[0].target->fargate);
	assert_fragment(
		&plans->list[0],
		"{\"containerDefinitions\": [{\"name\": \"web\", \"user\": \"10001:10001\", "
		"\"readonlyRootFilesystem\": true, \"memory\": 512, \"cpu\": 256, \"linuxParameters\": "
		"{\"capabilities\": {\"drop\": [\"ALL\"]}}, \"mountPoints\": [{\"sourceVolume\": "
		"\"web-writable-tmp\", \"containerPath\": \"/tmp\", \"readOnly\": false}]}], \"volumes\": "
		"[{\"name\": \"web-writable-tmp\"}]}");
}

/* Containers of a task share a volume that both name, and so do two paths. */
static void test_volumes_are_not_shared(void **state)
{
	static const char *const written[] = {"/var/a-b/x", "/var/a/b/x", NULL};
	struct build *build = *state;
	struct task task = {.launch_type = "FARGATE"};
	struct container *log = add_plain(build, "log"), *web = add_plain(build, "web");
	_cleanup_plans_ struct plans *plans = NULL;
	_cleanup_free_ char *first = NULL, *second = NULL;

	web->task = log->task = &task;
	web->written = log->written = written;
	plans = plans_for(build, "ecs");
	first = json_dumps(json_object_get(plans->list[0].fragment, "volumes"), 0);
	second = json_dumps(json_object_get(plans->list[1].fragment, "volumes"), 0);
	assert_string_equal(first, "[{\"name\": \"log-writable-var-a-b\"}, "
				   "{\"name\": \"log-writable-var-a-b-2\"}]");
	assert_string_equal(second, "[{\"name\": \"web-writable-var-a-b\"}, "
				    "{\"name\": \"web-writable-var-a-b-2\"}]");
}

static void test_image_by_its_digest(void **state)
{
	/* Each would be more than a word to a shell, or an option. */
	static const char *const hostile[] = {"web;reboot",   "web|sh", "web&", "web>x", "web<x",
					      "{web,reboot}", "w*b",    "#web", "-web",  ":latest",
					      "web(x)",       "web\nx", "~web", "web!x", ""};
	static const char digest[] = "sha256:"
				     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	static const struct rule rule = {.id = "image.mutable-tag", .severity = SEVERITY_LOW};
	struct build *build = *state;
	struct container *container = build_container(build, "web");
	struct finding finding = {.id = "0", .rule = &rule, .severity = SEVERITY_LOW, .container = container};
	struct findings findings = {.list = (struct finding *[]){&finding}, .count = 1};
	const struct plan_request request = {.target = target_parse("docker", NULL), .minimum = SEVERITY_LOW};
	struct plans *plans;

	container->image = "registry:5000/shop/web:latest";
	container->image_digest = digest;
	plans = plans_make(build->snapshot, &findings, &request, NULL);
	assert_string_equal(plans->list[0].text,
			    "registry:5000/shop/web@sha256:"
			    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
			    "\n");
	plans_free(plans);
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		container->image = hostile[i];
		plans = plans_make(build->snapshot, &findings, &request, NULL);
		assert_null(plans->list[0].text);
		assert_string_equal(
			reason_of(&plans->list[0], "image.mutable-tag"),
			"the digest of its image is not known here, or its name cannot be written "
			"safely");
		plans_free(plans);
	}
	container->image = "web";
	container->image_digest = "sha256:short";
	plans = plans_make(build->snapshot, &findings, &request, NULL);
	assert_string_equal(
		reason_of(&plans->list[0], "image.mutable-tag"),
		"the digest of its image is not known here, or its name cannot be written safely");
	plans_free(plans);
}

/* Programs are removed by all their names, unless the container runs one of them. */
static void test_tools(void **state)
{
	static const struct rule rule = {.id = "image.network-tool", .severity = SEVERITY_LOW};
	struct build *build = *state;
	struct container *container = build_container(build, "web");
	struct process *process = build_process(build, 10, container, "/bin/app");
	const char *names[] = {"/usr/bin/curl", "/usr/local/bin/fetch"};
	struct tool tool = {.path = "/usr/bin/curl", .kinds = TOOL_NETWORK, .names = names, .name_count = 2};
	struct finding finding = {.id = "0", .rule = &rule, .severity = SEVERITY_LOW, .container = container};
	struct findings findings = {.list = (struct finding *[]){&finding}, .count = 1};
	const struct plan_request request = {.target = target_parse("dockerfile", NULL),
					     .minimum = SEVERITY_LOW};
	struct plans *plans;

	container->tools = &tool;
	container->tool_count = 1;
	plans = plans_make(build->snapshot, &findings, &request, NULL);
	assert_string_equal(plans->list[0].text,
			    "USER 0:0\nRUN rm -f '/usr/bin/curl' '/usr/local/bin/fetch'\nUSER 1000:1000\n");
	plans_free(plans);
	process->executable = "/usr/local/bin/fetch";
	plans = plans_make(build->snapshot, &findings, &request, NULL);
	assert_string_equal(reason_of(&plans->list[0], "image.network-tool"),
			    "the container runs it: removing it would end the program");
	plans_free(plans);
	process->executable = "/bin/app";
	names[1] = "/opt/it's/curl"; /* it would stay: nothing is said to be closed */
	plans = plans_make(build->snapshot, &findings, &request, NULL);
	assert_string_equal(reason_of(&plans->list[0], "image.network-tool"),
			    "its path has characters that cannot be written here safely");
	plans_free(plans);
}

static const char *reason_of_path(const struct plan *plan, const char *path)
{
	for (size_t i = 0; i < plan->left_count; i++)
		if (plan->left[i].finding->path && !strcmp(plan->left[i].finding->path, path))
			return plan->left[i].reason;
	return "";
}

/* What the image does not have, no line of a Dockerfile changes: chmod would fail, and the build with it. */
static void test_files_that_are_not_of_the_image(void **state)
{
	struct build *build = *state;
	struct container *container = build_container(build, "web");
	_cleanup_plans_ struct plans *plans = NULL;

	add_user(build, container);
	for (unsigned i = 0; i < 3; i++) {
		static const enum file_origin origins[] = {ORIGIN_IMAGE, ORIGIN_RUN_TIME, ORIGIN_MOUNT};
		static const char *const paths[] = {"/bin/su", "/bin/new", "/data/su"};
		struct file *file = build_file(build, container, paths[i]);
		file->mode |= S_ISUID;
		file->origin = origins[i];
	}
	plans = plans_for(build, "dockerfile");
	assert_string_equal(plans->list[0].text, "USER 0:0\nRUN chmod a-s '/bin/su'\nUSER 1000:1000\n");
	assert_non_null(
		strstr(reason_of_path(&plans->list[0], "/bin/new"), "since the container was started"));
	assert_non_null(strstr(reason_of_path(&plans->list[0], "/data/su"), "it lies on a volume"));
}

/* An image may have any number of them. */
static void test_more_files_than_are_named(void **state)
{
	struct build *build = build_new(2000);
	struct container *container = build_container(build, "web");
	struct plans *plans;

	(void)state;
	add_user(build, container);
	for (unsigned i = 0; i < 1500; i++)
		build_file(build, container, arena_printf(build->snapshot->arena, "/bin/su%u", i))->mode |=
			S_ISUID;
	plans = plans_for(build, "dockerfile");
	assert_int_equal(plans->list[0].facts.set_id_files.count, 1000);
	assert_true(plans->list[0].left_count >= 500);
	assert_non_null(strstr(reason_of(&plans->list[0], "file.setuid"), "audit again"));
	plans_free(plans);
	build_free(build);
}

/* ---- forms ---------------------------------------------------------------------------------------- */

static void test_yaml(void **state)
{
	_cleanup_json_ json_t *json = json_loads(
		"{\"a\": {\"b\": [1, {\"c\": \"x: y\", \"d\": true}, [\"e\"], {}, []]}, \"no\": null, "
		"\"it's\": \"\\\"\\n\\\\\", \"empty\": {}, \"list\": []}",
		0, NULL);
	_cleanup_free_ char *text = yaml_dump(json);

	(void)state;
	assert_non_null(text);
	assert_string_equal(text,
			    "a:\n  b:\n    - 1\n    - c: \"x: y\"\n      d: true\n    -\n      - \"e\"\n"
			    "    - {}\n    - []\n\"no\": null\n\"it's\": \"\\\"\\n\\\\\"\nempty: {}\n"
			    "list: []\n");
}

static void test_the_table_has_no_control_characters(void **state)
{
	struct build *build = *state;
	struct table_look look = {.width = 60};
	struct output *output = output_open(own_path(), NULL);
	_cleanup_buffer_ struct buffer buffer = {0};
	_cleanup_plans_ struct plans *plans = NULL;

	add_plain(build, "web")->name = "\x1b[31m\xff";
	build_file(build, build->snapshot->containers[0], "/opt/\x1b[2J")->mode |= S_ISUID;
	plans = plans_for(build, "dockerfile");
	assert_int_equal(plan_table_print(plans, &look, output, NULL), 0);
	assert_int_equal(output_commit(output, NULL), 0);
	output_free(output);
	assert_int_equal(buffer_read(&buffer, AT_FDCWD, own_path(), 1 << 20), 0);
	unlink(own_path());
	assert_null(memchr(buffer.data, '\x1b', buffer.length));
	assert_null(memchr(buffer.data, '\xff', buffer.length));
	assert_non_null(strstr(buffer.data, "\\x1b[31m\\xff"));
	assert_non_null(strstr(buffer.data, "question"));
}

/* Records of plans keep to their form, with a fragment as JSON. */
static void test_the_record(void **state)
{
	struct build *build = *state;
	_cleanup_plans_ struct plans *plans = NULL;
	struct record_context context = {.snapshot = build->snapshot};
	_cleanup_json_ json_t *record = NULL;
	const json_t *changes;

	add_plain(build, "web");
	context.plans = plans = plans_for(build, "ecs");
	record = record_json(&record_plan, record_plan.at(&context, 0), &context, true);
	assert_string_equal(json_string_value(json_object_get(record, "target")), "ecs");
	assert_true(json_is_object(json_object_get(record, "fragment")));
	changes = json_object_get(record, "changes");
	assert_int_equal(json_array_size(changes), plans->list[0].change_count);
	assert_int_equal(json_array_size(json_object_get(json_array_get(changes, 0), "closes")), 1);
	assert_null(record_plan.at(&context, 1));
	assert_null(record_task_definition.at(&context, 0));
	record_context_free(&context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUILD_TEST(test_a_faultless_container_needs_nothing),
		BUILD_TEST(test_changes_and_what_they_close),
		BUILD_TEST(test_the_least_severity),
		BUILD_TEST(test_accepted_findings_are_left),
		cmocka_unit_test(test_the_tables),
		cmocka_unit_test(test_unknown_targets),
		BUILD_TEST(test_privileged),
		BUILD_TEST(test_mounts_and_devices),
		BUILD_TEST(test_capabilities_that_were_added_are_taken_away),
		BUILD_TEST(test_paths_that_are_written),
		BUILD_TEST(test_nothing_is_written),
		cmocka_unit_test(test_users),
		BUILD_TEST(test_what_shows_how_capabilities_are_used),
		cmocka_unit_test(test_hostile_names),
		BUILD_TEST(test_a_service_of_compose),
		BUILD_TEST(test_files_of_the_image),
		BUILD_TEST(test_privileged_files_that_others_write),
		BUILD_TEST(test_ecs),
		BUILD_TEST(test_fargate),
		BUILD_TEST(test_volumes_are_not_shared),
		BUILD_TEST(test_image_by_its_digest),
		BUILD_TEST(test_tools),
		BUILD_TEST(test_files_that_are_not_of_the_image),
		cmocka_unit_test(test_more_files_than_are_named),
		cmocka_unit_test(test_yaml),
		BUILD_TEST(test_the_table_has_no_control_characters),
		BUILD_TEST(test_the_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
