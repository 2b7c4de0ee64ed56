/* What an agent keeps of an image's starts, for a container whose own start was not seen. */
#ifndef AGENT_LEARN_KEPT_H
#define AGENT_LEARN_KEPT_H

#include "proctor/learned.h"

/* Recommends besides, to each container whose start was not seen, what starts of its image required before,
 * by `kept` (store_read_learned), of which nothing is needed afterwards. It is complete then if one of those
 * starts was counted whole, and nothing was lost since. */
void kept_join(struct learned *learned, const struct learned *kept);

#endif
