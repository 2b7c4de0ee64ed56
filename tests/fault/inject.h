/* Calls that fail when a test wants it.
 *
 * The program is linked with `-Wl,--wrap=CALL` for each call of inject.c, so that the objects of libproctor
 * reach the kernel and the heap through it. */
#ifndef TESTS_FAULT_INJECT_H
#define TESTS_FAULT_INJECT_H

#include <stdbool.h>

/* What can fail. */
enum call {
	CALL_ALLOCATE, /* malloc, calloc, realloc, reallocarray, strdup, vasprintf */
	CALL_OPEN,     /* open, openat, openat2, opendir, fdopendir */
	CALL_READ,     /* read, getdents64, readdir */
	CALL_LOOK,     /* readlinkat, statx, fstatat, statfs and the like, getxattr and the like */
	CALL_THREAD,   /* pthread_create */
	CALL_WRITE,    /* write, writev, ftruncate, fsync, fdatasync, fchmod, fchown, linkat, renameat */
	CALL_COUNT
};

extern const char *const call_names[CALL_COUNT];

/* From now on the `nth` call (counted from 1) fails with `error`; with `lasting` all after it as well. 0:
 * none fails, they are counted. */
void inject_arm(enum call call, unsigned long nth, int error, bool lasting);

/* From now on each read gives at most `bytes`, and every other one is interrupted by a signal first. */
void inject_short_reads(unsigned long bytes);

/* From now on each write takes at most `bytes`, and every other one is interrupted by a signal first. */
void inject_short_writes(unsigned long bytes);

/* Whether the file systems lack O_TMPFILE, as NFS and FAT do, until said otherwise. */
void inject_no_unnamed_files(bool lacking);

/* What the last failing call was about: a path, or its kind. */
const char *inject_what(void);

/* Nothing fails any more. Returns how many calls of the armed kind there were. */
unsigned long inject_disarm(void);

#endif
