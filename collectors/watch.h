/* Calls that may never return, told to whoever watches the thread that makes them.
 *
 * Files in /proc/PID wait for locks that the process holds, and it may hold them for as long as a file system
 * of its own does not answer: do_close_on_exec() in begin_new_exec() (fs/exec.c) closes files with
 * exec_update_lock held, which ptrace_may_access() and mm_access() are called under; a mapping that gives way
 * to another is closed (fuse_vma_close, fs/fuse/file.c) with mmap_lock held. Nothing but the end of the whole
 * program wakes who waits, so the thread is left behind. */
#ifndef COLLECTORS_WATCH_H
#define COLLECTORS_WATCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	WATCH_LOOK_MS = 250, /* between two looks of the watcher */
	WATCH_LOOKS = 8,     /* at the same call, behind which it is taken for one that does not return */
};

/* Of one thread. */
struct watch {
	_Atomic uint64_t
		call; /* which one it is in, counted from 1; 0: none; UINT64_MAX: it was left behind */
	uint64_t calls;
	_Atomic(const char *) file; /* a constant: what it reads */
	atomic_int holders;         /* the thread and who watches it */

	uint64_t last; /* these are the watcher's */
	unsigned looks;
};

/* A watch for a thread that is to be started and for who starts it; each lets go of it. NULL: no memory. */
struct watch *watch_new(void);

/* Lets go of it. NULL is allowed. */
void watch_release(struct watch *watch);

/* Whether the thread has let go of it: it has come to its end, also when it was left behind. */
bool watch_is_over(const struct watch *watch);

/* Around each call that may never return. */
void watch_enter(struct watch *watch, const char *file);

/* False: the thread was left behind meanwhile, and has to end without touching anything but its own. */
bool watch_leave(struct watch *watch);

/* To be asked each WATCH_LOOK_MS: true when the thread is in a call that does not return. Then it is left
 * behind: whatever it had, apart from what that call itself uses, is the watcher's from then on. Time is
 * counted by looks: a program that was stopped finds nothing that took long. */
bool watch_give_up(struct watch *watch);

/* Waits for the end of a thread, until it is time to look at those that are watched: then true. */
bool watch_join(pthread_t thread);

#endif
