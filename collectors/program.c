/* The program collector: which files the processes of containers execute, where those come from and who could
 * change them; and what the processes have open for writing in their roots. */
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/carry.h"
#include "collectors/held_maps.h"
#include "collectors/namespace_root.h"
#include "collectors/open_file.h"
#include "collectors/program_file.h"
#include "collectors/silent.h"
#include "proctor/cleanup.h"
#include "proctor/collector.h"

enum {
	MAPS_LIMIT_ALL = 256 * 1024 * 1024, /* of one container */
	PROGRAMS_MAX = 4096,                /* of one container */
};

/* A program while it is collected. What tells one from the others stands first. */
struct met_program {
	const char *text; /* as maps has it: perhaps with ` (deleted)` */
	const struct mount_namespace *mounts;
	uint64_t inode;
	uint32_t major, minor;
	struct program program;
	size_t capacity; /* of program.processes */
	struct met_program *next;
};

struct gathering {
	struct snapshot *snapshot;
	const struct request *request;
	struct coverage *coverage;
	struct buffer buffer;
	struct held_maps_reader reader;
	char *path; /* room for one as long as the text of `maps` */
	size_t path_size;
	int proc;
	struct host_view host;
	const struct container **known; /* for each container what it was; NULL: nothing is taken over */

	/* The container at hand: */
	struct container *container;
	struct container_view view;
	struct open_files open_files;
	void *tree; /* tsearch(3) of `met` */
	struct met_program *met;
	size_t count, text;
	int process; /* descriptor of the /proc/PID at hand */
	bool viewed; /* `view` was opened */
	bool complete;
};

static void note(struct gathering *gathering, const char *reason, const char *example, const char *remedy)
{
	coverage_note(gathering->coverage, gathering->snapshot->arena, reason, example, remedy);
}

/* ---- programs ----------------------------------------------------------------------------------  */

static int compare_met(const void *a, const void *b)
{
	const struct met_program *left = a, *right = b;

	if (left->inode != right->inode)
		return left->inode < right->inode ? -1 : 1;
	if (left->major != right->major)
		return left->major < right->major ? -1 : 1;
	if (left->minor != right->minor)
		return left->minor < right->minor ? -1 : 1;
	if (left->mounts != right->mounts)
		return left->mounts < right->mounts ? -1 : 1;
	return strcmp(left->text, right->text);
}

/* Adds a program that was not met before, and looks at it. NULL: it is none, or there is no room. */
static struct met_program *add_met(struct gathering *gathering, const struct met_program *wanted, int *result)
{
	struct arena *arena = gathering->snapshot->arena;
	struct met_program *met;

	if (gathering->count == PROGRAMS_MAX) {
		note(gathering, "processes of a container execute more than 4096 files: the rest is left out",
		     wanted->text, NULL);
		gathering->complete = false;
		return NULL;
	}
	met = arena_alloc(arena, sizeof(*met));
	if (met) {
		*met = *wanted;
		met->text = arena_string(arena, wanted->text);
	}
	if (!met || !met->text || !tsearch(met, &gathering->tree, compare_met)) {
		*result = -1;
		return NULL;
	}
	met->next = gathering->met;
	gathering->met = met;
	gathering->count++;
	return met;
}

static int look(struct gathering *gathering, const struct mapping *mapping, struct met_program *met)
{
	const struct program_name name = {met->text, gathering->process, mapping};
	const char *unknown = NULL;

	if (program_look(&gathering->view, &name, gathering->snapshot->arena, &met->program, &unknown))
		return -1;
	if (unknown)
		note(gathering, unknown, met->text, NULL);
	return 0;
}

static int add_process(struct gathering *gathering, struct met_program *met, const struct process *process)
{
	struct program *program = &met->program;
	const struct process **grown;

	if (program->process_count && program->processes[program->process_count - 1] == process)
		return 0;
	grown = arena_grow(gathering->snapshot->arena, program->processes, program->process_count,
			   &met->capacity, sizeof(*grown));
	if (!grown)
		return -1;
	program->processes = grown;
	grown[program->process_count++] = process;
	program->executable |= process->executable && !strcmp(process->executable, program->path);
	return 0;
}

static int add_mapping(struct gathering *gathering, const struct process *process,
		       const struct mapping *mapping)
{
	struct met_program wanted = {.text = gathering->path,
				     .mounts = gathering->view.mounts,
				     .inode = mapping->inode,
				     .major = mapping->major,
				     .minor = mapping->minor};
	struct met_program **found, *met;
	int result = 0;

	mapping_path(gathering->path, mapping->path, mapping->length);
	found = tfind(&wanted, &gathering->tree, compare_met);
	if (found)
		return (*found)->program.path ? add_process(gathering, *found, process) : 0;
	met = add_met(gathering, &wanted, &result);
	if (!met)
		return result;
	if (look(gathering, mapping, met))
		return -1;
	return met->program.path ? add_process(gathering, met, process) : 0;
}

/* ---- one process ------------------------------------------------------------------------------- */

