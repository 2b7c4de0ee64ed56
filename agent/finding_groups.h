/* Subjects brought together: first those of one fault in one container or on the host, of which the worst
 * speaks; then containers of which the same is said. Groups are found by hash, so that the cost grows with
 * the number of subjects only. */
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

/* When all are added: makes one finding of the containers of one name, image or program that have the same
 * fault, as badly and for the same reasons, and gives each finding its id. -1: no memory. */
int finding_groups_merge(struct finding_groups *groups);

/* Puts groups->count findings into the list, in no order. */
size_t finding_groups_take(struct finding_groups *groups, struct finding **list);

void finding_groups_free(struct finding_groups *groups);

#endif
