/* The mappings of processes of the snapshot, read by a thread that is left behind when one does not answer.
 */
#ifndef COLLECTORS_HELD_MAPS_H
#define COLLECTORS_HELD_MAPS_H

#include "collectors/read.h"
#include "proctor/collector.h"

enum { HELD_MAPS_LIMIT = 8 * 1024 * 1024 }; /* of one process */

/* What was read of one process. */
struct held_maps {
	struct process process; /* whose pointers are not to be followed */
	int directory;          /* its /proc/PID; -1 */
	struct buffer text;
	bool cut;
	int number; /* errno of what failed: ESRCH: it is another than the snapshot's; ETIMEDOUT: it does not
		       answer; 0: none */
};

struct held_maps_batch;

/* Reads them in the order of `processes`, some at a time. */
struct held_maps_reader {
	int proc;
	struct silent *silent;
	const struct process *const *processes;
	size_t count;

	struct held_maps_batch *batch; /* of those from `first` on */
	size_t first;
};

/* What was read of processes[index], which is the reader's until the next call; it is asked for ascending.
 * NULL: no memory. */
struct held_maps *held_maps_of(struct held_maps_reader *reader, size_t index);

void held_maps_free(struct held_maps_reader *reader);

#endif
