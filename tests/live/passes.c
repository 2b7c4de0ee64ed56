/* Takes looks at the machine one after the other, as the agent does, and tells of each as one line of JSON.
 *
 * Each line of standard input is a look:
 *   first         everything, without what was seen before
 *   again         everything, with it
 *   quick PID…    only what is new, and these processes
 *   fresh         as `first`, but the looks that follow do not rest on it
 * The answer has "cpu_us", "wall_us", "memory" (bytes), "read" (processes that were not taken over),
 * "collectors" (microseconds of each), "seen" (coverage of each), "reasons" (coverage: how often each), and
 * with --records "records", all by kind. With --pause each look says `paused` once processes were read, and
 * goes on with another line. `--exclude GLOB` and `--docker-socket PATH` are those of `proctor audit`. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "proctor/cleanup.h"
#include "proctor/collector.h"
#include "proctor/record.h"

enum { EXCLUDED_MAX = 64, CHANGED_MAX = 4096 };

struct looks {
	const char *excluded[EXCLUDED_MAX];
	size_t excluded_count;
	const char *docker_socket;
	bool records, pauses;
	pid_t changed[CHANGED_MAX];
	size_t changed_count;
	struct snapshot *snapshot;  /* the last one that others rest on */
	struct bytes layers;        /* from malloc */
	struct bytes layers_before; /* likewise: of the snapshot that there is, which points into them */
	struct file_memory *file_memory;
	struct silent silent;
};

static long microseconds(const struct timeval *time)
{
	return (long)time->tv_sec * 1000000 + (long)time->tv_usec;
}

static long cpu(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return microseconds(&usage.ru_utime) + microseconds(&usage.ru_stime);
}

