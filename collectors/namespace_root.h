/* The root directory that the processes of a mount namespace see. */
#ifndef COLLECTORS_NAMESPACE_ROOT_H
#define COLLECTORS_NAMESPACE_ROOT_H

#include "proctor/snapshot.h"

/* Opens (O_PATH) the root of a mount namespace, whose table has one, through any process of the snapshot that
 * is still in it, or through ourselves; `proc` is a descriptor of procfs. -1 with errno of the one that came
 * nearest: ESRCH: none is left, EACCES, ESTALE: another directory is their root. */
int namespace_open_root(int proc, const struct snapshot *snapshot, const struct mount_namespace *mounts);

#endif
