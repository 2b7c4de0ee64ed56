/* The process collector: every process of /proc, read by several threads.
 *
 * A process is held by a descriptor of its /proc/PID directory, which never stands for another process, even
 * when the pid is used again: what is read through it is of one process, or ESRCH.
 *
 * Of some files the kernel's answer may never come (collectors/watch.h). Then the thread that waits for it is
 * left behind, and another goes on in its place, which reads of that process only what never waits. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "collectors/carry.h"
#include "collectors/process_reader.h"
#include "collectors/silent.h"
#include "collectors/task/tasks.h"
#include "collectors/user_namespace.h"
#include "proctor/cleanup.h"

enum {
	WORKERS_MAX = 4,
	CHUNK = 16,           /* processes a worker takes at a time */
	WORTH_A_WORKER = 128, /* processes below which a second one takes as long as it saves */
};

/* A process that is there, or was asked for. */
struct listed {
	pid_t pid;
	uint64_t entry; /* inode number that /proc lists it with; 0: it was asked for */
};

/* What all workers share. */
struct walk {
	const struct request *request;
	int proc;
	struct listed *listed;
	size_t count;
	struct process *processes; /* one for each that is listed; pid 0: it vanished */
	size_t *unread;            /* places of those to be read: all that were not carried */
	size_t unread_count;
	atomic_size_t next;
	struct tasks *tasks; /* NULL: all is read from /proc */
	struct user_namespace_table namespaces;

	struct silent *silent;
	atomic_bool cautious; /* no thread more may be left behind */
};

/* What one thread works with. Once it is left behind it is only the thread's own, and nothing of the walk is.
 */
struct worker {
	struct walk *walk;
	struct process_reader reader;
	uint64_t vanished, skipped;
	size_t at, end; /* of walk->unread: its share, of which the one at hand */
	pthread_t thread;
	bool has_thread;
	atomic_int holders; /* its thread and who watches that: the last one frees it */
};

static void worker_release(struct worker *worker)
{
	if (atomic_fetch_sub(&worker->holders, 1) > 1)
		return;
	buffer_free(&worker->reader.buffer);
	free(worker);
}

/* ---- the walk ---------------------------------------------------------------------------------- */

/* Which facts are to be read of a process: those that are asked for, when nobody had to wait for them before.
 */
static uint32_t facts_of(struct worker *worker, const struct listed *listed)
{
	const struct walk *walk = worker->walk;
	uint32_t wanted = walk->request->facts;
	const struct silent_process *known =
		silent_find(walk->silent, walk->proc, listed->pid, listed->entry);

	if (known && (wanted & ~known->facts))
		silent_note(&worker->reader.coverage, worker->reader.arena, walk->request->proc, known);
	else if (!known && atomic_load_explicit(&walk->cautious, memory_order_relaxed))
		worker->skipped++;
	else
		return wanted;
	return wanted & (known ? known->facts : (uint32_t)PROCESS_FACTS_AT_ONCE);
}

/* False: the thread was left behind. */
static bool walk_one(struct worker *worker, size_t index)
{
	const struct listed *listed = &worker->walk->listed[index];
	struct process *process = &worker->walk->processes[index];
	enum outcome outcome;

	*process = (struct process){.pid = listed->pid, .entry = listed->entry};
	worker->reader.facts = facts_of(worker, listed);
	process->silent = worker->reader.facts != worker->walk->request->facts;
	outcome = process_read(&worker->reader, process);
	if (outcome == READ_DONE && process->silent)
		outcome = READ_MISSED;
	switch (outcome) {
	case READ_LEFT:
		return false;
	case READ_VANISHED:
		worker->vanished++;
		process->pid = 0;
		break;
	case READ_ABSENT:
		process->pid = 0;
		break;
	case READ_MISSED:
		worker->reader.coverage.missed++;
		if (!(process->known & PROCESS_KNOWS_STATUS))
			process->pid = 0;
		break;
	case READ_DONE:
		worker->reader.coverage.seen++;
		break;
	}
	return true;
}

/* Takes the next processes when none is left of those that it has. */
static bool take_share(struct worker *worker)
{
	struct walk *walk = worker->walk;

	if (worker->at < worker->end)
		return true;
	worker->at = atomic_fetch_add(&walk->next, CHUNK);
	if (worker->at >= walk->unread_count || worker->reader.out_of_memory)
		return false;
	worker->end = worker->at + CHUNK < walk->unread_count ? worker->at + CHUNK : walk->unread_count;
	return true;
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct watch *watch = worker->reader.watch;
	bool left = false;

	while (!left && take_share(worker))
		for (; !left && worker->at < worker->end; worker->at += !left)
			left = !walk_one(worker, worker->walk->unread[worker->at]);
	worker_release(worker);
	watch_release(watch);
	return NULL;
}

