/* Facts that are taken over from the snapshot before: what is as it was, and deep copies of it. */
#ifndef COLLECTORS_CARRY_H
#define COLLECTORS_CARRY_H

#include "proctor/collector.h"

/* True for a pass that reads only what is new and what events told of. */
bool carry_is_quick(const struct request *request);

/* True in such a pass when the collector has told all that it had to in the snapshot before. */
bool carry_can(const struct request *request, const char *collector);

/* What copies of processes have in common. */
struct carrier {
	struct arena *arena;
	const struct snapshot *previous;
	struct user_namespace **user_namespaces; /* copies of those of `previous`; NULL: not copied yet */
	const char *cgroup, *cgroup_copy;        /* the last ones: neighbours often share both */
	struct bytes cgroups, cgroups_copy;
};

/* -1: no memory. */
int carrier_begin(struct carrier *carrier, struct arena *arena, const struct snapshot *previous);

/* Copies a process but for its container and the mount of its executable, which are found anew. -1: no
 * memory. */
int carry_process(struct carrier *carrier, const struct process *from, struct process *into);

/* For each container of the snapshot, in its arena, the one of `previous` that it is still: a process of it
 * was in that. NULL: it is new. NULL in place of the list: no memory. */
const struct container **carry_find_containers(const struct snapshot *snapshot,
					       const struct snapshot *previous);

/* True when what a path leads to in a container is on the mounts that it was on: none of its own came or
 * went. Mounts that come and go with the host's, as those of other containers in a bind of its root, do not
 * count. */
bool carry_has_same_mounts(const struct container *was, const struct container *is);

/* True when the first process of both is the same one. */
bool carry_has_same_init(const struct container *was, const struct container *is);

/* Copies the limits of a container, whose first process is the same, and what devices it may use. -1: no
 * memory. */
int carry_limits(struct arena *arena, const struct container *from, struct container *into);

/* Copies what was seen by looking into a container: its devices, and which mounts of the host hold sockets of
 * runtimes. 1: there are other mounts of the host, which are to be looked at; -1: no memory. */
int carry_inside(struct arena *arena, const struct container *from, struct container *into);

/* Copies what was told of who a container is. -1: no memory. */
int carry_identity(struct arena *arena, const struct container *from, struct container *into);

/* Copies what is known of the ECS agent. -1: no memory. */
int carry_ecs_agent(struct arena *arena, const struct ecs_agent *from, struct ecs_agent *into);

/* Copies a file, as one of `container`. -1: no memory. */
int carry_file(struct arena *arena, const struct file *from, const struct container *container,
	       struct file *into);

/* Copies the tools of a container, what it has written, and whether its root was walked. -1: no memory. */
int carry_tools(struct arena *arena, const struct container *from, struct container *into);

/* Copies the programs of a container whose processes are those it had. 1: the mounts that they are on are not
 * there any more; -1: no memory. */
int carry_programs(const struct snapshot *snapshot, const struct snapshot *previous,
		   const struct container *from, struct container *into);

/* Adds what the collector of that name saw and missed in the snapshot before. */
void carry_coverage(struct arena *arena, const struct snapshot *previous, struct coverage *into);

#endif
