/* Subjects brought together: those with one fingerprint are one finding. The worst of them gives its severity
 * and evidence, all of them its count. Groups are found by hash, so that the cost grows with the number of
 * subjects only. */
#ifndef AGENT_FINDING_GROUPS_H
#define AGENT_FINDING_GROUPS_H

#include "proctor/finding.h"

struct finding_group;

/* Starts with its arena and zeroes; freed by finding_groups_free. */
struct finding_groups {
	struct arena *arena;         /* of the findings */
	struct finding_group *table; /* a hash table */
	size_t capacity, count;      /* of the table: a power of two */
};

/* Adds what a rule answered on one subject; what of the verdict is kept is copied. -1: no memory. */
int finding_groups_add(struct finding_groups *groups, const struct rule *rule, const struct subject *subject,
		       const struct verdict *verdict, enum severity severity);

/* Puts groups->count findings into the list, in no order. */
size_t finding_groups_take(struct finding_groups *groups, struct finding **list);

void finding_groups_free(struct finding_groups *groups);

#endif
