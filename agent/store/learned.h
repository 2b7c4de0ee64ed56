/* What was learned of the capabilities that containers use, kept by image and task family over restarts. */
#ifndef AGENT_STORE_LEARNED_H
#define AGENT_STORE_LEARNED_H

#include "agent/store/store.h"
#include "proctor/learned.h"

/* Adds what was learned of the containers since the last time to what is kept of their images, and tells of
 * each what that is now: histories[i] of list[i]. -1 and *error: nothing was added. */
int store_learn(struct store *store, const struct learned_container *list, size_t count,
		struct learned_history *histories, struct error **error);

#endif
