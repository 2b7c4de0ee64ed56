#include "collectors/task/task_cgroups.h"

#include <stdio.h>
#include <stdlib.h>

#include "collectors/cgroup.h"

enum {
	TEXT_LIMIT = 256 * 1024,
	WORTH_IT = 4, /* processes; cgroups of fewer are read of each, which is as quick */
};

static int compare(const void *a, const void *b)
{
	const struct task_cgroup *left = a, *right = b;

	if (left->cgroups != right->cgroups)
		return left->cgroups < right->cgroups ? -1 : 1;
	return (left->pid > right->pid) - (left->pid < right->pid);
}

/* Each once, with the first process that has them, where enough have. */
static void keep_shared(struct task_cgroups *cgroups)
{
	struct task_cgroup *list = cgroups->list;
	size_t kept = 0, next;

	for (size_t i = 0; i < cgroups->count; i = next) {
		for (next = i + 1; next < cgroups->count && list[next].cgroups == list[i].cgroups;)
			next++;
		if (next - i >= WORTH_IT)
			list[kept++] = list[i];
	}
	cgroups->count = kept;
}

static int list_cgroups(struct task_cgroups *cgroups, const struct task_records *records)
{
	cgroups->list = calloc(records->count + 1, sizeof(*cgroups->list));
	if (!cgroups->list)
		return -1;
	for (size_t i = 0; i < records->count; i++) {
		const struct task_process *record = records->list[i];
		if (task_record_is_whole(record) && record->cgroups)
			cgroups->list[cgroups->count++] =
				(struct task_cgroup){.cgroups = record->cgroups, .pid = (pid_t)record->pid};
	}
	qsort(cgroups->list, cgroups->count, sizeof(*cgroups->list), compare);
	keep_shared(cgroups);
	return 0;
}

/* Whether its process has the cgroups now, by a look at it alone. */
static bool is_there(const struct task_cgroup *cgroup, const struct task_programs *programs,
		     struct buffer *buffer)
{
	struct task_records records;
	const struct task_process *record = NULL;
	bool answer;

	if (task_programs_read(programs, cgroup->pid, buffer) ||
	    task_records_parse(&records, buffer->data, buffer->length))
		return false;
	if (records.count == 1)
		record = task_records_find(&records, cgroup->pid);
	answer = record && record->cgroups == cgroup->cgroups;
	task_records_free(&records);
	return answer;
}

/* What is read of a process that has the cgroups right before and right after is theirs. -1: no memory. */
static int read_text(struct task_cgroup *cgroup, const struct task_programs *programs, int proc,
		     struct buffer *look, struct buffer *text, struct arena *arena)
{
	char file[32];
	struct cgroup_part path;

	snprintf(file, sizeof(file), "%d/cgroup", (int)cgroup->pid);
	if (!is_there(cgroup, programs, look) || buffer_read(text, proc, file, TEXT_LIMIT) ||
	    !is_there(cgroup, programs, look) || !cgroup_choose(text->data, text->length, &path))
		return 0;
	cgroup->text.data = arena_copy(arena, text->data, text->length);
	cgroup->text.length = text->length;
	cgroup->path = arena_copy(arena, path.data, path.length);
	return cgroup->text.data && cgroup->path ? 0 : -1;
}

int task_cgroups_read(struct task_cgroups *cgroups, const struct task_programs *programs,
		      const struct task_records *records, int proc, struct arena *arena)
{
	_cleanup_buffer_ struct buffer look = {0}, text = {0};

	if (list_cgroups(cgroups, records))
		return -1;
	for (size_t i = 0; i < cgroups->count; i++) {
		if (read_text(&cgroups->list[i], programs, proc, &look, &text, arena))
			return -1;
		if (look.length > sizeof(struct task_process))
			break; /* of all processes: the kernel cannot look at one alone */
	}
	return 0;
}

static int compare_cgroups(const void *key, const void *member)
{
	uint64_t wanted = *(const uint64_t *)key, other = ((const struct task_cgroup *)member)->cgroups;

	return (wanted > other) - (wanted < other);
}

const struct task_cgroup *task_cgroups_find(const struct task_cgroups *cgroups,
					    const struct task_process *record)
{
	const struct task_cgroup *found = NULL;

	if (cgroups->count && record->cgroups)
		found = bsearch(&record->cgroups, cgroups->list, cgroups->count, sizeof(*found),
				compare_cgroups);
	return found && found->path ? found : NULL;
}

void task_cgroups_free(struct task_cgroups *cgroups)
{
	free(cgroups->list);
	*cgroups = (struct task_cgroups){0};
}
