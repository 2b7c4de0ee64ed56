#include "collectors/root.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static int look_at(int directory, const char *path, int flags, struct root *root)
{
	struct statx facts;

	if (statx(directory, path, flags | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_INO, &facts))
		return -1;
	*root = (struct root){facts.stx_dev_major, facts.stx_dev_minor, facts.stx_ino};
	return 0;
}

int root_read(int proc, pid_t pid, struct root *root)
{
	char path[32];

	snprintf(path, sizeof(path), "%d/root", (int)pid);
	return look_at(proc, path, 0, root);
}

int root_read_open(int directory, struct root *root)
{
	return look_at(directory, "", AT_EMPTY_PATH, root);
}

bool root_equal(const struct root *a, const struct root *b)
{
	return a->major == b->major && a->minor == b->minor && a->inode == b->inode;
}
