#include "collectors/root.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

int root_read(int proc, pid_t pid, struct root *root)
{
	char path[32];
	struct statx facts;

	snprintf(path, sizeof(path), "%d/root", (int)pid);
	if (statx(proc, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_INO, &facts))
		return -1;
	*root = (struct root){facts.stx_dev_major, facts.stx_dev_minor, facts.stx_ino};
	return 0;
}

bool root_equal(const struct root *a, const struct root *b)
{
	return a->major == b->major && a->minor == b->minor && a->inode == b->inode;
}
