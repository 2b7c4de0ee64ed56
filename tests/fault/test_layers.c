/* The walk of an overlay by its layers, with each of its calls failing in turn: the answer is that there is
 * no memory, or that the merged mount is to be walked, or all that there is, or coverage says what is
 * missing. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "collectors/layered.h"
#include "collectors/mountinfo.h"
#include "collectors/namespace.h"
#include "collectors/namespace_root.h"
#include "proctor/cleanup.h"
#include "tests/fault/inject.h"

#define PLACE "/tmp/overlay"

static pid_t inside;              /* a process whose root is the overlay */
static struct file_memory *roots; /* what was remembered of the merged mount */
static char *memory;              /* what was remembered of the layers */
static size_t memory_length;

/* One walk, and what it takes. */
struct scene {
	struct snapshot *snapshot;
	struct request request;
	struct mount_namespace host, own;
	struct container container;
	struct coverage coverage;
	struct buffer buffer;
	struct found found;
	struct found_share share;
	struct walk_plan plan;
	struct walked_parts parts;
	int proc, root;
	struct silent silent;
};

/* ---- the scene --------------------------------------------------------------------------------- */

static void read_mounts(struct scene *scene, struct mount_namespace *mounts, pid_t pid)
{
	struct mountinfo_faults faults = {0};
	char path[64];

	snprintf(path, sizeof(path), "%d/mountinfo", (int)pid);
	assert_int_equal(
		mountinfo_read(scene->proc, path, &scene->buffer, scene->snapshot->arena, mounts, &faults),
		0);
	snprintf(path, sizeof(path), "%d", (int)pid);
	int directory = openat(scene->proc, path, O_PATH | O_DIRECTORY);
	mounts->inode = namespace_read(directory, NAMESPACE_MNT);
	mounts->pid = pid;
	close(directory);
	assert_non_null(mounts->root);
}

/* How what a walk finds is remembered. */
enum remembering { NOTHING, LAYERS, MERGED };

static void open_scene(struct scene *scene, enum remembering remembering)
{
	struct walk_plan_setting setting = {.request = &scene->request,
					    .mounts = &scene->own,
					    .path = "/",
					    .parts = &scene->parts,
					    .coverage = &scene->coverage};

	*scene = (struct scene){.snapshot = snapshot_new(), .proc = open("/proc", O_PATH | O_DIRECTORY)};
	assert_non_null(scene->snapshot);
	scene->request =
		(struct request){.proc = "/proc", .workers = 2, .remember_layers = remembering == LAYERS};
	if (remembering == MERGED)
		scene->request.file_memory = roots;
	if (remembering == LAYERS)
		scene->request.remembered_layers = (struct bytes){memory, memory_length};
	scene->snapshot->silent = &scene->silent;
	setting.arena = scene->snapshot->arena;
	read_mounts(scene, &scene->host, getpid());
	read_mounts(scene, &scene->own, inside);
	scene->snapshot->self = (struct self){.user_namespace_initial = true,
					      .effective = remembering == MERGED ? 0 : UINT64_MAX};
	scene->snapshot->self.namespaces[NAMESPACE_MNT] = scene->host.inode;
	scene->snapshot->processes = arena_array(scene->snapshot->arena, 1, sizeof(struct process));
	scene->snapshot->processes[0] = (struct process){.pid = inside};
	scene->snapshot->processes[0].namespaces[NAMESPACE_MNT] = scene->own.inode;
	scene->snapshot->process_count = 1;
	scene->container = (struct container){.id = "it", .mount_namespace = &scene->own};
	scene->found = (struct found){.request = &scene->request, .container = &scene->container};
	scene->share.found = &scene->found;
	assert_int_equal(walk_plan_make(&scene->plan, &setting), 0);
	scene->root = namespace_open_root(scene->proc, scene->snapshot, &scene->own);
	assert_true(scene->root >= 0);
}

static void close_scene(struct scene *scene)
{
	walk_plan_free(&scene->plan);
	walked_parts_free(&scene->parts);
	buffer_free(&scene->buffer);
	snapshot_free(scene->snapshot);
	close(scene->root);
	close(scene->proc);
}

/* What a walk of the merged mount would find. */
static int remember_merged(struct scene *scene, struct layered *layered)
{
	struct found_file su = {.file = {.path = "/bin/su", .mode = 0104755}};
	struct found_file sh = {
		.file = {.path = "/bin/sh", .mode = 0120777}, .tools = TOOL_SHELL, .link = "su"};
	struct found_file *const files[] = {&su, &sh};

	return layered_remember_merged(layered, scene->own.root, files, 2, 1);
}

