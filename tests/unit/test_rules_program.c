#include "tests/unit/test.h"

#include <string.h>
#include <sys/stat.h>

#include "tests/unit/build.h"

/* A container with a process of uid and gid 1000 that executes the program. */
struct scene {
	struct build *build;
	struct container *container;
	struct process *process;
	struct program *program;
};

static void execute(struct scene *scene, struct process *process)
{
	struct program *program = scene->program;
	const struct process **processes =
		arena_array(scene->build->snapshot->arena, program->process_count + 1, sizeof(*processes));

	assert_non_null(processes);
	for (size_t i = 0; i < program->process_count; i++)
		processes[i] = program->processes[i];
	processes[program->process_count++] = process;
	program->processes = processes;
}

static struct scene scene_of(struct build *build)
{
	struct scene scene = {.build = build, .container = build_container(build, "web")};

	scene.process = build_process(build, 10, scene.container, "/bin/web");
	scene.program = arena_alloc(build->snapshot->arena, sizeof(*scene.program));
	assert_non_null(scene.program);
	*scene.program = (struct program){.path = "/bin/web",
					  .origin = ORIGIN_IMAGE,
					  .mount = scene.container->mount_namespace->root,
					  .executable = true,
					  .known = true,
					  .mode = S_IFREG | 0755,
					  .directory_mode = S_IFDIR | 0755};
	execute(&scene, scene.process);
	scene.container->programs = scene.program;
	scene.container->program_count = 1;
	scene.container->programs_known = true;
	((struct mount *)scene.program->mount)->options = 0;
	return scene;
}

static void assert_severity(const struct scene *scene, const char *rule, enum severity expected)
{
	assert_string_equal(severity_names[build_severity(scene->build, rule)], severity_names[expected]);
}

/* ---- file.drift -------------------------------------------------------------------------------- */

static void test_of_the_image(void **state)
{
	struct scene scene = scene_of(*state);

	assert_severity(&scene, "file.drift", SEVERITY_NONE);
	scene.program->origin = ORIGIN_UNKNOWN;
	assert_severity(&scene, "file.drift", SEVERITY_NONE);
	scene.program->origin = ORIGIN_MOUNT; /* but of which is not known */
	scene.program->mount = NULL;
	assert_severity(&scene, "file.drift", SEVERITY_NONE);
}

static void test_written_at_run_time(void **state)
{
	struct scene scene = scene_of(*state);
	const struct finding *finding;

	scene.program->origin = ORIGIN_RUN_TIME;
	assert_severity(&scene, "file.drift", SEVERITY_MEDIUM);
	finding = build_finding(scene.build, "file.drift");
	assert_string_equal(finding->path, "/bin/web");
	assert_string_equal(finding->kind, "file");
	assert_string_equal(build_evidence(finding, "origin")->text, "run time");
	assert_string_equal(build_evidence(finding, "used_as")->text, "program");
	assert_int_equal(finding->pids[0], 10);
}

static void test_on_mounts(void **state)
{
	struct scene scene = scene_of(*state);
	struct mount *mount = build_mount(scene.build, scene.container, "tmpfs", "/", "/tmp");

	scene.program->origin = ORIGIN_MOUNT;
	scene.program->mount = mount;
	assert_severity(&scene, "file.drift", SEVERITY_HIGH);
	mount->options = MOUNT_READ_ONLY;
	assert_severity(&scene, "file.drift", SEVERITY_INFO);
	mount->options = 0;
	mount->super_options = MOUNT_READ_ONLY;
	assert_severity(&scene, "file.drift", SEVERITY_INFO);
	mount->super_options = 0;
	mount->type = "ext4";
	mount->kind = MOUNT_HOST_PATH;
	assert_severity(&scene, "file.drift", SEVERITY_MEDIUM);
	mount->kind = MOUNT_RUNTIME_FILE;
	assert_severity(&scene, "file.drift", SEVERITY_NONE);
}

static void test_in_memory(void **state)
{
	struct scene scene = scene_of(*state);

	*scene.program = (struct program){.path = "/memfd:x",
					  .memfd = true,
					  .deleted = true,
					  .executable = true,
					  .processes = scene.program->processes,
					  .process_count = 1};
	assert_severity(&scene, "file.drift", SEVERITY_HIGH);
	assert_string_equal(build_evidence(build_finding(scene.build, "file.drift"), "origin")->text,
			    "memory");
	scene.program->executable = false;
	assert_severity(&scene, "file.drift", SEVERITY_MEDIUM);
	assert_severity(&scene, "file.writable-executable", SEVERITY_NONE);
}

static void test_removed(void **state)
{
	struct scene scene = scene_of(*state);
	const struct finding *finding;

	scene.program->origin = ORIGIN_UNKNOWN;
	scene.program->deleted = true;
	scene.program->known = false;
	assert_severity(&scene, "file.drift", SEVERITY_MEDIUM);
	finding = build_finding(scene.build, "file.drift");
	assert_string_equal(finding->title, "A program in use was removed or replaced");
	assert_null(build_evidence(finding, "origin"));
	scene.program->mount = NULL; /* where it lay is not known */
	assert_severity(&scene, "file.drift", SEVERITY_NONE);
}

static void test_all_its_processes_are_one_finding(void **state)
{
	struct scene scene = scene_of(*state);

	execute(&scene, build_process(scene.build, 11, scene.container, "/bin/other"));
	scene.program->origin = ORIGIN_RUN_TIME;
	assert_severity(&scene, "file.drift", SEVERITY_MEDIUM);
	assert_int_equal(build_finding(scene.build, "file.drift")->pid_count, 2);
}

