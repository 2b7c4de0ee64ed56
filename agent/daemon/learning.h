/* The auditor's part of learning: takes what the parent's BPF programs have counted, tells the shipper what
 * is new of each container, and gives rules what is known. */
#ifndef AGENT_DAEMON_LEARNING_H
#define AGENT_DAEMON_LEARNING_H

#include "agent/daemon/message.h"
#include "proctor/usage.h"

struct learning;

/* Learns by the watch, which the caller keeps. NULL without memory. */
struct learning *learning_new(struct usage_watch *watch);
void learning_free(struct learning *learning);

/* Takes note of the containers of the snapshot, and gives it what is known of them (container->learning), in
 * its arena, and what could not be seen as coverage. -1 without memory. */
int learning_see(struct learning *learning, struct snapshot *snapshot, int64_t now);

/* That process has ended: maybe it was the first one of a container. */
void learning_exit(struct learning *learning, const struct snapshot *snapshot, pid_t pid, int64_t now);

/* Whether what was counted is to be taken at once: something was refused since the last call, or the room for
 * it is filling. Costs two system calls. */
bool learning_is_urgent(struct learning *learning);

/* Takes what was counted. 1: *message tells of it, in memory that lives until the next call, and is to be
 * sent, and answered by MESSAGE_HISTORY before the next; 0: nothing is to be told; -1 and *error. `whole`:
 * tells also of containers of which only time has passed. */
int learning_tell(struct learning *learning, bool whole, int64_t now, struct message *message,
		  struct error **error);

/* The answer. True: what is known of a container is new, so that it is to be judged again. */
bool learning_answer(struct learning *learning, const struct message *message);

/* There is another shipper: what was not answered is to be told again. */
void learning_again(struct learning *learning);

/* Whether refusals were taken of which the next look may tell whose they are. */
bool learning_is_behind(const struct learning *learning);

void learning_count(const struct learning *learning, struct message_counters *counters);

#endif
