#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "collectors/carry.h"
#include "collectors/process_reader.h"
#include "proctor/cleanup.h"
#include "proctor/record.h"
#include "tests/unit/build.h"

enum { FACTS = REQUEST_STAT | REQUEST_CGROUP | REQUEST_COMMAND_LINE | REQUEST_USER_MAPS };

/* ---- a snapshot with all there can be, each text of it in its own memory ------------------------- */

static const char *text(struct build *build, const char *what)
{
	return arena_string(build->snapshot->arena, what);
}

static void fill_process(struct build *build, struct process *process)
{
	static const char command_line[] = "serve\0--port\0 80", cgroups[] = "0::/docker/web\n";
	struct arena *arena = build->snapshot->arena;

	process->comm = text(build, "serve");
	process->executable = text(build, "/usr/bin/serve");
	process->lsm = text(build, "docker-default (enforce)");
	process->cgroup = text(build, "/docker/web");
	process->cgroups = (struct bytes){text(build, cgroups), strlen(cgroups)};
	process->command_line =
		(struct bytes){arena_copy(arena, command_line, sizeof(command_line)), sizeof(command_line)};
	process->groups = arena_array(arena, 2, sizeof(*process->groups));
	process->groups[0] = 4;
	process->groups[1] = 20;
	process->group_count = 2;
	process->entry = 1000 + (uint64_t)process->pid;
	process->privilege_used = true;
	build_user_namespace(build, process, 100000);
	build_thread(build, process, process->pid + 1)->credentials.effective =
		CAPABILITY_MASK(CAP_SYS_ADMIN);
}

static void fill_identity(struct build *build, struct container *container)
{
	struct arena *arena = build->snapshot->arena;
	struct task *task = arena_alloc(arena, sizeof(*task));
	struct pod *pod = arena_alloc(arena, sizeof(*pod));
	struct declared *declared = arena_alloc(arena, sizeof(*declared));
	struct label *labels = arena_array(arena, 2, sizeof(*labels));
	const char **sources = arena_array(arena, 3, sizeof(*sources));

	*task = (struct task){text(build, "arn:aws:ecs:task/1"),
			      text(build, "shop"),
			      text(build, "4"),
			      text(build, "cluster"),
			      text(build, "EC2"),
			      text(build, "eu-west-1a")};
	*pod = (struct pod){text(build, "pod"), text(build, "default"), text(build, "uid"),
			    text(build, "web")};
	*declared = (struct declared){.known = DECLARED_PRIVILEGED,
				      .privileged = true,
				      .user = text(build, "7:8"),
				      .memory = {LIMIT_SET, 1 << 20, text(build, "task")}};
	labels[0] = (struct label){text(build, "maintainer"), text(build, "nobody"), true};
	labels[1] = (struct label){text(build, "team"), text(build, "shop"), false};
	sources[0] = text(build, "ecs-agent");
	sources[1] = text(build, "docker");
	container->name = text(build, "checkout");
	container->image = text(build, "shop/checkout:42");
	container->image_id = text(build, "sha256:1");
	container->image_digest = text(build, "sha256:2");
	container->task = task;
	container->pod = pod;
	container->declared = declared;
	container->labels = labels;
	container->label_count = 2;
	container->sources = sources;
	container->runtime = text(build, "docker");
	container->kind = text(build, "ecs");
}

static void fill_files(struct build *build, struct container *container)
{
	struct arena *arena = build->snapshot->arena;
	struct tool *tools = arena_array(arena, 1, sizeof(*tools));
	const char **names = arena_array(arena, 2, sizeof(*names));
	const char **written = arena_array(arena, 3, sizeof(*written));
	struct file *file = build_file(build, container, text(build, "/usr/bin/su"));

	file->mode |= 04000;
	file->layer = text(build, "/var/lib/layer");
	file->capability = (struct file_capability){.version = 2, .permitted = 3, .effective = true};
	names[0] = text(build, "/bin/nc");
	names[1] = text(build, "/usr/bin/busybox");
	tools[0] = (struct tool){text(build, "/usr/bin/busybox"), TOOL_NETWORK | TOOL_SHELL, names, 2,
				 text(build, "/var/lib/layer")};
	written[0] = text(build, "/etc/passwd");
	written[1] = text(build, "/var/log/");
	container->tools = tools;
	container->tool_count = 1;
	container->written = written;
	container->files_walked = true;
}

