/* Writing to a descriptor that others share, so that O_NONBLOCK may not be set on it. */
#ifndef AGENT_WRITE_NOW_H
#define AGENT_WRITE_NOW_H

#include <sys/types.h>

/* As write(2) of one that is non-blocking, behind a poll(2) that said it takes bytes. Where the kernel cannot
 * be asked not to wait, no more is written than a pipe that is ready takes at once: PIPE_BUF of pipe(7). */
ssize_t write_now(int fd, const char *data, size_t length);

#endif
