#include "collectors/open.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_resolved(int at, const char *path, int flags, __u64 resolve)
{
	struct open_how how = {.flags = (__u64)flags | O_CLOEXEC, .resolve = resolve};

	return (int)syscall(SYS_openat2, at, path, &how, sizeof(how));
}

int open_beneath(int at, const char *path, int flags)
{
	return open_resolved(at, path, flags,
			     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
}

int open_in_root(int root, const char *path, int flags)
{
	return open_resolved(root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
}

int open_through_mounts(int root, const char *path, int flags)
{
	return open_resolved(root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int open_mounted(int at, const char *name)
{
	return open_resolved(at, name, O_PATH | O_NOFOLLOW,
			     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}
