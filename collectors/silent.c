#include "collectors/silent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "collectors/watch.h"

/* The inode number of /proc/PID; 0: there is none. */
static uint64_t entry_of(int proc, pid_t pid)
{
	struct stat facts;
	char name[16];

	snprintf(name, sizeof(name), "%d", (int)pid);
	return fstatat(proc, name, &facts, AT_SYMLINK_NOFOLLOW) ? 0 : facts.st_ino;
}

const struct silent_process *silent_find(const struct silent *silent, int proc, pid_t pid, uint64_t entry)
{
	size_t count = atomic_load_explicit(&silent->count, memory_order_acquire);

	for (size_t i = count; i-- > 0;) {
		const struct silent_process *known = &silent->processes[i];
		if (known->pid == pid && known->entry == (entry ? entry : entry_of(proc, pid)))
			return known;
	}
	return NULL;
}

void silent_add(struct silent *silent, int proc, const struct silent_process *process)
{
	size_t count = atomic_load(&silent->count);

	silent->processes[count] = *process;
	if (!process->entry)
		silent->processes[count].entry = entry_of(proc, process->pid);
	atomic_store_explicit(&silent->count, count + 1, memory_order_release);
}

void silent_forget(struct silent *silent)
{
	size_t kept = 0, count = atomic_load(&silent->count);

	for (size_t i = 0; i < count; i++) {
		struct silent_process known = silent->processes[i];
		if (watch_is_over(known.watch))
			watch_release(known.watch);
		else
			silent->processes[kept++] = known;
	}
	atomic_store(&silent->count, kept);
}

void silent_free(struct silent *silent)
{
	size_t count = atomic_load(&silent->count);

	for (size_t i = 0; i < count; i++)
		watch_release(silent->processes[i].watch);
	atomic_store(&silent->count, 0);
}

bool silent_is_full(const struct silent *silent)
{
	return atomic_load(&silent->count) >= SILENT_MAX;
}

void silent_note(struct coverage *coverage, struct arena *arena, const char *proc,
		 const struct silent_process *process)
{
	char example[64];

	snprintf(example, sizeof(example), "%s/%d/%s", proc, (int)process->pid, process->file);
	coverage_note(
		coverage, arena,
		"a file of a process does not answer: what could be read before is all that is known of it",
		example, SILENT_REMEDY);
}

void silent_tell(struct silent *silent, struct coverage *coverage, struct arena *arena, const char *proc)
{
	size_t count = atomic_load(&silent->count);

	for (size_t i = 0; i < count; i++) {
		struct silent_process *process = &silent->processes[i];
		if (process->untold)
			silent_note(coverage, arena, proc, process);
		process->untold = false;
	}
}
