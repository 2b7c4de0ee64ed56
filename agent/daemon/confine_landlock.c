#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/landlock.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/daemon/confine_parts.h"
#include "proctor/cleanup.h"

/* What kernels know that are newer than the headers it may be built with (landlock(7)). */
#define ACCESS_TRUNCATE (1ull << 14)  /* ABI 3 */
#define ACCESS_IOCTL_DEV (1ull << 15) /* ABI 5 */
#define SCOPE_ALL 3ull                /* ABI 6: abstract sockets and signals of others */

struct ruleset {
	__u64 access_fs, access_net, scoped;
};

enum {
	READ = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
	WRITE_FILE = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | ACCESS_TRUNCATE,
	/* Files, directories and sockets, but no devices and links. */
	WRITE = READ | WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
		LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SOCK |
		LANDLOCK_ACCESS_FS_REFER,
	ALL_OF_ABI_1 = 2 * LANDLOCK_ACCESS_FS_MAKE_SYM - 1,
};

/* What the C library, curl and TLS read: libraries, name services, certificates, time zones; what tells the
 * size of the machine; and /dev/null and the like, where they write as well. */
static const char *const system_paths[] = {
	"/etc",
	"/usr",
	"/lib",
	"/lib64",
	"/run",
	"/var/run",
	"/var/lib/ca-certificates",
	"/proc/self",
	"/proc/sys",
	"/proc/meminfo",
	"/proc/stat",
	"/sys/devices/system/cpu",
	NULL,
};
static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", NULL};

static __u64 handled_by(int abi)
{
	__u64 access = ALL_OF_ABI_1;

	if (abi >= 2)
		access |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		access |= ACCESS_TRUNCATE;
	if (abi >= 5)
		access |= ACCESS_IOCTL_DEV;
	return access;
}

/* Allows it beneath the path; a file takes fewer rights. 0, or -1 with errno: ENOENT where there is none. */
static int allow(int ruleset, const char *path, __u64 access, __u64 handled)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr beneath = {.allowed_access = access & handled, .parent_fd = fd};
	struct stat facts;

	if (fd < 0 || fstat(fd, &facts))
		return -1;
	if (!S_ISDIR(facts.st_mode))
		beneath.allowed_access &= WRITE_FILE;
	return (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
}

/* The directory itself, or that of the file, which is replaced or made there. */
static int allow_writing(int ruleset, const char *path, __u64 handled)
{
	_cleanup_free_ char *copy = strdup(path);
	struct stat facts;

	if (!copy)
		return -1;
	if (stat(path, &facts) || !S_ISDIR(facts.st_mode))
		path = dirname(copy);
	return allow(ruleset, path, WRITE, handled);
}

static void allow_all(int ruleset, const struct confinement *confinement, __u64 handled, json_t *missing)
{
	for (const char *const *path = system_paths; *path; path++)
		allow(ruleset, *path, READ, handled);
	for (const char *const *path = devices; *path; path++)
		allow(ruleset, *path, WRITE_FILE, handled);
	for (const char *const *path = confinement->read; path && *path; path++)
		if (allow(ruleset, *path, READ, handled))
			confine_miss(missing, "landlock: %s: not readable: %s", *path, strerror(errno));
	if (confinement->state && allow_writing(ruleset, confinement->state, handled))
		confine_miss(missing, "landlock: %s: not writable: %s", confinement->state, strerror(errno));
	for (const char *const *path = confinement->written; path && *path; path++)
		if (allow_writing(ruleset, *path, handled))
			confine_miss(missing, "landlock: %s: not writable: %s", *path, strerror(errno));
}

int confine_landlock(const struct confinement *confinement, json_t *missing)
{
	int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset attributes = {.access_fs = handled_by(abi), .scoped = SCOPE_ALL};
	size_t size = abi >= 6   ? sizeof(attributes)
		      : abi >= 4 ? offsetof(struct ruleset, scoped)
				 : offsetof(struct ruleset, access_net);
	_cleanup_close_ int ruleset = -1;

	if (abi > 0)
		ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, size, 0);
	if (ruleset < 0) {
		confine_miss(missing, "landlock: %s",
			     errno == ENOSYS ? "this kernel has none" : strerror(errno));
		return 0;
	}
	allow_all(ruleset, confinement, attributes.access_fs, missing);
	if (!syscall(SYS_landlock_restrict_self, ruleset, 0))
		return abi;
	confine_miss(missing, "landlock: %s", strerror(errno));
	return 0;
}
