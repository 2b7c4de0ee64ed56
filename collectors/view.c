#include "collectors/view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "collectors/cgroup.h"
#include "collectors/namespace.h"
#include "collectors/root.h"
#include "proctor/cleanup.h"

enum { CGROUP_LIMIT = 64 * 1024, FIRST_PID = 1 };

/* Whether the processes of this procfs are those of the first pid namespace. */
static bool shows_host(int proc, const struct self *self)
{
	if (self->namespaces[NAMESPACE_PID] == NAMESPACE_INITIAL_PID)
		return true;
	for (const char *const *pid = (const char *const[]){"1", "2", NULL}; *pid; pid++) {
		_cleanup_close_ int directory = openat(proc, *pid, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (directory >= 0 && namespace_read(directory, NAMESPACE_PID) == NAMESPACE_INITIAL_PID)
			return true;
	}
	return false;
}

/* Whether the path leads out of our cgroup namespace into a container's that is not ours: what is beside us
 * begins with `/..` (cgroup_namespaces(7)). Without such a namespace both paths have an id. */
static bool is_beside(const char *path, size_t length, struct cgroup_part own)
{
	struct cgroup_identity first = cgroup_identify(path, length);
	struct cgroup_identity ours = cgroup_identify(own.data, own.length);

	if (length >= 3 && !memcmp(path, "/..", 3))
		return true;
	return first.proof == CGROUP_ID && ours.proof == CGROUP_ID &&
	       (first.id.length != ours.id.length ||
		memcmp(first.id.data, ours.id.data, ours.id.length) != 0);
}

static bool first_has_other_cgroup(int proc, struct buffer *buffer)
{
	_cleanup_buffer_ struct buffer own = {0};
	struct cgroup_part first_path, own_path;

	return buffer_read(buffer, proc, "1/cgroup", CGROUP_LIMIT) >= 0 &&
	       cgroup_choose(buffer->data, buffer->length, &first_path) &&
	       buffer_read(&own, proc, "self/cgroup", CGROUP_LIMIT) >= 0 &&
	       cgroup_choose(own.data, own.length, &own_path) &&
	       is_beside(first_path.data, first_path.length, own_path);
}

enum view view_find(int proc, const struct self *self, struct buffer *buffer)
{
	struct root first, own;

	if (shows_host(proc, self))
		return VIEW_HOST;
	if (!root_read(proc, FIRST_PID, &first) && !root_read(proc, self->pid, &own))
		return root_equal(&first, &own) ? VIEW_CONTAINER : VIEW_TASK;
	return first_has_other_cgroup(proc, buffer) ? VIEW_TASK : VIEW_CONTAINER;
}
