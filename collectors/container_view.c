#include "collectors/container_view.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "collectors/namespace_root.h"
#include "collectors/open.h"
#include "collectors/overlay.h"
#include "proctor/cleanup.h"

/* True when the root of an overlay shows the directory: what it tells of its own is the upper layer's. */
static bool is_upper_of(int directory, int root)
{
	const unsigned mask = STATX_BASIC_STATS;
	struct statx upper, merged;

	return !statx(directory, "", AT_EMPTY_PATH, mask, &upper) &&
	       !statx(root, "", AT_EMPTY_PATH, mask, &merged) && S_ISDIR(upper.stx_mode) &&
	       overlay_shows(&merged, &upper);
}

/* Opens the upper layer at a path of the host's. -1: it is not there. */
static int open_upper_at(const struct container_view *view, const struct host_view *host, const char *base)
{
	char path[PATH_MAX];
	int length =
		snprintf(path, sizeof(path), "%s%s%s", base, view->mounts->root->upper, view->upper_above);

	if (length >= (int)sizeof(path))
		return -1;
	int opened = open_through_mounts(host->root, path, O_PATH | O_DIRECTORY);
	if (opened < 0 || is_upper_of(opened, view->beneath.root))
		return opened;
	close(opened);
	return -1;
}

/* Where mount options grow too long runtimes name the layers relative to a directory above where they mount
 * them. */
static int open_upper(const struct container_view *view, const struct host_view *host)
{
	const struct mount *root = view->mounts->root, *of_host;
	char base[PATH_MAX], *slash;
	int upper = -1;

	if (host->root < 0)
		return -1;
	if (root->upper[0] == '/')
		return open_upper_at(view, host, "");
	of_host = overlay_of_host(host->mounts, root);
	if (!of_host || snprintf(base, sizeof(base), "%s", of_host->point) >= (int)sizeof(base))
		return -1;
	while (upper < 0 && (slash = strrchr(base, '/'))) {
		slash[1] = '\0';
		upper = open_upper_at(view, host, base);
		slash[0] = '\0';
	}
	return upper;
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

static void see_upper(struct container_view *view, const struct host_view *host)
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

int container_view_open(struct container_view *view, int proc, const struct host_view *host,
			const struct snapshot *snapshot, const struct mount_namespace *mounts)
{
	int root = -1;

	*view = (struct container_view){.mounts = mounts, .beneath = {.root = -1}, .upper = -1};
	errno = ESRCH;
	if (mounts && mounts->root)
		root = namespace_open_root(proc, snapshot, mounts);
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

/* Whether only facts of the file were copied up (metacopy): its data are those of the image, at the same path
 * when there is no redirect. The marks are overlayfs's own: no program in the container can set them. */
static bool has_data_of_image(int file)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return getxattr(path, "trusted.overlay.metacopy", NULL, 0) >= 0 &&
	       getxattr(path, "trusted.overlay.redirect", NULL, 0) < 0 && errno == ENODATA;
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
	return has_data_of_image(file) ? ORIGIN_IMAGE : ORIGIN_RUN_TIME;
}
