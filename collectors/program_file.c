#include "collectors/program_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proctor/cleanup.h"

/* ---- by its name alone ------------------------------------------------------------------------- */

static bool has_file_system(const struct mount_namespace *mounts, uint32_t major, uint32_t minor)
{
	for (size_t i = 0; mounts && i < mounts->mount_count; i++)
		if (mounts->mounts[i].major == major && mounts->mounts[i].minor == minor)
			return true;
	return false;
}

/* True for shared memory that the kernel names so (mm/shmem.c, ipc/shm.c, fs/aio.c): it has no file. */
static bool is_memory(const struct container_view *view, const struct program_name *name)
{
	static const char *const names[] = {"/dev/zero (deleted)", "/SYSV", "/anon_hugepage (deleted)",
					    "/[aio]"};

	if (has_file_system(view->mounts, name->mapping->major, name->mapping->minor))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncmp(name->text, names[i], strlen(names[i])))
			return true;
	return false;
}

/* What is known of a file that has no name any more. */
static int look_at_nameless(const struct container_view *view, const char *text, size_t length,
			    struct arena *arena, struct program *program)
{
	program->path = arena_copy(arena, text, length);
	if (!program->path)
		return -1;
	program->deleted = true;
	program->memfd = !strncmp(text, "/memfd:", 7);
	if (program->memfd || !view->mounts)
		return 0;
	program->mount = mount_of_path(view->mounts, program->path);
	if (program->mount && program->mount != view->mounts->root)
		program->origin = ORIGIN_MOUNT;
	return 0;
}

/* ---- where it lies ----------------------------------------------------------------------------- */

/* The file at a path, and the directory it is in. */
struct found {
	struct statx file, directory;
	const struct mount *mount;
};

static int stat_open(int descriptor, struct statx *facts)
{
	return statx(descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_BASIC_STATS,
		     facts);
}

/* Looks it up in the container's root. -1 with errno. */
static int find(const struct container_view *view, const char *path, struct found *found)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *above = strndup(path, (size_t)(slash - path));
	struct statx kind;

	if (!above)
		return -1;
	if (view->beneath.root < 0) {
		errno = EACCES;
		return -1;
	}
	_cleanup_close_ int directory = beneath_path(&view->beneath, above, &found->mount);
	_cleanup_close_ int file =
		directory < 0 ? -1
			      : beneath_component(&view->beneath, directory, slash + 1, &found->mount, &kind);
	if (file < 0 || stat_open(directory, &found->directory))
		return -1;
	return stat_open(file, &found->file);
}

static int look_at_file(const struct container_view *view, const char *path, const struct found *found,
			struct arena *arena, struct program *program)
{
	*program = (struct program){
		.path = arena_string(arena, path),
		.origin = container_view_origin(view, found->mount, path),
		.mount = found->mount,
		.known = true,
		.mode = found->file.stx_mode,
		.uid = found->file.stx_uid,
		.gid = found->file.stx_gid,
		.directory_mode = found->directory.stx_mode,
		.directory_uid = found->directory.stx_uid,
		.directory_gid = found->directory.stx_gid,
	};
	return program->path ? 0 : -1;
}

/* Compares with the file that is mapped: map_files, of which capabilities(7) says who may follow them. */
static bool is_mapped(const struct found *found, const struct program_name *name)
{
	struct statx facts;
	char link[64];

	snprintf(link, sizeof(link), "map_files/%" PRIx64 "-%" PRIx64, name->mapping->from,
		 name->mapping->to);
	return !statx(name->process, link, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &facts) &&
	       facts.stx_ino == found->file.stx_ino && facts.stx_dev_major == found->file.stx_dev_major &&
	       facts.stx_dev_minor == found->file.stx_dev_minor;
}

/* By its number, whatever the device: of an overlay and of btrfs the kernel may tell another in maps than by
 * stat(2). Of an overlay it may also tell the number that the file had before it was copied up. */
static bool is_the_one(const struct found *found, const struct program_name *name)
{
	return S_ISREG(found->file.stx_mode) &&
	       (found->file.stx_ino == name->mapping->inode || is_mapped(found, name));
}

static int look_at_unknown(const struct container_view *view, const char *text, int number,
			   struct arena *arena, struct program *program, const char **unknown)
{
	program->path = arena_string(arena, text);
	if (!program->path)
		return -1;
	if (view->mounts)
		program->mount = mount_of_path(view->mounts, program->path);
	if (view->beneath.root < 0)
		return 0; /* told already */
	if (number == EREMOTE)
		*unknown = "file that a process executes lies on a file system that may hang: not looked at";
	else if (number)
		*unknown = "file that a process executes could not be looked at";
	else
		*unknown = "file that a process executes is not the one of that path: not looked at";
	return 0;
}

int program_look(const struct container_view *view, const struct program_name *name, struct arena *arena,
		 struct program *program, const char **unknown)
{
	size_t deleted = mapping_deleted(name->text);
	struct found found = {.mount = NULL};
	int number;

	if (is_memory(view, name))
		return 0;
	number = find(view, name->text, &found) ? errno : 0;
	if (number == ENOMEM)
		return -1;
	if (!number && is_the_one(&found, name))
		return look_at_file(view, name->text, &found, arena, program);
	if (deleted)
		return look_at_nameless(view, name->text, deleted, arena, program);
	return look_at_unknown(view, name->text, number, arena, program, unknown);
}
