/* Namespaces as /proc/PID/ns names them (namespaces(7)). */
#ifndef COLLECTORS_NAMESPACE_H
#define COLLECTORS_NAMESPACE_H

#include <linux/nsfs.h>
#include <sys/ioctl.h>

#include "proctor/snapshot.h"

#ifndef NS_GET_MNTNS_ID /* Linux 6.11 */
#define NS_GET_MNTNS_ID _IOR(NSIO, 0x5, uint64_t)
#endif

/* The inodes of the namespaces the kernel starts with (enum init_ns_ino, include/linux/nsfs.h and, before it,
 * include/linux/proc_ns.h). Those of net and mnt are so from Linux 6.18 on and vary before. */
enum namespace_initial {
	NAMESPACE_INITIAL_MNT = 0xEFFFFFF8,
	NAMESPACE_INITIAL_NET = 0xEFFFFFF9,
	NAMESPACE_INITIAL_TIME = 0xEFFFFFFA,
	NAMESPACE_INITIAL_CGROUP = 0xEFFFFFFB,
	NAMESPACE_INITIAL_PID = 0xEFFFFFFC,
	NAMESPACE_INITIAL_USER = 0xEFFFFFFD,
	NAMESPACE_INITIAL_UTS = 0xEFFFFFFE,
	NAMESPACE_INITIAL_IPC = 0xEFFFFFFF,
};

/* The inode in the text of such a link, `mnt:[4026531832]`; 0 when it is none. */
uint64_t namespace_inode(const char *link, size_t length);

/* The inode of the namespace of that kind of the process whose /proc/PID is open as `directory`; 0 with errno
 * when it cannot be read. */
uint64_t namespace_read(int directory, enum namespace_kind kind);

/* The number of an open mount namespace that is given to no other one until the machine starts anew
 * (NS_GET_MNTNS_ID of ioctl_nsfs(2)); the inode is. 0 with errno: before Linux 6.11. */
uint64_t namespace_mount_id(int mounts);

/* The same of that of such a process, if it is the one of the inode still. 0: not told. */
uint64_t namespace_read_mount_id(int directory, uint64_t inode);

/* The inode of the user namespace that owns the mount namespace of such a process (ioctl_ns(2)): who mounts
 * there has CAP_SYS_ADMIN in it. 0 with errno: it cannot be read, or is none of ours. */
uint64_t namespace_mount_owner(int directory);

#endif
