/* A program that is run to see what it needs: started with a set of capabilities, and ended with all that it
 * left. */
#ifndef AGENT_RUN_PROGRAM_H
#define AGENT_RUN_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proctor/capability.h"
#include "proctor/error.h"

struct program_start {
	char *const *argv;         /* found by PATH; ended by NULL */
	const capability_set *set; /* all it may ever have; NULL: what the caller has */
	/* NULL: in the caller's mount namespace. Else in one of its own, a copy of that with the same
	 * propagation; called when it is there, before the program is executed. -1 and *error: it is not to
	 * be. */
	int (*on_own_mounts)(void *context, struct error **error);
	void *context;
	bool silent; /* what it reads and writes is /dev/null; else its output is the caller's standard error
		      */
};

struct launched {
	pid_t pid;
	int mounts;     /* its mount namespace, held; -1: the caller's */
	uint64_t inode; /* of that; 0: the caller's */
	bool ended;     /* it, whatever it left behind */
	int status;     /* then: as of waitpid(2) */
};

/* What programs leave behind becomes a child of this process (PR_SET_CHILD_SUBREAPER), and SIGCHLD, SIGINT
 * and SIGTERM are for sigtimedwait(2) from now on. Not for a process with other children. -1 and *error. */
int program_adopt(struct error **error);

/* Returns when it was executed. 1: the kernel does not execute it with this set, for its file capabilities
 * are more (capabilities(7)). -1 and *error: it could not be started. */
int program_start(struct launched *program, const struct program_start *start, struct error **error);

/* Takes note of what ended. True while it, or something that it left behind, still runs. */
bool program_runs(struct launched *program);

/* Waits for the program alone, whatever it left behind: true when it has ended. */
bool program_has_ended(struct launched *program);

/* Ends it and all that it left: SIGTERM, after five seconds SIGKILL. Returns when nothing of it is left. */
void program_end(struct launched *program);

#endif
