#include "agent/write_now.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

ssize_t write_now(int fd, const char *data, size_t length)
{
	struct iovec part = {.iov_base = (char *)data, .iov_len = length};
	ssize_t written = send(fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (written >= 0 || errno != ENOTSOCK)
		return written;
	written = pwritev2(fd, &part, 1, -1, RWF_NOWAIT);
	if (written >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL))
		return written;
	return write(fd, data, length < PIPE_BUF ? length : PIPE_BUF);
}
