#include "proctor/snapshot.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "collectors/silent.h"
#include "proctor/collector.h"

const char *const namespace_names[NAMESPACE_COUNT] = {"cgroup", "ipc",  "mnt",  "net",
						      "pid",    "time", "user", "uts"};

const char *const proc_entry_names[PROC_ENTRY_COUNT] = {
	[PROC_ACPI] = "acpi",
	[PROC_ASOUND] = "asound",
	[PROC_KCORE] = "kcore",
	[PROC_KEYS] = "keys",
	[PROC_LATENCY_STATS] = "latency_stats",
	[PROC_SCHED_DEBUG] = "sched_debug",
	[PROC_SCSI] = "scsi",
	[PROC_SYSRQ_TRIGGER] = "sysrq-trigger",
	[PROC_TIMER_LIST] = "timer_list",
	[PROC_TIMER_STATS] = "timer_stats",
};

struct snapshot *snapshot_new(void)
{
	struct arena *arena = arena_new();
	struct snapshot *snapshot = arena ? arena_alloc(arena, sizeof(*snapshot)) : NULL;

	if (!snapshot) {
		arena_free(arena);
		return NULL;
	}
	snapshot->arena = arena;
	return snapshot;
}

void snapshot_free(struct snapshot *snapshot)
{
	if (snapshot)
		arena_free(snapshot->arena);
}

struct coverage *snapshot_coverage(const struct snapshot *snapshot, const char *collector)
{
	for (size_t i = 0; i < snapshot->coverage_count; i++)
		if (!strcmp(snapshot->coverage[i].collector, collector))
			return &snapshot->coverage[i];
	return NULL;
}

bool snapshot_lacks(const struct snapshot *snapshot, const char *collector)
{
	const struct coverage *coverage = snapshot_coverage(snapshot, collector);

	return coverage && coverage->switched_off;
}

const struct process *snapshot_process(const struct snapshot *snapshot, pid_t pid)
{
	size_t low = 0, high = snapshot->process_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (snapshot->processes[middle].pid == pid)
			return &snapshot->processes[middle];
		if (snapshot->processes[middle].pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const char *snapshot_sysctl(const struct snapshot *snapshot, const char *name)
{
	for (size_t i = 0; i < snapshot->host.sysctl_count; i++)
		if (!strcmp(snapshot->host.sysctls[i].name, name))
			return snapshot->host.sysctls[i].value;
	return NULL;
}

bool user_namespace_inside(const struct id_range *ranges, size_t count, uint32_t outside, uint32_t *inside)
{
	for (size_t i = 0; i < count; i++)
		if (outside >= ranges[i].outside && outside - ranges[i].outside < ranges[i].count) {
			*inside = ranges[i].inside + (outside - ranges[i].outside);
			return true;
		}
	return false;
}

bool user_namespace_outside(const struct id_range *ranges, size_t count, uint32_t inside, uint32_t *outside)
{
	for (size_t i = 0; i < count; i++)
		if (inside >= ranges[i].inside && inside - ranges[i].inside < ranges[i].count) {
			*outside = ranges[i].outside + (inside - ranges[i].inside);
			return true;
		}
	return false;
}

bool mount_holds(const struct mount *mount, const char *path)
{
	size_t length = strlen(mount->point);

	if (length == 1) /* "/" */
		return path[0] == '/';
	return !strncmp(mount->point, path, length) && (path[length] == '/' || path[length] == '\0');
}

const struct mount *mount_of_path(const struct mount_namespace *namespace, const char *path)
{
	const struct mount *innermost = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < namespace->mount_count; i++) {
		const struct mount *mount = &namespace->mounts[i];
		if (mount->covered || !mount_holds(mount, path) || strlen(mount->point) < longest)
			continue;
		innermost = mount;
		longest = strlen(mount->point);
	}
	return innermost;
}

/* Characters of a container's id: all of them, and as many as name it. */
enum { LONG_ID = 64, SHORT_ID = 12 };

int task_label(const struct container *container, char **label)
{
	const struct task *task = container ? container->task : NULL;

	*label = NULL;
	if (!task || !task->family)
		return 0;
	if (asprintf(label, "%s%s%s", task->family, task->revision ? ":" : "",
		     task->revision ? task->revision : "") >= 0)
		return 0;
	*label = NULL;
	return -1;
}

bool container_is_called(const struct container *container, const char *text)
{
	size_t length = strlen(text);

	return (container->name && !strcmp(container->name, text)) || !strcmp(container->id, text) ||
	       (length >= SHORT_ID && !strncmp(container->id, text, length));
}

const char *container_label(const struct container *container, char *buffer, size_t size)
{
	if (!container)
		return "host";
	if (container->name)
		return container->name;
	if (strlen(container->id) != LONG_ID)
		return container->id;
	snprintf(buffer, size, "%.*s", SHORT_ID, container->id);
	return buffer;
}

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static size_t collector_count(const struct collector *const *list)
{
	size_t count = 0;

	while (list[count])
		count++;
	return count;
}

static int snapshot_run(struct snapshot *snapshot, const struct collector *const *enabled,
			const struct request *request, struct error **error)
{
	uint64_t start = clock_ns();

	clock_gettime(CLOCK_REALTIME, &snapshot->started_at);
	snapshot->coverage =
		arena_array(snapshot->arena, collector_count(enabled), sizeof(*snapshot->coverage));
	if (!snapshot->coverage)
		return error_set(error, 0, "collecting facts: out of memory");
	for (; *enabled; enabled++) {
		struct coverage *coverage = &snapshot->coverage[snapshot->coverage_count];
		uint64_t before = clock_ns();
		coverage->collector = (*enabled)->name;
		if ((*enabled)->collect(snapshot, request, coverage, error))
			return -1;
		silent_tell(snapshot->silent, coverage, snapshot->arena, request->proc);
		coverage->duration_ns = clock_ns() - before;
		snapshot->coverage_count++;
		if (request->collected)
			request->collected(request->collected_context, snapshot, *enabled);
	}
	snapshot->duration_ns = clock_ns() - start;
	return 0;
}

struct snapshot *snapshot_collect(const struct collector *const *enabled, const struct request *request,
				  struct error **error)
{
	struct silent silent = {.count = 0};
	struct snapshot *snapshot = snapshot_new();
	int failed;

	if (!snapshot) {
		error_set(error, 0, "collecting facts: out of memory");
		return NULL;
	}
	snapshot->silent = request->silent ? request->silent : &silent;
	failed = snapshot_run(snapshot, enabled, request, error);
	snapshot->silent = NULL;
	silent_free(&silent);
	if (!failed)
		return snapshot;
	snapshot_free(snapshot);
	return NULL;
}
