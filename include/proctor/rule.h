/* Rules judge facts and read nothing: pure functions of a snapshot.
 *
 * A rule is one entry of the table of its family (agent/rules/FAMILY.c). The engine calls it for every
 * subject of its scope; it answers how bad that is here and leaves the facts that decided as evidence. */
#ifndef PROCTOR_RULE_H
#define PROCTOR_RULE_H

#include "proctor/snapshot.h"

/* Ascending. SEVERITY_NONE: the rule does not fire. */
enum severity {
	SEVERITY_NONE,
	SEVERITY_INFO,
	SEVERITY_LOW,
	SEVERITY_MEDIUM,
	SEVERITY_HIGH,
	SEVERITY_CRITICAL,
	SEVERITY_COUNT
};

/* `info`, `low`, …; `none`. */
extern const char *const severity_names[SEVERITY_COUNT];

/* The severity of that name; SEVERITY_COUNT when there is none. */
enum severity severity_parse(const char *name);

/* What a rule is asked about, once for each: the pointer it finds in struct subject. Kernel threads and the
 * dead are no processes to it. */
enum scope {
	SCOPE_PROCESS,
	SCOPE_CONTAINER,
	SCOPE_MOUNT,
	SCOPE_FILE,
	SCOPE_PROGRAM, /* each file that a container executes, for each process that does */
	SCOPE_HOST,
	SCOPE_SYSCTL,    /* each sysctl that was read */
	SCOPE_EXCEPTION, /* each exception of the policy */
};

struct context; /* what rules ask of the snapshot as a whole: agent/rules/context.h */
struct exception;

struct subject {
	const struct snapshot *snapshot;
	const struct context *context;
	const struct container *container; /* NULL: the host */
	const struct process *process;     /* SCOPE_PROCESS and SCOPE_PROGRAM; of a container or mount: the
					      container's first     process or NULL */
	const struct mount *mount;         /* SCOPE_MOUNT: each mount of each container once */
	const struct mount_namespace *mount_namespace; /* SCOPE_MOUNT */
	const struct file *file;                       /* SCOPE_FILE */
	const struct program *program;                 /* SCOPE_PROGRAM */
	const struct sysctl *sysctl;                   /* SCOPE_SYSCTL */
	const struct exception *exception;             /* SCOPE_EXCEPTION */
};

enum evidence_type {
	EVIDENCE_TEXT,
	EVIDENCE_NUMBER,
	EVIDENCE_BOOLEAN,
	EVIDENCE_CAPABILITIES,
};

/* One fact that decided. */
struct evidence {
	const char *name; /* snake_case, constant */
	enum evidence_type type;
	bool incidental; /* changes as the container runs: does not part its finding from others */
	const char *text;
	int64_t number; /* also the boolean */
	capability_set capabilities;
	struct evidence *next;
};

/* What a rule says of one subject beyond its severity. Zeroed before each call. */
struct verdict {
	struct arena *arena;
	struct evidence *evidence, *last;
	const char *why;   /* what it means here, one sentence; NULL: the rule's own */
	const char *title; /* replaces the rule's bad sentence; NULL: that */
	const char *path; /* what is at fault when it is not the process: file, mount point, device, sysctl */
	const char *key;  /* parts subjects that share executable and path into findings of their own; NULL:
			     none */
	bool failed;      /* memory ran out while evidence was added */
};

void verdict_text(struct verdict *verdict, const char *name, const char *text);
void verdict_number(struct verdict *verdict, const char *name, int64_t number);
void verdict_boolean(struct verdict *verdict, const char *name, bool value);
void verdict_capabilities(struct verdict *verdict, const char *name, capability_set set);
/* Says of the fact that was added last that it did not decide, see struct evidence. */
void verdict_incidental(struct verdict *verdict);
/* Text for evidence or a title that lives as long as the verdict; NULL, and verdict->failed, without memory.
 */
const char *verdict_format(struct verdict *verdict, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Sets verdict->why to the formatted sentence. */
void verdict_why(struct verdict *verdict, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* How to mend it. NULL where there is nothing to change at that place. */
struct remedy {
	const char *text;       /* one sentence for people */
	const char *dockerfile; /* lines of a Dockerfile */
	const char *docker;     /* options of docker run */
	const char *ecs;        /* members of a container definition (JSON) */
	const char *kubernetes; /* members of a pod's spec (YAML) */
};

struct rule {
	const char *id;         /* family.condition */
	enum severity severity; /* what it is where nothing in the context makes it better or worse */
	enum scope scope;
	bool of_container;  /* the fault lies in how a container was started: all its processes are one
			       finding, without those that have more than its first one; else
			       those of one executable are, as always on the host */
	const char *good;   /* sentence when it does not fire */
	const char *bad;    /* sentence when it does: the finding's title */
	const char *why;    /* why it matters */
	const char *attack; /* how an attacker uses it, for `explain` */
	struct remedy remedy;
	const char *const *references; /* ended by NULL */
	/* How bad it is for this subject; SEVERITY_NONE when it does not fire. Pure. */
	enum severity (*judge)(const struct subject *subject, struct verdict *verdict);
};

/* A family's table, ended by an entry without an id. */
extern const struct rule rules_process[], rules_capability[], rules_container[], rules_mount[], rules_file[],
	rules_program[], rules_image[], rules_tool[], rules_limit[], rules_host[], rules_ecs[],
	rules_policy[];

/* Every family, ended by NULL. */
extern const struct rule *const rule_families[];

/* The rule with that id; NULL when there is none. */
const struct rule *rule_find(const char *id);

#endif
