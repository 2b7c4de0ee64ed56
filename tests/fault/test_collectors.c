/* Every collector, with each of its calls failing in turn: the first, the second, and so on until it makes no
 * more. Each time the answer is a clean error, or a snapshot that is whole, or one whose coverage says that
 * something is missing.
 *
 * It runs in a pid namespace of its own with a few processes, so that each round is short and like the last.
 */
#include "tests/unit/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proctor/cleanup.h"
#include "proctor/collector.h"
#include "proctor/record.h"
#include "tests/fault/inject.h"

enum { COLLECTORS_MAX = 16, AGAIN_MAX = 4, MESSAGES_MAX = 20 };

/* What fails, and how. */
struct fault {
	enum call call;
	int error;
	bool lasting;  /* it and all after it */
	bool may_hide; /* the kernel's way to say that there is nothing: no reason is owed */
};

static const struct fault faults[] = {
	{CALL_ALLOCATE, ENOMEM, false, false}, {CALL_ALLOCATE, ENOMEM, true, false},
	{CALL_OPEN, EACCES, false, false},     {CALL_OPEN, EACCES, true, false},
	{CALL_OPEN, ENOENT, false, true},      {CALL_OPEN, EMFILE, true, false},
	{CALL_READ, EIO, false, false},        {CALL_READ, EIO, true, false},
	{CALL_READ, ESRCH, false, true},       {CALL_LOOK, EACCES, false, false},
	{CALL_LOOK, EACCES, true, false},      {CALL_LOOK, ENOENT, false, true},
	{CALL_THREAD, EAGAIN, false, false},   {CALL_THREAD, EAGAIN, true, false},
};

/* The fault of this round, read by the collector that arms it. */
static struct {
	const struct fault *fault; /* NULL: reads are short */
	unsigned long nth;
} round_plan;

static int arm(struct snapshot *snapshot, const struct request *request, struct coverage *coverage,
	       struct error **error)
{
	(void)snapshot, (void)request, (void)coverage, (void)error;
	if (round_plan.fault)
		inject_arm(round_plan.fault->call, round_plan.nth, round_plan.fault->error,
			   round_plan.fault->lasting);
	else
		inject_short_reads(round_plan.nth);
	return 0;
}

static int disarm(struct snapshot *snapshot, const struct request *request, struct coverage *coverage,
		  struct error **error)
{
	(void)snapshot, (void)request, (void)error;
	coverage->seen = inject_disarm();
	return 0;
}

static const struct collector arming = {.name = "arm", .description = "", .collect = arm};
static const struct collector disarming = {.name = "disarm", .description = "", .collect = disarm};

static const char *tree; /* what the filesystem collector walks */

/* What else there is in `/`, which it leaves out where it walks what there is of containers. */
enum { EXCLUDED_MAX = 64 };
static const char *excluded[EXCLUDED_MAX];
static size_t excluded_count;

/* One collector, and what it is given to do. */
struct target {
	size_t index;    /* in collectors[] */
	bool containers; /* not the tree, but containers */
	bool quick;      /* a pass that takes over what has not changed since `before` */
	char names[2][64];
};

static struct snapshot *before; /* the pass before a quick one */

/* Runs the collectors up to the target, that one with the round's fault; `*calls` is how many of its calls
 * could have failed. */
static struct snapshot *collect(struct target target, unsigned long *calls, struct error **error)
{
	size_t index = target.index;
	const pid_t changed = getpid();
	struct request request = {
		.proc = "/proc",
		.facts = REQUEST_AUDIT | REQUEST_COMMAND_LINE,
		.workers = 2,
		.paths = target.containers ? NULL : &tree,
		.path_count = !target.containers,
		.excluded_paths = excluded,
		.excluded_count = target.containers ? excluded_count : 0,
		.previous = target.quick ? before : NULL,
		.changed = &changed,
		.changed_count = target.quick,
	};
	const struct collector *enabled[COLLECTORS_MAX + 3] = {NULL};
	struct snapshot *snapshot;

	memcpy(enabled, collectors, index * sizeof(*enabled));
	enabled[index] = &arming;
	enabled[index + 1] = collectors[index];
	enabled[index + 2] = &disarming;
	snapshot = snapshot_collect(enabled, &request, error);
	*calls = snapshot ? snapshot->coverage[index + 2].seen : inject_disarm();
	return snapshot;
}

/* ---- what a snapshot holds --------------------------------------------------------------------- */

