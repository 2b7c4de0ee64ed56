/* The process collector: every process of /proc, each file of it read at most once.
 *
 * A process is held by a descriptor of its /proc/PID directory, which never stands for another process, even
 * when the pid is used again: what is read through it is of one process, or ESRCH. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "collectors/cgroup.h"
#include "collectors/namespace.h"
#include "collectors/process_text.h"
#include "collectors/read.h"
#include "proctor/cleanup.h"
#include "proctor/collector.h"

enum {
	WORKERS_MAX = 4,
	CHUNK = 16,           /* processes a worker takes at a time */
	WORTH_A_WORKER = 128, /* processes below which a second one takes as long as it saves */
	STATUS_LIMIT = 1024 * 1024,
	CGROUP_LIMIT = 256 * 1024,
	COMMAND_LINE_LIMIT = 128 * 1024,  /* MAX_ARG_STRLEN */
	FLAG_KERNEL_THREAD = 0x00200000,  /* PF_KTHREAD, include/linux/sched.h */
	FLAG_PRIVILEGE_USED = 0x00000100, /* PF_SUPERPRIV */
};

/* User namespaces met so far, shared by the workers. */
struct namespace_table {
	pthread_mutex_t lock;
	struct user_namespace **list;
	size_t count, capacity;
};

/* What all workers share. */
struct walk {
	const struct request *request;
	int proc;
	pid_t *pids;
	size_t pid_count;
	struct process *processes; /* one for each pid; pid 0: it vanished */
	atomic_size_t next, done;
	struct namespace_table namespaces;
};

struct worker {
	struct walk *walk;
	struct arena *arena;
	struct coverage coverage;
	struct buffer buffer;
	struct bytes cgroups; /* the last ones, and the path chosen of them: neighbours often share both */
	const char *cgroup;
	uint64_t vanished;
	bool out_of_memory;
	pthread_t thread;
};

/* Which part of a process could not be read, for coverage. */
struct denial {
	const char *what; /* `namespaces` */
	const char *file; /* `ns/user` */
	const char *remedy;
};

static const struct denial denied_namespaces = {"namespaces", "ns", COVERAGE_REMEDY_PTRACE};
static const struct denial denied_executable = {"executable", "exe", COVERAGE_REMEDY_PTRACE};
static const struct denial denied_root = {"root directory", "root", COVERAGE_REMEDY_PTRACE};

static bool wants(const struct worker *worker, uint32_t fact)
{
	return (worker->walk->request->facts & fact) != 0;
}

/* Notes that a fact of a process is missing, by errno and by what would help. */
static void note_denied(struct worker *worker, pid_t pid, const struct denial *denial, int number)
{
	char reason[128], example[64];

	snprintf(reason, sizeof(reason), "%s on %s of a process", strerrorname_np(number), denial->what);
	snprintf(example, sizeof(example), "%s/%d/%s", worker->walk->request->proc, (int)pid, denial->file);
	coverage_note(&worker->coverage, worker->arena, reason, example, denial->remedy);
}

static void note_malformed(struct worker *worker, pid_t pid, const char *file)
{
	char reason[128], example[64];

	snprintf(reason, sizeof(reason), "%s of a process is not as proc(5) has it", file);
	snprintf(example, sizeof(example), "%s/%d/%s", worker->walk->request->proc, (int)pid, file);
	coverage_note(&worker->coverage, worker->arena, reason, example, NULL);
}

static bool is_vanished(int number)
{
	return number == ESRCH || number == ENOENT;
}

/* How one part of a process was read. */
enum outcome { READ_DONE, READ_MISSED, READ_VANISHED, READ_ABSENT };

static enum outcome outcome_of(struct worker *worker, pid_t pid, const struct denial *denial)
{
	if (errno == ENOMEM)
		worker->out_of_memory = true;
	if (is_vanished(errno))
		return READ_VANISHED;
	note_denied(worker, pid, denial, errno);
	return READ_MISSED;
}

static char *keep(struct worker *worker, const void *data, size_t length)
{
	char *copy = arena_copy(worker->arena, data, length);

	worker->out_of_memory |= !copy;
	return copy;
}

/* ---- status and threads ------------------------------------------------------------------------ */

