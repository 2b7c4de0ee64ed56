#include "collectors/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collectors/filesystem_type.h"
#include "collectors/open.h"
#include "proctor/cleanup.h"

static int compare_ids(const void *a, const void *b)
{
	const struct mount *left = *(const struct mount *const *)a, *right = *(const struct mount *const *)b;

	return (left->id > right->id) - (left->id < right->id);
}

static const struct mount *mount_by_id(const struct beneath *beneath, uint64_t id)
{
	struct mount wanted = {.id = (uint32_t)id};
	const struct mount *key = &wanted;
	const struct mount **found =
		id > UINT32_MAX ? NULL
				: bsearch(&key, beneath->by_id, beneath->count, sizeof(key), compare_ids);

	return found ? *found : NULL;
}

/* What a descriptor stands for and which mount it is on, without asking its file system. */
static int look(const struct beneath *beneath, int fd, const struct mount **mount, struct statx *facts)
{
	const struct mount *on;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		  STATX_TYPE | STATX_MODE | STATX_MNT_ID, facts))
		return -1;
	on = facts->stx_mask & STATX_MNT_ID ? mount_by_id(beneath, facts->stx_mnt_id) : NULL;
	if (!on || filesystem_kind(on->type) == FILESYSTEM_OTHER) {
		errno = EREMOTE;
		return -1;
	}
	*mount = on;
	return 0;
}

int beneath_open_at(struct beneath *beneath, int root, const struct mount_namespace *namespace)
{
	const struct mount *mount;
	struct statx facts;

	*beneath = (struct beneath){.root = root};
	if (namespace->mount_count)
		beneath->by_id = calloc(namespace->mount_count, sizeof(struct mount *));
	if (!beneath->by_id) {
		errno = namespace->mount_count ? ENOMEM : EREMOTE;
		return -1;
	}
	for (size_t i = 0; i < namespace->mount_count; i++)
		beneath->by_id[beneath->count++] = &namespace->mounts[i];
	qsort(beneath->by_id, beneath->count, sizeof(struct mount *), compare_ids);
	return look(beneath, beneath->root, &mount, &facts);
}

void beneath_close(struct beneath *beneath)
{
	cleanup_close(&beneath->root);
	free(beneath->by_id);
}

bool beneath_may_list(const struct mount *mount)
{
	return !mount->foreign && filesystem_kind(mount->type) != FILESYSTEM_OTHER;
}

/* Opens a name in a directory; `at_hand`: only when the kernel need not ask the file system for it. Before
 * Linux 5.12 it cannot be told so; but then, too, only root could mount an overlay. */
static int open_name(int fd, const char *name, bool at_hand)
{
	int next = open_cached(fd, name);

	if (next < 0 && errno == EAGAIN && at_hand) {
		errno = EREMOTE;
		return -1;
	}
	if (next < 0 && (errno == EAGAIN || errno == EINVAL || errno == ENOSYS || errno == EPERM))
		return openat(fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return next;
}

int beneath_component(const struct beneath *beneath, int fd, const char *name, const struct mount **mount,
		      struct statx *facts)
{
	int next = open_name(fd, name, (*mount)->foreign);

	if (next < 0 || !look(beneath, next, mount, facts))
		return next;
	int number = errno;
	close(next);
	errno = number;
	return -1;
}

/* Copies the first component of *path to `name` and moves *path behind it. 0 at the end, -1 for one that may
 * not be. */
static int next_component(const char **path, char name[NAME_MAX + 1])
{
	size_t length;

	*path += strspn(*path, "/");
	length = strcspn(*path, "/");
	if (!length)
		return 0;
	if (length > NAME_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(name, *path, length);
	name[length] = '\0';
	*path += length;
	if (!strcmp(name, "..")) {
		errno = EXDEV;
		return -1;
	}
	return 1;
}

int beneath_path(const struct beneath *beneath, const char *path, const struct mount **mount)
{
	int fd = openat(beneath->root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC), result = fd < 0 ? -1 : 1;
	const struct mount *on = NULL;
	char name[NAME_MAX + 1];
	struct statx facts;

	if (fd >= 0)
		result = look(beneath, fd, &on, &facts) ? -1 : 1;
	while (result > 0 && (result = next_component(&path, name)) > 0) {
		int next = beneath_component(beneath, fd, name, &on, &facts);
		int number = errno;
		close(fd);
		fd = next;
		errno = number;
		if (fd >= 0 && S_ISLNK(facts.stx_mode))
			errno = ELOOP;
		result = fd >= 0 && !S_ISLNK(facts.stx_mode) ? 1 : -1;
	}
	if (result < 0 && fd >= 0) {
		int number = errno;
		close(fd);
		errno = number;
		fd = -1;
	}
	if (mount)
		*mount = on;
	return fd;
}
