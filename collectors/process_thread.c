#include "collectors/process_thread.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "collectors/process_text.h"
#include "proctor/cleanup.h"

static bool credentials_equal(const struct credentials *a, const struct credentials *b)
{
	return !memcmp(a->uid, b->uid, sizeof(a->uid)) && !memcmp(a->gid, b->gid, sizeof(a->gid)) &&
	       a->effective == b->effective && a->permitted == b->permitted &&
	       a->inheritable == b->inheritable && a->bounding == b->bounding && a->ambient == b->ambient &&
	       a->no_new_privs == b->no_new_privs && a->seccomp == b->seccomp &&
	       a->seccomp_filters == b->seccomp_filters;
}

/* Compares one thread with the leader; keeps it when it differs. */
static void read_thread(struct process_reader *reader, int tasks, pid_t tid, struct process *process,
			size_t *capacity)
{
	char path[32];
	struct status status;

	snprintf(path, sizeof(path), "%d/status", (int)tid);
	if (buffer_read(&reader->buffer, tasks, path, PROCESS_TEXT_LIMIT) < 0) {
		if (!reader_is_vanished(errno))
			reader_note_denied(
				reader, process->pid,
				&(struct denial){"a thread", "task", "run as root with CAP_SYS_PTRACE"},
				errno);
		return;
	}
	if (!status_parse(reader->buffer.data, reader->buffer.length, &status)) {
		reader_note_malformed(reader, process->pid, "task/*/status");
		return;
	}
	if (status.state == 'X' || credentials_equal(&status.credentials, &process->credentials))
		return;
	struct thread *grown = arena_grow(reader->arena, process->threads, process->differing_count, capacity,
					  sizeof(*grown));
	if (!grown) {
		reader->out_of_memory = true;
		return;
	}
	process->threads = grown;
	grown[process->differing_count++] = (struct thread){.tid = tid, .credentials = status.credentials};
}

void process_read_threads(struct process_reader *reader, int directory, struct process *process, pid_t *alive)
{
	int fd = openat(directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *tasks = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	size_t capacity = 0;

	if (!tasks) {
		if (!reader_is_vanished(errno))
			reader_note_denied(
				reader, process->pid,
				&(struct denial){"threads", "task", "run as root with CAP_SYS_PTRACE"},
				errno);
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(tasks))) {
		pid_t tid = process_parse_pid(entry->d_name);
		if (tid == 0 || tid == process->pid)
			continue;
		*alive = tid;
		if (reader_wants(reader, REQUEST_THREADS))
			read_thread(reader, dirfd(tasks), tid, process, &capacity);
	}
	if (reader_wants(reader, REQUEST_THREADS))
		process->known |= PROCESS_KNOWS_THREADS;
}