static void keep_groups(struct worker *worker, struct process *process, const struct status *status)
{
	uint32_t few[64];
	size_t count = status_groups(status, few, sizeof(few) / sizeof(few[0]));

	if (!count)
		return;
	process->groups = arena_array(worker->arena, count, sizeof(*process->groups));
	if (!process->groups) {
		worker->out_of_memory = true;
		return;
	}
	process->group_count = status_groups(status, process->groups, count);
}

static enum outcome read_status(struct worker *worker, int directory, struct process *process,
				struct status *status)
{
	static const struct denial denied = {"status", "status",
					     "mount procfs without hidepid, or with gid="};
	struct buffer *buffer = &worker->buffer;

	if (buffer_read(buffer, directory, "status", STATUS_LIMIT) < 0)
		return outcome_of(worker, process->pid, &denied);
	if (!status_parse(buffer->data, buffer->length, status)) {
		note_malformed(worker, process->pid, "status");
		return READ_MISSED;
	}
	process->ppid = status->ppid;
	process->credentials = status->credentials;
	process->thread_count = status->threads;
	process->zombie = status->state == 'Z' || status->state == 'X';
	process->comm = keep(worker, status->comm, strlen(status->comm));
	process->kernel_thread =
		status->kernel_thread_known ? status->kernel_thread : !status->has_memory && !process->zombie;
	keep_groups(worker, process, status);
	process->known |= PROCESS_KNOWS_STATUS;
	return READ_DONE;
}

static bool credentials_equal(const struct credentials *a, const struct credentials *b)
{
	return !memcmp(a->uid, b->uid, sizeof(a->uid)) && !memcmp(a->gid, b->gid, sizeof(a->gid)) &&
	       a->effective == b->effective && a->permitted == b->permitted &&
	       a->inheritable == b->inheritable && a->bounding == b->bounding && a->ambient == b->ambient &&
	       a->no_new_privs == b->no_new_privs && a->seccomp == b->seccomp &&
	       a->seccomp_filters == b->seccomp_filters;
}

static pid_t parse_pid(const char *name)
{
	const char *cursor = name, *end = name + strlen(name);
	uint64_t value;

	if (!text_read_number(&cursor, end, 10, &value) || cursor != end || value > INT_MAX)
		return 0;
	return (pid_t)value;
}

/* Compares one thread with the leader; keeps it when it differs. */
static void read_thread(struct worker *worker, int tasks, pid_t tid, struct process *process,
			size_t *capacity)
{
	char path[32];
	struct status status;

	snprintf(path, sizeof(path), "%d/status", (int)tid);
	if (buffer_read(&worker->buffer, tasks, path, STATUS_LIMIT) < 0) {
		if (!is_vanished(errno))
			note_denied(worker, process->pid,
				    &(struct denial){"a thread", "task", "run as root with CAP_SYS_PTRACE"},
				    errno);
		return;
	}
	if (!status_parse(worker->buffer.data, worker->buffer.length, &status)) {
		note_malformed(worker, process->pid, "task/*/status");
		return;
	}
	if (status.state == 'X' || credentials_equal(&status.credentials, &process->credentials))
		return;
	struct thread *grown = arena_grow(worker->arena, process->threads, process->differing_count, capacity,
					  sizeof(*grown));
	if (!grown) {
		worker->out_of_memory = true;
		return;
	}
	process->threads = grown;
	grown[process->differing_count++] = (struct thread){.tid = tid, .credentials = status.credentials};
}

/* Reads every thread but the leader. `alive` is set to one of them, for a leader that has exited. */
static void read_threads(struct worker *worker, int directory, struct process *process, pid_t *alive)
{
	int fd = openat(directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *tasks = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	size_t capacity = 0;

	if (!tasks) {
		if (!is_vanished(errno))
			note_denied(worker, process->pid,
				    &(struct denial){"threads", "task", "run as root with CAP_SYS_PTRACE"},
				    errno);
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(tasks))) {
		pid_t tid = parse_pid(entry->d_name);
		if (tid == 0 || tid == process->pid)
			continue;
		*alive = tid;
		if (wants(worker, REQUEST_THREADS))
			read_thread(worker, dirfd(tasks), tid, process, &capacity);
	}
	if (wants(worker, REQUEST_THREADS))
		process->known |= PROCESS_KNOWS_THREADS;
}

