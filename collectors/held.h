/* Processes of the snapshot, read again: what is asked of one may never be answered (collectors/watch.h), so
 * each question is put by a thread of its own, which is left behind when it is not. */
#ifndef COLLECTORS_HELD_H
#define COLLECTORS_HELD_H

#include "collectors/read.h"
#include "proctor/snapshot.h"

struct held {
	struct silent *silent;
	const struct process *process;
	int proc;      /* a descriptor of procfs */
	int directory; /* its /proc/PID: what is read through it is of one process or fails with ESRCH; -1 */
};

#define _cleanup_held_ __attribute__((cleanup(held_end)))

/* Opens the /proc/PID of a process. -1 with errno: ETIMEDOUT: it is known not to answer. */
int held_begin(struct held *held, const struct snapshot *snapshot, int proc, const struct process *process);
void held_end(struct held *held);

/* As openat(2), buffer_readlink and buffer_read, of a file that may not answer (ETIMEDOUT); `name` is a
 * constant. */
int held_open(const struct held *held, const char *name, int flags);
int held_readlink(const struct held *held, const char *name, struct buffer *buffer);
int held_read(const struct held *held, const char *name, size_t limit, struct buffer *buffer);

/* Whether the process is still the one of the snapshot, in the same mount namespace (process_is_held): to be
 * asked after reading. False also when it does not answer. */
bool held_is_same(const struct held *held);

/* Both at once, since each question costs a thread: its root directory (O_PATH), or what
 * namespace_mount_owner tells. -1 with errno: ESRCH: it is not the same any more. */
int held_open_root(const struct held *held);
int held_mount_owner(const struct held *held, uint64_t *owner);

#endif
