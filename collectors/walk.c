#include "collectors/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	HELD_MAX = 512,       /* descriptors kept open */
	PROGRESS_STEP = 8192, /* files between two reports of one worker */
	ALONE = 64,           /* directories that the first worker lists before others are started */
};

/* ---- what went wrong --------------------------------------------------------------------------- */

static const char *remedy_of(int number)
{
	switch (number) {
	case EACCES:
	case EPERM:
		return "run as root with CAP_DAC_READ_SEARCH";
	case ENOSYS:
		return "run on Linux 5.6 or later, with openat2(2) allowed";
	case EMFILE:
		return "raise the limit of open files (ulimit -n)";
	default:
		return NULL;
	}
}

void walk_note_reason(struct walk_worker *worker, const struct directory *directory, const char *name,
		      const char *reason, const char *remedy)
{
	char *path = malloc(directory_path_length(directory, name) + 1);

	worker->out_of_memory |= !path;
	if (path)
		directory_write_path(path, directory, name);
	coverage_note(&worker->coverage, worker->arena, reason, path, remedy);
	free(path);
}

void walk_note(struct walk_worker *worker, const struct directory *directory, const char *name,
	       const char *what, int number)
{
	char reason[128];

	switch (number) {
	case ENOENT:
	case ENOTDIR: /* replaced by something else */
	case ELOOP:
	case ESTALE:
		worker->vanished++;
		return;
	case ENOMEM:
		worker->out_of_memory = true;
		return;
	case EXDEV:
		snprintf(reason, sizeof(reason), "mounted after the mounts were read: not entered");
		break;
	default:
		snprintf(reason, sizeof(reason), "%s on %s", strerrorname_np(number), what);
	}
	worker->coverage.missed++;
	walk_note_reason(worker, directory, name, reason, remedy_of(number));
}

/* ---- the workers ------------------------------------------------------------------------------- */

static void report(struct walk_worker *worker)
{
	struct walk *walk = worker->walk;
	const struct request *request = walk->request;

	pthread_mutex_lock(&walk->report);
	walk->done += worker->coverage.seen - worker->reported;
	worker->reported = worker->coverage.seen;
	if (request->progress)
		request->progress(request->progress_context, "filesystem", walk->done);
	pthread_mutex_unlock(&walk->report);
}

/* Gives the stack what the worker found, and takes the next directory. NULL when all is walked. */
static struct directory *take_turn(struct walk_worker *worker, bool was_busy)
{
	struct walk *walk = worker->walk;
	struct directory *next;

	pthread_mutex_lock(&walk->lock);
	if (worker->found.first) {
		worker->found.last->next = walk->stack;
		walk->stack = worker->found.first;
		if (worker->found.count > 1)
			pthread_cond_broadcast(&walk->more);
	}
	walk->busy -= was_busy;
	while (!walk->stack && walk->busy)
		pthread_cond_wait(&walk->more, &walk->lock);
	next = walk->stack;
	if (next) {
		walk->stack = next->next;
		walk->busy++;
	} else {
		pthread_cond_broadcast(&walk->more);
	}
	pthread_mutex_unlock(&walk->lock);
	worker->found = (struct directory_list){0};
	return next;
}

static void *work(void *argument);

/* Starts the other workers; fewer when threads are not to be had. */
static void start_others(struct walk *walk)
{
	struct walk_worker *workers = walk->workers;

	while (walk->started < walk->count &&
	       !pthread_create(&workers[walk->started].thread, NULL, work, &workers[walk->started]))
		walk->started++;
}

static void *work(void *argument)
{
	struct walk_worker *worker = argument;
	struct walk *walk = worker->walk;
	struct directory *directory = take_turn(worker, false);

	for (unsigned listed = 1; directory; directory = take_turn(worker, true), listed++) {
		if (atomic_load(&walk->failed))
			directory_end(directory, &walk->descriptors);
		else
			walk_directory(worker, directory);
		if (worker->out_of_memory)
			atomic_store(&walk->failed, true);
		if (worker->coverage.seen - worker->reported >= PROGRESS_STEP)
			report(worker);
		if (listed == ALONE && worker == walk->workers)
			start_others(walk);
	}
	return NULL;
}

/* Runs the workers, this thread being the first of them. Most walks are too small for others. */
static void run_workers(struct walk *walk)
{
	walk->started = 1;
	work(&walk->workers[0]);
	for (unsigned i = 1; i < walk->started; i++)
		pthread_join(walk->workers[i].thread, NULL);
}

int walk_run(struct walk *walk, const struct walk_root *root)
{
	int descriptor = fcntl(root->descriptor, F_DUPFD_CLOEXEC, 0);
	struct directory *directory =
		descriptor >= 0 ? directory_root(&walk->descriptors, root->path, descriptor) : NULL;

	if (!directory) {
		if (descriptor >= 0)
			close(descriptor);
		return -1;
	}
	directory->on = root->on;
	directory->mounts_to = root->mount_count;
	directory->reachable = root->reachable;
	walk->root = root;
	walk->stack = directory;
	run_workers(walk);
	return atomic_load(&walk->failed) ? -1 : 0;
}

/* ---- making and freeing ------------------------------------------------------------------------ */

/* More than there are processors: where names are still on disk, most of the time is waiting. */
static unsigned worker_count(const struct request *request)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned count = request->workers;

	if (!count)
		count = processors > 1 ? WALK_WORKERS_MAX : 2;
	return count < WALK_WORKERS_MAX ? count : WALK_WORKERS_MAX;
}

/* At most half of the descriptors that the process may have. */
static unsigned descriptors_most(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur / 2 > HELD_MAX)
		return HELD_MAX;
	return (unsigned)limit.rlim_cur / 2;
}

struct walk *walk_new(const struct request *request, walk_visitor visitor)
{
	struct walk *walk = calloc(1, sizeof(*walk));
	bool failed = false;

	if (!walk)
		return NULL;
	walk->request = request;
	walk->visitor = visitor;
	walk->descriptors.most = descriptors_most();
	walk->count = worker_count(request);
	pthread_mutex_init(&walk->lock, NULL);
	pthread_mutex_init(&walk->report, NULL);
	pthread_cond_init(&walk->more, NULL);
	for (unsigned i = 0; i < walk->count; i++) {
		struct walk_worker *worker = &walk->workers[i];
		worker->walk = walk;
		worker->arena = arena_new();
		worker->buffer = malloc(WALK_BUFFER_SIZE);
		failed |= !worker->arena || !worker->buffer;
	}
	if (!failed)
		return walk;
	walk_free(walk, NULL, NULL);
	return NULL;
}

/* Brings what a worker found into the snapshot's. */
static void merge(struct walk_worker *worker, struct arena *arena, struct coverage *coverage)
{
	coverage_merge(coverage, arena, &worker->coverage);
	if (worker->vanished)
		coverage_note_count(coverage, arena, "file or directory went away while it was read",
				    worker->vanished, NULL, NULL);
	arena_adopt(arena, worker->arena);
	worker->arena = NULL;
}

void walk_free(struct walk *walk, struct arena *arena, struct coverage *coverage)
{
	for (unsigned i = 0; i < walk->count; i++) {
		struct walk_worker *worker = &walk->workers[i];
		if (arena)
			merge(worker, arena, coverage);
		arena_free(worker->arena);
		free(worker->buffer);
		free(worker->path);
	}
	pthread_mutex_destroy(&walk->lock);
	pthread_mutex_destroy(&walk->report);
	pthread_cond_destroy(&walk->more);
	free(walk);
}
