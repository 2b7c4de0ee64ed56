/* Reads one process: each file of its /proc/PID at most once, and only those whose facts are wanted. */
#ifndef COLLECTORS_PROCESS_READER_H
#define COLLECTORS_PROCESS_READER_H

#include "collectors/read.h"
#include "collectors/watch.h"
#include "proctor/collector.h"

struct tasks;
struct user_namespace_table;

enum { PROCESS_TEXT_LIMIT = 1024 * 1024 }; /* of a file of /proc/PID that is no list */

/* What one thread reads processes with. */
struct process_reader {
	const struct request *request;
	int proc;                                     /* descriptor of procfs; the caller's */
	struct user_namespace_table *user_namespaces; /* shared by all */
	const struct tasks *tasks;                    /* told of by the kernel; NULL: none */
	struct arena *arena;                          /* joins the snapshot's in the end */
	struct coverage coverage;                     /* the same */
	struct buffer buffer;
	struct watch *watch;  /* whether a call returns */
	uint32_t facts;       /* what is wanted of the process at hand; the caller's */
	pid_t pid;            /* of the process at hand */
	struct bytes cgroups; /* the last ones, and the path chosen of them: neighbours often share both */
	const char *cgroup;
	bool no_labels;     /* no LSM puts labels on processes */
	bool out_of_memory; /* some facts are missing for want of it */
};

/* Facts that come from files which never wait for the process, or are of none. */
enum { PROCESS_FACTS_AT_ONCE = REQUEST_CGROUP | REQUEST_THREADS | REQUEST_USER_MAPS | REQUEST_MACHINE };

/* How a process, or a part of it, was read. ABSENT: one that was asked for and is not there. LEFT: the thread
 * was left behind, and is to end: the process, the arena and the coverage are no more its own. */
enum outcome { READ_DONE, READ_MISSED, READ_VANISHED, READ_ABSENT, READ_LEFT };

/* Reads the process with the pid that is set, through a descriptor of its directory: what is read is of one
 * process. Facts that may not be read are
 * noted in the coverage. */
enum outcome process_read(struct process_reader *reader, struct process *process);

/* Whether nothing was missing when it was read, and nothing was to be expected to come later: all that the
 * request asks for is known, its user namespace has its ids, and it has not begun to end. */
bool process_is_whole(const struct request *request, const struct process *process);

/* Which facts are known of it, and those that never wait: what can be read of it again. */
uint32_t process_facts_read(const struct process *process);

/* The pid that a name in /proc stands for; 0 when it is none. */
pid_t process_parse_pid(const char *name);

/* ---- for the files that it is made of ---------------------------------------------------------- */

/* Which part of a process could not be read, for coverage. */
struct denial {
	const char *what; /* `namespaces` */
	const char *file; /* `ns/user` */
	const char *remedy;
};

/* As buffer_read and buffer_readlink, of a file in /proc/PID that may never answer. -1 with EOWNERDEAD: the
 * thread was left behind. */
int reader_read(struct process_reader *reader, int directory, const char *file, size_t limit);
int reader_readlink(struct process_reader *reader, int directory, const char *file);

/* Reads the wanted facts that status, stat and threads do not tell, of a process or a thread whose directory
 * is open. */
enum outcome process_read_details(struct process_reader *reader, int directory, struct process *process);

bool reader_wants(const struct process_reader *reader, uint32_t fact);

/* Notes that a fact of a process is missing, by errno and by what would help. */
void reader_note_denied(struct process_reader *reader, pid_t pid, const struct denial *denial, int number);

void reader_note_malformed(struct process_reader *reader, pid_t pid, const char *file);

/* True for what errno is when a process has ended. */
bool reader_is_vanished(int number);

/* What errno says of a part that could not be read; noted when it was denied. */
enum outcome reader_outcome(struct process_reader *reader, const struct denial *denial);

#endif
