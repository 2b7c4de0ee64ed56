/* What of the machine the auditor's procfs shows. */
#ifndef COLLECTORS_VIEW_H
#define COLLECTORS_VIEW_H

#include "collectors/read.h"
#include "proctor/snapshot.h"

/* Told from the kernel alone. The host's view: the first pid namespace is ours, or that of the processes in
 * `proc`, a descriptor of procfs. Else the first process of the namespace tells: one with our root directory
 * is of our own container; one with another is of a container that shares its pid namespace with us, as the
 * pause container of an ECS task with pidMode `task` and of a pod with shareProcessNamespace. Where that root
 * may not be read its cgroup tells. Overwrites the buffer. */
enum view view_find(int proc, const struct self *self, struct buffer *buffer);

#endif
