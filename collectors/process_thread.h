/* Threads that have other privileges than their process shows. */
#ifndef COLLECTORS_PROCESS_THREAD_H
#define COLLECTORS_PROCESS_THREAD_H

#include "collectors/process_reader.h"

/* Lists every thread but the leader of the process whose /proc/PID is open as `directory`, and keeps those
 * whose ids or sets differ from its. *alive is set to one of them, for a leader that has exited. */
void process_read_threads(struct process_reader *reader, int directory, struct process *process,
			  pid_t *alive);

#endif
