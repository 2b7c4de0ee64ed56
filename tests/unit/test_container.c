#include "tests/unit/test.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proctor/collector.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

enum { HOST_MOUNTS = 100, HOST_PIDS = 200, OWN_MOUNTS = 101, OWN_PIDS = 201, PROCESSES_MAX = 16 };

/* A snapshot made by hand over a directory that stands for /proc: of it only PID/root and PID/ns/mnt are
 * read. */
struct scene {
	char proc[64];
	struct snapshot *snapshot;
	struct coverage coverage;
	struct silent silent;
};

static int scene_make(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	strcpy(scene->proc, "/tmp/proctor-test-container-XXXXXX");
	assert_non_null(mkdtemp(scene->proc));
	scene->snapshot = snapshot_new();
	scene->snapshot->silent = &scene->silent;
	scene->snapshot->processes =
		arena_array(scene->snapshot->arena, PROCESSES_MAX, sizeof(struct process));
	scene->snapshot->host.view = VIEW_HOST;
	scene->snapshot->host.mount_namespace = HOST_MOUNTS;
	scene->snapshot->host.namespaces[NAMESPACE_PID] = HOST_PIDS;
	scene->snapshot->self.namespaces[NAMESPACE_MNT] = HOST_MOUNTS;
	*state = scene;
	return 0;
}

static int remove_entry(const char *path, const struct stat *facts, int type, struct FTW *where)
{
	(void)facts;
	(void)type;
	(void)where;
	return remove(path);
}

static int scene_remove(void **state)
{
	struct scene *scene = *state;

	nftw(scene->proc, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	snapshot_free(scene->snapshot);
	free(scene);
	return 0;
}

/* A process of the scene whose root directory is `root`. */
static struct process *add(struct scene *scene, pid_t pid, const char *cgroup, uint64_t mounts, uint64_t pids,
			   const char *root)
{
	struct process *process = &scene->snapshot->processes[scene->snapshot->process_count++];
	char path[128], link[64];

	*process = (struct process){.pid = pid, .ppid = 1, .cgroup = cgroup, .start_time = (uint64_t)pid};
	process->namespaces[NAMESPACE_MNT] = mounts;
	process->namespaces[NAMESPACE_PID] = pids;
	snprintf(path, sizeof(path), "%s/%d", scene->proc, (int)pid);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/%d/ns", scene->proc, (int)pid);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/%d/ns/mnt", scene->proc, (int)pid);
	snprintf(link, sizeof(link), "mnt:[%llu]", (unsigned long long)mounts);
	assert_int_equal(symlink(link, path), 0);
	snprintf(path, sizeof(path), "%s/%d/root", scene->proc, (int)pid);
	assert_int_equal(symlink(root, path), 0);
	return process;
}

static void collect(struct scene *scene)
{
	struct request request = {.proc = scene->proc};

	assert_int_equal(collector_container.collect(scene->snapshot, &request, &scene->coverage, NULL), 0);
}

static void test_id_in_the_cgroup(void **state)
{
	struct scene *scene = *state;
	struct process *host = add(scene, 1, "/init.scope", HOST_MOUNTS, HOST_PIDS, "/");
	struct process *first = add(scene, 10, "/docker/" HEX64, OWN_MOUNTS, OWN_PIDS, "/proc");
	struct process *second = add(scene, 20, "/docker/" HEX64, OWN_MOUNTS + 5, OWN_PIDS, "/proc");

	second->ppid = 10;
	collect(scene);
	assert_null(host->container);
	assert_int_equal(scene->snapshot->container_count, 1);
	assert_ptr_equal(first->container, second->container);
	assert_string_equal(first->container->id, HEX64);
	assert_string_equal(first->container->runtime, "docker");
	assert_int_equal(first->container->process_count, 2);
}

/* Anyone who may make a cgroup may call it like a container's. */
static void test_id_in_the_cgroup_of_a_process_of_the_host(void **state)
{
	struct scene *scene = *state;
	struct process *host = add(scene, 10, "/x/docker-" HEX64 ".scope", HOST_MOUNTS, HOST_PIDS, "/");
	struct process *unread = add(scene, 20, "/y/docker-" HEX64 ".scope", 0, 0, "/");

	collect(scene);
	assert_null(host->container);
	assert_non_null(unread->container);
	assert_int_equal(scene->snapshot->container_count, 1);
}

