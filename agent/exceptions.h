/* Findings that the configuration accepts. */
#ifndef AGENT_EXCEPTIONS_H
#define AGENT_EXCEPTIONS_H

#include "proctor/finding.h"

/* The first exception of the policy that is not expired and matches the finding, and all of its containers;
 * NULL: none. */
const struct exception *exception_find(const struct policy *policy, const struct finding *finding);

#endif
