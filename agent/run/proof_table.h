/* A proof as a table. */
#ifndef AGENT_RUN_PROOF_TABLE_H
#define AGENT_RUN_PROOF_TABLE_H

#include "proctor/output.h"
#include "proctor/proof.h"

/* Prints what was tried, and what is proven by it. -1 and *error. */
int proof_table_print(const struct proof *proof, struct output *output, struct error **error);

#endif
