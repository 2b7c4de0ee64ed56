#include "collectors/task/tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "collectors/namespace.h"
#include "proctor/cleanup.h"

static const struct {
	enum namespace_kind kind;
	uint64_t initial;
} namespaces[] = {
	{NAMESPACE_PID, NAMESPACE_INITIAL_PID},
	{NAMESPACE_TIME, NAMESPACE_INITIAL_TIME},
	{NAMESPACE_USER, NAMESPACE_INITIAL_USER},
};

/* Whether the files of this procfs would tell us what the kernel tells itself. */
static bool is_plain(int proc)
{
	_cleanup_close_ int self = openat(proc, "self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char link[16], own[16];
	ssize_t length = readlinkat(proc, "self", link, sizeof(link));

	if (self < 0 || length != snprintf(own, sizeof(own), "%d", (int)getpid()) ||
	    strncmp(link, own, (size_t)length) != 0)
		return false;
	for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++)
		if (namespace_read(self, namespaces[i].kind) != namespaces[i].initial)
			return false;
	return true;
}

static int look(struct tasks *tasks, const struct task_programs *programs, int proc, bool with_cgroups,
		struct arena *arena)
{
	if (task_programs_read(programs, 0, &tasks->bytes) ||
	    task_records_parse(&tasks->records, tasks->bytes.data, tasks->bytes.length))
		return -1;
	return with_cgroups ? task_cgroups_read(&tasks->cgroups, programs, &tasks->records, proc, arena) : 0;
}

struct tasks *tasks_look(int proc, bool with_cgroups, struct arena *arena)
{
	struct task_programs *programs = is_plain(proc) ? task_programs_load() : NULL;
	struct tasks *tasks = programs ? calloc(1, sizeof(*tasks)) : NULL;

	if (tasks && look(tasks, programs, proc, with_cgroups, arena)) {
		tasks_free(tasks);
		tasks = NULL;
	}
	task_programs_unload(programs);
	return tasks;
}

void tasks_free(struct tasks *tasks)
{
	if (!tasks)
		return;
	task_cgroups_free(&tasks->cgroups);
	task_records_free(&tasks->records);
	buffer_free(&tasks->bytes);
	free(tasks);
}
