/* What the kernel's text tells of the host, parsed without trust. */
#ifndef COLLECTORS_HOST_TEXT_H
#define COLLECTORS_HOST_TEXT_H

#include "proctor/snapshot.h"

/* What a mount table tells of the file systems of the kernel. */
struct kernel_mounts {
	unsigned cgroup_version; /* as in struct host */
	struct bytes hidepid;    /* of the procfs; empty: off */
	uint32_t group; /* its gid=, the group from which hidepid hides nothing; 0 where it has none */
};

/* Reads a mount table. The procfs in question is the mount `id`, or, when that is 0, the one at `point`.
 * `mounts->hidepid` points into `text`. */
void host_mounts_parse(const char *text, size_t length, uint32_t id, const char *point,
		       struct kernel_mounts *mounts);

/* Fills host->lsms from a list of names parted by commas, as in /sys/kernel/security/lsm. -1: no memory. */
int host_lsms_parse(const char *text, size_t length, struct arena *arena, struct host *host);

/* The same from the ids that lsm_list_modules(2) gives (LSM_ID_*, include/uapi/linux/lsm.h). */
int host_lsms_name(const uint64_t *ids, size_t count, struct arena *arena, struct host *host);

/* When the machine booted, by the line `btime` of /proc/stat (proc_stat(5)), in seconds since 1970; 0: it
 * does not tell. */
time_t host_boot_parse(const char *text, size_t length);

#endif
