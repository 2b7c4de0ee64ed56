/* What the cgroup path of a process tells of its container. */
#ifndef COLLECTORS_CGROUP_H
#define COLLECTORS_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

/* A stretch of a path; not ended by NUL. */
struct cgroup_part {
	const char *data;
	size_t length;
};

/* How much a path proves. A runtime's 64 hexadecimal digits, or Fargate's, stand for a container by
 * themselves; a mere name or uuid only for a process that has a mount namespace of its own as well. */
enum cgroup_proof { CGROUP_NOTHING, CGROUP_NAME, CGROUP_ID };

struct cgroup_identity {
	enum cgroup_proof proof;
	struct cgroup_part id; /* the container's id, or the name of its machine (lxc, nspawn) */
	const char *runtime;   /* docker containerd cri-o podman lxc systemd-nspawn; NULL: not told */
	const char *kind;      /* ecs fargate kubernetes standalone */
};

/* Reads a cgroup path from its innermost component outwards; the innermost id wins. The identity points into
 * `path`. A runtime's monitor (conmon) is CGROUP_NOTHING. */
struct cgroup_identity cgroup_identify(const char *path, size_t length);

/* The path that tells most in the text of /proc/PID/cgroup (cgroups(7)): the first with an id, else the
 * unified hierarchy's, else systemd's, else any that is not the root; `/` when all are. False when there is
 * no line. */
bool cgroup_choose(const char *text, size_t length, struct cgroup_part *path);

/* True when the innermost component that is a unit of systemd's is a service or a scope: a daemon of the
 * host, however private its mounts are. */
bool cgroup_is_unit(const char *path);

#endif
