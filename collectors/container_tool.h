/* The tools of each container, from the names that a walk found. */
#ifndef COLLECTORS_CONTAINER_TOOL_H
#define COLLECTORS_CONTAINER_TOOL_H

#include "collectors/found.h"
#include "collectors/read.h"

/* What it takes to look at the links among the names. */
struct container_tools {
	struct snapshot *snapshot;
	const struct request *request;
	struct coverage *coverage;
	struct buffer *buffer;
	int proc; /* descriptor of procfs */
};

/* Sets container->tools of all containers, of what lies in their own roots, not of what is mounted there.
 * Links are followed in the root of their container, beneath no other mount: one that leads elsewhere, or to
 * no program, is none. Several names of one file are one tool. -1: no memory. */
int container_tools_keep(const struct container_tools *tools, const struct found_list *list);

#endif
