/* The file in which layers of images are remembered from one run to the next: --layer-cache. */
#ifndef AGENT_LAYER_CACHE_H
#define AGENT_LAYER_CACHE_H

#include "agent/command.h"
#include "proctor/collector.h"

/* Starts with its path, NULL: there is none. Freed by layer_cache_free, after the snapshot. */
struct layer_cache {
	const char *path;
	char *data;
	bool refused; /* it is not one that we may replace */
};

#define OPTION_ENTRY_LAYER_CACHE(id)                                                                         \
	{                                                                                                    \
		id, "layer-cache", "FILE",                                                                   \
			"remember in FILE what the layers of images have, and walk those again that "        \
			"changed",                                                                           \
			COMPLETE_FILE                                                                        \
	}

/* Reads the file into the request; one that is not there yet is empty. One that others may write to is
 * refused, and told in coverage. -1 and *error when it cannot be read. */
int layer_cache_load(struct layer_cache *cache, struct request *request, struct error **error);

/* Replaces the file when there is something new. -1 and *error. */
int layer_cache_save(const struct layer_cache *cache, const struct snapshot *snapshot, struct error **error);

void layer_cache_free(struct layer_cache *cache);

#endif
