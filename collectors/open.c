#include "collectors/open.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RESOLVE_CACHED /* Linux 5.12 */
#define RESOLVE_CACHED 0x20
#endif

enum {
	INSIDE = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	BENEATH = INSIDE | RESOLVE_NO_XDEV,
	THROUGH = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	IN_ROOT = THROUGH | RESOLVE_NO_XDEV,
	FACTS = O_PATH | O_NOFOLLOW | O_CLOEXEC,
	LIST = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
};

const struct open_how open_ways[OPEN_WAYS] = {
	{.flags = FACTS, .resolve = BENEATH},
	{.flags = LIST | O_NOATIME, .resolve = BENEATH},
	{.flags = LIST, .resolve = BENEATH},
	{.flags = LIST | O_NOFOLLOW, .resolve = BENEATH},
	{.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = BENEATH},
	{.flags = O_PATH | O_CLOEXEC, .resolve = IN_ROOT},
	{.flags = LIST, .resolve = THROUGH},
	{.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = THROUGH},
	{.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, .resolve = THROUGH},
	{.flags = FACTS, .resolve = INSIDE},
	{.flags = FACTS, .resolve = RESOLVE_CACHED},
};

static int open_by(int at, const char *path, int flags, uint64_t resolve)
{
	uint64_t wanted = (uint64_t)(flags | O_CLOEXEC);

	for (const struct open_how *way = open_ways; way < open_ways + OPEN_WAYS; way++)
		if (way->flags == wanted && way->resolve == resolve)
			return (int)syscall(SYS_openat2, at, path, way, sizeof(*way));
	errno = EINVAL;
	return -1;
}

int open_beneath(int at, const char *path, int flags)
{
	return open_by(at, path, flags, BENEATH);
}

int open_in_root(int root, const char *path, int flags)
{
	return open_by(root, path, flags, IN_ROOT);
}

int open_through_mounts(int root, const char *path, int flags)
{
	return open_by(root, path, flags, THROUGH);
}

int open_mounted(int at, const char *name)
{
	return open_by(at, name, FACTS, INSIDE);
}

int open_cached(int at, const char *name)
{
	return open_by(at, name, FACTS, RESOLVE_CACHED);
}
