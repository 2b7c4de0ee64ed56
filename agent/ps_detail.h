/* What `ps` shows only when it is asked for, read by libproc2 for the processes that are shown. */
#ifndef AGENT_PS_DETAIL_H
#define AGENT_PS_DETAIL_H

#include <sys/types.h>

#include "proctor/error.h"

struct ps_detail;

/* One process. Strings belong to the struct ps_detail; NULL: not known. */
struct ps_detail_row {
	pid_t pid;
	const char *arguments; /* command line, its words parted by spaces */
	const char *terminal;
	double started; /* seconds after boot */
};

/* Reads the processes, in any order. NULL and *error on failure; owned by the caller. */
struct ps_detail *ps_detail_read(const pid_t *pids, size_t count, struct error **error);

/* The row of a process; NULL when it ended meanwhile. */
const struct ps_detail_row *ps_detail_find(const struct ps_detail *detail, pid_t pid);

void ps_detail_free(struct ps_detail *detail);

#endif