static const struct mount_namespace *namespace_of(const struct gathering *gathering,
						  const struct process *process)
{
	const struct snapshot *snapshot = gathering->snapshot;
	const struct mount_namespace *usual = gathering->container->mount_namespace;
	uint64_t inode = process->namespaces[NAMESPACE_MNT];

	if (!inode || (usual && usual->inode == inode))
		return usual;
	for (size_t i = 0; i < snapshot->mount_namespace_count; i++)
		if (snapshot->mount_namespaces[i]->inode == inode)
			return snapshot->mount_namespaces[i];
	return NULL;
}

/* Opens what the process sees, unless it is what the one before saw. */
static int open_view(struct gathering *gathering, const struct process *process)
{
	const struct mount_namespace *mounts = namespace_of(gathering, process);
	struct container_view *view = &gathering->view;
	char buffer[64];
	const char *label = container_label(gathering->container, buffer, sizeof(buffer));

	if (gathering->viewed && view->mounts == mounts)
		return 0;
	gathering->viewed = true;
	container_view_close(view);
	if (container_view_open(view, gathering->proc, &gathering->host, gathering->snapshot, mounts))
		return -1;
	if (view->beneath.root < 0)
		note(gathering,
		     "root of a container could not be opened: who may write to its programs is not known",
		     label, view->error == EACCES ? COVERAGE_REMEDY_PTRACE : NULL);
	else if (view->unseen)
		note(gathering, view->unseen, label, NULL);
	return 0;
}

static int add_mappings(struct gathering *gathering, const struct process *process, const struct buffer *text)
{
	const char *cursor = text->data, *end = cursor + text->length, *line;
	struct mapping mapping;
	size_t length;

	if (gathering->path_size <= text->length) {
		char *larger = realloc(gathering->path, text->length + 1);
		if (!larger)
			return -1;
		gathering->path = larger;
		gathering->path_size = text->length + 1;
	}
	while (line_next(&cursor, end, &line, &length))
		if (mapping_parse(line, length, &mapping) && mapping.executable &&
		    add_mapping(gathering, process, &mapping))
			return -1;
	return 0;
}

/* Tells that a process could not be read, or not be recognised behind that: errno. -1: for want of memory. */
static int miss(struct gathering *gathering, const struct process *process, int number)
{
	char example[64];

	if (number == ENOMEM)
		return -1;
	if (number == ESRCH || number == ENOENT) {
		note(gathering, "process ended while what it executes was read", NULL, NULL);
		return 0;
	}
	snprintf(example, sizeof(example), "%s/%d/maps", gathering->request->proc, (int)process->pid);
	gathering->coverage->missed++;
	gathering->complete = false;
	if (number == ETIMEDOUT)
		note(gathering, "what a process executes is not known: it, or 8 others, do not answer",
		     example, SILENT_REMEDY);
	else
		note(gathering, "what a process executes could not be read", example,
		     number == EACCES || number == EPERM ? COVERAGE_REMEDY_PTRACE : NULL);
	return 0;
}

/* Reads the process at `index` of the reader's. */
static int read_process(struct gathering *gathering, size_t index)
{
	const struct process *process = gathering->reader.processes[index];
	const struct held_maps *maps = held_maps_of(&gathering->reader, index);

	if (!maps)
		return -1;
	if (maps->number)
		return miss(gathering, process, maps->number);
	if (open_view(gathering, process) ||
	    open_files_read(&gathering->open_files, maps->directory, &gathering->view, &gathering->buffer))
		return -1;
	gathering->text += maps->text.length;
	if (maps->cut) {
		note(gathering, "a process has more than 8 MiB of mappings: the rest is left out",
		     process->executable, NULL);
		gathering->complete = false;
	}
	gathering->coverage->seen++;
	gathering->process = maps->directory;
	return add_mappings(gathering, process, &maps->text);
}

/* ---- one container ----------------------------------------------------------------------------- */

static int compare_programs(const void *a, const void *b)
{
	return strcmp(((const struct program *)a)->path, ((const struct program *)b)->path);
}

static int keep(struct gathering *gathering)
{
	struct arena *arena = gathering->snapshot->arena;
	struct container *container = gathering->container;
	struct program *programs = arena_array(arena, gathering->count, sizeof(*programs));

	if (!programs)
		return -1;
	for (const struct met_program *met = gathering->met; met; met = met->next)
		if (met->program.process_count)
			programs[container->program_count++] = met->program;
	if (container->program_count)
		qsort(programs, container->program_count, sizeof(*programs), compare_programs);
	container->programs = programs;
	container->programs_known = gathering->complete;
	return 0;
}

static void forget(void *met)
{
	(void)met; /* the arena's */
}

