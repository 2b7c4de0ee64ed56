/* What rules ask of facts, answered in one place.
 *
 * An answer is UNKNOWN where a fact was not read: a rule then neither fires nor takes it for good. */
#ifndef AGENT_RULES_CONTEXT_H
#define AGENT_RULES_CONTEXT_H

#include "agent/rules/link.h"
#include "agent/rules/place.h"
#include "proctor/rule.h"

enum answer { UNKNOWN, NO, YES };

/* Whether a task with CAP_SYS_ADMIN is held back by a seccomp filter or an LSM policy, of which it is not
 * known what they forbid. Ascending by reach. */
enum admin { ADMIN_NONE, ADMIN_FILTERED, ADMIN_FREE };

/* What all tasks of a container, or of the host, have together. */
struct group_facts {
	size_t processes;            /* those whose status was read */
	size_t unread;               /* those whose status was not */
	capability_set held;         /* what one in the host's user namespace has or can raise */
	capability_set bounding;     /* of any */
	bool may_gain_privilege;     /* one without no_new_privs */
	bool has_root;               /* one that is the host's root to files */
	bool has_unconfined_root;    /* such a one that no LSM policy holds back */
	bool has_unplaced_root;      /* uid 0, but whose is not known */
	bool lacks_seccomp;          /* one without a filter */
	bool has_user;               /* one that is no root at all */
	bool has_host_users;         /* one in the host's user namespace, or whose was not read */
	enum admin host_admin;       /* one with CAP_SYS_ADMIN on the host */
	enum admin mount_admin;      /* one with it only in the user namespace that owns its mounts */
	bool has_host_mount;         /* a part of a file system of the host is mounted */
	const struct file *set_root; /* a file that makes who executes it root; NULL: none was found */
	const struct places *places; /* its mounts; NULL: not read */
};

struct context {
	const struct snapshot *snapshot;
	capability_set all;       /* every capability that the kernel knows; all bits when that is unknown */
	capability_set grantable; /* those that some process of the host has or may gain */
	struct group_facts *groups; /* one for each container, in the snapshot's order; then the host's */
	bool audited_from_host;     /* the auditor is in no container and no user namespace */
	const struct places *host_places; /* the host's mounts; NULL: not read */
	const struct links *links;
	const char *const *curated; /* of the policy; as there */
	size_t curated_count;
	uint64_t unused_seconds, unused_starts; /* likewise */
};

struct policy;

/* Capabilities with any one of which root's other powers can be had: by other ids, any file, any process or
 * the kernel itself. */
#define CAPABILITY_ROOT_EQUIVALENT                                                                           \
	(CAPABILITY_MASK(CAP_CHOWN) | CAPABILITY_MASK(CAP_DAC_OVERRIDE) |                                    \
	 CAPABILITY_MASK(CAP_DAC_READ_SEARCH) | CAPABILITY_MASK(CAP_FOWNER) | CAPABILITY_MASK(CAP_SETUID) |  \
	 CAPABILITY_MASK(CAP_SETGID) | CAPABILITY_MASK(CAP_SETFCAP) | CAPABILITY_MASK(CAP_SYS_ADMIN) |       \
	 CAPABILITY_MASK(CAP_SYS_MODULE) | CAPABILITY_MASK(CAP_SYS_PTRACE) |                                 \
	 CAPABILITY_MASK(CAP_SYS_RAWIO) | CAPABILITY_MASK(CAP_MKNOD) | CAPABILITY_MASK(CAP_MAC_ADMIN))

/* Looks over the whole snapshot once. NULL when memory is exhausted. */
const struct context *context_new(const struct snapshot *snapshot, const struct policy *policy,
				  struct arena *arena);

/* The index of a container in snapshot->containers; container_count for NULL or one that is not there. */
size_t container_index(const struct snapshot *snapshot, const struct container *container);

/* What is known of the subject's container, or of the host. */
const struct group_facts *subject_group(const struct subject *subject);

