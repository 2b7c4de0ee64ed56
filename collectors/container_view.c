#include "collectors/container_view.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "collectors/namespace_root.h"
#include "collectors/open.h"
#include "proctor/cleanup.h"

static bool is_same_time(struct statx_timestamp left, struct statx_timestamp right)
{
	return left.tv_sec == right.tv_sec && left.tv_nsec == right.tv_nsec;
}

/* True when the root of an overlay shows the directory: what it tells of its own is the upper layer's. */
static bool is_upper_of(int directory, int root)
{
	const unsigned mask = STATX_BASIC_STATS;
	struct statx upper, merged;

	return !statx(directory, "", AT_EMPTY_PATH, mask, &upper) &&
	       !statx(root, "", AT_EMPTY_PATH, mask, &merged) && S_ISDIR(upper.stx_mode) &&
	       upper.stx_mode == merged.stx_mode && upper.stx_uid == merged.stx_uid &&
	       upper.stx_gid == merged.stx_gid && is_same_time(upper.stx_ctime, merged.stx_ctime) &&
	       is_same_time(upper.stx_mtime, merged.stx_mtime);
}

static int open_upper(const struct container_view *view, int host)
{
	const struct mount *root = view->mounts->root;
	char path[PATH_MAX];
	int length = snprintf(path, sizeof(path), "%s%s", root->upper, view->upper_above);

	if (host < 0 || path[0] != '/' || length >= (int)sizeof(path))
		return -1;
	int opened = open_through_mounts(host, path, O_PATH | O_DIRECTORY);
	if (opened < 0 || is_upper_of(opened, view->beneath.root))
		return opened;
	close(opened);
	return -1;
}

/* Why what was written to the root is not told from the image, but for an upper layer that does not open. */
static const char *unseen_by_mount(const struct mount *root)
{
	if (strcmp(root->type, "overlay") != 0)
		return "root of a container is no overlay: what is of its image is not known";
	if (root->foreign)
		return "root of a container is an overlay of its own making: what is of its image is not "
		       "known";
	return NULL;
}

static void see_upper(struct container_view *view, int host)
{
	const struct mount *root = view->mounts->root;

	view->unseen = unseen_by_mount(root);
	if (view->unseen || !root->upper)
		return;
	view->upper_above = strcmp(root->root, "/") != 0 ? root->root : "";
	view->upper = open_upper(view, host);
	if (view->upper < 0)
		view->unseen =
			"upper layer of a container is not to be seen from here: what is of its image is "
			"not known";
}

int container_view_open(struct container_view *view, int proc, int host, const struct snapshot *snapshot,
			const struct mount_namespace *mounts, struct buffer *buffer)
{
	int root = -1;

	*view = (struct container_view){.mounts = mounts, .beneath = {.root = -1}, .upper = -1};
	errno = ESRCH;
	if (mounts && mounts->root)
		root = namespace_open_root(proc, snapshot, mounts, buffer);
	if (root >= 0 && !beneath_open_at(&view->beneath, root, mounts)) {
		see_upper(view, host);
		return 0;
	}
	view->error = errno;
	if (root >= 0)
		beneath_close(&view->beneath);
	view->beneath = (struct beneath){.root = -1};
	return view->error == ENOMEM ? -1 : 0;
}

void container_view_close(struct container_view *view)
{
	cleanup_close(&view->upper);
	beneath_close(&view->beneath);
}

/* An overlay without an upper layer is its image's alone. */
enum file_origin container_view_origin(const struct container_view *view, const struct mount *mount,
				       const char *path)
{
	struct statx facts;

	if (!mount || !view->mounts)
		return ORIGIN_UNKNOWN;
	if (mount != view->mounts->root)
		return ORIGIN_MOUNT;
	if (view->unseen || view->beneath.root < 0)
		return ORIGIN_UNKNOWN;
	if (view->upper < 0)
		return ORIGIN_IMAGE;
	_cleanup_close_ int file = open_beneath(view->upper, path + strspn(path, "/"), O_PATH | O_NOFOLLOW);
	if (file < 0)
		return errno == ENOENT || errno == ENOTDIR ? ORIGIN_IMAGE : ORIGIN_UNKNOWN;
	if (statx(file, "", AT_EMPTY_PATH, STATX_TYPE, &facts) || !S_ISREG(facts.stx_mode))
		return ORIGIN_UNKNOWN;
	return ORIGIN_RUN_TIME;
}