/* All facts as JSON text; but for what differs from run to run. */
static char *digest(const struct snapshot *snapshot)
{
	static const struct record_kind *const kinds[] = {&record_container, &record_process, &record_mount,
							  &record_file};
	struct record_context context = {.snapshot = snapshot, .with_arguments = true};
	_cleanup_json_ json_t *all = json_array();
	const void *record;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		for (size_t at = 0; (record = kinds[i]->at(&context, at)); at++) {
			json_t *json = record_json(kinds[i], record, &context, true);
			json_object_del(
				json,
				"thread_count"); /* of our own, the kernel may still count a joined one */
			json_array_append_new(all, json);
		}
	for (size_t i = 0; i < snapshot->host.sysctl_count; i++)
		json_array_append_new(all, json_pack("[ss]", snapshot->host.sysctls[i].name,
						     snapshot->host.sysctls[i].value));
	for (size_t i = 0; i < NAMESPACE_COUNT; i++)
		json_array_append_new(all, json_integer((json_int_t)snapshot->self.namespaces[i]));
	json_array_append_new(all, json_pack("[ss?s?ibib]", "host", snapshot->host.hostname,
					     snapshot->host.boot_id, (int)snapshot->host.cgroup_version,
					     snapshot->host.lsms_known, (int)snapshot->host.last_capability,
					     snapshot->host.boot_time > 0));
	record_context_free(&context);
	assert_false(context.failed);
	return json_dumps(all, JSON_INDENT(1));
}

/* How often coverage gives that reason. */
static uint64_t times_said(const struct snapshot *snapshot, const char *text)
{
	uint64_t count = 0;

	for (size_t i = 0; i < snapshot->coverage_count; i++)
		for (const struct coverage_reason *reason = snapshot->coverage[i].reasons; reason;
		     reason = reason->next)
			count += strcmp(reason->reason, text) ? 0 : reason->count;
	return count;
}

/* Whether its coverage misses something that the other's does not. */
static bool misses_more(const struct snapshot *snapshot, const struct snapshot *other)
{
	for (size_t i = 0; i < snapshot->coverage_count; i++)
		for (const struct coverage_reason *reason = snapshot->coverage[i].reasons; reason;
		     reason = reason->next)
			if (times_said(snapshot, reason->reason) > times_said(other, reason->reason))
				return true;
	return false;
}

/* What a collector finds when nothing fails. */
struct whole {
	char *digest;
	struct snapshot *snapshot;
};

static const struct fault nothing = {CALL_THREAD, 0, false, false};

static struct whole collect_whole(struct target target)
{
	_cleanup_error_ struct error *error = NULL;
	struct snapshot *snapshot;
	struct whole whole;
	unsigned long calls;

	round_plan.fault = &nothing;
	round_plan.nth = 0;
	snapshot = collect(target, &calls, &error);
	if (!snapshot)
		fail_msg("without a fault: %s", error_message(error));
	whole = (struct whole){digest(snapshot), snapshot};
	return whole;
}

/* ---- rounds ------------------------------------------------------------------------------------ */

/* What a snapshot that was made with a fault owes: all facts, or a reason. */
static bool is_honest(const struct snapshot *snapshot, const struct fault *fault, const struct whole *whole)
{
	_cleanup_free_ char *found = digest(snapshot);

	return fault->may_hide || misses_more(snapshot, whole->snapshot) || !strcmp(found, whole->digest);
}

/* What came of all rounds. */
struct tally {
	unsigned long failed;
	unsigned bad;
	bool restless; /* containers came and went meanwhile: without a failure, too, other facts were found
			*/
};

/* Runs the collector with the nth call failing; false when there are not that many. */
static bool play(struct target target, const struct fault *fault, unsigned long nth,
		 const struct whole *whole, struct tally *tally)
{
	_cleanup_error_ struct error *error = NULL;
	struct snapshot *snapshot;
	unsigned long calls;
	bool honest;

	round_plan.fault = fault;
	round_plan.nth = nth;
	snapshot = collect(target, &calls, &error);
	honest = snapshot ? is_honest(snapshot, fault, whole) : error && *error_message(error);
	snapshot_free(snapshot);
	if (!honest && calls < nth)
		tally->restless = true;
	else if (!honest && ++tally->bad <= MESSAGES_MAX)
		print_error("%s %lu of %lu, %s: %s%s: nothing is said of it\n", call_names[fault->call], nth,
			    calls, inject_what(), strerror(fault->error),
			    fault->lasting ? " from here on" : "");
	return calls >= nth;
}

static struct tally play_all(struct target target)
{
	struct whole whole = collect_whole(target);
	struct tally tally = {0};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		unsigned long nth = 1;
		while (play(target, &faults[i], nth, &whole, &tally))
			nth++;
		tally.failed += nth - 1;
	}
	free(whole.digest);
	snapshot_free(whole.snapshot);
	return tally;
}

/* The whole pass before a quick one. */
static void look_before(struct target target)
{
	_cleanup_error_ struct error *error = NULL;
	unsigned long calls;
	size_t last = 0;

	snapshot_free(before);
	before = NULL;
	if (!target.quick)
		return;
	while (collectors[last + 1])
		last++;
	inject_disarm();
	round_plan.fault = &nothing;
	round_plan.nth = 0;
	before = collect((struct target){.index = last, .containers = true}, &calls, &error);
	assert_non_null(before);
}

static void test_every_failure(void **state)
{
	struct target target = *(struct target *)*state;

	look_before(target);
	struct tally tally = play_all(target);

	for (unsigned again = 0; tally.restless && again < AGAIN_MAX; again++)
		tally = play_all(target);
	assert_false(tally.restless);
	assert_int_equal(tally.bad, 0);
	assert_true(tally.failed > 0);
}