static int compare_pids(const void *a, const void *b)
{
	pid_t left = ((const struct listed *)a)->pid, right = ((const struct listed *)b)->pid;

	return (left > right) - (left < right);
}

/* Ascending, each once: it may be asked for twice. */
static void sort_pids(struct walk *walk)
{
	size_t kept = 0;

	if (!walk->count)
		return;
	qsort(walk->listed, walk->count, sizeof(*walk->listed), compare_pids);
	for (size_t i = 1; i < walk->count; i++)
		if (walk->listed[i].pid != walk->listed[kept].pid)
			walk->listed[++kept] = walk->listed[i];
	walk->count = kept + 1;
}

static int add_pid(struct walk *walk, size_t *capacity, pid_t pid, uint64_t entry)
{
	size_t larger = *capacity ? *capacity * 2 : 512;

	if (walk->count == *capacity) {
		struct listed *grown = reallocarray(walk->listed, larger, sizeof(*grown));
		if (!grown)
			return -1;
		walk->listed = grown;
		*capacity = larger;
	}
	walk->listed[walk->count++] = (struct listed){pid, entry};
	return 0;
}

/* Fills walk->listed, ascending: those asked for, or every one that /proc lists. */
static int list_pids(struct walk *walk, struct error **error)
{
	const struct request *request = walk->request;
	const struct dirent *entry;
	size_t capacity = 0;

	if (request->pids) {
		for (size_t i = 0; i < request->pid_count; i++)
			if (add_pid(walk, &capacity, request->pids[i], 0))
				return error_set(error, ENOMEM, "listing processes");
	} else {
		int fd = openat(walk->proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		_cleanup_closedir_ DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
		if (!directory) {
			error_set(error, errno, "listing processes in %s", request->proc);
			if (fd >= 0)
				close(fd);
			return -1;
		}
		while (errno = 0, (entry = readdir(directory))) {
			pid_t pid = process_parse_pid(entry->d_name);
			if (pid && add_pid(walk, &capacity, pid, entry->d_ino))
				return error_set(error, ENOMEM, "listing processes");
		}
		if (errno)
			return error_set(error, errno, "listing processes in %s", request->proc);
	}
	sort_pids(walk);
	return 0;
}

/* ---- what is as it was ------------------------------------------------------------------------- */

static const struct listed *find_listed(const struct walk *walk, pid_t pid)
{
	struct listed wanted = {.pid = pid};

	return walk->count ? bsearch(&wanted, walk->listed, walk->count, sizeof(wanted), compare_pids) : NULL;
}

static int compare_changed(const void *a, const void *b)
{
	pid_t left = *(const pid_t *)a, right = *(const pid_t *)b;

	return (left > right) - (left < right);
}

static bool is_changed(const struct request *request, pid_t pid)
{
	return request->changed_count &&
	       bsearch(&pid, request->changed, request->changed_count, sizeof(pid), compare_changed);
}

/* An orphan has another parent by now, of which no event tells. */
static bool has_its_parent(const struct walk *walk, const struct process *process)
{
	const struct process *parent = snapshot_process(walk->request->previous, process->ppid);
	const struct listed *listed = find_listed(walk, process->ppid);

	if (!parent || !listed)
		return !parent && !listed;
	return parent->entry == listed->entry;
}

/* The process as the snapshot before has it, when it is the same one and nothing tells that it changed, or
 * was not read whole. NULL: it is to be read. */
static const struct process *find_unchanged(const struct walk *walk, const struct listed *listed)
{
	const struct request *request = walk->request;
	const struct process *process = snapshot_process(request->previous, listed->pid);

	if (!process || !listed->entry || process->entry != listed->entry ||
	    is_changed(request, listed->pid) || !process_is_whole(request, process) ||
	    !has_its_parent(walk, process))
		return NULL;
	return process;
}

static int carry_user_namespaces(struct walk *walk, const struct carrier *carrier)
{
	for (size_t i = 0; i < carrier->previous->user_namespace_count; i++)
		if (carrier->user_namespaces[i] &&
		    user_namespace_table_add(&walk->namespaces, carrier->user_namespaces[i]))
			return -1;
	return 0;
}

/* Takes over what is as it was, and leaves the rest in walk->unread. -1: no memory. */
static int carry_processes(struct walk *walk, struct snapshot *snapshot, struct coverage *coverage)
{
	bool quick = carry_can(walk->request, "process");
	struct carrier carrier;

	if (quick && carrier_begin(&carrier, snapshot->arena, walk->request->previous))
		return -1;
	for (size_t i = 0; i < walk->count; i++) {
		const struct process *was = quick ? find_unchanged(walk, &walk->listed[i]) : NULL;
		if (!was)
			walk->unread[walk->unread_count++] = i;
		else if (carry_process(&carrier, was, &walk->processes[i]))
			return -1;
		coverage->seen += was != NULL;
	}
	return quick ? carry_user_namespaces(walk, &carrier) : 0;
}

/* ---- all of it --------------------------------------------------------------------------------- */

static unsigned worker_count(const struct walk *walk)
{
	size_t useful = walk->unread_count / WORTH_A_WORKER + 1;
	unsigned count = walk->request->workers;

	if (!count && useful > 1) {
		long processors = sysconf(_SC_NPROCESSORS_ONLN);
		count = processors > 0 ? (unsigned)processors : 1;
	}
	if (!count)
		count = 1;
	if (count > WORKERS_MAX)
		count = WORKERS_MAX;
	return count < useful ? count : (unsigned)useful;
}

/* A worker with the share from `at` to before `end`. NULL: no memory. */
static struct worker *worker_new(struct walk *walk, size_t at, size_t end)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	struct watch *watch = watch_new();
	struct arena *arena = arena_new();

	if (!worker || !watch || !arena) {
		free(worker);
		free(watch);
		arena_free(arena);
		return NULL;
	}
	*worker = (struct worker){.walk = walk, .at = at, .end = end, .holders = 2};
	worker->reader = (struct process_reader){.request = walk->request,
						 .proc = walk->proc,
						 .user_namespaces = &walk->namespaces,
						 .tasks = walk->tasks,
						 .arena = arena,
						 .watch = watch};
	return worker;
}

