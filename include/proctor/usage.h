/* Which capabilities the kernel was asked for, by whom, and what came of it: plain data in one arena, like a
 * snapshot. It tells what was asked; what of it is needed is judged elsewhere. */
#ifndef PROCTOR_USAGE_H
#define PROCTOR_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proctor/arena.h"
#include "proctor/error.h"

/* What a check of the kernel tells of a program's needs. */
enum asking {
	ASKING_NEED,     /* refused, the call fails */
	ASKING_OPTIONAL, /* refused, the call takes another way */
	ASKING_ADVISORY, /* the kernel would know, and nothing fails */
	ASKING_KERNEL,   /* the kernel's own doing, by credentials that are not the program's */
	ASKING_RUNTIME,  /* the container's runtime, before the program starts */
	ASKING_UNKNOWN,  /* whoever asked could not be told: it may be any of these */
};

/* Checks that are alike. Times are milliseconds since 1970. */
struct usage_check {
	uint64_t mount_namespace, user_namespace; /* inode numbers: of the task, and that of the check */
	uint64_t mount_id;      /* of the mount namespace, given to no other one; 0: not known */
	uint64_t cgroup;        /* id in the v2 hierarchy */
	const char *executable; /* its path, of which the kernel told the end; NULL: unknown */
	unsigned capability;
	bool denied;
	enum asking asking;
	const char *reason; /* of anything but a need: what would happen; NULL: none */
	uint64_t count;
	int64_t first, last;
};

struct usage {
	struct arena *arena;
	struct usage_check *checks;
	size_t count;
	uint64_t lost;        /* checks for which there was no room, or that came while one was counted, since
				 the watch began */
	bool nameless;        /* the kernel hides where its functions lie: all but a few are ASKING_UNKNOWN */
	const char *evidence; /* `fexit`, `tracepoint`, `kprobe`: how the kernel told of them */
	int64_t since;        /* milliseconds since 1970 */
};

struct usage_watch;

/* How much is kept; 0: by the machine's memory. */
struct usage_room {
	unsigned checks, executables;
};

/* Begins to count every check of the machine (bpf(2)): loads and attaches, for which CAP_BPF and CAP_PERFMON,
 * or CAP_SYS_ADMIN, are needed until it returns. Owned by the caller. NULL and *error: what is missing. */
struct usage_watch *usage_watch_start(const struct usage_room *room, struct error **error);

/* What was counted since it was taken the last time, so that the room for it does not fill up with what ended
 * long ago; owned by the caller. NULL and *error. It takes no privilege, in the process that began or in one
 * that was forked since (before Linux 5.19: with kernel.unprivileged_bpf_disabled at 0). */
struct usage *usage_watch_take(struct usage_watch *watch, struct error **error);

/* Whether half of the room was filled since then: it is to be taken, before checks are lost for want of it.
 * Costs a system call, and takes as little privilege. */
bool usage_watch_is_filling(const struct usage_watch *watch);

/* How many refusals were counted so far, those that are counted together once for each time that they are
 * taken: for who has to know at once, and asks often. -1 and *error. */
int usage_watch_refusals(struct usage_watch *watch, uint64_t *count, struct error **error);

/* How the kernel tells, and since when (milliseconds since 1970). */
const char *usage_watch_evidence(const struct usage_watch *watch);
int64_t usage_watch_since(const struct usage_watch *watch);

/* In a process that was forked since: frees it there, and leaves the counting to the others. */
void usage_watch_leave(struct usage_watch *watch);
void usage_watch_stop(struct usage_watch *watch);
void usage_free(struct usage *usage);

#endif
