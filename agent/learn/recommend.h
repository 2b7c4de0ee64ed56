/* From what was learned to plans. Pure. */
#ifndef AGENT_LEARN_RECOMMEND_H
#define AGENT_LEARN_RECOMMEND_H

#include "proctor/learned.h"
#include "proctor/plan.h"
#include "proctor/snapshot.h"

struct recommend_request {
	const struct target *target;
	bool fargate; /* the task definition says so */
	bool newest;  /* of a container of which several images were learned only for that which ran last */
};

/* For each container that was learned, in their order, the change to the capabilities that are recommended.
 * *snapshot, which lives as long as the plans, has these containers and nothing else. Owned by the caller,
 * with pointers into `learned`. NULL without memory. */
struct plans *recommend_plans(const struct learned *learned, const struct recommend_request *request,
			      const struct snapshot **snapshot);

#endif
