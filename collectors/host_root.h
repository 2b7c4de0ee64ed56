/* The root directory of the host. */
#ifndef COLLECTORS_HOST_ROOT_H
#define COLLECTORS_HOST_ROOT_H

#include "proctor/snapshot.h"

/* Opens (O_PATH) the root that the host's processes see: our own when we are in the host's mount namespace,
 * else that of one of them. -1 with errno: none may be opened, or we do not see the host (ESRCH). */
int host_open_root(int proc, const struct snapshot *snapshot);

#endif