/* What the walk comes to. */
struct walked {
	struct snapshot *snapshot;
	struct coverage *coverage;
	uint64_t vanished, skipped;
	bool out_of_memory;
};

/* Brings what a worker found into the snapshot. */
static void merge_worker(struct worker *worker, struct walked *walked)
{
	coverage_merge(walked->coverage, walked->snapshot->arena, &worker->reader.coverage);
	walked->vanished += worker->vanished;
	walked->skipped += worker->skipped;
	walked->out_of_memory |= worker->reader.out_of_memory;
	arena_adopt(walked->snapshot->arena, worker->reader.arena);
	worker_release(worker);
}

static bool has_to_be_watched(const struct walk *walk)
{
	return walk->tasks || walk->request->facts & ~(uint32_t)PROCESS_FACTS_AT_ONCE;
}

/* Starts a thread for it. Where none is to be had, or nothing can keep it, this thread does the work. */
static void start_worker(struct worker *worker, bool watched)
{
	worker->has_thread = watched && !pthread_create(&worker->thread, NULL, work, worker);
	if (!worker->has_thread)
		work(worker);
}

/* Leaves the worker's thread behind. Another goes on with the process that it was at, which is known to be
 * silent by then. NULL: no memory. */
static struct worker *replace_worker(struct walk *walk, struct worker *worker, struct walked *walked)
{
	size_t index = walk->unread[worker->at];
	const struct listed *listed = &walk->listed[index];
	struct worker *other = worker_new(walk, worker->at, worker->end);

	silent_add(walk->silent, walk->proc,
		   &(struct silent_process){.pid = listed->pid,
					    .entry = listed->entry,
					    .facts = process_facts_read(&walk->processes[index]),
					    .file = atomic_load(&worker->reader.watch->file),
					    .watch = worker->reader.watch});
	if (silent_is_full(walk->silent))
		atomic_store(&walk->cautious, true);
	pthread_detach(worker->thread);
	merge_worker(worker, walked);
	if (!other) {
		walked->out_of_memory = true;
		return NULL;
	}
	start_worker(other, true);
	return other;
}

static void look_at_workers(struct walk *walk, struct worker **workers, unsigned count, struct walked *walked)
{
	for (unsigned i = 0; i < count; i++)
		if (workers[i] && watch_give_up(workers[i]->reader.watch))
			workers[i] = replace_worker(walk, workers[i], walked);
}

