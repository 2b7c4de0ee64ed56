/* Limits as the files of cgroup v1 and v2 tell them (Documentation/admin-guide/cgroup-v1/, cgroup-v2.rst). */
#ifndef COLLECTORS_CGROUP_LIMIT_H
#define COLLECTORS_CGROUP_LIMIT_H

#include "collectors/read.h"
#include "proctor/snapshot.h"

/* Hierarchies that matter here: those of v1 by controller, and the one of v2. */
enum cgroup_tree_kind {
	CGROUP_MEMORY,
	CGROUP_CPU,
	CGROUP_PIDS,
	CGROUP_DEVICES,
	CGROUP_UNIFIED,
	CGROUP_TREES
};

/* A hierarchy as it is mounted. */
struct cgroup_tree {
	const char *point; /* where; NULL: it is not mounted */
	const char *root;  /* the cgroup that is to be seen there, as /proc/PID/cgroup names it */
	int directory;     /* `point`, open; -1: it cannot be */
	bool whole;        /* what lies above the root limits nothing: it is the hierarchy's own */
};

enum { CGROUP_LIMITS = 5 };

struct cgroup_trees {
	struct cgroup_tree trees[CGROUP_TREES];
	struct cgroup_above *above[CGROUP_LIMITS]; /* for each limit; NULL: none was read yet */
};

/* Finds the hierarchies in a mount table; of several mounts of one it takes the one that shows most. Nothing
 * is opened. -1: no memory. */
int cgroup_trees_find(const char *text, size_t length, struct arena *arena, struct cgroup_trees *trees);

/* Why a limit is not known. */
enum cgroup_fault {
	CGROUP_NO_FAULT,
	CGROUP_NOT_MOUNTED,  /* the controller's hierarchy, or it cannot be opened */
	CGROUP_OUT_OF_SIGHT, /* the cgroup, or one above it, lies outside of what is mounted */
	CGROUP_UNREADABLE,   /* a file there */
	CGROUP_NO_MEMORY,
	CGROUP_FAULTS,
};

/* Reads memory, swap, cpu, cpu_weight and pids of the cgroups named in the text of /proc/PID/cgroup: along
 * the path from the cgroup up, the smallest counts. What holds above a cgroup is read once for siblings that
 * are asked for one after the other, and kept in the arena. `buffer` is for the files; the text may not stand
 * in it. Returns the worst fault met. */
enum cgroup_fault cgroup_limits_read(struct cgroup_trees *trees, const char *text, size_t length,
				     struct buffer *buffer, struct arena *arena, struct limits *limits);

/* Whether the devices controller of v1 lets the cgroup use every device: sets *allowed and *known. Without
 * that controller both stay false: cgroup v2 decides by an eBPF program. */
enum cgroup_fault cgroup_devices_read(const struct cgroup_trees *trees, const char *text, size_t length,
				      struct buffer *buffer, struct arena *arena, bool *allowed, bool *known);

#endif
