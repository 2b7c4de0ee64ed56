/* Opening what a container named, without being led away: openat2(2). */
#ifndef COLLECTORS_OPEN_H
#define COLLECTORS_OPEN_H

#include <linux/openat2.h>

enum { OPEN_WAYS = 11 };

/* Every way in which openat2(2) is asked here, none of them to write: flags that are not among them are
 * EINVAL. A filter of system calls sees where the kernel reads what is asked, not what that is; so it can let
 * pass what lies in this table, which nobody can write to, and nothing else. */
extern const struct open_how open_ways[OPEN_WAYS];

/* Opens `path` beneath the directory `at`, through no link and into no other mount; `flags` as open(2),
 * without O_CREAT. Close-on-exec. -1 with errno: ELOOP for a link, EXDEV for a mount or a way out, ENOSYS
 * before Linux 5.6. */
int open_beneath(int at, const char *path, int flags);

/* Opens `path` as a process whose root directory is `root` would, through its links, but into no other mount
 * and through no magic link. -1 with errno: EXDEV for a mount. */
int open_in_root(int root, const char *path, int flags);

/* The same through mounts: for paths of the host's own. */
int open_through_mounts(int root, const char *path, int flags);

/* Opens the mount that lies on `name` in the directory `at`, for its facts only (O_PATH): its file system is
 * not asked anything. A link is opened itself. */
int open_mounted(int at, const char *name);

/* Opens `name` for its facts only when the kernel knows it without asking its file system. A link is opened
 * itself. -1 with errno: EAGAIN when it does not, EINVAL before Linux 5.12. */
int open_cached(int at, const char *name);

#endif
