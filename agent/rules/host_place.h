/* What lies where on a host: how much a container gets by a mount of it. */
#ifndef AGENT_RULES_HOST_PLACE_H
#define AGENT_RULES_HOST_PLACE_H

#include "proctor/rule.h"

/* What a path of the host gives to root of a container that may read or write it. */
struct host_place {
	const char *path;
	bool alone; /* only the very path, not what lies deeper */
	enum severity read, write;
	const char *what;
};

/* The place that the path is, or lies in; never NULL. */
const struct host_place *host_place_of(const char *path);

/* The path behind `top`, empty for `top` itself; NULL when it does not lie there. */
const char *path_behind(const char *top, const char *path);

#endif
