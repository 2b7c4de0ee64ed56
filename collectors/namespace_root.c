#include "collectors/namespace_root.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/hold.h"
#include "collectors/namespace.h"
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

/* Opens what `name` (`root`, `self/root`) is beneath `directory`, of procfs. */
static int open_root(int directory, const char *name, const struct mount_namespace *mounts)
{
	int root = openat(directory, name, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0 || is_root(root, mounts))
		return root;
	close(root);
	errno = ESTALE;
	return -1;
}

/* True when the open /proc/PID is of a process in the same mount namespace: whoever is in it will do. Only
 * one of which that is not known has to be the same process still. */
static bool is_still_in(int directory, const struct process *process, struct buffer *buffer)
{
	uint64_t inode = process->namespaces[NAMESPACE_MNT];

	return inode ? namespace_read(directory, NAMESPACE_MNT) == inode
		     : process_is_held(directory, process, buffer);
}

static int open_root_of(int proc, const struct process *process, const struct mount_namespace *mounts,
			struct buffer *buffer)
{
	_cleanup_close_ int directory = process_hold(proc, process);
	int root = directory < 0 ? -1 : open_root(directory, "root", mounts);

	if (root < 0 || is_still_in(directory, process, buffer))
		return root;
	close(root);
	errno = ESRCH;
	return -1;
}

static bool is_in(const struct process *process, const struct mount_namespace *mounts)
{
	return mounts->inode ? process->namespaces[NAMESPACE_MNT] == mounts->inode
			     : process->pid == mounts->pid;
}

int namespace_open_root(int proc, const struct snapshot *snapshot, const struct mount_namespace *mounts,
			struct buffer *buffer)
{
	const struct process *first = snapshot_process(snapshot, mounts->pid);
	int root = -1, number = ESRCH;

	errno = ESRCH;
	if (mounts->inode && mounts->inode == snapshot->self.namespaces[NAMESPACE_MNT])
		root = open_root(proc, "self/root", mounts);
	if (root < 0 && first)
		root = open_root_of(proc, first, mounts, buffer);
	for (size_t i = 0; root < 0 && i < snapshot->process_count; i++) {
		const struct process *process = &snapshot->processes[i];
		if (process == first || !is_in(process, mounts))
			continue;
		if (errno != ESRCH && errno != ENOENT)
			number = errno;
		root = open_root_of(proc, process, mounts, buffer);
	}
	if (root < 0 && (errno == ESRCH || errno == ENOENT))
		errno = number;
	return root;
}