/* ---- namespaces -------------------------------------------------------------------------------- */

static enum outcome read_namespaces(struct worker *worker, int directory, struct process *process)
{
	for (unsigned kind = 0; kind < NAMESPACE_COUNT; kind++) {
		if (!wants(worker, (uint32_t)REQUEST_NAMESPACE << kind))
			continue;
		process->namespaces[kind] = namespace_read(directory, kind);
		if (process->namespaces[kind] || (kind == NAMESPACE_TIME && errno == ENOENT))
			continue; /* before Linux 5.6 there are no time namespaces */
		return outcome_of(worker, process->pid, &denied_namespaces);
	}
	process->known |= PROCESS_KNOWS_NAMESPACES;
	return READ_DONE;
}

static int read_map(struct worker *worker, int directory, pid_t pid, const char *file,
		    struct id_range **ranges, size_t *count)
{
	struct buffer *buffer = &worker->buffer;

	if (buffer_read(buffer, directory, file, STATUS_LIMIT) < 0) {
		outcome_of(worker, pid, &(struct denial){"user namespace's ids", file, "run as root"});
		return -1;
	}
	if (id_map_parse(buffer->data, buffer->length, worker->arena, ranges, count)) {
		worker->out_of_memory = true;
		return -1;
	}
	return 0;
}

/* True for the map of the initial user namespace: every id stands for itself. */
static bool map_is_identity(const struct id_range *ranges, size_t count)
{
	return count == 1 && ranges[0].inside == 0 && ranges[0].outside == 0 && ranges[0].count == UINT32_MAX;
}

static struct user_namespace *new_user_namespace(struct worker *worker, int directory, pid_t pid,
						 uint64_t inode)
{
	struct user_namespace *space = arena_alloc(worker->arena, sizeof(*space));

	if (!space) {
		worker->out_of_memory = true;
		return NULL;
	}
	space->inode = inode;
	space->mapped = !read_map(worker, directory, pid, "uid_map", &space->uids, &space->uid_count) &&
			!read_map(worker, directory, pid, "gid_map", &space->gids, &space->gid_count);
	if (inode)
		space->initial = inode == NAMESPACE_INITIAL_USER;
	else
		space->initial = space->mapped && map_is_identity(space->uids, space->uid_count);
	return space;
}

static struct user_namespace *table_find(const struct namespace_table *table, uint64_t inode, bool initial)
{
	for (size_t i = table->count; i-- > 0;)
		if (table->list[i]->inode == inode && (inode || (initial && table->list[i]->initial)))
			return table->list[i];
	return NULL;
}

static void table_add(struct worker *worker, struct user_namespace *space)
{
	struct namespace_table *table = &worker->walk->namespaces;
	size_t capacity = table->capacity ? table->capacity * 2 : 16;

	if (table->count == table->capacity) {
		struct user_namespace **grown =
			reallocarray(table->list, capacity, sizeof(struct user_namespace *));
		if (!grown) {
			worker->out_of_memory = true;
			return;
		}
		table->list = grown;
		table->capacity = capacity;
	}
	table->list[table->count++] = space;
}

/* The user namespace of a process, its maps read when it is met first. Where the link may not be read, the
 * maps, which are world readable, still tell whether it is the initial one. */
static void read_user_namespace(struct worker *worker, int directory, struct process *process)
{
	struct namespace_table *table = &worker->walk->namespaces;
	uint64_t inode = process->namespaces[NAMESPACE_USER];
	struct user_namespace *space;

	pthread_mutex_lock(&table->lock);
	space = inode ? table_find(table, inode, false) : NULL;
	if (!space) {
		space = new_user_namespace(worker, directory, process->pid, inode);
		if (space && !inode && !space->mapped)
			space = NULL;
		struct user_namespace *same =
			space && !inode && space->initial ? table_find(table, 0, true) : NULL;
		if (same)
			space = same;
		else if (space)
			table_add(worker, space);
	}
	pthread_mutex_unlock(&table->lock);
	process->user_namespace = space;
}

/* ---- the other files --------------------------------------------------------------------------- */

static enum outcome read_stat(struct worker *worker, int directory, struct process *process)
{
	static const struct denial denied = {"stat", "stat", "mount procfs without hidepid, or with gid="};
	struct stat_line stat;