/* Beside the host's pids, but with mounts of its own, the auditor does not know those of the host. */
static void test_id_in_the_cgroup_where_the_hosts_mounts_are_unknown(void **state)
{
	struct scene *scene = *state;
	struct process *own = add(scene, 10, "/docker/" HEX64, OWN_MOUNTS, HOST_PIDS, "/proc");

	scene->snapshot->host.mount_namespace = 0;
	scene->snapshot->self.namespaces[NAMESPACE_MNT] = OWN_MOUNTS;
	collect(scene);
	assert_non_null(own->container);
}

static void test_first_process_is_the_oldest_root(void **state)
{
	struct scene *scene = *state;
	add(scene, 1, "/init.scope", HOST_MOUNTS, HOST_PIDS, "/");
	struct process *exec = add(scene, 5, "/docker/" HEX64, OWN_MOUNTS, OWN_PIDS, "/proc");
	struct process *init = add(scene, 20, "/docker/" HEX64, OWN_MOUNTS, OWN_PIDS, "/proc");
	struct process *child = add(scene, 30, "/docker/" HEX64, OWN_MOUNTS, OWN_PIDS, "/proc");

	exec->start_time = 500; /* its pid was used again: it is younger than the container's first process */
	init->start_time = 100;
	child->start_time = 50;
	child->ppid = 20;
	collect(scene);
	assert_ptr_equal(init->container->init, init);
}

static void test_runc_container_without_an_id(void **state)
{
	struct scene *scene = *state;
	add(scene, 1, "/", HOST_MOUNTS, HOST_PIDS, "/");
	struct process *inside = add(scene, 20, "/web", OWN_MOUNTS, HOST_PIDS, "/proc");

	collect(scene);
	assert_non_null(inside->container);
	assert_string_equal(inside->container->id, "web");
	assert_string_equal(inside->container->name, "web");
	assert_null(inside->container->runtime);
	assert_string_equal(inside->container->kind, "standalone");
}

static void test_cgroup_shared_with_the_host_names_nothing(void **state)
{
	struct scene *scene = *state;
	add(scene, 1, "/api/x", HOST_MOUNTS, HOST_PIDS, "/");
	struct process *inside = add(scene, 20, "/api/x", OWN_MOUNTS, OWN_PIDS, "/proc");

	collect(scene);
	assert_non_null(inside->container);
	assert_string_equal(inside->container->id, "mnt-101");
	assert_null(inside->container->name);
}

static void test_daemons_with_private_mounts_are_the_hosts(void **state)
{
	struct scene *scene = *state;
	add(scene, 1, "/init.scope", HOST_MOUNTS, HOST_PIDS, "/");
	const struct process *private_tmp =
		add(scene, 20, "/system.slice/ntp.service", OWN_MOUNTS, HOST_PIDS, "/");
	const struct process *own_root =
		add(scene, 21, "/system.slice/dns.service", OWN_MOUNTS + 1, HOST_PIDS, "/proc");
	const struct process *snap =
		add(scene, 22, "/user.slice/snap.web.web-1.scope", OWN_MOUNTS + 2, HOST_PIDS, "/proc");
	const struct process *chrooted =
		add(scene, 23, "/system.slice/x.service", HOST_MOUNTS, HOST_PIDS, "/proc");
	const struct process *uuid =
		add(scene, 24, "/vm/12345678-9abc-def0-1234-56789abcdef0", HOST_MOUNTS, HOST_PIDS, "/");

	collect(scene);
	assert_null(private_tmp->container);
	assert_null(own_root->container);
	assert_null(snap->container);
	assert_null(chrooted->container);
	assert_null(uuid->container);
	assert_int_equal(scene->snapshot->container_count, 0);
}

static void test_service_with_pids_of_its_own_is_a_container(void **state)
{
	struct scene *scene = *state;
	add(scene, 1, "/init.scope", HOST_MOUNTS, HOST_PIDS, "/");
	const struct process *inside =
		add(scene, 20, "/system.slice/box.service", OWN_MOUNTS, OWN_PIDS, "/proc");

	collect(scene);
	assert_non_null(inside->container);
	assert_string_equal(inside->container->id, "mnt-101");
}

static void test_pid_used_again_is_not_believed(void **state)
{
	struct scene *scene = *state;
	add(scene, 1, "/", HOST_MOUNTS, HOST_PIDS, "/");
	struct process *gone = add(scene, 20, "/web", OWN_MOUNTS, OWN_PIDS, "/proc");

	gone->namespaces[NAMESPACE_MNT] = OWN_MOUNTS + 7;
	collect(scene);
	assert_null(gone->container);
}

