/* Sets of capabilities as people write them. */
#ifndef AGENT_MASK_H
#define AGENT_MASK_H

#include "agent/nearest.h"
#include "proctor/capability.h"
#include "proctor/error.h"

/* Parses a mask in hexadecimal (`a80425fb`, `0x2000`), or names and decimal numbers parted by commas
 * (`net_raw,CAP_SYS_ADMIN,21`). What has hexadecimal digits only is a mask: one number alone is written
 * `cap_21`. -1 and *error for anything else. */
int mask_parse(const char *text, capability_set *set, struct error **error);

/* Offers the names of all capabilities. */
void mask_offer_names(struct nearest *nearest);

#endif
