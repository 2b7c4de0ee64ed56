#include "collectors/host_root.h"

#include <errno.h>
#include <fcntl.h>

#include "collectors/held.h"
#include "proctor/cleanup.h"

static int open_root_of(int proc, const struct snapshot *snapshot, const struct process *process)
{
	_cleanup_held_ struct held held;

	return held_begin(&held, snapshot, proc, process) ? -1 : held_open_root(&held);
}

/* One whose own choice of a root leads nobody astray: root's, without a chroot of its own. */
static bool is_of_host(const struct snapshot *snapshot, const struct process *process)
{
	return process->namespaces[NAMESPACE_MNT] == snapshot->host.mount_namespace &&
	       process->credentials.uid[ID_REAL] == 0 && process->user_namespace &&
	       process->user_namespace->initial && !process->kernel_thread && !process->zombie &&
	       (process->known & PROCESS_KNOWS_ROOT) && !process->root_changed;
}

int host_open_root(int proc, const struct snapshot *snapshot)
{
	int root = -1;

	errno = ESRCH;
	if (snapshot->host.view != VIEW_HOST || !snapshot->host.mount_namespace)
		return -1;
	if (snapshot->self.namespaces[NAMESPACE_MNT] == snapshot->host.mount_namespace)
		return openat(proc, "self/root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; root < 0 && i < snapshot->process_count; i++)
		if (is_of_host(snapshot, &snapshot->processes[i]))
			root = open_root_of(proc, snapshot, &snapshot->processes[i]);
	return root;
}