	if (buffer_read(&worker->buffer, directory, "stat", STATUS_LIMIT) < 0)
		return outcome_of(worker, process->pid, &denied);
	if (!stat_parse(worker->buffer.data, worker->buffer.length, &stat)) {
		note_malformed(worker, process->pid, "stat");
		return READ_MISSED;
	}
	process->start_time = stat.start_time;
	process->privilege_used = stat.flags & FLAG_PRIVILEGE_USED;
	process->kernel_thread = stat.flags & FLAG_KERNEL_THREAD;
	process->known |= PROCESS_KNOWS_STAT;
	return READ_DONE;
}

static enum outcome read_cgroup(struct worker *worker, int directory, struct process *process)
{
	static const struct denial denied = {"cgroup", "cgroup", NULL};
	const struct buffer *text = &worker->buffer;
	struct cgroup_part path;

	if (buffer_read(&worker->buffer, directory, "cgroup", CGROUP_LIMIT) < 0)
		return outcome_of(worker, process->pid, &denied);
	if (!cgroup_choose(text->data, text->length, &path))
		return READ_MISSED; /* a kernel without cgroups */
	if (!worker->cgroup || worker->cgroups.length != text->length ||
	    memcmp(worker->cgroups.data, text->data, text->length) != 0) {
		worker->cgroup = keep(worker, path.data, path.length);
		worker->cgroups = (struct bytes){keep(worker, text->data, text->length), text->length};
		if (!worker->cgroups.data)
			worker->cgroups.length = 0;
	}
	process->cgroup = worker->cgroup;
	process->cgroups = worker->cgroups;
	process->known |= PROCESS_KNOWS_CGROUP;
	return READ_DONE;
}

/* What d_path appends to the name of a file without a link (fs/d_path.c). A file may also be named so. */
static void judge_deleted(struct process *process, int directory, char *path, size_t length)
{
	static const char mark[] = " (deleted)";
	const size_t mark_length = sizeof(mark) - 1;
	struct statx facts;

	if (length <= mark_length || memcmp(path + length - mark_length, mark, mark_length) != 0)
		return;
	if (statx(directory, "exe", AT_STATX_DONT_SYNC, STATX_NLINK, &facts) == 0 && facts.stx_nlink > 0)
		return;
	path[length - mark_length] = '\0';
	process->executable_deleted = true;
	process->executable_memfd = !strncmp(path, "/memfd:", 7);
}

static enum outcome read_executable(struct worker *worker, int directory, struct process *process)
{
	char *path;

	if (buffer_readlink(&worker->buffer, directory, "exe"))
		return outcome_of(worker, process->pid, &denied_executable);
	path = keep(worker, worker->buffer.data, worker->buffer.length);
	if (!path)
		return READ_MISSED;
	judge_deleted(process, directory, path, worker->buffer.length);
	process->executable = path;
	process->known |= PROCESS_KNOWS_EXECUTABLE;
	return READ_DONE;
}

static enum outcome read_command_line(struct worker *worker, int directory, struct process *process)
{
	static const struct denial denied = {"command line", "cmdline", "run as root"};
	int cut = buffer_read(&worker->buffer, directory, "cmdline", COMMAND_LINE_LIMIT);

	if (cut < 0)
		return outcome_of(worker, process->pid, &denied);
	if (cut) {
		char example[64];
		snprintf(example, sizeof(example), "%s/%d/cmdline", worker->walk->request->proc,
			 (int)process->pid);
		coverage_note(&worker->coverage, worker->arena,
			      "command line is longer than 128 KiB: cut there", example, NULL);
	}
	process->command_line.data = keep(worker, worker->buffer.data, worker->buffer.length);
	process->command_line.length = process->command_line.data ? worker->buffer.length : 0;
	process->known |= PROCESS_KNOWS_COMMAND_LINE;
	return READ_DONE;
}

/* The label an LSM put on it (proc_pid_attr(5)). EINVAL: no LSM that labels. */
static enum outcome read_lsm(struct worker *worker, int directory, struct process *process)
{
	static const struct denial denied = {"LSM label", "attr/current", "run as root with CAP_SYS_PTRACE"};
	struct buffer *buffer = &worker->buffer;

