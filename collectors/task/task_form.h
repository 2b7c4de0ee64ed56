/* What the BPF programs of task.bpf.c write of tasks, and task_records.c reads. */
#ifndef COLLECTORS_TASK_TASK_FORM_H
#define COLLECTORS_TASK_TASK_FORM_H

#include <linux/types.h>

enum {
	TASK_NAMESPACES = 8, /* NAMESPACE_COUNT, in the order of enum namespace_kind */
	TASK_IDS = 4,        /* ID_COUNT, in the order of enum id_kind */
	TASK_COMM_SIZE = 16, /* TASK_COMM_LEN */
	TASK_GROUPS = 16,    /* supplementary groups of more are read from /proc */
};

enum task_record_kind {
	TASK_PROCESS = 0x50524f43, /* a thread group's leader */
	TASK_THREAD_DIFFERS,       /* a thread whose ids, sets or filters are not its leader's */
};

/* What one task may do, as in struct credentials of the snapshot. */
struct task_credentials {
	__u32 uid[TASK_IDS], gid[TASK_IDS];
	__u64 effective, permitted, inheritable, bounding, ambient;
	__u32 no_new_privs, seccomp, seccomp_filters, zero;
};

struct task_process {
	__u32 kind; /* TASK_PROCESS */
	__u32 pid, parent;
	__u32 flags;      /* PF_*, include/linux/sched.h */
	__u32 exit_state; /* 0: it has not ended */
	__u32 threads;
	__u64 start;    /* nanoseconds since boot */
	__u64 mount_id; /* of its mount namespace, given to no other one; 0: not told */
	__u64 cgroups;  /* the same number for those who have all cgroups in common; 0: it is exiting */
	struct task_credentials credentials;
	__u32 namespaces[TASK_NAMESPACES]; /* inodes; 0: not told */
	__u32 group_count;                 /* may be more than there is room for */
	__u32 groups[TASK_GROUPS];
	__u32 differing; /* 0 as written; set by who reads when one of its threads is not alike */
	char comm[TASK_COMM_SIZE];
};

struct task_thread {
	__u32 kind; /* TASK_THREAD_DIFFERS */
	__u32 process, thread;
	__u8 zero[sizeof(struct task_process) - 3 * sizeof(__u32)]; /* all records are of one size */
};

#endif
