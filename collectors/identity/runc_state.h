/* The state that runc keeps of a container. */
#ifndef COLLECTORS_IDENTITY_RUNC_STATE_H
#define COLLECTORS_IDENTITY_RUNC_STATE_H

#include "collectors/identity/identity.h"

/* Reads state.json (runc, libcontainer/container_linux.go): its annotations, and what it declared. The bundle
 * that it names is not opened: that may lie anywhere. */
void runc_state_read(struct identification *identification, json_t *state, struct claim *claim);

#endif
