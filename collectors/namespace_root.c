#include "collectors/namespace_root.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/held.h"
#include "proctor/cleanup.h"

/* True for the directory that the mount table has at its root. */
static bool is_root(int descriptor, const struct mount_namespace *mounts)
{
	struct statx facts;

	if (statx(descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &facts))
		return false;
	if ((facts.stx_mask & STATX_MNT_ID) && facts.stx_mnt_id != mounts->root->id)
		return false;
	return !(facts.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) ||
	       (facts.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* The descriptor, when it is of the namespace's root; else it is closed. */
static int check_root(int root, const struct mount_namespace *mounts)
{
	if (root < 0 || is_root(root, mounts))
		return root;
	close(root);
	errno = ESTALE;
	return -1;
}

static int open_root_of(int proc, const struct snapshot *snapshot, const struct process *process,
			const struct mount_namespace *mounts)
{
	_cleanup_held_ struct held held;

	return held_begin(&held, snapshot, proc, process) ? -1 : check_root(held_open_root(&held), mounts);
}

static bool is_in(const struct process *process, const struct mount_namespace *mounts)
{
	return mounts->inode ? process->namespaces[NAMESPACE_MNT] == mounts->inode
			     : process->pid == mounts->pid;
}

int namespace_open_root(int proc, const struct snapshot *snapshot, const struct mount_namespace *mounts)
{
	const struct process *first = snapshot_process(snapshot, mounts->pid);
	int root = -1, number = ESRCH;

	errno = ESRCH;
	if (mounts->inode && mounts->inode == snapshot->self.namespaces[NAMESPACE_MNT])
		root = check_root(openat(proc, "self/root", O_PATH | O_DIRECTORY | O_CLOEXEC), mounts);
	if (root < 0 && first)
		root = open_root_of(proc, snapshot, first, mounts);
	for (size_t i = 0; root < 0 && i < snapshot->process_count; i++) {
		const struct process *process = &snapshot->processes[i];
		if (process == first || !is_in(process, mounts))
			continue;
		if (errno != ESRCH && errno != ENOENT)
			number = errno;
		root = open_root_of(proc, snapshot, process, mounts);
	}
	if (root < 0 && (errno == ESRCH || errno == ENOENT))
		errno = number;
	return root;
}
