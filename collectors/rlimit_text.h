/* The text of /proc/PID/limits (proc_pid_limits(5)). */
#ifndef COLLECTORS_RLIMIT_TEXT_H
#define COLLECTORS_RLIMIT_TEXT_H

#include "proctor/snapshot.h"

/* Reads the soft limits into open_files, processes, locked_memory and core; `source` becomes that of those
 * that are set. One that is not in the text stays as it is. */
void rlimits_parse(const char *text, size_t length, const char *source, struct limits *limits);

#endif