static long wall(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

/* ---- what was seen ----------------------------------------------------------------------------- */

static json_t *records_of(const struct record_kind *kind, struct record_context *context)
{
	json_t *all = json_array();
	const void *record;

	for (size_t at = 0; (record = kind->at(context, at)); at++)
		json_array_append_new(all, record_json(kind, record, context, true));
	return all;
}

static json_t *all_records(const struct snapshot *snapshot)
{
	struct record_context context = {.snapshot = snapshot, .with_arguments = true};
	json_t *all =
		json_pack("{sosososo}", "processes", records_of(&record_process, &context), "containers",
			  records_of(&record_container, &context), "mounts",
			  records_of(&record_mount, &context), "files", records_of(&record_file, &context));

	record_context_free(&context);
	return all;
}

static json_t *collectors_of(const struct snapshot *snapshot, json_t *seen, json_t *reasons)
{
	json_t *times = json_object();

	for (size_t i = 0; i < snapshot->coverage_count; i++) {
		const struct coverage *coverage = &snapshot->coverage[i];
		json_object_set_new(times, coverage->collector,
				    json_integer((json_int_t)coverage->duration_ns / 1000));
		json_object_set_new(seen, coverage->collector, json_integer((json_int_t)coverage->seen));
		for (const struct coverage_reason *one = coverage->reasons; one; one = one->next)
			json_object_set_new(reasons, one->reason, json_integer((json_int_t)one->count));
	}
	return times;
}

static size_t count_read(const struct snapshot *snapshot)
{
	size_t count = 0;

	for (size_t i = 0; i < snapshot->process_count; i++)
		count += !snapshot->processes[i].carried;
	return count;
}

static void tell(const struct looks *looks, const struct snapshot *snapshot, long cpu_us, long wall_us)
{
	json_t *reasons = json_object(), *seen = json_object();
	_cleanup_json_ json_t *answer = json_pack(
		"{sIsIsIsIsososo}", "cpu_us", (json_int_t)cpu_us, "wall_us", (json_int_t)wall_us, "memory",
		(json_int_t)arena_size(snapshot->arena), "read", (json_int_t)count_read(snapshot),
		"collectors", collectors_of(snapshot, seen, reasons), "seen", seen, "reasons", reasons);

	if (looks->records)
		json_object_set_new(answer, "records", all_records(snapshot));
	json_dumpf(answer, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
}

/* ---- looking ----------------------------------------------------------------------------------- */

static void remember_layers(struct looks *looks, const struct snapshot *snapshot)
{
	struct bytes layers = snapshot->layers_to_remember;
	char *copy;

	if (!layers.length)
		return;
	copy = malloc(layers.length);
	if (!copy)
		return;
	memcpy(copy, layers.data, layers.length);
	free((void *)looks->layers_before.data);
	looks->layers_before = looks->layers;
	looks->layers = (struct bytes){copy, layers.length};
}

/* With --pause: once the processes were read, it says so, and waits for a line. */
static void pause_after(void *context, const struct snapshot *snapshot, const struct collector *collector)
{
	const struct looks *looks = context;
	char line[8];

	(void)snapshot;
	if (!looks->pauses || collector != &collector_process)
		return;
	puts("paused");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		exit(1);
}

static struct snapshot *look(struct looks *looks, const struct snapshot *previous, bool walk_again,
			     struct file_memory *memory)
{
	_cleanup_error_ struct error *error = NULL;
	struct request request = {
		.proc = "/proc",
		.facts = REQUEST_AUDIT | REQUEST_COMMAND_LINE,
		.excluded_paths = looks->excluded,
		.excluded_count = looks->excluded_count,
		.docker_socket = looks->docker_socket,
		.remember_layers = true,
		.remembered_layers = looks->layers,
		.file_memory = memory,
		.previous = previous,
		.changed = looks->changed,
		.changed_count = looks->changed_count,
		.walk_again = walk_again,
		.silent = &looks->silent,
		.collected = pause_after,
		.collected_context = looks,
	};
	struct snapshot *snapshot = snapshot_collect(collectors, &request, &error);

	if (!snapshot)
		fprintf(stderr, "passes: %s\n", error_message(error));
	return snapshot;
}

static int compare_pids(const void *a, const void *b)
{
	pid_t left = *(const pid_t *)a, right = *(const pid_t *)b;

	return (left > right) - (left < right);
}

static void read_changed(struct looks *looks, char *words)
{
	char *rest = NULL;

	looks->changed_count = 0;
	for (char *word = strtok_r(words, " \n", &rest); word && looks->changed_count < CHANGED_MAX;
	     word = strtok_r(NULL, " \n", &rest))
		looks->changed[looks->changed_count++] = atoi(word);
	qsort(looks->changed, looks->changed_count, sizeof(pid_t), compare_pids);
}

static bool begins(const char *line, const char *word)
{
	return !strncmp(line, word, strlen(word));
}

/* The snapshot before is freed before anything is told of the new one: what that has is its own. */
static int take(struct looks *looks, char *line)
{
	bool first = begins(line, "first"), fresh = begins(line, "fresh"), again = begins(line, "again");
	long cpu_before = cpu(), wall_before = wall();
	struct snapshot *snapshot;

	looks->changed_count = 0;
	if (begins(line, "quick"))
		read_changed(looks, line + strlen("quick"));
	snapshot = look(looks, first || fresh ? NULL : looks->snapshot, again,
			fresh ? NULL : looks->file_memory);
	if (!snapshot)
		return -1;
	long cpu_after = cpu(), wall_after = wall();
	if (!fresh) {
		snapshot_free(looks->snapshot);
		looks->snapshot = snapshot;
		remember_layers(looks, snapshot);
	}
	tell(looks, snapshot, cpu_after - cpu_before, wall_after - wall_before);
	if (fresh)
		snapshot_free(snapshot);
	return 0;
}

int main(int argc, char **argv)
{
	struct looks looks = {.file_memory = file_memory_new()};
	char *line = NULL;
	size_t size = 0;
	int result = 0;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--records"))
			looks.records = true;
		else if (!strcmp(argv[i], "--pause"))
			looks.pauses = true;
		else if (!strcmp(argv[i], "--exclude") && i + 1 < argc && looks.excluded_count < EXCLUDED_MAX)
			looks.excluded[looks.excluded_count++] = argv[++i];
		else if (!strcmp(argv[i], "--docker-socket") && i + 1 < argc)
			looks.docker_socket = argv[++i];
		else
			return 2;
	}
	while (!result && getline(&line, &size, stdin) > 0)
		result = take(&looks, line);
	snapshot_free(looks.snapshot);
	silent_free(&looks.silent);
	free((void *)looks.layers.data);
	free((void *)looks.layers_before.data);
	file_memory_free(looks.file_memory);
	free(line);
	return result ? 1 : 0;
}
