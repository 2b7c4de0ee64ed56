#include "collectors/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proctor/cleanup.h"

uint64_t namespace_inode(const char *link, size_t length)
{
	const char *cursor = memchr(link, '[', length);
	uint64_t inode;

	if (!cursor)
		return 0;
	cursor++;
	return text_read_number(&cursor, link + length, 10, &inode) ? inode : 0;
}

uint64_t namespace_read(int directory, enum namespace_kind kind)
{
	char path[16], link[64];

	snprintf(path, sizeof(path), "ns/%s", namespace_names[kind]);
	ssize_t length = readlinkat(directory, path, link, sizeof(link));
	uint64_t inode = length > 0 ? namespace_inode(link, (size_t)length) : 0;
	if (length >= 0 && !inode)
		errno = EINVAL;
	return inode;
}

uint64_t namespace_mount_id(int mounts)
{
	uint64_t id;

	return ioctl(mounts, NS_GET_MNTNS_ID, &id) ? 0 : id;
}

uint64_t namespace_read_mount_id(int directory, uint64_t inode)
{
	_cleanup_close_ int mounts = openat(directory, "ns/mnt", O_RDONLY | O_CLOEXEC);
	struct stat facts;

	if (mounts < 0 || fstat(mounts, &facts) || facts.st_ino != inode)
		return 0;
	return namespace_mount_id(mounts);
}

uint64_t namespace_mount_owner(int directory)
{
	_cleanup_close_ int mounts = openat(directory, "ns/mnt", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int owner = mounts < 0 ? -1 : ioctl(mounts, NS_GET_USERNS);
	struct stat facts;

	return owner < 0 || fstat(owner, &facts) ? 0 : facts.st_ino;
}
