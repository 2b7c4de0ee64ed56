/* From findings to plans. Pure: of the snapshot and the findings. */
#ifndef AGENT_REMEDY_PLAN_H
#define AGENT_REMEDY_PLAN_H

#include "proctor/plan.h"

/* What is to be planned. */
struct plan_request {
	const struct target *target;
	enum severity minimum; /* changes are made for findings of this severity and worse; what else they
				  close is told */
	bool fargate;          /* the task definition says so, whatever the containers tell */
};

/* The plans for all containers of the snapshot that have findings, without those that an exception accepts.
 * They point into the snapshot and the findings, which outlive them; owned by the caller. NULL and *error
 * when memory is exhausted. */
struct plans *plans_make(const struct snapshot *snapshot, const struct findings *findings,
			 const struct plan_request *request, struct error **error);

#endif
