/* Where a container is not what it was declared to be. */
#ifndef AGENT_RULES_NOT_AS_DECLARED_H
#define AGENT_RULES_NOT_AS_DECLARED_H

#include "proctor/rule.h"

/* The judge of container.not-as-declared. */
enum severity judge_not_as_declared(const struct subject *subject, struct verdict *verdict);

#endif
