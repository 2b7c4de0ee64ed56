/* What the BPF program and the one that reads its maps share. */
#ifndef COLLECTORS_USAGE_USAGE_FORM_H
#define COLLECTORS_USAGE_USAGE_FORM_H

#include <linux/types.h>

enum {
	USAGE_FRAMES = 12, /* of a kernel stack, from the check on outward: access(2) is ten calls away */
	USAGE_NAMES = 8,   /* of an executable's path, from the last one on */
	USAGE_NAME_SIZE = 48,
	USAGE_COMM_SIZE = 16, /* TASK_COMM_LEN */
};

/* Bits of usage_key.state. */
enum {
	USAGE_DENIED = 1 << 0,
	USAGE_ADVISORY = 1 << 1, /* the caller said CAP_OPT_NOAUDIT: only fexit and kprobes tell */
	USAGE_BORROWED = 1 << 2, /* by credentials that are not the task's own: override_creds() */
	USAGE_OUTSIDE = 1 << 3, /* the program is in none of the mounts of its mount namespace: a runtime's */
	USAGE_NEEDLESS = 1 << 4, /* setuid(2) or setgid(2) to an id that the task has */
};

/* Entries of the map `counters`. */
enum {
	USAGE_LOST,     /* checks for which there was no room */
	USAGE_ENTRIES,  /* entries that were made */
	USAGE_REFUSALS, /* entries that were made for checks that were refused */
	USAGE_COUNTERS
};

/* The checks that are counted together. */
struct usage_key {
	__u64 cgroup;   /* id of the one in the v2 hierarchy */
	__u64 inode;    /* of the executable */
	__u64 mount_id; /* of the mount namespace, given to no other one; 0: not known */
	__u32 device;   /* of its file system: kernel's dev_t */
	__u32 mount_namespace;
	__u32 user_namespace; /* that the capability was asked for in */
	__u8 capability;
	__u8 state;
	__u8 zero[2];
	__u64 stack[USAGE_FRAMES]; /* addresses, from the check on outward; 0 from its end on */
};

/* Times by CLOCK_BOOTTIME, in nanoseconds. */
struct usage_value {
	__u64 count, first, last;
};

struct usage_file {
	__u64 inode;
	__u32 device;
	__u32 zero;
};

/* An executable as it is called in its mount namespace: its name, then the directories upward. */
struct usage_names {
	__u32 count;
	char comm[USAGE_COMM_SIZE];
	char names[USAGE_NAMES][USAGE_NAME_SIZE];
};

#endif
