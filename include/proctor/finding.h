/* Findings: one thing to fix each, however many processes show it. */
#ifndef PROCTOR_FINDING_H
#define PROCTOR_FINDING_H

#include "proctor/error.h"
#include "proctor/rule.h"

enum { FINDING_PIDS_MAX = 100, FINDING_ID_SIZE = 33 };

/* Why a finding is accepted as it is, from the configuration. */
struct exception {
	const char *name;                                  /* section of the configuration */
	const char *rule;                                  /* glob of rule ids */
	const char *container, *image, *executable, *path; /* globs; NULL: any */
	const char *reason;
	const char *expires; /* YYYY-MM-DD, the last day it holds; NULL: never */
	bool expired;
};

struct finding {
	/* Fingerprint: 32 hex digits of the SHA-256 over rule, container (task family or pod's name space,
	 * and name, else image, else the executable of its first process, else id), executable, path and
	 * what else the rule parts them by; in a container also severity and what decided it. No pid, no
	 * time. See agent/fingerprint.h. */
	char id[FINDING_ID_SIZE];
	const struct rule *rule;
	enum severity severity; /* the worst of its subjects' */
	const char *title, *why;
	const struct container *container;   /* of the worst subject; NULL: the host */
	const struct container **containers; /* all of them, when they are several that are alike */
	size_t container_count;
	const char *kind;                  /* `process`, `container`, `mount`, `file`, `host`, `exception` */
	const char *executable, *path;     /* NULL where it is not about one */
	pid_t pids[FINDING_PIDS_MAX];      /* the first ones, ascending */
	size_t pid_count;                  /* of pids[] */
	uint64_t count;                    /* subjects, all of them */
	const struct evidence *evidence;   /* of the worst subject */
	const struct exception *exception; /* NULL: none */
};

/* What decides which rules run and how their findings count. */
struct policy {
	const char *const *only; /* rule ids or globs; NULL: all */
	size_t only_count;
	const char *const *without; /* rule ids or globs that do not run */
	size_t without_count;
	const struct severity_override *overrides;
	size_t override_count;
	const struct exception *exceptions;
	size_t exception_count;
	const char *const *curated; /* globs of registry and repository, as `*.amazonaws.com/shop/web` */
	size_t curated_count;       /* 0: nothing is said of where images may come from */
	uint64_t unused_seconds, unused_starts; /* for how long an image is watched before what it did not use
						   is told */
	enum severity minimum;
	const char *container; /* as in struct request */
	const pid_t *pids;     /* findings about these processes only; NULL: all */
	size_t pid_count;
};

struct severity_override {
	const char *rule; /* glob */
	enum severity severity;
};

struct findings {
	struct arena *arena;
	struct finding *
		*list; /* worst first, then by container, rule and path; excepted ones in their place */
	size_t count;
	/* All of them, also those that policy.minimum keeps out of the list: */
	uint64_t by_severity[SEVERITY_COUNT]; /* without the excepted ones */
	uint64_t excepted;
	uint64_t below_minimum; /* not in the list */
};

/* Judges the snapshot. The findings point into it and into the policy: both outlive them. NULL when memory is
 * exhausted. */
struct findings *findings_judge(const struct snapshot *snapshot, const struct policy *policy,
				struct error **error);
void findings_free(struct findings *findings);

#endif
