/* Processes whose files in /proc do not answer (collectors/watch.h). */
#ifndef COLLECTORS_SILENT_H
#define COLLECTORS_SILENT_H

#include "proctor/collector.h"

/* Told with each of them. */
#define SILENT_REMEDY                                                                                        \
	"end the server of the FUSE that the process waits for, or abort it: echo 1 "                        \
	">/sys/fs/fuse/connections/NUMBER/abort"

/* The one that is known by this pid and inode number of its directory in `proc` (0: it is looked up); NULL:
 * the process is not known to be silent. */
const struct silent_process *silent_find(const struct silent *silent, int proc, pid_t pid, uint64_t entry);

/* Adds one, anew when another of its files is met; entry 0: it is looked up. There has to be room; the watch
 * is the list's then. One thread does so at a time; others may be asking. */
void silent_add(struct silent *silent, int proc, const struct silent_process *process);

/* Forgets those whose threads have come to their end. Not while others may be asking. */
void silent_forget(struct silent *silent);

/* Whether no more threads may be left behind. There is room for four of them even then. */
bool silent_is_full(const struct silent *silent);

/* Tells of those that are `untold` in the coverage. */
void silent_tell(struct silent *silent, struct coverage *coverage, struct arena *arena, const char *proc);

/* Tells of one in the coverage. */
void silent_note(struct coverage *coverage, struct arena *arena, const char *proc,
		 const struct silent_process *process);

#endif