	if (buffer_read(buffer, directory, "attr/current", STATUS_LIMIT) < 0) {
		if (errno != EINVAL && errno != ENOENT)
			return outcome_of(worker, process->pid, &denied);
		process->known |= PROCESS_KNOWS_LSM;
		return READ_DONE;
	}
	while (buffer->length &&
	       (buffer->data[buffer->length - 1] == '\n' || !buffer->data[buffer->length - 1]))
		buffer->length--;
	if (buffer->length)
		process->lsm = keep(worker, buffer->data, buffer->length);
	process->known |= PROCESS_KNOWS_LSM;
	return READ_DONE;
}

static enum outcome read_root(struct worker *worker, int directory, struct process *process)
{
	if (buffer_readlink(&worker->buffer, directory, "root"))
		return outcome_of(worker, process->pid, &denied_root);
	process->root_changed = strcmp(worker->buffer.data, "/") != 0;
	process->known |= PROCESS_KNOWS_ROOT;
	return READ_DONE;
}

/* What a process has that a kernel thread or a zombie has not, in the order it is read. */
static const struct {
	uint32_t fact;
	enum outcome (*read)(struct worker *worker, int directory, struct process *process);
} readers[] = {
	{REQUEST_CGROUP, read_cgroup},
	{REQUEST_NAMESPACES_ALL, read_namespaces},
	{REQUEST_EXECUTABLE, read_executable},
	{REQUEST_COMMAND_LINE, read_command_line},
	{REQUEST_LSM, read_lsm},
	{REQUEST_ROOT, read_root},
};

static enum outcome read_details(struct worker *worker, int directory, struct process *process)
{
	enum outcome worst = READ_DONE;

	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		if (!wants(worker, readers[i].fact))
			continue;
		enum outcome outcome = readers[i].read(worker, directory, process);
		if (outcome == READ_VANISHED)
			return READ_VANISHED;
		if (outcome == READ_MISSED)
			worst = READ_MISSED;
	}
	if (wants(worker, REQUEST_USER_MAPS))
		read_user_namespace(worker, directory, process);
	return worst;
}

/* ---- one process ------------------------------------------------------------------------------- */

/* A leader that exited while its threads go on is a zombie whose namespaces and files are gone: they are read
 * of a thread, which shares them. */
