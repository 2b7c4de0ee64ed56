/* The host's mount table changes: poll(2) on mountinfo (proc_pid_mounts(5)). The host's is that of the first
 * process; in a pid namespace of our own that is the container's. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "collectors/events/sources.h"

static int open_table(struct error **error)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
	int fd = open("/proc/1/mountinfo", flags);

	if (fd < 0)
		fd = open("/proc/self/mountinfo", flags);
	if (fd < 0) {
		error_set(error, errno, "open /proc/self/mountinfo");
		error_remedy(error, "mount procfs on /proc");
	}
	return fd;
}

/* The poll(2) by which the caller came to know has taken note of it: there is nothing left to read. */
static int read_change(int fd, void *state, event_handler handler, void *context, struct error **error)
{
	(void)fd, (void)state, (void)error;
	handler(context, &(struct event){.kind = EVENT_MOUNTS});
	return 0;
}

const struct event_source event_source_mounts = {
	.name = "mounts",
	.what = "mounts of the host that come, go or change",
	.by_default = true,
	.open = open_table,
	.poll = POLLPRI | POLLERR,
	.read = read_change,
};
