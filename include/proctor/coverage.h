/* What a collector saw, what it could not, why, and what would change that. */
#ifndef PROCTOR_COVERAGE_H
#define PROCTOR_COVERAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proctor/arena.h"

/* What lets one read namespaces, executable and root of a process: ptrace(2), "Ptrace access mode checking".
 */
#define COVERAGE_REMEDY_PTRACE "run as root with CAP_SYS_PTRACE, and with every capability the process has"

/* One reason for which facts are missing, counted. */
struct coverage_reason {
	const char *reason;  /* constant or arena text: `EACCES on namespaces: needs CAP_SYS_PTRACE` */
	const char *example; /* the first subject it hit, e.g. `/proc/7/root`; NULL for none */
	const char *remedy;  /* what lets Proctor see it; NULL for none */
	uint64_t count;
	struct coverage_reason *next;
};

struct coverage {
	const char *collector;
	uint64_t seen;   /* subjects (processes, mounts, files…) read whole */
	uint64_t missed; /* subjects of which something could not be read */
	uint64_t duration_ns;
	bool switched_off;               /* it was not to look */
	struct coverage_reason *reasons; /* in the order first met */
};

/* Counts one fact that could not be read; the first `example` of a reason is kept. `reason` and
 * `remedy` are copied when the reason is new. Does not touch `missed`: one subject can miss several facts.
 * Without memory the count is still kept where the reason is known already. */
void coverage_note(struct coverage *coverage, struct arena *arena, const char *reason, const char *example,
		   const char *remedy);

/* Like coverage_note for `count` facts at once. */
void coverage_note_count(struct coverage *coverage, struct arena *arena, const char *reason, uint64_t count,
			 const char *example, const char *remedy);

/* Adds what `from` counted (a thread's share) to `into`. */
void coverage_merge(struct coverage *into, struct arena *arena, const struct coverage *from);

#endif
