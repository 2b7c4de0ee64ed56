/* Opening what a container named, without being led away: openat2(2). */
#ifndef COLLECTORS_OPEN_H
#define COLLECTORS_OPEN_H

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

#endif
