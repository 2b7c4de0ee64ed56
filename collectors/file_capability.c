#include "collectors/file_capability.h"

#include <endian.h>
#include <linux/capability.h>
#include <string.h>

struct file_capability file_capability_parse(const void *data, size_t length)
{
	const struct file_capability not_understood = {.version = FILE_CAPABILITY_NOT_UNDERSTOOD};
	struct file_capability capability = {.version = 0};
	struct vfs_ns_cap_data value = {0};
	uint32_t magic;

	if (length < sizeof(value.magic_etc) || length > sizeof(value))
		return not_understood;
	memcpy(&value, data, length);
	magic = le32toh(value.magic_etc);
	if ((magic & VFS_CAP_REVISION_MASK) == VFS_CAP_REVISION_1 && length == XATTR_CAPS_SZ_1)
		capability.version = 1;
	else if ((magic & VFS_CAP_REVISION_MASK) == VFS_CAP_REVISION_2 && length == XATTR_CAPS_SZ_2)
		capability.version = 2;
	else if ((magic & VFS_CAP_REVISION_MASK) == VFS_CAP_REVISION_3 && length == XATTR_CAPS_SZ_3)
		capability.version = 3;
	else
		return not_understood;
	capability.effective = magic & VFS_CAP_FLAGS_EFFECTIVE;
	capability.permitted = le32toh(value.data[0].permitted);
	capability.inheritable = le32toh(value.data[0].inheritable);
	if (capability.version > 1) {
		capability.permitted |= (capability_set)le32toh(value.data[1].permitted) << 32;
		capability.inheritable |= (capability_set)le32toh(value.data[1].inheritable) << 32;
	}
	if (capability.version == 3)
		capability.root_id = le32toh(value.rootid);
	return capability;
}
