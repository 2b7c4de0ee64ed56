#include "agent/daemon/pace.h"

enum {
	GATHER_MS = 250,     /* events that come together are looked at together */
	GONE_MS = 10000,     /* what ended may be told that much later */
	RETRY_MS = 10000,    /* after a pass that failed */
	REST_MIN_MS = 500,   /* between passes that events ask for */
	REST_LONG_MS = 1000, /* what is new is told within two seconds */
	REST_LONG = 50,      /* times what the last pass took, as long as that is not too long */
	REST_FACTOR = 4,     /* times that in any case */
	JITTER_PART = 10, /* of the interval, in both directions: agents of one image do not march in step */
};

static void bring_forward(uint64_t *at, uint64_t when)
{
	if (!*at || when < *at)
		*at = when;
}

static uint64_t earlier(uint64_t left, uint64_t right)
{
	return left < right ? left : right;
}

static uint64_t later(uint64_t left, uint64_t right)
{
	return left > right ? left : right;
}

void pace_start(struct pace *pace, uint64_t interval, uint64_t sweep, uint64_t now)
{
	*pace = (struct pace){.interval = interval, .sweep = sweep, .full_at = now};
	if (sweep)
		pace->sweep_at = now + sweep;
}

void pace_events(struct pace *pace, uint64_t now)
{
	bring_forward(&pace->events_at, now + GATHER_MS);
}

void pace_changed(struct pace *pace, uint64_t now)
{
	bring_forward(&pace->quick_at, later(now, pace->rest_until));
}

void pace_gone(struct pace *pace, uint64_t now)
{
	bring_forward(&pace->quick_at, later(now + GONE_MS, pace->rest_until));
}

void pace_lost(struct pace *pace, uint64_t now)
{
	bring_forward(&pace->full_at, later(now + GATHER_MS, pace->lost_until));
}

void pace_failed(struct pace *pace, uint64_t now)
{
	bring_forward(&pace->full_at, later(now + RETRY_MS, pace->lost_until));
}

void pace_sweep(struct pace *pace, uint64_t sweep, uint64_t now)
{
	if (pace->sweep == sweep)
		return;
	pace->sweep = sweep;
	pace->sweep_at = sweep ? now + sweep : 0;
}

static bool is_due(uint64_t at, uint64_t now)
{
	return at && at <= now;
}

enum look pace_due(const struct pace *pace, uint64_t now)
{
	if (is_due(pace->full_at, now))
		return LOOK_FULL;
	if (is_due(pace->quick_at, now))
		return LOOK_QUICK;
	if (is_due(pace->events_at, now))
		return LOOK_EVENTS;
	return is_due(pace->sweep_at, now) ? LOOK_SWEEP : LOOK_NONE;
}

static uint64_t jittered(uint64_t interval, uint32_t chance)
{
	uint64_t part = interval / JITTER_PART;

	return interval - part + (part ? chance % (2 * part + 1) : 0);
}

/* A small pass is made seldom, too, and a long one leaves most of the time to others. */
static uint64_t rest_after(uint64_t spent)
{
	uint64_t rest = earlier(later(REST_MIN_MS, spent * REST_LONG), REST_LONG_MS);

	return later(rest, spent * REST_FACTOR);
}

void pace_done(struct pace *pace, enum look look, uint64_t now, uint64_t spent, uint32_t chance)
{
	if (look == LOOK_FULL) {
		pace->full_at = now + jittered(pace->interval, chance);
		pace->lost_until = now + later(REST_MIN_MS, spent * REST_FACTOR);
		spent = 0; /* it has its own interval: what is new meanwhile does not wait for it */
	}
	if (look == LOOK_FULL || look == LOOK_QUICK) {
		pace->quick_at = pace->events_at = 0;
		pace->rest_until = now + rest_after(spent);
	}
	if (look == LOOK_EVENTS)
		pace->events_at = 0;
	if (pace->sweep && look != LOOK_EVENTS)
		pace->sweep_at = now + pace->sweep;
}

uint64_t pace_wait(const struct pace *pace, uint64_t now)
{
	const uint64_t all[] = {pace->full_at, pace->quick_at, pace->events_at, pace->sweep_at};
	uint64_t first = UINT64_MAX;

	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i] && all[i] < first)
			first = all[i];
	return first > now ? first - now : 0;
}
