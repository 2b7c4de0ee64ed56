#include "collectors/open_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "proctor/cleanup.h"

enum { DESCRIPTORS_MAX = 65536 }; /* looked at in one container */

/* ---- what one process has open ----------------------------------------------------------------- */

/* A descriptor that was closed, or whose process ended, is none. */
static void note_unread(struct open_files *files)
{
	if (errno != ENOENT && errno != ESRCH)
		files->left_out = "files that a process of a container has open could not be read";
}

/* True for a link in /proc/PID/fd to a file that can be written to: its own mode tells (proc_pid_fd(5)). */
static bool is_for_writing(struct open_files *files, int directory, const char *name)
{
	struct stat facts;

	if (!fstatat(directory, name, &facts, AT_SYMLINK_NOFOLLOW))
		return facts.st_mode & S_IWUSR;
	note_unread(files);
	return false;
}

/* True when it leads to a regular file on the root that still has a name. Its file system is not asked. */
static bool is_on_root(struct open_files *files, int directory, const char *name, const struct mount *root)
{
	struct statx facts;

	if (!statx(directory, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		   STATX_TYPE | STATX_NLINK | STATX_MNT_ID, &facts))
		return S_ISREG(facts.stx_mode) && facts.stx_nlink && (facts.stx_mask & STATX_MNT_ID) &&
		       facts.stx_mnt_id == root->id;
	note_unread(files);
	return false;
}

static int add_path(struct open_files *files, const char *path)
{
	size_t at = 0;
	int order = 1;

	while (at < files->count && (order = strcmp(files->paths[at], path)) < 0)
		at++;
	if (!order)
		return 0;
	if (files->count == OPEN_FILES_MAX) {
		files->left_out = "processes of a container have more than 256 files open for writing: the "
				  "rest is left out";
		return 0;
	}
	char *copy = strdup(path);
	if (!copy)
		return -1;
	memmove(&files->paths[at + 1], &files->paths[at], (files->count - at) * sizeof(char *));
	files->paths[at] = copy;
	files->count++;
	return 0;
}

static int add_descriptor(struct open_files *files, int directory, const char *name, const struct mount *root,
			  struct buffer *buffer)
{
	if (!is_for_writing(files, directory, name) || !is_on_root(files, directory, name, root))
		return 0;
	if (buffer_readlink(buffer, directory, name) < 0) {
		note_unread(files);
		return errno == ENOMEM ? -1 : 0;
	}
	return buffer->data[0] == '/' ? add_path(files, buffer->data) : 0;
}

static int add_descriptors(struct open_files *files, DIR *descriptors, const struct mount *root,
			   struct buffer *buffer)
{
	const struct dirent *entry;

	while (errno = 0, (entry = readdir(descriptors))) {
		if (entry->d_name[0] == '.')
			continue;
		if (++files->descriptors > DESCRIPTORS_MAX) {
			files->left_out = "processes of a container have more than 65536 files open: the "
					  "rest is not looked at";
			return 0;
		}
		if (add_descriptor(files, dirfd(descriptors), entry->d_name, root, buffer))
			return -1;
	}
	if (errno)
		note_unread(files);
	return 0;
}

int open_files_read(struct open_files *files, int directory, const struct container_view *view,
		    struct buffer *buffer)
{
	const struct mount *root = view->mounts ? view->mounts->root : NULL;
	int opened = root ? openat(directory, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	_cleanup_closedir_ DIR *descriptors = opened < 0 ? NULL : fdopendir(opened);

	if (!root)
		return 0;
	if (descriptors)
		return add_descriptors(files, descriptors, root, buffer);
	note_unread(files);
	int number = errno;
	if (opened >= 0)
		close(opened);
	return number == ENOMEM ? -1 : 0;
}

/* ---- all of them ------------------------------------------------------------------------------- */

/* True when the path, or a directory above it, is among those that are known to be written. */
static bool is_told(const char *const *written, const char *path)
{
	for (; written && *written; written++) {
		size_t length = strlen(*written);
		length -= length && (*written)[length - 1] == '/'; /* a directory */
		if (!strncmp(*written, path, length) && (!path[length] || path[length] == '/'))
			return true;
	}
	return false;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int add_to_written(const struct open_files *files, struct arena *arena, struct container *container)
{
	size_t known = 0, count;
	const char **all;

	while (container->written && container->written[known])
		known++;
	all = arena_array(arena, known + files->count + 1, sizeof(char *));
	if (!all)
		return -1;
	for (count = 0; count < known; count++)
		all[count] = container->written[count];
	for (size_t i = 0; i < files->count; i++) {
		if (is_told(container->written, files->paths[i]))
			continue;
		all[count] = arena_string(arena, files->paths[i]);
		if (!all[count++])
			return -1;
	}
	qsort(all, count, sizeof(char *), compare_paths);
	container->written = all;
	return 0;
}

int open_files_keep(struct open_files *files, struct arena *arena, struct coverage *coverage,
		    struct container *container)
{
	char label[64];
	int result = files->count ? add_to_written(files, arena, container) : 0;

	if (files->left_out)
		coverage_note(coverage, arena, files->left_out,
			      container_label(container, label, sizeof(label)), NULL);
	for (size_t i = 0; i < files->count; i++)
		free(files->paths[i]);
	files->count = 0;
	return result;
}