static void fill_programs(struct build *build, struct container *container)
{
	struct snapshot *snapshot = build->snapshot;
	struct program *programs = arena_array(snapshot->arena, 2, sizeof(*programs));
	const struct process **processes = arena_array(snapshot->arena, 2, sizeof(*processes));

	processes[0] = container->init;
	processes[1] = container->init + 1;
	programs[0] = (struct program){.path = text(build, "/memfd:x"),
				       .memfd = true,
				       .executable = true,
				       .processes = &processes[1],
				       .process_count = 1};
	programs[1] = (struct program){.path = text(build, "/usr/bin/serve"),
				       .origin = ORIGIN_IMAGE,
				       .mount = container->mount_namespace->root,
				       .processes = processes,
				       .process_count = 2,
				       .executable = true,
				       .known = true,
				       .mode = 0755};
	container->programs = programs;
	container->program_count = 2;
	container->programs_known = true;
}

static void add_coverage(struct build *build)
{
	static const char *const names[] = {"process", "identity", "filesystem", "program"};
	struct snapshot *snapshot = build->snapshot;

	snapshot->coverage = arena_array(snapshot->arena, 4, sizeof(*snapshot->coverage));
	for (size_t i = 0; i < 4; i++) {
		snapshot->coverage[i] = (struct coverage){.collector = names[i], .seen = 7, .missed = 1};
		coverage_note_count(&snapshot->coverage[i], snapshot->arena, "EACCES on a file", 3, "/x",
				    "run as root");
	}
	snapshot->coverage_count = 4;
}

static struct build *make_original(void)
{
	struct build *build = build_new(8);
	struct container *container = build_container(build, "web");

	fill_process(build, build_process(build, 10, container, "/usr/bin/serve"));
	fill_process(build, build_process(build, 20, container, "/usr/bin/serve"));
	fill_process(build, build_process(build, 30, NULL, "/usr/sbin/host"));
	fill_identity(build, container);
	fill_files(build, container);
	fill_programs(build, container);
	build_file(build, NULL, text(build, "/usr/bin/sudo"))->mode |= 04000;
	add_coverage(build);
	return build;
}

/* ---- a copy ------------------------------------------------------------------------------------- */

static void carry_processes(struct build *build, const struct snapshot *previous, struct container *container)
{
	struct snapshot *snapshot = build->snapshot;
	struct carrier carrier;

	assert_int_equal(carrier_begin(&carrier, snapshot->arena, previous), 0);
	for (size_t i = 0; i < previous->process_count; i++) {
		struct process *process = &snapshot->processes[snapshot->process_count++];
		assert_int_equal(carry_process(&carrier, &previous->processes[i], process), 0);
		assert_null(process->container);
		assert_true(process->carried);
		if (previous->processes[i].container)
			process->container = container;
	}
	container->init = &snapshot->processes[0];
	container->process_count = 2;
}

static struct build *make_copy(const struct snapshot *previous)
{
	struct build *build = build_new(8);
	struct snapshot *snapshot = build->snapshot;
	struct container *container = build_container(build, "web");
	const struct container *was = previous->containers[0];

	carry_processes(build, previous, container);
	assert_int_equal(carry_identity(snapshot->arena, was, container), 0);
	assert_int_equal(carry_tools(snapshot->arena, was, container), 0);
	assert_int_equal(carry_programs(snapshot, previous, was, container), 0);
	for (size_t i = 0; i < previous->file_count; i++)
		assert_int_equal(carry_file(snapshot->arena, &previous->files[i],
					    previous->files[i].container ? container : NULL,
					    &snapshot->files[snapshot->file_count++]),
				 0);
	return build;
}

