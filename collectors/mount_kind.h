/* What a container's mounts are: its own, or a part of the host bound in. */
#ifndef COLLECTORS_MOUNT_KIND_H
#define COLLECTORS_MOUNT_KIND_H

#include "collectors/mount_index.h"

/* What the kinds are told by besides the mount table itself. */
struct mount_setting {
	const struct mount_namespace *host; /* NULL: the auditor does not see the host */
	const struct mount_index *host_roots;
	bool own_pids;    /* its pid namespace is known and not the host's */
	bool own_network; /* its network namespace is known and not the host's */
};

/* Sets kind and host_path of every mount of a container's namespace. A mount is the host's when a mount of
 * the host shows the same part of the same file system; without the host's table, when it shows a part of a
 * file system that the container does not have whole, or of one from which its runtime bound files in. What
 * lies in the directories where container runtimes keep a container's files is a runtime file, and a volume
 * of theirs is the container's own. -1: no memory.
 */
int mount_judge_kinds(struct mount_namespace *namespace, const struct mount_setting *setting,
		      struct arena *arena);

/* True when a path of the host's ends in the name of a control socket of a container runtime, or is where one
 * lies. */
bool mount_is_socket_name(const char *path);

/* The names of control sockets that a directory of the host may hold, as paths relative to it: those known to
 * lie at a place beneath `host_path`, and in any directory the bare names. Calls `look` with each until it
 * answers other than 0, which is returned. */
int mount_each_socket(const char *host_path, int (*look)(void *context, const char *path), void *context);

#endif
