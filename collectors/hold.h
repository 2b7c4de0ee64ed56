/* Processes of the snapshot, read again. */
#ifndef COLLECTORS_HOLD_H
#define COLLECTORS_HOLD_H

#include "collectors/read.h"
#include "proctor/snapshot.h"

/* Opens the /proc/PID of a process beneath `proc`, a descriptor of procfs. What is read through the result is
 * of one process or fails with ESRCH. -1 with errno. */
int process_hold(int proc, const struct process *process);

/* True when the open /proc/PID is that of the process in the snapshot: its start time, and its mount
 * namespace where that is known, are the same. To be asked after reading. Overwrites the buffer. */
bool process_is_held(int directory, const struct process *process, struct buffer *buffer);

#endif
