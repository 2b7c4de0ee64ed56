/* The identity collector: who containers are, by the word of those who run them.
 *
 * All sources are asked at once; then each is read in the order of their table, and what an earlier one said
 * stands. What no source told of stays as the kernel told it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collectors/carry.h"
#include "collectors/host_root.h"
#include "collectors/identity/identity.h"
#include "proctor/cleanup.h"

const struct source *const identity_sources[] = {&source_ecs_task,
						 &source_ecs_agent,
						 &source_docker,
						 &source_docker_files,
						 &source_bundle,
						 &source_storage,
						 NULL};

static void fetch_documents(struct identification *identification)
{
	const struct request *request = identification->request;

	if (!identification->fetch_count)
		return;
	if (request->fetch)
		request->fetch(request->fetch_context, identification->fetches, identification->fetch_count);
	else
		fetch_all(identification->fetches, identification->fetch_count);
}

static void ask_all(struct identification *identification)
{
	for (const struct source *const *source = identity_sources; *source; source++) {
		identification->source = *source;
		if ((*source)->ask)
			(*source)->ask(identification);
	}
	fetch_documents(identification);
}

static void read_all(struct identification *identification)
{
	for (const struct source *const *source = identity_sources; *source; source++) {
		identification->source = *source;
		(*source)->read(identification);
	}
}

/* ---- what became of it ------------------------------------------------------------------------- */

static int compare_labels(const void *a, const void *b)
{
	return strcmp(((const struct label *)a)->name, ((const struct label *)b)->name);
}

/* Whether a struct of nothing but texts has any. */
static bool has_text(const void *texts, size_t size)
{
	const char *const *text = texts;

	for (size_t i = 0; i < size / sizeof(*text); i++)
		if (text[i])
			return true;
	return false;
}

/* The name that says most: the task's, else the pod's, else the runtime's. */
static const char *best_name(const struct claim *claim)
{
	if (claim->task_name)
		return claim->task_name;
	return claim->pod.container ? claim->pod.container : claim->runtime_name;
}

static bool declares_something(const struct declared *declared)
{
	return declared->known || declared->user || declared->memory.state || declared->cpu.state ||
	       declared->pids.state;
}

/* What orders a container, where the cgroup path knew of nobody. */
static const char *kind_of(const struct container *container, const struct claim *claim)
{
	if (container->kind && strcmp(container->kind, "standalone") != 0)
		return container->kind;
	if (claim->task.launch_type && !strcmp(claim->task.launch_type, "FARGATE"))
		return "fargate";
	if (has_text(&claim->task, sizeof(claim->task)))
		return "ecs";
	return has_text(&claim->pod, sizeof(claim->pod)) ? "kubernetes" : container->kind;
}

static void fill(struct identification *identification, struct container *container, struct merged *merged)
{
	struct arena *arena = identification->snapshot->arena;
	struct claim *claim = &merged->claim;
	const char *name = best_name(claim);

	if (container->runtime && claim->runtime && strcmp(container->runtime, claim->runtime) != 0)
		identity_note(identification,
			      "a source tells another runtime than the cgroup path: the path's word stands",
			      container->id, NULL);
	if (!container->runtime)
		container->runtime = claim->runtime;
	container->kind = kind_of(container, claim);
	if (name)
		container->name = name;
	container->image = claim->image;
	container->image_id = claim->image_id;
	container->image_digest = claim->image_digest;
	if (claim->label_count)
		qsort(claim->labels, claim->label_count, sizeof(*claim->labels), compare_labels);
	container->labels = claim->labels;
	container->label_count = claim->label_count;
	container->task = has_text(&claim->task, sizeof(claim->task)) ? &claim->task : NULL;
	container->pod = has_text(&claim->pod, sizeof(claim->pod)) ? &claim->pod : NULL;
	container->declared = declares_something(&claim->declared) ? &claim->declared : NULL;
	container->sources = arena_array(arena, merged->source_count + 1, sizeof(char *));
	if (!container->sources) {
		identification->failed = true;
		return;
	}
	memcpy((void *)container->sources, merged->sources, merged->source_count * sizeof(char *));
}

static void fill_all(struct identification *identification)
{
	struct snapshot *snapshot = identification->snapshot;
	struct coverage *coverage = identification->coverage;

	for (size_t i = 0; i < snapshot->container_count && !identification->failed; i++) {
		snapshot->containers[i]->identified =
			identification->merged[i].source_count || !identification->unanswered;
		if (identification->merged[i].source_count) {
			fill(identification, snapshot->containers[i], &identification->merged[i]);
			coverage->seen++;
			continue;
		}
		coverage->missed++;
		identity_note(
			identification, "no source tells of a container: its name and image are not known",
			snapshot->containers[i]->id,
			"run where the runtime's socket and state can be read, or name Docker's socket by "
			"--docker-socket");
	}
}

/* ---- what is known already ---------------------------------------------------------------------- */

