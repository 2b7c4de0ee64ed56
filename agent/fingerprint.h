/* What makes a finding the same one on the next run, and after its container was started anew. */
#ifndef AGENT_FINGERPRINT_H
#define AGENT_FINGERPRINT_H

#include <nettle/sha2.h>

#include "proctor/finding.h"

struct fingerprint {
	uint8_t bytes[SHA256_DIGEST_SIZE];
};

/* Of the fault and of who has it: rule, container as its owner calls it, executable, path, key. */
struct fingerprint fingerprint_of(const struct rule *rule, const struct subject *subject,
				  const struct verdict *verdict);

/* The same within the one container of the subject, which has an id. */
struct fingerprint fingerprint_within(const struct fingerprint *fingerprint,
				      const struct container *container);

/* The same with how bad the fault is and what decided that: containers of which both are equal are one
 * finding. Numbers in the evidence, what the kernel or a runtime gives out anew (an id in a text) and what is
 * marked as incidental part nothing. */
struct fingerprint fingerprint_decided(const struct fingerprint *fingerprint, enum severity severity,
				       const struct evidence *evidence);

bool fingerprint_equal(const struct fingerprint *left, const struct fingerprint *right);

#endif
