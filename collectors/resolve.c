#include "collectors/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collectors/open.h"
#include "proctor/cleanup.h"

enum { LINKS_MAX = 40 }; /* as the kernel has it (MAXSYMLINKS) */

/* How far a path was followed from the root. */
struct progress {
	const struct walk_plan *plan;
	int root;                     /* -1: ours */
	const struct walk_mount *on;  /* what `directory` lies on */
	char *done;                   /* the path so far, without links; "" at the root */
	int parent, descriptor;       /* of the directory above, -1 at the root, and of what `done` names */
	bool above_parent, above;     /* whether all directories above either let others search */
	uint32_t mode;                /* of what `done` names */
	const struct mount *obstacle; /* what it is not followed into, or across a link of */
};

static void progress_end(struct progress *progress)
{
	cleanup_close(&progress->parent);
	cleanup_close(&progress->descriptor);
	free(progress->done);
}

static int open_root(struct progress *progress, size_t length)
{
	struct stat facts;

	progress->parent = -1;
	progress->above = progress->above_parent = true;
	progress->done = calloc(1, length + 2);
	progress->on = walk_plan_find(progress->plan, "/");
	progress->descriptor = progress->root < 0 ? open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)
						  : fcntl(progress->root, F_DUPFD_CLOEXEC, 0);
	if (!progress->done || progress->descriptor < 0 || fstat(progress->descriptor, &facts))
		return -1;
	progress->mode = facts.st_mode;
	return 0;
}

/* Opens the name that was just put behind `done`. */
static int open_name(struct progress *progress, const char *name, struct statx *facts)
{
	const struct walk_mount *on = walk_plan_find(progress->plan, progress->done);
	int descriptor;

	if (on && on->treatment == WALK_LEAVE) {
		progress->obstacle = on->mount;
		return -1;
	}
	if (on != progress->on && on) {
		progress->on = on;
		return directory_cross(progress->descriptor, name, on->mount, facts);
	}
	descriptor = open_beneath(progress->descriptor, name, O_PATH | O_NOFOLLOW);
	if (descriptor < 0 ||
	    !statx(descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, facts))
		return descriptor;
	close(descriptor);
	return -1;
}

static int step(struct progress *progress, const char *name, size_t length)
{
	char *end = progress->done + strlen(progress->done);
	struct statx facts;
	int descriptor;

	*end = '/';
	memcpy(end + 1, name, length);
	end[length + 1] = '\0';
	descriptor = open_name(progress, end + 1, &facts);
	if (descriptor < 0)
		return -1;
	cleanup_close(&progress->parent);
	progress->parent = progress->descriptor;
	progress->descriptor = descriptor;
	progress->above_parent = progress->above;
	progress->above = progress->above && (progress->mode & S_IXOTH);
	progress->mode = facts.stx_mode;
	return 0;
}

/* Cuts the last name off. */
static void cut_name(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
}

/* What the path becomes when the link that `done` names is put in its place. NULL with errno. */
static char *follow_link(struct progress *progress, const char *rest)
{
	char target[PATH_MAX], *path;
	ssize_t length;

	if (progress->on && progress->on->treatment == WALK_PASS) { /* proc's lead elsewhere than they say */
		progress->obstacle = progress->on->mount;
		return NULL;
	}
	length = readlinkat(progress->descriptor, "", target, sizeof(target) - 1);
	if (length < 0)
		return NULL;
	target[length] = '\0';
	cut_name(progress->done);
	if (asprintf(&path, "%s/%s/%s", target[0] == '/' ? "" : progress->done, target, rest) >= 0)
		return path;
	errno = ENOMEM;
	return NULL;
}

/* What the path becomes behind `..`. */
static char *go_up(struct progress *progress, const char *rest)
{
	char *path;

	cut_name(progress->done);
	if (asprintf(&path, "%s/%s", progress->done, rest) >= 0)
		return path;
	errno = ENOMEM;
	return NULL;
}