static int walk(struct scene *scene)
{
	struct layered layered = {.snapshot = scene->snapshot,
				  .request = &scene->request,
				  .coverage = &scene->coverage,
				  .host = &scene->host,
				  .proc = scene->proc,
				  .buffer = &scene->buffer,
				  .share = &scene->share};
	int result = layered_walk(&layered, &scene->container, scene->root, &scene->plan);

	if (!result && scene->request.file_memory)
		result = remember_merged(scene, &layered);
	if (result >= 0 && layered_remember(&layered))
		result = -1;
	layered_end(&layered);
	return result;
}

/* ---- what comes out ---------------------------------------------------------------------------- */

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All that was found, in order. */
static char *digest(const struct scene *scene)
{
	struct arena *arena = scene->snapshot->arena;
	char **lines = arena_array(arena, scene->share.count + 1, sizeof(char *)),
	     *all = arena_string(arena, "");
	size_t count = 0;

	for (const struct found_file *found = scene->share.first; found; found = found->next)
		lines[count++] = arena_printf(arena, "%s %o %d %s %d %d %s\n", found->file.path,
					      found->file.mode, (int)found->file.origin,
					      found->file.layer ? found->file.layer : "", (int)found->tools,
					      found->file.reachable, found->link ? found->link : "");
	qsort(lines, count, sizeof(char *), compare_lines);
	for (size_t i = 0; i < count; i++)
		all = arena_printf(arena, "%s%s", all, lines[i]);
	for (size_t i = 0; scene->container.written && scene->container.written[i]; i++)
		all = arena_printf(arena, "%swritten %s\n", all, scene->container.written[i]);
	return strdup(all);
}

static uint64_t reasons(const struct scene *scene)
{
	uint64_t count = 0;

	for (const struct coverage_reason *reason = scene->coverage.reasons; reason; reason = reason->next)
		count += reason->count;
	return count;
}

struct whole {
	char *digest;
	uint64_t reasons;
};

static struct whole walk_whole(enum remembering remembering)
{
	struct scene scene;
	struct whole whole;

	open_scene(&scene, remembering);
	assert_int_equal(walk(&scene), 1);
	assert_true(scene.container.files_walked);
	whole = (struct whole){digest(&scene), reasons(&scene)};
	if (remembering == LAYERS && !memory) {
		memory_length = scene.snapshot->layers_to_remember.length;
		memory = malloc(memory_length);
		assert_true(memory && memory_length);
		memcpy(memory, scene.snapshot->layers_to_remember.data, memory_length);
	}
	close_scene(&scene);
	return whole;
}

/* ---- rounds ------------------------------------------------------------------------------------ */

struct fault {
	enum call call;
	int error;
	bool lasting, may_hide;
};

static const struct fault faults[] = {
	{CALL_ALLOCATE, ENOMEM, false, false}, {CALL_ALLOCATE, ENOMEM, true, false},
	{CALL_OPEN, EACCES, false, false},     {CALL_OPEN, EACCES, true, false},
	{CALL_OPEN, ENOENT, false, true},      {CALL_OPEN, EMFILE, true, false},
	{CALL_READ, EIO, false, false},        {CALL_READ, EIO, true, false},
	{CALL_LOOK, EACCES, false, false},     {CALL_LOOK, EACCES, true, false},
	{CALL_LOOK, ENODATA, false, true},     {CALL_THREAD, EAGAIN, true, false},
};

static bool is_honest(const struct scene *scene, int result, const struct fault *fault,
		      const struct whole *whole)
{
	_cleanup_free_ char *found = digest(scene);

	if (!result && scene->request.file_memory)
		return !scene->share.count; /* the merged mount is walked: nothing was found before */
	if (result < 0)
		return fault->call == CALL_ALLOCATE;
	if (fault->may_hide || reasons(scene) > whole->reasons)
		return true;
	return result == 1 && !strcmp(found, whole->digest);
}

static bool play(const struct fault *fault, unsigned long nth, enum remembering remembering,
		 const struct whole *whole, unsigned *bad)
{
	struct scene scene;
	unsigned long calls;
	int result;

	open_scene(&scene, remembering);
	inject_arm(fault->call, nth, fault->error, fault->lasting);
	result = walk(&scene);
	calls = inject_disarm();
	if (!is_honest(&scene, result, fault, whole)) {
		print_error("%s %lu of %lu, %s: %s: nothing is said of it\n", call_names[fault->call], nth,
			    calls, inject_what(), strerror(fault->error));
		++*bad;
	}
	close_scene(&scene);
	return calls >= nth;
}

static void play_all(enum remembering remembering, const struct whole *whole)
{
	unsigned long failed = 0;
	unsigned bad = 0;

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		unsigned long nth = 1;
		while (play(&faults[i], nth, remembering, whole, &bad))
			nth++;
		failed += nth - 1;
	}
	assert_int_equal(bad, 0);
	assert_true(failed > 100);
}

static void test_every_failure(void **state)
{
	struct whole whole = walk_whole(NOTHING);

	(void)state;
	assert_non_null(strstr(whole.digest, "/bin/su 104755"));
	assert_non_null(strstr(whole.digest, "/moved/file 102755"));
	assert_null(strstr(whole.digest, "/gone"));
	assert_non_null(strstr(whole.digest, "written /new"));
	play_all(NOTHING, &whole);
	free(whole.digest);
}