/* Waits until one of them has come to the end, and looks at all meanwhile. */
static void join_worker(struct walk *walk, struct worker **workers, unsigned count, unsigned which,
			struct walked *walked)
{
	while (workers[which] && workers[which]->has_thread && watch_join(workers[which]->thread))
		look_at_workers(walk, workers, count, walked);
	if (!workers[which])
		return;
	watch_release(workers[which]->reader.watch);
	merge_worker(workers[which], walked);
	workers[which] = NULL;
}

static int run_workers(struct walk *walk, struct worker **workers, unsigned count, struct walked *walked)
{
	for (unsigned i = count; i-- > 0;)
		start_worker(workers[i], i || has_to_be_watched(walk));
	for (unsigned i = 0; i < count; i++)
		join_worker(walk, workers, count, i, walked);
	return walked->out_of_memory ? -1 : 0;
}

static int walk_processes(struct walk *walk, struct snapshot *snapshot, struct coverage *coverage)
{
	struct worker *workers[WORKERS_MAX];
	struct walked walked = {.snapshot = snapshot, .coverage = coverage};
	unsigned wanted = worker_count(walk), count = 0;
	int result;

	while (count < wanted && (workers[count] = worker_new(walk, 0, 0)))
		count++;
	if (!count)
		return -1;
	result = run_workers(walk, workers, count, &walked);
	if (walked.vanished)
		coverage_note_count(coverage, snapshot->arena, "process ended while it was read",
				    walked.vanished, NULL, NULL);
	if (walked.skipped)
		coverage_note_count(
			coverage, snapshot->arena,
			"8 processes do not answer: of others, too, only what never waits for the "
			"process was read",
			walked.skipped, NULL, SILENT_REMEDY);
	return result;
}

/* Closes the gaps that vanished processes left. */
static size_t drop_vanished(struct process *processes, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (processes[i].pid) {
			if (kept != i)
				processes[kept] = processes[i];
			kept++;
		}
	return kept;
}

static int keep_namespaces(struct snapshot *snapshot, const struct user_namespace_table *table)
{
	snapshot->user_namespaces =
		arena_array(snapshot->arena, table->count, sizeof(struct user_namespace *));
	if (!snapshot->user_namespaces)
		return -1;
	if (table->count)
		memcpy(snapshot->user_namespaces, table->list,
		       table->count * sizeof(struct user_namespace *));
	snapshot->user_namespace_count = table->count;
	return 0;
}

/* Where many processes are to be read, the kernel is asked for all in one; not beside a procfs that hides
 * some, of which nothing is to be told by other means. */
static void look_at_tasks(struct walk *walk, const struct snapshot *snapshot)
{
	const struct request *request = walk->request;

	if (request->bpf_from && walk->unread_count >= request->bpf_from && !snapshot->host.hidepid)
		walk->tasks = tasks_look(walk->proc, request->facts & REQUEST_CGROUP, snapshot->arena);
}

static int collect_into(struct walk *walk, struct snapshot *snapshot, struct coverage *coverage,
			struct error **error)
{
	if (list_pids(walk, error))
		return -1;
	walk->processes = arena_array(snapshot->arena, walk->count, sizeof(*walk->processes));
	walk->unread = calloc(walk->count + 1, sizeof(*walk->unread));
	if (!walk->processes || !walk->unread || carry_processes(walk, snapshot, coverage))
		return error_set(error, ENOMEM, "reading processes in %s", walk->request->proc);
	look_at_tasks(walk, snapshot);
	if (walk_processes(walk, snapshot, coverage) || keep_namespaces(snapshot, &walk->namespaces))
		return error_set(error, ENOMEM, "reading processes in %s", walk->request->proc);
	snapshot->processes = walk->processes;
	snapshot->process_count = drop_vanished(walk->processes, walk->count);
	return 0;
}

static int collect(struct snapshot *snapshot, const struct request *request, struct coverage *coverage,
		   struct error **error)
{
	struct walk walk = {.request = request, .silent = snapshot->silent};
	_cleanup_close_ int proc = open(request->proc, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int result;

	if (proc < 0) {
		error_set(error, errno, "opening %s", request->proc);
		return error_remedy(error, "mount a procfs there");
	}
	walk.proc = proc;
	silent_forget(walk.silent);
	atomic_store(&walk.cautious, silent_is_full(walk.silent));
	user_namespace_table_init(&walk.namespaces);
	result = collect_into(&walk, snapshot, coverage, error);
	user_namespace_table_free(&walk.namespaces);
	tasks_free(walk.tasks);
	free(walk.listed);
	free(walk.unread);
	return result;
}

const struct collector collector_process = {
	.name = "process",
	.required = true,
	.description = "every process and each thread whose ids or capability sets differ from its leader's",
	.collect = collect,
};