/* All facts as JSON text. */
static char *digest(const struct snapshot *snapshot)
{
	static const struct record_kind *const kinds[] = {&record_container, &record_process, &record_mount,
							  &record_file};
	struct record_context context = {.snapshot = snapshot, .with_arguments = true};
	_cleanup_json_ json_t *all = json_array();
	const void *record;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		for (size_t at = 0; (record = kinds[i]->at(&context, at)); at++)
			json_array_append_new(all, record_json(kinds[i], record, &context, true));
	record_context_free(&context);
	return json_dumps(all, JSON_INDENT(1));
}

/* The original is freed before its copy is looked at: under the sanitizers no pointer leads into it. */
static void test_equal_in_every_fact(void **state)
{
	struct build *original = make_original(), *copy = make_copy(original->snapshot);
	_cleanup_free_ char *before = digest(original->snapshot), *after = NULL;

	(void)state;
	assert_non_null(strstr(before, "memfd"));
	assert_non_null(strstr(before, "CAP_SYS_ADMIN"));
	assert_non_null(strstr(before, "arn:aws:ecs:task/1"));
	build_free(original);
	after = digest(copy->snapshot);
	assert_string_equal(before, after);
	build_free(copy);
}

/* A copy of a copy takes no more than the copy. */
static void test_does_not_grow(void **state)
{
	struct build *one = make_original(), *two;
	size_t first = 0;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		two = make_copy(one->snapshot);
		build_free(one);
		one = two;
		if (!first)
			first = arena_size(one->snapshot->arena);
	}
	assert_int_equal(arena_size(one->snapshot->arena), first);
	build_free(one);
}

static void test_user_namespaces_are_shared(void **state)
{
	struct build *original = make_original(), *copy;

	(void)state;
	original->snapshot->processes[1].user_namespace = original->snapshot->processes[0].user_namespace;
	copy = make_copy(original->snapshot);
	assert_ptr_equal(copy->snapshot->processes[0].user_namespace,
			 copy->snapshot->processes[1].user_namespace);
	assert_ptr_not_equal(copy->snapshot->processes[0].user_namespace,
			     original->snapshot->processes[0].user_namespace);
	build_free(original);
	build_free(copy);
}

/* ---- which container it is ---------------------------------------------------------------------- */

static void test_known_containers(void **state)
{
	struct build *original = make_original(), *copy = make_copy(original->snapshot);
	struct snapshot *snapshot = copy->snapshot;
	const struct container **known = carry_find_containers(snapshot, original->snapshot);

	(void)state;
	assert_ptr_equal(known[0], original->snapshot->containers[0]);
	snapshot->processes[0].start_time++; /* another process, but a second one is still there */
	known = carry_find_containers(snapshot, original->snapshot);
	assert_ptr_equal(known[0], original->snapshot->containers[0]);
	snapshot->processes[1].start_time++;
	known = carry_find_containers(snapshot, original->snapshot);
	assert_null(known[0]);
	snapshot->processes[1].start_time--;
	snapshot->processes[1].known &= ~(uint32_t)PROCESS_KNOWS_STAT; /* nothing tells that it is the same */
	known = carry_find_containers(snapshot, original->snapshot);
	assert_null(known[0]);
	snapshot->processes[1].known |= PROCESS_KNOWS_STAT;
	snapshot->containers[0]->id = "other";
	known = carry_find_containers(snapshot, original->snapshot);
	assert_null(known[0]);
	build_free(original);
	build_free(copy);
}

