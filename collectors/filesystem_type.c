#include "collectors/filesystem_type.h"

#include <stddef.h>
#include <string.h>

static const char *const local_types[] = {
	"bcachefs", "btrfs", "cramfs",  "devtmpfs", "erofs",    "exfat",   "ext2",   "ext3",     "ext4",
	"f2fs",     "hfs",   "hfsplus", "jffs2",    "jfs",      "iso9660", "minix",  "msdos",    "nilfs2",
	"ntfs",     "ntfs3", "overlay", "ramfs",    "reiserfs", "romfs",   "rootfs", "squashfs", "tmpfs",
	"ubifs",    "udf",   "ufs",     "vfat",     "xfs",      "zfs",
};

static const char *const kernel_types[] = {
	"binder",   "binfmt_misc", "bpf",        "cgroup",    "cgroup2", "configfs", "debugfs", "devpts",
	"efivarfs", "fusectl",     "hugetlbfs",  "mqueue",    "nfsd",    "nsfs",     "proc",    "pstore",
	"resctrl",  "rpc_pipefs",  "securityfs", "selinuxfs", "smackfs", "sysfs",    "tracefs", "xenfs",
};

static int is_among(const char *type, const char *const *types, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(type, types[i]))
			return 1;
	return 0;
}

enum filesystem_kind filesystem_kind(const char *type)
{
	if (is_among(type, local_types, sizeof(local_types) / sizeof(local_types[0])))
		return FILESYSTEM_LOCAL;
	if (is_among(type, kernel_types, sizeof(kernel_types) / sizeof(kernel_types[0])))
		return FILESYSTEM_KERNEL;
	return FILESYSTEM_OTHER;
}