enum { YOUNG = 60 /* seconds: so long a source may take to hear of a container */ };

static bool tells(const struct merged *merged, const char *source)
{
	for (size_t i = 0; i < merged->source_count; i++)
		if (!strcmp(merged->sources[i], source))
			return true;
	return false;
}

static bool told(const struct container *was, const char *source)
{
	for (const char *const *one = was->sources; one && *one; one++)
		if (!strcmp(*one, source))
			return true;
	return false;
}

/* Whether a source that told of it the last time does not now, and none that knows better has come instead.
 */
static bool lacks_source(const struct container *was, const struct merged *merged)
{
	for (const struct source *const *source = identity_sources; *source; source++) {
		bool now = tells(merged, (*source)->name), before = told(was, (*source)->name);
		if (now != before)
			return before;
	}
	return false;
}

/* What sources told before stands until they tell otherwise: findings go by names. */
static int keep_told(struct identification *identification)
{
	struct snapshot *snapshot = identification->snapshot;

	for (size_t i = 0; identification->known && i < snapshot->container_count; i++) {
		const struct container *was = identification->known[i];
		if (!was || !lacks_source(was, &identification->merged[i]))
			continue;
		if (carry_identity(snapshot->arena, was, snapshot->containers[i]))
			return -1;
		identity_note(identification,
			      "a source tells no more of a container: what was told before stands", was->id,
			      NULL);
	}
	return 0;
}

static bool is_young(const struct snapshot *snapshot, const struct container *container)
{
	struct timespec now;

	if (!container->init || snapshot->host.ticks <= 0 || clock_gettime(CLOCK_BOOTTIME, &now))
		return true;
	return container->init->start_time / (uint64_t)snapshot->host.ticks + YOUNG > (uint64_t)now.tv_sec;
}

/* Whether asking could tell anything: a container is new, or so young that who runs it may not have told. */
static bool is_anyone_new(const struct identification *identification)
{
	const struct snapshot *snapshot = identification->snapshot;

	for (size_t i = 0; i < snapshot->container_count; i++) {
		const struct container *was = identification->known[i];
		if (!was || (!was->sources && is_young(snapshot, snapshot->containers[i])))
			return true;
	}
	return false;
}

static int carry_all(struct identification *identification)
{
	struct snapshot *snapshot = identification->snapshot;
	const struct snapshot *previous = identification->request->previous;

	for (size_t i = 0; i < snapshot->container_count; i++)
		if (carry_identity(snapshot->arena, identification->known[i], snapshot->containers[i]))
			return -1;
	carry_coverage(snapshot->arena, previous, identification->coverage);
	return carry_ecs_agent(snapshot->arena, &previous->host.ecs, &snapshot->host.ecs);
}

/* ---- all of it --------------------------------------------------------------------------------- */

/* Asks all sources, of all containers. */
static int ask(struct identification *identification)
{
	struct snapshot *snapshot = identification->snapshot;

	identification->root = host_open_root(identification->proc, snapshot);
	identification->unanswered = identification->root < 0 && snapshot->host.view == VIEW_HOST;
	if (identification->unanswered)
		identity_note(identification,
			      "the host's root cannot be opened: what runtimes keep there is not read", NULL,
			      COVERAGE_REMEDY_PTRACE);
	ecs_config_read(identification);
	if (!snapshot->container_count)
		return identification->failed ? -1 : 0;
	identification->merged =
		arena_array(snapshot->arena, snapshot->container_count, sizeof(*identification->merged));
	if (!identification->merged)
		return -1;
	ask_all(identification);
	read_all(identification);
	fill_all(identification);
	return identification->failed ? -1 : keep_told(identification);
}

static int identify(struct identification *identification)
{
	const struct request *request = identification->request;

	if (!request->previous)
		return ask(identification);
	identification->known = carry_find_containers(identification->snapshot, request->previous);
	if (!identification->known)
		return -1;
	return carry_can(request, "identity") && !is_anyone_new(identification) ? carry_all(identification)
										: ask(identification);
}

static int collect(struct snapshot *snapshot, const struct request *request, struct coverage *coverage,
		   struct error **error)
{
	struct identification identification = {
		.snapshot = snapshot, .request = request, .coverage = coverage, .root = -1};
	_cleanup_close_ int proc = open(request->proc, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int result;

	if (proc < 0)
		return error_set(error, errno, "opening %s", request->proc);
	identification.proc = proc;
	result = identify(&identification);
	cleanup_close(&identification.root);
	for (size_t i = 0; i < identification.fetch_count; i++)
		buffer_free(&identification.fetches[i].body);
	buffer_free(&identification.buffer);
	return result ? error_set(error, ENOMEM, "finding out who containers are") : 0;
}

const struct collector collector_identity = {
	.name = "identity",
	.description = "names, images, tasks and pods of containers, and what they were declared to be, from "
		       "ECS, Docker and the runtimes' state",
	.collect = collect,
};