static void test_same_mounts(void **state)
{
	struct build *original = make_original(), *copy = make_copy(original->snapshot);
	struct container *was = original->snapshot->containers[0], *is = copy->snapshot->containers[0];

	(void)state;
	assert_true(carry_has_same_mounts(was, is));
	build_mount(copy, is, "proc", "/", "/mnt");              /* of the kernel */
	build_mount(copy, is, "ext4", "/", "/host")->master = 7; /* as the host mounts it */
	assert_true(carry_has_same_mounts(was, is));
	struct mount *mount = build_mount(copy, is, "tmpfs", "/", "/data");
	assert_false(carry_has_same_mounts(was, is));
	*build_mount(original, was, "tmpfs", "/", "/data") = *mount;
	assert_true(carry_has_same_mounts(was, is));
	mount->options |= MOUNT_NOSUID;
	assert_false(carry_has_same_mounts(was, is));
	mount->options = 0;
	((struct mount *)is->mount_namespace->root)->minor++; /* the root is another */
	assert_false(carry_has_same_mounts(was, is));
	is->mount_namespace = NULL;
	assert_false(carry_has_same_mounts(was, is));
	build_free(original);
	build_free(copy);
}

/* A program's process that is gone, or another by now, is not among those that execute it. */
static void test_programs_of_those_that_are_left(void **state)
{
	struct build *original = make_original(), *copy = make_copy(original->snapshot);
	struct container *is = copy->snapshot->containers[0];

	(void)state;
	copy->snapshot->processes[1].start_time++;
	assert_int_equal(
		carry_programs(copy->snapshot, original->snapshot, original->snapshot->containers[0], is), 0);
	assert_int_equal(is->program_count, 1);
	assert_string_equal(is->programs[0].path, "/usr/bin/serve");
	assert_int_equal(is->programs[0].process_count, 1);
	((struct mount *)is->mount_namespace->root)->id++;
	assert_int_equal(
		carry_programs(copy->snapshot, original->snapshot, original->snapshot->containers[0], is), 1);
	build_free(original);
	build_free(copy);
}

/* ---- what is read again -------------------------------------------------------------------------- */

static void test_whole_processes(void **state)
{
	const struct request request = {.facts = FACTS};
	struct build *build = make_original();
	struct process *process = &build->snapshot->processes[0];
	struct user_namespace *users = (struct user_namespace *)process->user_namespace;

	(void)state;
	assert_true(process_is_whole(&request, process));
	process->known &= ~(uint32_t)PROCESS_KNOWS_ROOT; /* not asked for */
	assert_true(process_is_whole(&request, process));
	process->known &= ~(uint32_t)PROCESS_KNOWS_CGROUP;
	assert_false(process_is_whole(&request, process));
	process->kernel_thread = true;
	assert_true(process_is_whole(&request, process));
	process->kernel_thread = false;
	process->known |= PROCESS_KNOWS_CGROUP;
	users->uid_count = 0; /* its ids are to be written yet */
	assert_false(process_is_whole(&request, process));
	users->uid_count = 1;
	process->zombie = true;
	assert_false(process_is_whole(&request, process));
	build_free(build);
}

static void test_what_can_be_carried(void **state)
{
	struct build *build = make_original();
	struct request request = {.previous = build->snapshot};
	struct coverage coverage = {.collector = "identity", .seen = 1};

	(void)state;
	assert_true(carry_can(&request, "identity"));
	assert_false(carry_can(&request, "mount")); /* it did not run */
	build->snapshot->coverage[0].switched_off = true;
	assert_false(carry_can(&request, "process"));
	request.walk_again = true;
	assert_false(carry_can(&request, "identity"));
	request.previous = NULL;
	request.walk_again = false;
	assert_false(carry_can(&request, "identity"));
	carry_coverage(build->snapshot->arena, build->snapshot, &coverage);
	assert_int_equal(coverage.seen, 8);
	assert_int_equal(coverage.missed, 1);
	assert_string_equal(coverage.reasons->reason, "EACCES on a file");
	assert_int_equal(coverage.reasons->count, 3);
	build_free(build);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_in_every_fact),
		cmocka_unit_test(test_does_not_grow),
		cmocka_unit_test(test_user_namespaces_are_shared),
		cmocka_unit_test(test_known_containers),
		cmocka_unit_test(test_same_mounts),
		cmocka_unit_test(test_programs_of_those_that_are_left),
		cmocka_unit_test(test_whole_processes),
		cmocka_unit_test(test_what_can_be_carried),
	};

	return cmocka_run_group_tests_name("carry", tests, NULL, NULL);
}