static void test_every_failure_remembered(void **state)
{
	struct whole walked = walk_whole(LAYERS), whole = walk_whole(LAYERS);

	(void)state;
	assert_string_equal(walked.digest, whole.digest);
	play_all(LAYERS, &whole);
	free(walked.digest);
	free(whole.digest);
}

/* The merged mount is to be walked, and what is found there is remembered. */
static void walk_merged(void)
{
	struct scene scene;

	open_scene(&scene, MERGED);
	assert_int_equal(walk(&scene), 0);
	close_scene(&scene);
}

static void test_every_failure_of_a_merged_mount(void **state)
{
	struct whole whole;

	(void)state;
	roots = file_memory_new();
	assert_non_null(roots);
	walk_merged();
	whole = walk_whole(MERGED);
	assert_non_null(strstr(whole.digest, "/bin/su 104755"));
	assert_non_null(strstr(whole.digest, "/bin/sh 120777"));
	play_all(MERGED, &whole);
	free(whole.digest);
	file_memory_free(roots);
}

/* ---- the place --------------------------------------------------------------------------------- */

static void must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "%s: %s\n", what, strerror(errno));
		_exit(1);
	}
}

static void make(const char *path, mode_t mode)
{
	must(!mknod(path, S_IFREG | 0600, 0) && !chmod(path, mode), path);
}

static void make_layers(void)
{
	static const char *const directories[] = {
		PLACE,           PLACE "/base",         PLACE "/base/bin", PLACE "/base/old",
		PLACE "/middle", PLACE "/middle/moved", PLACE "/upper",    PLACE "/upper/new",
		PLACE "/work",   PLACE "/merged"};

	must(!mount("tmpfs", "/tmp", "tmpfs", 0, NULL), "tmpfs");
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
		must(!mkdir(directories[i], 0755), directories[i]);
	must(!chmod(PLACE, 0700),
	     PLACE); /* as runtimes have it: layers that others get to are not remembered */
	make(PLACE "/base/bin/su", 04755);
	make(PLACE "/base/gone", 04755);
	make(PLACE "/base/old/file", 02755);
	must(!symlink("su", PLACE "/base/bin/sh"), "symlink");
	must(!mknod(PLACE "/middle/gone", S_IFCHR, 0), "whiteout");
	must(!mknod(PLACE "/middle/old", S_IFCHR, 0), "whiteout");
	must(!setxattr(PLACE "/middle/moved", "trusted.overlay.redirect", "/old", 4, 0), "redirect");
	must(!mount("overlay", PLACE "/merged", "overlay", 0,
		    "lowerdir=" PLACE "/middle:" PLACE "/base,upperdir=" PLACE "/upper,workdir=" PLACE
		    "/work,redirect_dir=on"),
	     "overlay");
}

/* A process whose mount namespace has the overlay at its root. */
static void start_inside(void)
{
	int ready[2];
	char byte;

	must(!pipe(ready), "pipe");
	inside = fork();
	must(inside >= 0, "fork");
	if (!inside) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		must(!unshare(CLONE_NEWNS), "mount namespace");
		must(!chdir(PLACE "/merged"), "chdir");
		must(!syscall(SYS_pivot_root, ".", "."), "pivot_root");
		must(!umount2(".", MNT_DETACH), "umount");
		must(write(ready[1], "", 1) == 1, "write");
		for (;;)
			pause();
	}
	close(ready[1]);
	must(read(ready[0], &byte, 1) == 1, "the process inside");
	close(ready[0]);
}

static int run_all(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_failure),
		cmocka_unit_test(test_every_failure_remembered),
		cmocka_unit_test(test_every_failure_of_a_merged_mount),
	};
	int result = cmocka_run_group_tests(tests, NULL, NULL);

	free(memory);
	return result;
}

/* The exit status of a child. */
static int wait_for(pid_t child)
{
	int status = 0;

	must(child > 0 && waitpid(child, &status, 0) == child, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* The first process of the namespace: the tests run in a child of it, which can be traced for leaks. */
static int run_inside(void)
{
	pid_t child;

	must(!mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), "private mounts");
	must(!mount("proc", "/proc", "proc", 0, NULL), "procfs");
	make_layers();
	start_inside();
	sleep(3); /* what changed just now is not remembered */
	child = fork();
	if (child == 0)
		exit(run_all());
	return wait_for(child);
}

int main(void)
{
	pid_t child;

	if (unshare(CLONE_NEWPID | CLONE_NEWNS)) {
		printf("1..0 # SKIP needs root: %s\n", strerror(errno));
		return 0;
	}
	child = fork();
	if (child == 0)
		_exit(run_inside());
	_exit(wait_for(child));
}
