/* What a capability gives here: alone, and together with what else the process has. */
#ifndef AGENT_RULES_POWER_H
#define AGENT_RULES_POWER_H

#include "agent/rules/context.h"

struct power {
	enum severity severity;  /* of the worst way; SEVERITY_NONE: the set gives nothing that is told */
	const char *why;         /* the sentence of the first of the worst ways */
	const char *because;     /* the facts that opened it, parted by commas; NULL: the capability alone */
	const char *escapes;     /* names of all ways out of the container, parted by commas; NULL: none */
	capability_set deciding; /* the capabilities of the worst ways */
};

/* What the subject's process can do with the capabilities of `set`. Reads every fact of the context that
 * matters; a fact that is unknown opens no way. -1 when memory is exhausted. */
int power_of(const struct subject *subject, capability_set set, struct arena *arena, struct power *power);

/* The same in the verdict's arena, with the deciding facts as evidence when it is worth `least` or more. */
struct power power_judge(const struct subject *subject, capability_set set, enum severity least,
			 struct verdict *verdict);

#endif
