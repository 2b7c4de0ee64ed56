/* Processes of which the kernel told in one read of all (collectors/task/tasks.h). */
#ifndef COLLECTORS_PROCESS_TOLD_H
#define COLLECTORS_PROCESS_TOLD_H

#include "collectors/process_reader.h"

/* Fills in what was told of the process, and reads from /proc what of the wanted facts was not: together they
 * are what process_read would have read. False: it is to be read as a whole. */
bool process_read_told(struct process_reader *reader, struct process *process, enum outcome *outcome);

#endif
