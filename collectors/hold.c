#include "collectors/hold.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "collectors/namespace.h"
#include "collectors/process_text.h"

enum { STAT_LIMIT = 64 * 1024 };

int process_hold(int proc, const struct process *process)
{
	char name[16];

	if (process->silent) {
		errno = ETIMEDOUT;
		return -1;
	}
	snprintf(name, sizeof(name), "%d", (int)process->pid);
	return openat(proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

bool process_is_held(int directory, const struct process *process, struct buffer *buffer)
{
	uint64_t mounts = process->namespaces[NAMESPACE_MNT];
	struct stat_line stat;

	if (mounts && namespace_read(directory, NAMESPACE_MNT) != mounts)
		return false;
	if (!(process->known & PROCESS_KNOWS_STAT))
		return true;
	return buffer_read(buffer, directory, "stat", STAT_LIMIT) >= 0 &&
	       stat_parse(buffer->data, buffer->length, &stat) && stat.start_time == process->start_time;
}
