/* What was learned of the capabilities that containers use, kept over months by
 * image: of a task also by its family and the container's name in it. */
#ifndef AGENT_STORE_LEARNED_H
#define AGENT_STORE_LEARNED_H

#include "agent/store/store.h"
#include "proctor/learned.h"

/* What became of a check, as it stands in the table: a lower one is more of a need. */
enum learned_kind { LEARNED_REQUIRED, LEARNED_OPTIONAL, LEARNED_DENIED, LEARNED_KINDS };

/* Adds what was learned of the containers since the last time to what is kept of their images, and tells of
 * each what that is now: histories[i] of list[i]. -1 and *error: nothing was added. */
int store_learn(struct store *store, const struct learned_container *list, size_t count,
		struct learned_history *histories, struct error **error);

#endif
