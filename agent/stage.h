/* Records that are printed while facts are read, each kind as soon as it is complete (ndjson). */
#ifndef AGENT_STAGE_H
#define AGENT_STAGE_H

#include "proctor/collector.h"
#include "proctor/record.h"

/* Kinds of record that are complete when a collector is done. A command has a table of them, in the order of
 * collectors[], ended by an entry without a collector. */
struct stage {
	const struct collector *after;
	const struct record_kind *kinds[3]; /* ended by NULL */
};

/* True when, with `done`, all collectors of `enabled` (ended by NULL, in the order of collectors[]) have run
 * that the stage waits for. False for the end of a table. */
bool stage_is_complete(const struct stage *stage, const struct collector *const *enabled,
		       const struct collector *done);

#endif