static enum outcome read_live_part(struct worker *worker, int directory, struct process *process,
				   pid_t thread)
{
	char path[32];

	if (!process->zombie)
		return read_details(worker, directory, process);
	if (!thread)
		return READ_DONE;
	snprintf(path, sizeof(path), "task/%d", (int)thread);
	_cleanup_close_ int live = openat(directory, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (live < 0)
		return READ_DONE;
	return read_details(worker, live, process);
}

static enum outcome read_process(struct worker *worker, struct process *process)
{
	char name[16];
	struct status status;
	enum outcome outcome;
	pid_t thread = 0;

	snprintf(name, sizeof(name), "%d", (int)process->pid);
	_cleanup_close_ int directory = openat(worker->walk->proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0 && errno == ENOENT && worker->walk->request->pids)
		return READ_ABSENT; /* it was asked for, not listed: it may never have been */
	if (directory < 0)
		return outcome_of(worker, process->pid, &(struct denial){"directory", "", NULL});
	outcome = read_status(worker, directory, process, &status);
	if (outcome != READ_DONE)
		return outcome;
	if (wants(worker, REQUEST_STAT) || (!status.kernel_thread_known && process->kernel_thread)) {
		outcome = read_stat(worker, directory, process);
		if (outcome == READ_VANISHED)
			return outcome;
	}
	if (process->kernel_thread)
		return outcome;
	if (status.threads > 1 && (wants(worker, REQUEST_THREADS) || process->zombie))
		read_threads(worker, directory, process, &thread);
	else if (wants(worker, REQUEST_THREADS))
		process->known |= PROCESS_KNOWS_THREADS;
	enum outcome live = read_live_part(worker, directory, process, thread);
	return live == READ_DONE ? outcome : live;
}

static void walk_one(struct worker *worker, size_t index)
{
	struct process *process = &worker->walk->processes[index];

	process->pid = worker->walk->pids[index];
	switch (read_process(worker, process)) {
	case READ_VANISHED:
		worker->vanished++;
		process->pid = 0;
		break;
	case READ_ABSENT:
		process->pid = 0;
		break;
	case READ_MISSED:
		worker->coverage.missed++;
		if (!(process->known & PROCESS_KNOWS_STATUS))
			process->pid = 0;
		break;
	case READ_DONE:
		worker->coverage.seen++;
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
		if (from >= walk->pid_count || worker->out_of_memory)
			return NULL;
		if (to > walk->pid_count)
			to = walk->pid_count;
		for (size_t i = from; i < to; i++)
			walk_one(worker, i);
	}
}

static int compare_pids(const void *a, const void *b)
{
	pid_t left = *(const pid_t *)a, right = *(const pid_t *)b;

	return (left > right) - (left < right);
}

/* Ascending, each once: it may be asked for twice. */
static void sort_pids(struct walk *walk)
{
	size_t kept = 0;

	if (!walk->pid_count)
		return;
	qsort(walk->pids, walk->pid_count, sizeof(*walk->pids), compare_pids);
	for (size_t i = 1; i < walk->pid_count; i++)
		if (walk->pids[i] != walk->pids[kept])
			walk->pids[++kept] = walk->pids[i];
	walk->pid_count = kept + 1;
}

static int add_pid(struct walk *walk, size_t *capacity, pid_t pid)
{
	size_t larger = *capacity ? *capacity * 2 : 512;

	if (walk->pid_count == *capacity) {
		pid_t *grown = reallocarray(walk->pids, larger, sizeof(*grown));
		if (!grown)
			return -1;
		walk->pids = grown;
		*capacity = larger;
	}
	walk->pids[walk->pid_count++] = pid;
	return 0;
}

/* Fills walk->pids, ascending: those asked for, or every one that /proc lists. */
static int list_pids(struct walk *walk, struct error **error)
{
	const struct request *request = walk->request;
	const struct dirent *entry;
	size_t capacity = 0;

	if (request->pids) {
		for (size_t i = 0; i < request->pid_count; i++)
			if (add_pid(walk, &capacity, request->pids[i]))
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
			pid_t pid = parse_pid(entry->d_name);
			if (pid && add_pid(walk, &capacity, pid))
				return error_set(error, ENOMEM, "listing processes");
		}
		if (errno)
			return error_set(error, errno, "listing processes in %s", request->proc);
	}
	sort_pids(walk);
	return 0;
}

static unsigned worker_count(const struct walk *walk)
{
	size_t useful = walk->pid_count / WORTH_A_WORKER + 1;
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
	coverage_merge(coverage, snapshot->arena, &worker->coverage);
	*vanished += worker->vanished;
	arena_adopt(snapshot->arena, worker->arena);
	buffer_free(&worker->buffer);
	return worker->out_of_memory ? -1 : 0;
}

static int walk_processes(struct walk *walk, struct snapshot *snapshot, struct coverage *coverage)
{
	struct worker workers[WORKERS_MAX] = {0};
	unsigned count = worker_count(walk);
	uint64_t vanished = 0;
	int result = 0;

	for (unsigned i = 0; i < count; i++) {
		workers[i].walk = walk;
		workers[i].arena = arena_new();
		if (!workers[i].arena)
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

static int keep_namespaces(struct snapshot *snapshot, const struct namespace_table *table)
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
	walk->processes = arena_array(snapshot->arena, walk->pid_count, sizeof(*walk->processes));
	if (!walk->processes || walk_processes(walk, snapshot, coverage) ||
	    keep_namespaces(snapshot, &walk->namespaces))
		return error_set(error, ENOMEM, "reading processes in %s", walk->request->proc);
	snapshot->processes = walk->processes;
	snapshot->process_count = drop_vanished(walk->processes, walk->pid_count);
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
	pthread_mutex_init(&walk.namespaces.lock, NULL);
	result = collect_into(&walk, snapshot, coverage, error);
	pthread_mutex_destroy(&walk.namespaces.lock);
	free(walk.namespaces.list);
	free(walk.pids);
	return result;
}

const struct collector collector_process = {
	.name = "process",
	.required = true,
	.description = "every process and each thread whose ids or capability sets differ from its leader's",
	.collect = collect,
};
