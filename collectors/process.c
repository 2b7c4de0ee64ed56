/* The process collector: every process of /proc, read by several threads.
 *
 * A process is held by a descriptor of its /proc/PID directory, which never stands for another process, even
 * when the pid is used again: what is read through it is of one process, or ESRCH. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "collectors/carry.h"
#include "collectors/process_reader.h"
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
	struct user_namespace_table namespaces;
};

struct worker {
	struct walk *walk;
	struct process_reader reader;
	uint64_t vanished;
	pthread_t thread;
};

static void walk_one(struct worker *worker, size_t index)
{
	struct process *process = &worker->walk->processes[index];

	process->pid = worker->walk->listed[index].pid;
	process->entry = worker->walk->listed[index].entry;
	switch (process_read(&worker->reader, process)) {
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
}

/* ---- the walk ---------------------------------------------------------------------------------- */

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct walk *walk = worker->walk;

	for (;;) {
		size_t from = atomic_fetch_add(&walk->next, CHUNK), to = from + CHUNK;
		if (from >= walk->unread_count || worker->reader.out_of_memory)
			return NULL;
		if (to > walk->unread_count)
			to = walk->unread_count;
		for (size_t i = from; i < to; i++)
			walk_one(worker, walk->unread[i]);
	}
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

/* Runs the workers, this thread being the first of them. Fewer run when threads are not to be had. */
static void run_workers(struct worker *workers, unsigned count)
{
	unsigned started = 1;

	while (started < count && !pthread_create(&workers[started].thread, NULL, work, &workers[started]))
		started++;
	work(&workers[0]);
	for (unsigned i = 1; i < started; i++)
		pthread_join(workers[i].thread, NULL);
}

/* Brings what a worker found into the snapshot, and frees the worker. */
static int merge_worker(struct worker *worker, struct snapshot *snapshot, struct coverage *coverage,
			uint64_t *vanished)
{
	coverage_merge(coverage, snapshot->arena, &worker->reader.coverage);
	*vanished += worker->vanished;
	arena_adopt(snapshot->arena, worker->reader.arena);
	buffer_free(&worker->reader.buffer);
	return worker->reader.out_of_memory ? -1 : 0;
}

static int walk_processes(struct walk *walk, struct snapshot *snapshot, struct coverage *coverage)
{
	struct worker workers[WORKERS_MAX] = {0};
	unsigned count = worker_count(walk);
	uint64_t vanished = 0;
	int result = 0;

	for (unsigned i = 0; i < count; i++) {
		workers[i].walk = walk;
		workers[i].reader = (struct process_reader){.request = walk->request,
							    .proc = walk->proc,
							    .user_namespaces = &walk->namespaces,
							    .arena = arena_new()};
		if (!workers[i].reader.arena)
			count = i;
	}
	if (!count)
		return -1;
	run_workers(workers, count);
	for (unsigned i = 0; i < count; i++)
		result |= merge_worker(&workers[i], snapshot, coverage, &vanished);
	if (vanished)
		coverage_note_count(coverage, snapshot->arena, "process ended while it was read", vanished,
				    NULL, NULL);
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

static int collect_into(struct walk *walk, struct snapshot *snapshot, struct coverage *coverage,
			struct error **error)
{
	if (list_pids(walk, error))
		return -1;
	walk->processes = arena_array(snapshot->arena, walk->count, sizeof(*walk->processes));
	walk->unread = calloc(walk->count + 1, sizeof(*walk->unread));
	if (!walk->processes || !walk->unread || carry_processes(walk, snapshot, coverage) ||
	    walk_processes(walk, snapshot, coverage) || keep_namespaces(snapshot, &walk->namespaces))
		return error_set(error, ENOMEM, "reading processes in %s", walk->request->proc);
	snapshot->processes = walk->processes;
	snapshot->process_count = drop_vanished(walk->processes, walk->count);
	return 0;
}

static int collect(struct snapshot *snapshot, const struct request *request, struct coverage *coverage,
		   struct error **error)
{
	struct walk walk = {.request = request};
	_cleanup_close_ int proc = open(request->proc, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int result;

	if (proc < 0) {
		error_set(error, errno, "opening %s", request->proc);
		return error_remedy(error, "mount a procfs there");
	}
	walk.proc = proc;
	user_namespace_table_init(&walk.namespaces);
	result = collect_into(&walk, snapshot, coverage, error);
	user_namespace_table_free(&walk.namespaces);
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
