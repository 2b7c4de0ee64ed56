/* Plans: what to change in how a container is started, or in its image, so that its findings are gone.
 *
 * A plan is made for one container and one target (an ECS task definition, options of docker run…). It has
 * the smallest list of changes that the target can express, what each of them closes, and what stays open. */
#ifndef PROCTOR_PLAN_H
#define PROCTOR_PLAN_H

#include <jansson.h>

#include "proctor/finding.h"

enum change_kind {
	CHANGE_PRIVILEGED,
	CHANGE_CAPABILITIES,
	CHANGE_USER,
	CHANGE_NEW_PRIVILEGES,
	CHANGE_SECCOMP,
	CHANGE_LSM,
	CHANGE_KERNEL_FILES,
	CHANGE_PID_NAMESPACE,
	CHANGE_NETWORK_NAMESPACE,
	CHANGE_IPC_NAMESPACE,
	CHANGE_UTS_NAMESPACE,
	CHANGE_CGROUP_NAMESPACE,
	CHANGE_DEVICES,
	CHANGE_MOUNTS,
	CHANGE_READ_ONLY_ROOT,
	CHANGE_MEMORY,
	CHANGE_CPU,
	CHANGE_PIDS,
	CHANGE_SET_ID_FILES,
	CHANGE_FILE_CAPABILITIES,
	CHANGE_FILE_MODES,
	CHANGE_TOOLS,
	CHANGE_IMAGE,
	CHANGE_COUNT
};

/* A set of changes has the bit of each. */
#define CHANGE(kind) (UINT32_C(1) << CHANGE_##kind)

struct plan;

/* What changes are written for. */
struct target {
	const char *name;      /* `ecs`, `docker`… */
	bool fargate;          /* the task runs on Fargate */
	const char *heading;   /* what the fragment is, for people */
	uint32_t can;          /* the changes that it can express */
	uint32_t lowers;       /* of these, those after which their findings are there yet, at info */
	const char *otherwise; /* where all others are made */
	const char
		*elsewhere[CHANGE_COUNT]; /* where a change is made that it cannot express; NULL: see above */
	/* Writes plan->fragment, plan->leave_out and plan->text. -1 when memory is exhausted. */
	int (*write)(struct plan *plan, struct arena *arena);
};

struct change {
	enum change_kind kind;
	const char *id;                      /* `drop-capabilities` */
	const char *what;                    /* one sentence */
	const char *question;                /* what only who knows the program can tell, and the safe default
						that stands in the fragment; NULL: none */
	const char *const *side_effects;     /* ended by NULL */
	const struct finding *const *closes; /* that are gone with this and the plan's other changes; ended by
						NULL */
	const struct finding *const *lowers; /* that are there yet, but for information only; ended by NULL */
};

/* A finding that the plan does not close. */
struct left_finding {
	const struct finding *finding;
	const char *reason; /* where it can be, or why not */
};

/* Paths of a list that belongs to a plan. */
struct path_list {
	const char **paths; /* absolute, in the container's root, in words that every target can write */
	size_t count, capacity;
};

/* What the changes are made of: facts of the container, and defaults where only its owner knows. */
struct plan_facts {
	const char *name;     /* that a fragment names the container by */
	const char *user;     /* to run as: `10001:10001` */
	uint32_t uid, gid;    /* the same in numbers */
	const char *user_now; /* of its first process, `UID:GID`; NULL: not known */
	uint32_t uid_now, gid_now;
	capability_set held;          /* by any of its processes */
	capability_set keep;          /* when all others are dropped; none where that is not known */
	const char *held_words, *use; /* the same in words, and what is known of how it uses them */
	struct path_list mounts;      /* mount points to take away */
	struct path_list writable;    /* directories that stay writable on a read-only root */
	struct path_list refused;     /* files that it has written where no directory can be made writable */
	size_t refused_more;          /* of these those that are not named: too many, or not plain */
	struct path_list set_id_files, capability_files, open_files, tools;
	const char *image; /* pinned by its digest; NULL: not known */
	bool privileged;
};

struct plan {
	const struct container *container;
	const struct target *target;
	uint32_t kinds;         /* CHANGE() of each change */
	struct change *changes; /* in the order of enum change_kind */
	size_t change_count;
	struct left_finding *left;
	size_t left_count;
	struct plan_facts facts;
	json_t *fragment;             /* what to set: an object */
	const char *const *leave_out; /* what to take away where the container is described; ended by NULL */
	const char *text;             /* the fragment as it is pasted; NULL: there is nothing to set */
};

/* All plans, and the task definition that they were applied to. */
struct plans {
	struct arena *arena;
	struct plan *list; /* in the order of the snapshot's containers; only those that have findings */
	size_t count;
	const char *task_definition_file; /* NULL: none was given */
	json_t *task_definition;          /* changed, ready to be registered; NULL: none was given */
	char *diff;                       /* what changed in it, as a unified diff; "" for nothing */
};

/* Frees the plans, which lie in their arena. NULL is allowed. */
void plans_free(struct plans *plans);

#endif
