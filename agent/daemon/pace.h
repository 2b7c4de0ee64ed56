/* When to look again: a pure function of what was seen, what events told, and the time.
 *
 * All times are milliseconds of CLOCK_MONOTONIC: setting the clock changes nothing. */
#ifndef AGENT_DAEMON_PACE_H
#define AGENT_DAEMON_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum look {
	LOOK_NONE,
	LOOK_EVENTS, /* at the processes that events told of, whether one is of a kind that is new */
	LOOK_SWEEP,  /* at the credentials of all processes, for the same: no event source tells of them */
	LOOK_QUICK,  /* a pass: what changed is read, all is judged */
	LOOK_FULL,   /* a pass that reads everything anew */
};

struct pace {
	/* Set once. */
	uint64_t interval; /* between full passes */
	uint64_t sweep;    /* between sweeps; 0: events tell of processes */
	/* When each is due; 0: it is not. */
	uint64_t full_at, sweep_at, events_at, quick_at;
	uint64_t lost_until; /* after a full pass: the same for those that lost events ask for */
	uint64_t rest_until; /* after a pass: at most a fifth of the time is spent on passes that events ask
				for */
};

/* Starts with a full pass that is due now. */
void pace_start(struct pace *pace, uint64_t interval, uint64_t sweep, uint64_t now);

/* Events told of processes. */
void pace_events(struct pace *pace, uint64_t now);
/* Something is new that has to be judged. */
void pace_changed(struct pace *pace, uint64_t now);
/* Something that was judged may be gone: less urgent. */
void pace_gone(struct pace *pace, uint64_t now);
/* What is known is not to be relied on: events were lost. */
void pace_lost(struct pace *pace, uint64_t now);

/* A pass that was made told nobody: what it was to tell of is looked at again soon. To be called after
 * pace_done. */
void pace_failed(struct pace *pace, uint64_t now);
/* From now on sweeps are made that often; 0: not at all. */
void pace_sweep(struct pace *pace, uint64_t sweep, uint64_t now);

/* What is due now, the most thorough first. */
enum look pace_due(const struct pace *pace, uint64_t now);

/* A look that was due is done, after `spent` milliseconds. `chance`, any number, makes the jitter. */
void pace_done(struct pace *pace, enum look look, uint64_t now, uint64_t spent, uint32_t chance);

/* Milliseconds until something is due; 0: now. */
uint64_t pace_wait(const struct pace *pace, uint64_t now);

#endif