/* Reads of a few bytes, with signals between them, change nothing. */
static void test_short_reads(void **state)
{
	struct target target = *(struct target *)*state;

	look_before(target);
	struct whole whole = collect_whole(target);
	for (unsigned long most = 1; most <= 4096; most *= 8) {
		_cleanup_error_ struct error *error = NULL;
		_cleanup_free_ char *found = NULL;
		unsigned long calls;
		round_plan.fault = NULL;
		round_plan.nth = most;
		struct snapshot *snapshot = collect(target, &calls, &error);
		if (!snapshot)
			fail_msg("%s", error_message(error));
		found = digest(snapshot);
		assert_string_equal(found, whole.digest);
		assert_false(misses_more(snapshot, whole.snapshot));
		snapshot_free(snapshot);
	}
	free(whole.digest);
	snapshot_free(whole.snapshot);
}

/* ---- the place --------------------------------------------------------------------------------- */

static void must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "%s: %s\n", what, strerror(errno));
		_exit(1);
	}
}

/* A process beside: in a user namespace of its own when `user`. */
static void start_neighbour(bool user)
{
	int ready[2];
	char byte;
	pid_t child;

	must(!pipe(ready), "pipe");
	child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (user)
			must(!unshare(CLONE_NEWUSER), "user namespace");
		must(write(ready[1], "", 1) == 1, "write");
		for (;;)
			pause();
	}
	must(read(ready[0], &byte, 1) == 1, "neighbour");
	close(ready[0]);
	close(ready[1]);
}

/* A few devices of our own in the place of the machine's, which come and go. */
static void make_devices(void)
{
	must(!mount("tmpfs", "/dev", "tmpfs", 0, NULL), "tmpfs");
	must(!mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3)), "mknod");
	must(!mknod("/dev/kmsg", S_IFCHR | 0644, makedev(1, 11)), "mknod");
	must(!mkdir("/dev/net", 0755) && !mknod("/dev/net/tun", S_IFCHR | 0666, makedev(10, 200)), "mknod");
}

/* A small tree on a tmpfs of our own: it goes with the mount namespace. */
static void make_tree(void)
{
	must(!mount("tmpfs", "/tmp", "tmpfs", 0, NULL), "tmpfs");
	must(!mkdir("/tmp/tree", 0755) && !mkdir("/tmp/tree/below", 0755), "mkdir");
	must(!mknod("/tmp/tree/setuid", S_IFREG | 04755, 0) && !chmod("/tmp/tree/setuid", 04755), "mknod");
	must(!mknod("/tmp/tree/below/plain", S_IFREG | 0644, 0), "mknod");
	must(!mknod("/tmp/tree/below/setgid", S_IFREG | 02755, 0) && !chmod("/tmp/tree/below/setgid", 02755),
	     "mknod");
	tree = "/tmp/tree";
}

/* Tools of the container that all this may be in: a program, and a link to it. */
static void make_tools(void)
{
	int script = open("/tmp/sh", O_CREAT | O_WRONLY | O_CLOEXEC, 0755);

	must(script >= 0 && write(script, "#!/", 3) == 3 && !close(script), "script");
	must(!symlink("sh", "/tmp/nc"), "link");
}

static void exclude_the_rest(void)
{
	DIR *root = opendir("/");
	const struct dirent *entry;

	must(root, "/");
	while ((entry = readdir(root)) && excluded_count < EXCLUDED_MAX)
		if (strcmp(entry->d_name, "tmp") != 0 && entry->d_name[0] != '.') {
			char *path;
			must(asprintf(&path, "/%s", entry->d_name) > 0, "path");
			excluded[excluded_count++] = path;
		}
	closedir(root);
}

static void add_tests(struct CMUnitTest *tests, struct target *target)
{
	static const char *const names[] = {"every call fails", "short reads"};
	static const CMUnitTestFunction functions[] = {test_every_failure, test_short_reads};
	const char *of = target->quick ? ", quick pass" : target->containers ? " of containers" : "";

	for (size_t i = 0; i < 2; i++) {
		snprintf(target->names[i], sizeof(target->names[i]), "%s%s: %s",
			 collectors[target->index]->name, of, names[i]);
		tests[i] = (struct CMUnitTest){target->names[i], functions[i], NULL, NULL, target};
	}
}

static int run_all(void)
{
	static struct target targets[COLLECTORS_MAX * 3];
	struct CMUnitTest tests[COLLECTORS_MAX * 6];
	size_t count = 0;
	int result;

	for (size_t i = 0; i < COLLECTORS_MAX && collectors[i]; i++) {
		targets[count++].index = i;
		if (collectors[i] == &collector_filesystem)
			targets[count++] = (struct target){.index = i, .containers = true};
		targets[count++] = (struct target){.index = i, .containers = true, .quick = true};
	}
	for (size_t i = 0; i < count; i++)
		add_tests(&tests[2 * i], &targets[i]);
	result = _cmocka_run_group_tests("collectors", tests, 2 * count, NULL, NULL);
	snapshot_free(before);
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
	make_devices();
	make_tree();
	make_tools();
	exclude_the_rest();
	start_neighbour(false);
	start_neighbour(true);
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