/* Reads a container, whose processes are those of the reader from `from` to before `to`. */
static int read_container(struct gathering *gathering, struct container *container, size_t from, size_t to)
{
	int result = 0;

	if (gathering->known || gathering->request->container)
		gathering->reader.count = to; /* behind it are processes that may not be read at all */
	gathering->container = container;
	gathering->view = (struct container_view){.beneath = {.root = -1}, .upper = -1};
	gathering->open_files = (struct open_files){0};
	gathering->tree = NULL;
	gathering->met = NULL;
	gathering->count = gathering->text = 0;
	gathering->complete = true;
	gathering->viewed = false;
	for (size_t i = from; !result && i < to; i++) {
		if (gathering->text < MAPS_LIMIT_ALL) {
			result = read_process(gathering, i);
			continue;
		}
		note(gathering,
		     "processes of a container have more than 256 MiB of mappings: the rest is left out",
		     NULL, NULL);
		gathering->complete = false;
	}
	if (open_files_keep(&gathering->open_files, gathering->snapshot->arena, gathering->coverage,
			    gathering->container) ||
	    (!result && keep(gathering)))
		result = -1;
	container_view_close(&gathering->view);
	tdestroy(gathering->tree, forget);
	return result;
}

/* ---- all of them ------------------------------------------------------------------------------- */

static int compare_processes(const void *a, const void *b)
{
	const struct process *left = *(const struct process *const *)a;
	const struct process *right = *(const struct process *const *)b;
	int order = strcmp(left->container->id, right->container->id);

	return order ? order : (left->pid > right->pid) - (left->pid < right->pid);
}

static bool is_asked_for(const struct gathering *gathering, const struct container *container)
{
	return !gathering->request->container ||
	       container_is_called(container, gathering->request->container);
}

static bool are_all_carried(const struct process *const *processes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!processes[i]->carried)
			return false;
	return true;
}

/* What the container at `index` has, whose processes are those of the reader from `from` to before `to`:
 * taken over when they are those that it had, else read. */
static int tell_container(struct gathering *gathering, size_t index, size_t from, size_t to)
{
	struct container *container = gathering->snapshot->containers[index];
	const struct container *was = gathering->known ? gathering->known[index] : NULL;
	int result = 1;

	if (was && was->programs_known && are_all_carried(&gathering->reader.processes[from], to - from) &&
	    carry_has_same_mounts(was, container))
		result = carry_programs(gathering->snapshot, gathering->request->previous, was, container);
	if (result > 0)
		return read_container(gathering, container, from, to);
	gathering->coverage->seen += to - from;
	return result;
}

static int read_containers(struct gathering *gathering)
{
	const struct snapshot *snapshot = gathering->snapshot;
	const struct process **processes =
		calloc(snapshot->process_count ? snapshot->process_count : 1, sizeof(*processes));
	size_t count = 0;
	int result = processes ? 0 : -1;

	for (size_t i = 0; processes && i < snapshot->process_count; i++) {
		const struct process *process = &snapshot->processes[i];
		if (process->container && !process->kernel_thread && !process->zombie)
			processes[count++] = process;
	}
	if (count)
		qsort(processes, count, sizeof(*processes), compare_processes);
	gathering->reader.processes = processes;
	gathering->reader.count = count;
	for (size_t i = 0, from = 0, to; !result && i < snapshot->container_count; i++, from = to) {
		for (to = from; to < count && processes[to]->container == snapshot->containers[i];)
			to++;
		if (to > from && is_asked_for(gathering, snapshot->containers[i]))
			result = tell_container(gathering, i, from, to);
	}
	held_maps_free(&gathering->reader);
	free(processes);
	return result;
}

static void open_host(struct gathering *gathering)
{
	const struct snapshot *snapshot = gathering->snapshot;

	for (size_t i = 0; i < snapshot->mount_namespace_count && !gathering->host.mounts; i++)
		if (snapshot->mount_namespaces[i]->host && snapshot->mount_namespaces[i]->root)
			gathering->host.mounts = snapshot->mount_namespaces[i];
	if (gathering->host.mounts)
		gathering->host.root = namespace_open_root(gathering->proc, snapshot, gathering->host.mounts);
}

static int collect(struct snapshot *snapshot, const struct request *request, struct coverage *coverage,
		   struct error **error)
{
	_cleanup_close_ int proc = open(request->proc, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct gathering gathering = {.snapshot = snapshot,
				      .request = request,
				      .coverage = coverage,
				      .proc = proc,
				      .reader = {.proc = proc, .silent = snapshot->silent},
				      .host = {.root = -1}};
	int result;

	if (proc < 0)
		return error_set(error, errno, "opening %s", request->proc);
	if (!snapshot->container_count)
		return 0;
	if (carry_can(request, "program"))
		gathering.known = carry_find_containers(snapshot, request->previous);
	open_host(&gathering);
	result = read_containers(&gathering);
	cleanup_close(&gathering.host.root);
	free(gathering.path);
	buffer_free(&gathering.buffer);
	return result ? error_set(error, ENOMEM, "reading what containers execute") : 0;
}

const struct collector collector_program = {
	.name = "program",
	.description = "files that the processes of containers execute: where each comes from and who may "
		       "write to it; and files that they have open for writing",
	.collect = collect,
};
