#include "collectors/written.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/open.h"
#include "proctor/cleanup.h"

enum {
	ENTRIES_MAX = 16384, /* looked at in one layer */
	DEPTH_MAX = 64,
	MANY = 16, /* written in one directory: the directory is told in their place */
};

static int list(struct written *written, const char *path, unsigned depth);

static int add(struct written *written, const char *path, bool directory)
{
	if (written->count == WRITTEN_MAX) {
		coverage_note(written->coverage, written->arena,
			      "container has written at more than 256 places: not all of them told", path,
			      NULL);
		return 1;
	}
	written->paths[written->count] = arena_printf(written->arena, "%s%s", path, directory ? "/" : "");
	return written->paths[written->count++] ? 0 : -1;
}

/* Whether a mount of the container's lies on the path (1), further down (-1), or neither (0). */
static int mounted(const struct written *written, const char *path)
{
	struct walk_root beneath;

	if (walk_plan_find(written->plan, path)->mount != written->mount)
		return 1;
	walk_plan_beneath(written->plan, path, &beneath);
	return beneath.mount_count ? -1 : 0;
}

/* Whether the layers below show a directory there too. */
static bool is_older(const struct written *written, const char *path)
{
	const char *rest;
	const struct place *place =
		layer_find(written->layers, written->merged->layer, path, strlen(path), &rest);

	if (!place || *rest || place->kind != PLACE_DIRECTORY || !place->below)
		return false;
	place = merged_find(written->layers, written->merged->below, place->below);
	return place && place->kind == PLACE_DIRECTORY;
}

/* 1 when no more is to be told, -1 when there is no memory. */
static int meet(struct written *written, const char *path, unsigned char type, unsigned depth)
{
	int mount = mounted(written, path);

	if (written->looked++ == ENTRIES_MAX) {
		coverage_note(written->coverage, written->arena,
			      "container has written more than 16,384 files: not all of them looked at", path,
			      NULL);
		return 1;
	}
	if (mount > 0)
		return 0;
	if (type == DT_DIR && depth < DEPTH_MAX && (mount < 0 || is_older(written, path)))
		return list(written, path, depth + 1);
	return add(written, path, type == DT_DIR);
}

/* Opens a directory of the uppermost layer; NULL with errno. */
static DIR *open_directory(const struct written *written, const char *path)
{
	int descriptor = open_beneath(written->merged->layer->descriptor, *path ? path + 1 : ".",
				      O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	DIR *directory = descriptor >= 0 ? fdopendir(descriptor) : NULL;

	if (!directory && descriptor >= 0)
		close(descriptor);
	return directory;
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* What was written in a directory that cannot be read is not known: that is told. */
static int fail(const struct written *written, const char *path)
{
	if (errno == ENOMEM)
		return -1;
	written->coverage->missed++;
	coverage_note(written->coverage, written->arena,
		      "what a container has written in a directory could not be read", *path ? path : "/",
		      NULL);
	return 0;
}

static bool is_much(const struct written *written, const char *path, size_t before)
{
	return *path && written->count - before > MANY;
}

/* The next name in it but for itself and the one above; NULL with errno, 0 at the end. */
static const struct dirent *next_entry(DIR *directory)
{
	const struct dirent *entry;

	do {
		errno = 0;
		entry = readdir(directory);
	} while (entry && is_dots(entry->d_name));
	return entry;
}

/* Tells of a directory that was there before. One that is there without anything in it was changed itself, or
 * something in it came and went. */
static int list(struct written *written, const char *path, unsigned depth)
{
	_cleanup_closedir_ DIR *directory = open_directory(written, path);
	size_t before = written->count, entries = 0;
	const struct dirent *entry = NULL;
	int result = 0;

	while (directory && !result && !is_much(written, path, before) && (entry = next_entry(directory))) {
		_cleanup_free_ char *inside = NULL;
		if (asprintf(&inside, "%s/%s", path, entry->d_name) < 0) {
			inside = NULL;
			return -1;
		}
		entries++;
		result = meet(written, inside, entry->d_type, depth);
	}
	if (!entry && !result && errno)
		return fail(written, path);
	if (result < 0 || !*path || (entries && !is_much(written, path, before)))
		return result;
	written->count = before;
	return add(written, path, true);
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int written_list(struct written *written)
{
	written->paths = arena_array(written->arena, WRITTEN_MAX + 1, sizeof(*written->paths));
	if (!written->paths || list(written, "", 0) < 0)
		return -1;
	written->paths[written->count] = NULL;
	if (written->count)
		qsort(written->paths, written->count, sizeof(*written->paths), compare_texts);
	return 0;
}
