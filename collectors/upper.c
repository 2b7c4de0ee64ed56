#include "collectors/upper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "collectors/found.h"
#include "collectors/open.h"
#include "collectors/tool.h"
#include "proctor/cleanup.h"

enum { ENTRIES_MAX = 65536, DEPTH_MAX = 64 };

/* One that counts. What tells of a change of it, or of another in its place. */
struct entry {
	char *path;
	uint64_t facts[12];
};

struct look {
	const struct upper_setting *setting;
	struct arena *arena;
	struct entry *entries;
	size_t count, capacity;
	size_t seen;
	int64_t newest;
	char path[PATH_MAX]; /* of the entry at hand */
};

/* ---- what counts ------------------------------------------------------------------------------- */

/* The first of the paths that is not before `path`, as far as `length` bytes of both are compared. */
static const char *first_from(const struct upper_setting *setting, const char *path, size_t length)
{
	size_t low = 0, high = setting->path_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strncmp(setting->paths[middle], path, length) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < setting->path_count ? setting->paths[low] : NULL;
}

/* Whether the entry at hand is one of the paths, or on the way to one. */
static bool leads_to_path(struct look *look)
{
	size_t length = strlen(look->path);
	const char *first = first_from(look->setting, look->path, length + 1);

	if (first && !strcmp(first, look->path))
		return true;
	if (length + 1 >= sizeof(look->path))
		return false;
	memcpy(look->path + length, "/", 2);
	first = first_from(look->setting, look->path, length + 1);
	bool leads = first && !strncmp(first, look->path, length + 1);
	look->path[length] = '\0';
	return leads;
}

static bool counts(struct look *look, const struct statx *facts, const char *name)
{
	if (S_ISREG(facts->stx_mode) && (facts->stx_mode & FOUND_MODE))
		return true;
	if (S_ISDIR(facts->stx_mode) && look->setting->makes_redirects)
		return true;
	if (S_ISLNK(facts->stx_mode) && tool_is_named(name))
		return true;
	return leads_to_path(look);
}

/* Of a directory not when it changed, which it does with each file in it, but when it was made: one that
 * takes the place of another may have the same inode number. Whiteouts share an inode. */
static void describe(const struct statx *facts, uint64_t described[12])
{
	bool file = S_ISREG(facts->stx_mode) || S_ISLNK(facts->stx_mode);
	const uint64_t all[12] = {
		facts->stx_mode,
		(uint64_t)facts->stx_uid << 32 | facts->stx_gid,
		S_ISCHR(facts->stx_mode) ? 0 : facts->stx_ino,
		(uint64_t)facts->stx_rdev_major << 32 | facts->stx_rdev_minor,
		S_ISDIR(facts->stx_mode) && (facts->stx_mask & STATX_BTIME)
			? (uint64_t)facts->stx_btime.tv_sec
			: 0,
		S_ISDIR(facts->stx_mode) && (facts->stx_mask & STATX_BTIME) ? facts->stx_btime.tv_nsec : 0,
		file ? facts->stx_nlink : 0,
		file ? facts->stx_size : 0,
		file ? (uint64_t)facts->stx_ctime.tv_sec : 0,
		file ? facts->stx_ctime.tv_nsec : 0,
	};

	memcpy(described, all, sizeof(all));
}

static int keep(struct look *look, const struct statx *facts)
{
	struct entry *grown =
		arena_grow(look->arena, look->entries, look->count, &look->capacity, sizeof(*grown));

	if (!grown)
		return -1;
	look->entries = grown;
	grown[look->count].path = arena_string(look->arena, look->path);
	describe(facts, grown[look->count].facts);
	if (look->newest < facts->stx_ctime.tv_sec)
		look->newest = facts->stx_ctime.tv_sec;
	return grown[look->count++].path ? 0 : -1;
}

/* ---- looking ----------------------------------------------------------------------------------- */

static int list(struct look *look, int directory, unsigned depth);

static int facts_of(int directory, const char *name, struct statx *facts)
{
	return statx(directory, name,
		     AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC | AT_EMPTY_PATH,
		     STATX_BASIC_STATS | STATX_BTIME, facts);
}

/* What could not be looked at. What went away meanwhile is not there. */
static int fail(void)
{
	if (errno == ENOMEM)
		return -1;
	return errno == ENOENT ? 0 : 1;
}

static int enter(struct look *look, int directory, const char *name, unsigned depth)
{
	int descriptor =
		depth < DEPTH_MAX ? open_beneath(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW) : -1;

	if (depth == DEPTH_MAX)
		return 1;
	return descriptor < 0 ? fail() : list(look, descriptor, depth + 1);
}

/* An entry whose path is at hand. */
static int meet(struct look *look, int directory, const char *name, unsigned depth)
{
	struct statx facts;

	if (look->seen++ == ENTRIES_MAX)
		return 1;
	if (facts_of(directory, name, &facts))
		return fail();
	if (counts(look, &facts, name) && keep(look, &facts))
		return -1;
	return S_ISDIR(facts.stx_mode) ? enter(look, directory, name, depth) : 0;
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* Looks at all in the directory at the path at hand. Takes the descriptor. */
static int list(struct look *look, int directory, unsigned depth)
{
	_cleanup_closedir_ DIR *entries = fdopendir(directory);
	size_t length = strlen(look->path);
	const struct dirent *entry = NULL;
	int result = 0;

	if (!entries) {
		result = fail();
		close(directory);
		return result;
	}
	while (!result && (errno = 0, entry = readdir(entries))) {
		if (is_dots(entry->d_name))
			continue;
		if (snprintf(look->path + length, sizeof(look->path) - length, "/%s", entry->d_name) >=
		    (int)(sizeof(look->path) - length))
			result = 1;
		else
			result = meet(look, dirfd(entries), entry->d_name, depth);
		look->path[length] = '\0';
	}
	return !result && errno ? fail() : result;
}

/* ---- all of it --------------------------------------------------------------------------------- */

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

static void sign_all(const struct look *look, struct upper_sign *sign)
{
	struct sha256_ctx hash;

	sha256_init(&hash);
	for (size_t i = 0; i < look->count; i++) {
		const struct entry *entry = &look->entries[i];
		sha256_update(&hash, strlen(entry->path) + 1, (const uint8_t *)entry->path);
		sha256_update(&hash, sizeof(entry->facts), (const uint8_t *)entry->facts);
	}
	sha256_digest(&hash, sizeof(sign->sum), sign->sum);
	sign->newest = look->newest;
}

/* The root directory is another one in each container. */
static int keep_root(struct look *look, int directory)
{
	struct statx facts;

	if (facts_of(directory, "", &facts))
		return fail() < 0 ? -1 : 1;
	facts.stx_ino = 0;
	facts.stx_mask &= ~STATX_BTIME;
	return keep(look, &facts);
}

int upper_look(int directory, const struct upper_setting *setting, struct upper_sign *sign)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	struct look look = {.setting = setting, .arena = arena, .newest = INT64_MIN};
	int descriptor, result = arena ? keep_root(&look, directory) : -1;

	if (result)
		return result;
	descriptor = open_beneath(directory, ".", O_RDONLY | O_DIRECTORY);
	if (descriptor < 0)
		return fail() < 0 ? -1 : 1;
	result = list(&look, descriptor, 0);
	if (result)
		return result;
	qsort(look.entries, look.count, sizeof(*look.entries), compare_entries);
	sign_all(&look, sign);
	return 0;
}