/* Is one of its tasks the host's root to files, or exempt from their permissions? */
enum answer group_is_root(const struct group_facts *group);

/* True for what is the host's own: in no container, seen from the host. */
bool subject_is_host(const struct subject *subject);

/* What keeps a mark on that file (setuid, setgid, capability) from giving anything to whoever executes it;
 * NULL when nothing is known to. */
const char *file_obstacle(const struct context *context, const struct file *file);

/* Whom an id of a file stands for to the processes of a container. */
enum file_owner {
	OWNER_OTHER,
	OWNER_UNMAPPED,       /* no one in their user namespace: execve(2) passes over setuid and setgid */
	OWNER_NAMESPACE_ROOT, /* root of their user namespace, another id to the host */
	OWNER_ROOT,           /* the host's root, or its group */
};

enum file_owner file_user(const struct context *context, const struct file *file);
enum file_owner file_group(const struct context *context, const struct file *file);

/* True when all who may execute the file are in a user namespace in which the host's root is nobody. */
bool file_acts_inside(const struct context *context, const struct file *file);

/* As file_obstacle, also for what is in the way of setuid and setgid only. */
const char *set_id_obstacle(const struct context *context, const struct file *file);

/* The words for an origin, as evidence; NULL: not known. */
extern const char *const file_origin_words[];

/* ---- of a process ------------------------------------------------------------------------------ */

/* False for a kernel thread, one that is dead, and one of which nothing was read. */
bool process_is_judged(const struct process *process);

/* What its uid 0, or the lack of it, means. Ascending by reach. */
enum rootness {
	ROOT_NONE,      /* not root anywhere */
	ROOT_NAMESPACE, /* root of a user namespace: another user to the host */
	ROOT_UNPLACED,  /* uid 0, but whose is not known */
	ROOT_MAPPED,    /* in a user namespace of its own, yet the host's root to files */
	ROOT_HOST,      /* the host's root */
};

/* The words for it, as evidence. */
extern const char *const rootness_words[];

enum rootness uid_rootness(const struct snapshot *snapshot, const struct process *process, uint32_t uid);

/* The task of a process that is most of a root. */
struct root_task {
	enum rootness rootness;
	uint32_t uid; /* that makes it so: effective, or else file system uid */
	pid_t tid;
};

/* By its effective and file system uid, the higher of both, of any thread; the leader when none is more. */
struct root_task process_root_task(const struct snapshot *snapshot, const struct process *process);

/* The same without who it is. */
enum rootness process_rootness(const struct snapshot *snapshot, const struct process *process);

/* Do its capabilities act on what the host's user namespace owns? */
enum answer in_host_user_namespace(const struct process *process);

/* Is its namespace of that kind the host's? */
enum answer shares_with_host(const struct snapshot *snapshot, const struct process *process,
			     enum namespace_kind kind);

/* What it has or can raise at will: permitted and effective, of every thread. */
capability_set process_held(const struct process *process);

/* True when a thread of it runs without any seccomp filter. */
bool process_lacks_seccomp(const struct process *process);

/* Does the machine have an LSM that confines by label (AppArmor, SELinux, SMACK, TOMOYO)? */
enum answer has_labelling_lsm(const struct snapshot *snapshot);

/* Does no such LSM hold it back? */
enum answer is_lsm_unconfined(const struct snapshot *snapshot, const struct process *process);

/* What a process has that the first one of its container has not: the container's definition does not account
 * for it. */
struct init_surplus {
	bool any;
	capability_set held, bounding;
	bool root;           /* root where the first one is not */
	bool seccomp;        /* without its filter */
	bool lsm;            /* without its policy */
	bool new_privileges; /* without its no_new_privs */
};

/* Empty for the host, for the first process itself, and for one in another user namespace. */
struct init_surplus process_surplus(const struct subject *subject);

/* True when that is all the machine grants anyone. */
bool is_full_set(const struct context *context, capability_set set);

#endif
