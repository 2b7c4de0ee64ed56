/* What is kept while records are made one after the other. */
#ifndef AGENT_FORMATS_RECORD_CACHE_H
#define AGENT_FORMATS_RECORD_CACHE_H

#include "proctor/record.h"

enum { RECORD_CACHE_SETS = 64 }; /* a power of two */

struct cached_set {
	capability_set set;
	json_t *names; /* NULL: empty */
};

/* A mount with what it is a mount of. */
struct mount_record {
	const struct mount_namespace *namespace;
	const struct container *container; /* the first one that lives in the namespace; NULL: none */
	struct mount mount;                /* a copy */
};

struct record_cache {
	struct cached_set sets[RECORD_CACHE_SETS];
	struct mount_record mount;
	size_t mount_namespace,
		mounts_before; /* where `mount` is: its namespace, and the mounts before that */
};

/* The context's cache, made when it is first asked for. NULL with context->failed when memory is exhausted.
 */
struct record_cache *record_cache(struct record_context *context);

#endif
