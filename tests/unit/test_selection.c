#include "tests/unit/test.h"

#include <string.h>

#include "agent/selection.h"
#include "proctor/cleanup.h"
#include "tests/unit/build.h"

/* Processes 10 and 11 of web, 20 of worker, 30 of the host; a file of each place; a mount namespace of the
 * host's. */
static int setup(void **state)
{
	static struct mount_namespace of_host = {.inode = 1, .host = true};
	struct build *build = build_new(8);
	struct snapshot *snapshot = build->snapshot;
	struct container *web = build_container(build, "web"), *worker = build_container(build, "worker");

	build_process(build, 10, web, "/bin/web");
	build_process(build, 11, web, "/bin/web");
	build_process(build, 20, worker, "/bin/worker");
	build_process(build, 30, NULL, "/sbin/init");
	build_file(build, web, "/web");
	build_file(build, worker, "/worker");
	build_file(build, NULL, "/host");
	snapshot->mount_namespaces[snapshot->mount_namespace_count++] = &of_host;
	*state = build;
	return 0;
}

static int teardown(void **state)
{
	build_free(*state);
	return 0;
}

/* What is left: pids, labels of containers, inodes of mount namespaces, paths. */
static void assert_selected(const struct build *build, struct selection selection, const char *expected)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	_cleanup_free_ char *told = NULL;
	struct snapshot part;
	char label[64];
	size_t length;
	FILE *text = open_memstream(&told, &length);

	assert_int_equal(selection_make(&selection, build->snapshot, arena, &part), 0);
	for (size_t i = 0; i < part.process_count; i++)
		fprintf(text, "%d ", (int)part.processes[i].pid);
	for (size_t i = 0; i < part.container_count; i++)
		fprintf(text, "%s ", container_label(part.containers[i], label, sizeof(label)));
	for (size_t i = 0; i < part.mount_namespace_count; i++)
		fprintf(text, "%s ", part.mount_namespaces[i]->host ? "of-host" : "of-container");
	for (size_t i = 0; i < part.file_count; i++)
		fprintf(text, "%s ", part.files[i].path);
	fclose(text);
	assert_string_equal(told, expected);
}

static void test_all(void **state)
{
	assert_selected(*state, (struct selection){0},
			"10 11 20 30 web worker of-container of-container of-host /web /worker /host ");
}

static void test_a_container(void **state)
{
	assert_selected(*state, (struct selection){.container = "web"}, "10 11 web of-container /web ");
	assert_selected(*state, (struct selection){.container = "none"}, "");
}

static void test_processes(void **state)
{
	const pid_t pids[] = {11, 30, 99};

	assert_selected(*state, (struct selection){.pids = pids, .pid_count = 1},
			"11 web of-container /web ");
	assert_selected(*state, (struct selection){.pids = pids + 1, .pid_count = 1}, "30 of-host /host ");
	assert_selected(*state, (struct selection){.pids = pids, .pid_count = 3},
			"11 30 web of-container of-host /web /host ");
	assert_selected(*state, (struct selection){.pids = pids + 2, .pid_count = 1}, "");
}

static void test_processes_of_a_container(void **state)
{
	const pid_t pids[] = {10, 20};

	assert_selected(*state, (struct selection){.container = "worker", .pids = pids, .pid_count = 2},
			"20 worker of-container /worker ");
}

#define ON_BUILD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BUILD(test_all),
		ON_BUILD(test_a_container),
		ON_BUILD(test_processes),
		ON_BUILD(test_processes_of_a_container),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
