/* Which directory a process has as its root. */
#ifndef COLLECTORS_ROOT_H
#define COLLECTORS_ROOT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A directory's identity. */
struct root {
	uint32_t major, minor;
	uint64_t inode;
};

/* The root directory of a process, by `PID/root` beneath `proc`, a descriptor of procfs, without waiting for
 * a file system that does not answer. -1 with errno: EACCES without CAP_SYS_PTRACE. */
int root_read(int proc, pid_t pid, struct root *root);

/* The same of a directory that is open (O_PATH). */
int root_read_open(int directory, struct root *root);

bool root_equal(const struct root *a, const struct root *b);

#endif
