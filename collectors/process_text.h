/* The text files of /proc/PID, parsed without trust: unknown lines are passed over, missing ones are told. */
#ifndef COLLECTORS_PROCESS_TEXT_H
#define COLLECTORS_PROCESS_TEXT_H

#include "proctor/snapshot.h"

/* What /proc/PID/status (proc_pid_status(5)) tells, beyond what struct process keeps of it. */
struct status {
	char comm[64]; /* TASK_COMM_LEN is 16; kernel workers' names are longer */
	char state;    /* R S D Z …; 0: no such line */
	pid_t ppid;
	uint32_t threads;
	struct credentials credentials;
	const char *groups; /* the numbers behind `Groups:`, in the text that was parsed */
	size_t groups_length;
	bool kernel_thread_known, kernel_thread; /* the line Kthread: Linux 6.8 and later */
	bool has_memory;                         /* VmSize: neither a kernel thread nor a zombie */
};

/* Parses the text of /proc/PID/status or /proc/PID/task/TID/status. False when a line that Proctor cannot do
 * without (Name, Uid, Gid, Cap*) is missing or malformed. `status->groups` points into `text`. */
bool status_parse(const char *text, size_t length, struct status *status);

/* Writes the group ids of `status` into `groups`, at most `capacity` of them; returns how many there are. */
size_t status_groups(const struct status *status, uint32_t *groups, size_t capacity);

/* Of /proc/PID/stat (proc_pid_stat(5)): what status does not tell. */
struct stat_line {
	uint32_t flags;      /* PF_*, include/linux/sched.h */
	uint64_t start_time; /* ticks since boot */
};

/* Parses /proc/PID/stat; the name in parentheses may hold anything. False when it is malformed. */
bool stat_parse(const char *text, size_t length, struct stat_line *stat);

/* Parses /proc/PID/uid_map or gid_map (user_namespaces(7)) into an array in the arena. -1: no memory. */
int id_map_parse(const char *text, size_t length, struct arena *arena, struct id_range **ranges,
		 size_t *count);

#endif
