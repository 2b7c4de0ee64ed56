/* Containers come and go as cgroups: inotify on the directories in which runtimes make them.
 *
 * A container's own cgroup is not watched. What is made beneath it is its own affair, told by its processes,
 * and a container that may make cgroups cannot use up the watches. */
#include <errno.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "collectors/cgroup.h"
#include "collectors/events/sources.h"
#include "collectors/events/watch_tree.h"

enum { TOP_INODE = 1 }; /* of the first directory of every hierarchy (fs/kernfs/dir.c) */

/* Every runtime puts containers into the first of these hierarchies that there is: they are the ones that
 * limit what a container may use, and systemd's own. */
static const char *const hierarchies[] = {"/sys/fs/cgroup/devices", "/sys/fs/cgroup/memory",
					  "/sys/fs/cgroup/pids", "/sys/fs/cgroup/systemd"};

static bool is_hierarchy(const char *path, unsigned long magic)
{
	struct statfs filesystem;

	return statfs(path, &filesystem) == 0 && (unsigned long)filesystem.f_type == magic;
}

/* The trees to watch: the unified one alone, else what of it a hybrid machine has, and one hierarchy of
 * version 1. */
static size_t find_tops(const char *tops[WATCH_TOPS_MAX])
{
	size_t count = 0;

	if (is_hierarchy("/sys/fs/cgroup", CGROUP2_SUPER_MAGIC)) {
		tops[count++] = "/sys/fs/cgroup";
		return count;
	}
	if (is_hierarchy("/sys/fs/cgroup/unified", CGROUP2_SUPER_MAGIC))
		tops[count++] = "/sys/fs/cgroup/unified";
	for (size_t i = 0; i < sizeof(hierarchies) / sizeof(hierarchies[0]); i++)
		if (is_hierarchy(hierarchies[i], CGROUP_SUPER_MAGIC)) {
			tops[count++] = hierarchies[i];
			break;
		}
	return count;
}

/* A container with a cgroup namespace has only its own part of the hierarchy. */
static bool is_whole(const char *top)
{
	struct stat facts;

	return stat(top, &facts) == 0 && facts.st_ino == TOP_INODE;
}

static int check_tops(struct error **error)
{
	const char *tops[WATCH_TOPS_MAX];
	size_t count = find_tops(tops);

	if (!count) {
		error_set(error, 0, "there is no cgroup hierarchy at /sys/fs/cgroup");
		return error_remedy(error, "mount the host's /sys/fs/cgroup there, read-only");
	}
	for (size_t i = 0; i < count; i++)
		if (!is_whole(tops[i])) {
			error_set(error, 0, "%s shows the cgroups of this container only", tops[i]);
			return error_remedy(error, "mount the host's /sys/fs/cgroup there, read-only");
		}
	return 0;
}

static int open_cgroups(struct error **error)
{
	if (check_tops(error))
		return -1;
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fd < 0) {
		error_set(error, errno, "open an inotify descriptor");
		error_remedy(error, "raise fs.inotify.max_user_instances");
	}
	return fd;
}

static bool is_container(const char *path)
{
	return cgroup_identify(path, strlen(path)).proof == CGROUP_ID;
}

static void end(void *state)
{
	watches_free(state);
	free(state);
}

static void *begin(int fd, struct error **error)
{
	struct watches *watches = calloc(1, sizeof(*watches));

	if (!watches) {
		error_set(error, ENOMEM, "watch cgroups");
		return NULL;
	}
	watches->fd = fd;
	watches->is_leaf = is_container;
	watches->top_count = find_tops(watches->tops);
	if (watches_scan(watches, error) == 0)
		return watches;
	end(watches);
	return NULL;
}

static int read_cgroups(int fd, void *state, event_handler handler, void *context, struct error **error)
{
	(void)fd;
	return watches_read(state, handler, context, error);
}

/* What was too many may be fewer now. */
static int renew(int fd, void *state, struct error **error)
{
	struct watches *watches = state;

	(void)fd;
	return watches->unseen ? watches_scan(watches, error) : 0;
}

static const char *unseen(void *state)
{
	return ((const struct watches *)state)->unseen;
}

const struct event_source event_source_cgroups = {
	.name = "cgroups",
	.what = "cgroups, and with them containers, that come and go",
	.by_default = true,
	.open = open_cgroups,
	.poll = POLLIN,
	.begin = begin,
	.read = read_cgroups,
	.renew = renew,
	.unseen = unseen,
	.end = end,
};