/* Follows the path from the root until its end, or until it has to be taken up anew as *again. -1 with errno.
 */
static int follow(struct progress *progress, const char *path, char **again, unsigned *links)
{
	if (open_root(progress, strlen(path)))
		return -1;
	for (size_t length; *path; path += length) {
		length = strcspn(path, "/");
		if (!length) {
			length = 1;
			continue;
		}
		if (length == 1 && path[0] == '.')
			continue;
		if (length == 2 && path[0] == '.' && path[1] == '.') {
			*again = go_up(progress, path + length);
			return *again ? 0 : -1;
		}
		if (step(progress, path, length))
			return -1;
		if (!S_ISLNK(progress->mode))
			continue;
		if ((*links)++ == LINKS_MAX) {
			errno = ELOOP;
			return -1;
		}
		*again = follow_link(progress, path + length);
		return *again ? 0 : -1;
	}
	return 0;
}

static int tell(const struct progress *progress, const char *operand, struct error **error)
{
	const struct mount *obstacle = progress->obstacle;

	if (!obstacle)
		return error_set(error, errno, "opening %s", operand);
	if (S_ISLNK(progress->mode)) {
		error_set(error, 0, "%s leads through a link of %s", operand, obstacle->type);
		return error_remedy(error, "'proctor files --container' walks the files of a container");
	}
	error_set(error, 0, "%s lies on %s, which is not known to be a local file system", operand,
		  obstacle->type);
	return error_remedy(error, "'proctor files --cross-file-systems' walks it as well");
}

/* The path from the root on; NULL with errno. */
static char *absolute(const char *path)
{
	_cleanup_free_ char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);
	char *whole = NULL;

	if (path[0] == '/')
		return strdup(path);
	if (!here || asprintf(&whole, "%s/%s", here, path) < 0)
		return NULL;
	return whole;
}

/* What was found becomes the directory to be walked, or the one above and the name in it. -1: no memory. */
static int keep(struct progress *progress, struct resolved *resolved)
{
	bool is_directory = S_ISDIR(progress->mode);
	int *directory = is_directory ? &progress->descriptor : &progress->parent;
	char *name = is_directory ? NULL : strrchr(progress->done, '/');

	resolved->directory = *directory;
	*directory = -1;
	resolved->reachable = is_directory ? progress->above : progress->above_parent;
	if (name) {
		resolved->only = strdup(name + 1);
		*name = '\0';
	}
	resolved->path = strdup(*progress->done ? progress->done : "/");
	return resolved->path && (!name || resolved->only) ? 0 : -1;
}

int resolve_from(int root, const char *path, const struct walk_plan *plan, struct resolved *resolved,
		 struct error **error)
{
	char *text = absolute(path);
	unsigned links = 0;
	int result = 0;

	if (!text)
		return error_set(error, errno, "opening %s", path);
	while (text && !result) {
		struct progress progress = {.plan = plan, .root = root, .parent = -1, .descriptor = -1};
		char *again = NULL;
		result = follow(&progress, text, &again, &links);
		if (!result && !again)
			result = keep(&progress, resolved);
		if (result)
			tell(&progress, path, error);
		progress_end(&progress);
		free(text);
		text = again;
	}
	return result;
}

int resolve(const char *path, const struct walk_plan *plan, struct resolved *resolved, struct error **error)
{
	return resolve_from(-1, path, plan, resolved, error);
}

char *resolved_whole(const struct resolved *resolved, struct arena *arena)
{
	const char *above = strcmp(resolved->path, "/") != 0 ? resolved->path : "";

	if (!resolved->only)
		return arena_string(arena, resolved->path);
	return arena_printf(arena, "%s/%s", above, resolved->only);
}

void resolved_free(struct resolved *resolved)
{
	cleanup_close(&resolved->directory);
	free(resolved->path);
	free(resolved->only);
}
