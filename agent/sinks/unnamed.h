/* A file that has no name until it is whole: whatever ends the program before leaves nothing behind. */
#ifndef AGENT_SINKS_UNNAMED_H
#define AGENT_SINKS_UNNAMED_H

#include <sys/types.h>

/* Opens a file without a name for writing, in the file system of `directory`. The descriptor is the caller's;
 * -1 with errno when no file can be made there. */
int unnamed_open(int directory, mode_t mode);

/* Makes the file durable and gives it the name `name` in `directory`, in place of what had it, with its own
 * mode and owner. -1 with errno; what had the name keeps it then. */
int unnamed_name(int fd, int directory, const char *name);

#endif