static void test_processes_that_are_not_asked_for(void **state)
{
	static const pid_t other = 11;
	struct scene scene = scene_of(*state);

	build_process(scene.build, other, scene.container, "/bin/other");
	scene.program->origin = ORIGIN_RUN_TIME;
	scene.build->policy.pids = &other;
	scene.build->policy.pid_count = 1;
	assert_severity(&scene, "file.drift", SEVERITY_NONE);
}

/* ---- file.writable-executable ------------------------------------------------------------------ */

#define WRITABLE "file.writable-executable"

static void assert_writes(struct scene *scene, const char *file, const char *directory)
{
	const struct finding *finding;

	build_judge(scene->build);
	finding = build_finding(scene->build, WRITABLE);
	assert_int_equal(finding != NULL, file || directory);
	if (!finding)
		return;
	assert_int_equal(build_evidence(finding, "writes_as") != NULL, file != NULL);
	assert_int_equal(build_evidence(finding, "replaces_as") != NULL, directory != NULL);
	if (file)
		assert_string_equal(build_evidence(finding, "writes_as")->text, file);
	if (directory)
		assert_string_equal(build_evidence(finding, "replaces_as")->text, directory);
}

static void test_who_may_write_to_the_file(void **state)
{
	struct scene scene = scene_of(*state);
	struct program *program = scene.program;
	uint32_t groups[] = {7, 2000};

	assert_writes(&scene, NULL, NULL);
	program->uid = 1000;
	program->mode = S_IFREG | 0555; /* he can change that */
	assert_writes(&scene, "owner", NULL);
	program->uid = 0;
	program->mode = S_IFREG | 0775;
	program->gid = 1000;
	assert_writes(&scene, "group", NULL);
	program->gid = 2000;
	assert_writes(&scene, NULL, NULL);
	scene.process->groups = groups;
	scene.process->group_count = 2;
	assert_writes(&scene, "group", NULL);
	program->mode = S_IFREG | 0757; /* the group's bits count for its members */
	assert_writes(&scene, NULL, NULL);
	program->gid = 3000;
	assert_writes(&scene, "others", NULL);
	assert_severity(&scene, WRITABLE, SEVERITY_MEDIUM);
}

static void test_who_may_replace_it(void **state)
{
	struct scene scene = scene_of(*state);
	struct program *program = scene.program;

	program->directory_mode = S_IFDIR | 0777;
	assert_writes(&scene, NULL, "others");
	program->directory_mode = S_IFDIR | 01777;
	assert_writes(&scene, NULL, NULL);
	program->directory_uid = 1000;
	assert_writes(&scene, NULL, "owner");
	program->directory_uid = 0;
	program->directory_mode = S_IFDIR | 0770;
	program->directory_gid = 1000;
	assert_writes(&scene, NULL, "group");
	program->directory_mode = S_IFDIR | 0720; /* one cannot search it */
	assert_writes(&scene, NULL, NULL);
}

static void test_where_nothing_can_be_written(void **state)
{
	struct scene scene = scene_of(*state);
	struct mount *mount = (struct mount *)scene.program->mount;

	scene.program->uid = 1000;
	assert_severity(&scene, WRITABLE, SEVERITY_MEDIUM);
	mount->options = MOUNT_READ_ONLY;
	assert_severity(&scene, WRITABLE, SEVERITY_NONE);
	mount->options = 0;
	scene.program->known = false;
	assert_severity(&scene, WRITABLE, SEVERITY_NONE);
	scene.program->known = true;
	scene.program->mount = NULL;
	assert_severity(&scene, WRITABLE, SEVERITY_NONE);
}

static void test_root_is_left_to_others(void **state)
{
	struct scene scene = scene_of(*state);

	build_root(scene.process, 0);
	assert_severity(&scene, WRITABLE, SEVERITY_NONE);
	build_user_namespace(scene.build, scene.process, 100000);
	scene.program->uid = 100000;
	assert_severity(&scene, WRITABLE, SEVERITY_NONE);
}

static void test_worse_when_others_execute_it(void **state)
{
	struct scene scene = scene_of(*state);
	struct process *other = build_process(scene.build, 11, scene.container, "/bin/web");

	scene.program->uid = 1000;
	execute(&scene, other);
	assert_severity(&scene, WRITABLE, SEVERITY_MEDIUM);
	build_root(other, 0);
	assert_severity(&scene, WRITABLE, SEVERITY_HIGH);
	assert_int_equal(build_finding(scene.build, WRITABLE)->pid_count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUILD_TEST(test_of_the_image),
		BUILD_TEST(test_written_at_run_time),
		BUILD_TEST(test_on_mounts),
		BUILD_TEST(test_in_memory),
		BUILD_TEST(test_removed),
		BUILD_TEST(test_all_its_processes_are_one_finding),
		BUILD_TEST(test_processes_that_are_not_asked_for),
		BUILD_TEST(test_who_may_write_to_the_file),
		BUILD_TEST(test_who_may_replace_it),
		BUILD_TEST(test_where_nothing_can_be_written),
		BUILD_TEST(test_root_is_left_to_others),
		BUILD_TEST(test_worse_when_others_execute_it),
	};

	return cmocka_run_group_tests_name("rules_program", tests, NULL, NULL);
}
