/* What becomes of a finding in a pass: decided from its row and the pass alone, nothing is read or written.
 */
#ifndef AGENT_STORE_LIFECYCLE_H
#define AGENT_STORE_LIFECYCLE_H

#include "agent/store/known.h"

/* What decides beside the finding itself. */
struct moment {
	int64_t time;                       /* of the pass, milliseconds since 1970 */
	int64_t time_last;                  /* of the pass before */
	int64_t clock;                      /* of the store, milliseconds */
	int64_t resolve_after, flap_window; /* milliseconds */
};

/* What is to be told of it. */
enum tidings { TIDINGS_NONE, TIDINGS_OPENED, TIDINGS_CHANGED, TIDINGS_RESOLVED, TIDINGS_SUPPRESSED };

/* The finding is in the pass: brings *known (standing none: not known) up to it. */
enum tidings lifecycle_observe(const struct moment *moment, const struct observed *observed, uint64_t places,
			       struct known *known);

/* It is not; `gone`: what had to be seen for it was. */
enum tidings lifecycle_miss(const struct moment *moment, bool gone, struct known *known);

#endif
