#include "agent/store/lifecycle.h"

#include <string.h>

/* ---- in the pass --------------------------------------------------------------------------------- */

/* Notes an opening; three within the window are flapping, and the finding is held open for as long. */
static void note_opening(const struct moment *moment, struct known *known)
{
	memmove(known->opened + 1, known->opened, (FLAP_OPENINGS - 1) * sizeof(known->opened[0]));
	known->opened[0] = moment->clock;
	if (known->opened[FLAP_OPENINGS - 1] &&
	    moment->clock - known->opened[FLAP_OPENINGS - 1] <= moment->flap_window)
		known->held_until = moment->clock + moment->flap_window;
}

/* One that comes back while it is held still flaps. */
static void note_return(const struct moment *moment, struct known *known)
{
	if (known->missed_at && moment->clock < known->held_until)
		known->held_until = moment->clock + moment->flap_window;
}

static enum tidings open_anew(const struct moment *moment, const struct observed *observed,
			      struct known *known)
{
	known->first_seen = moment->time;
	if (observed->excepted) {
		known->standing = STANDING_SUPPRESSED;
		return TIDINGS_SUPPRESSED;
	}
	known->standing = STANDING_OPEN;
	note_opening(moment, known);
	return TIDINGS_OPENED;
}

static enum tidings compare(const struct moment *moment, const struct observed *observed, struct known *known)
{
	bool changed = known->digest != observed->digest || known->severity != observed->severity;
	bool suppressed = known->standing == STANDING_SUPPRESSED;

	if (known->standing == STANDING_NONE || known->standing == STANDING_RESOLVED)
		return open_anew(moment, observed, known);
	note_return(moment, known);
	known->standing = observed->excepted ? STANDING_SUPPRESSED : STANDING_OPEN;
	if (suppressed != observed->excepted)
		return observed->excepted ? TIDINGS_SUPPRESSED : TIDINGS_OPENED;
	return changed && !suppressed ? TIDINGS_CHANGED : TIDINGS_NONE;
}

enum tidings lifecycle_observe(const struct moment *moment, const struct observed *observed, uint64_t places,
			       struct known *known)
{
	enum tidings tidings = compare(moment, observed, known);

	known->severity = observed->severity;
	known->digest = observed->digest;
	known->places = places;
	known->needs = observed->needs;
	known->present = true;
	known->last_seen = moment->time;
	known->missed_at = 0;
	return tidings;
}

/* ---- not in the pass ----------------------------------------------------------------------------- */

enum tidings lifecycle_miss(const struct moment *moment, bool gone, struct known *known)
{
	if (known->present) {
		known->present = false;
		known->last_seen = moment->time_last;
	}
	if (!gone)
		return TIDINGS_NONE;
	if (!known->missed_at)
		known->missed_at = moment->clock;
	if (moment->clock - known->missed_at < moment->resolve_after || moment->clock < known->held_until)
		return TIDINGS_NONE;
	known->standing = STANDING_RESOLVED;
	known->missed_at = 0;
	known->held_until = 0;
	return TIDINGS_RESOLVED;
}