static void test_view_of_a_container(void **state)
{
	struct scene *scene = *state;
	struct host *host = &scene->snapshot->host;
	struct process *own = add(scene, 1, "/", OWN_MOUNTS, OWN_PIDS, "/");
	struct process *sibling =
		add(scene, 7, "/../docker-" HEX64 ".scope", OWN_MOUNTS + 1, OWN_PIDS, "/proc");

	host->view = VIEW_CONTAINER;
	host->mount_namespace = 0;
	host->namespaces[NAMESPACE_PID] = 0;
	scene->snapshot->self.namespaces[NAMESPACE_MNT] = OWN_MOUNTS;
	collect(scene);
	assert_int_equal(scene->snapshot->container_count, 2);
	assert_string_equal(own->container->id, "mnt-101");
	assert_true(own->container->self);
	assert_string_equal(sibling->container->id, HEX64);
	assert_false(sibling->container->self);
}

/* A runtime's child before it leaves the host's mounts, where those are not known to be the host's: the
 * auditor is not in that container for it. */
static void test_container_that_starts_is_not_the_auditors(void **state)
{
	struct scene *scene = *state;
	const struct process *child = add(scene, 20, "/docker/" HEX64, HOST_MOUNTS, HOST_PIDS, "/");

	scene->snapshot->self.pid = 7;
	scene->snapshot->host.mount_namespace = 0;
	collect(scene);
	assert_non_null(child->container);
	assert_false(child->container->self);
}

static void test_unknown_is_told(void **state)
{
	struct scene *scene = *state;
	const struct process *hidden = add(scene, 20, "/", 0, 0, "/proc");

	collect(scene);
	assert_null(hidden->container);
	assert_int_equal(scene->coverage.missed, 1);
	assert_non_null(scene->coverage.reasons);
	assert_non_null(scene->coverage.reasons->remedy);
}

static void test_kernel_threads_are_the_hosts(void **state)
{
	struct scene *scene = *state;
	struct process *thread = add(scene, 2, "/docker/" HEX64, 0, 0, "/");

	thread->kernel_thread = true;
	collect(scene);
	assert_null(thread->container);
	assert_int_equal(scene->coverage.missed, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scene_make, scene_remove)

/* Seen from a container, of whose neighbours nothing but the cgroup may be read. */
static void look_from_inside(struct scene *scene, enum view view)
{
	scene->snapshot->host.view = view;
	scene->snapshot->host.mount_namespace = 0;
	scene->snapshot->self.namespaces[NAMESPACE_MNT] = OWN_MOUNTS;
	scene->snapshot->self.pid = 20;
}

static void test_unread_in_a_container(void **state)
{
	struct scene *scene = *state;
	struct process *unread = add(scene, 1, "/", 0, 0, "/proc");
	struct process *self = add(scene, 20, "/", OWN_MOUNTS, OWN_PIDS, "/proc");

	look_from_inside(scene, VIEW_CONTAINER);
	collect(scene);
	assert_non_null(self->container);
	assert_true(self->container->self);
	assert_ptr_equal(unread->container, self->container);
	assert_int_equal(scene->coverage.missed, 1);
	assert_non_null(strstr(scene->coverage.reasons->example, "/1/ns/mnt"));
}

static void test_unread_in_a_task(void **state)
{
	struct scene *scene = *state;
	struct process *pause = add(scene, 1, "/..", 0, 0, "/proc");
	struct process *sibling = add(scene, 10, "/../docker-" HEX64 ".scope", 0, 0, "/proc");
	struct process *other = add(scene, 12, "/", 0, 0, "/proc");
	struct process *self = add(scene, 20, "/", OWN_MOUNTS, OWN_PIDS, "/proc");

	look_from_inside(scene, VIEW_TASK);
	collect(scene);
	assert_null(pause->container);
	assert_non_null(sibling->container);
	assert_string_equal(sibling->container->id, HEX64);
	assert_false(sibling->container->self);
	assert_ptr_equal(other->container, self->container);
	assert_int_equal(scene->coverage.missed, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_id_in_the_cgroup),
		TEST(test_id_in_the_cgroup_of_a_process_of_the_host),
		TEST(test_id_in_the_cgroup_where_the_hosts_mounts_are_unknown),
		TEST(test_first_process_is_the_oldest_root),
		TEST(test_runc_container_without_an_id),
		TEST(test_cgroup_shared_with_the_host_names_nothing),
		TEST(test_daemons_with_private_mounts_are_the_hosts),
		TEST(test_service_with_pids_of_its_own_is_a_container),
		TEST(test_pid_used_again_is_not_believed),
		TEST(test_view_of_a_container),
		TEST(test_container_that_starts_is_not_the_auditors),
		TEST(test_unknown_is_told),
		TEST(test_kernel_threads_are_the_hosts),
		TEST(test_unread_in_a_container),
		TEST(test_unread_in_a_task),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
