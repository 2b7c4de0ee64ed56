#include "collectors/device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proctor/cleanup.h"

enum {
	NAMES_MAX = 100000, /* looked at in one container */
	DEVICES_MAX = 1000, /* kept of one container */
	DEPTH_MAX = 8,
};

struct search {
	struct container *container;
	const struct beneath *beneath;
	struct arena *arena;
	struct device_faults *faults;
	size_t capacity, names;
	bool out_of_memory;
};

bool device_is_default(bool block, uint32_t major, uint32_t minor)
{
	static const struct {
		uint32_t major, first, last;
	} defaults[] = {
		{1, 3, 3},            /* null */
		{1, 5, 5},            /* zero */
		{1, 7, 9},            /* full random urandom */
		{5, 0, 2},            /* tty console ptmx */
		{136, 0, UINT32_MAX}, /* pts, Documentation/admin-guide/devices.txt */
		{137, 0, UINT32_MAX},
		{138, 0, UINT32_MAX},
		{139, 0, UINT32_MAX},
		{140, 0, UINT32_MAX},
		{141, 0, UINT32_MAX},
		{142, 0, UINT32_MAX},
		{143, 0, UINT32_MAX},
	};

	for (size_t i = 0; !block && i < sizeof(defaults) / sizeof(defaults[0]); i++)
		if (major == defaults[i].major && minor >= defaults[i].first && minor <= defaults[i].last)
			return true;
	return false;
}

static void fault(struct search *search, const char *reason, const char *remedy)
{
	*search->faults = (struct device_faults){reason, remedy};
}

static void add_device(struct search *search, const char *path, const struct statx *facts)
{
	struct container *container = search->container;
	struct device *grown;
	char *copy;

	if (container->device_count == DEVICES_MAX) {
		fault(search, "a container has more than 1000 devices: the rest is left out", NULL);
		return;
	}
	grown = arena_grow(search->arena, container->devices, container->device_count, &search->capacity,
			   sizeof(*grown));
	copy = arena_string(search->arena, path);
	if (!grown || !copy) {
		search->out_of_memory = true;
		return;
	}
	container->devices = grown;
	grown[container->device_count++] = (struct device){.path = copy,
							   .block = S_ISBLK(facts->stx_mode),
							   .major = facts->stx_rdev_major,
							   .minor = facts->stx_rdev_minor,
							   .mode = facts->stx_mode & 07777};
}

static void search_directory(struct search *search, int fd, const struct mount *mount, const char *path,
			     unsigned depth);

/* File systems in which nodes are not the host's devices. */
static bool is_apart(const struct mount *mount)
{
	return !strcmp(mount->type, "devpts") || !strcmp(mount->type, "mqueue");
}

static void search_name(struct search *search, int directory, const struct mount *mount, const char *above,
			const char *name, unsigned depth)
{
	struct statx facts;
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = beneath_component(search->beneath, directory, name, &mount, &facts);

	if (fd < 0 && errno == EREMOTE)
		fault(search, "a file system in a container's /dev may hang: not entered", NULL);
	else if (fd < 0 && errno != ENOENT)
		fault(search, "a file in a container's /dev cannot be looked at", "run as root");
	if (fd < 0 || is_apart(mount))
		return;
	bool node = S_ISBLK(facts.stx_mode) || S_ISCHR(facts.stx_mode);
	if (!node && !S_ISDIR(facts.stx_mode))
		return;
	if (asprintf(&path, "%s/%s", above, name) < 0) {
		path = NULL;
		search->out_of_memory = true;
		return;
	}
	if (S_ISDIR(facts.stx_mode))
		search_directory(search, fd, mount, path, depth + 1);
	else if (!(mount->options & MOUNT_NODEV) &&
		 !device_is_default(S_ISBLK(facts.stx_mode), facts.stx_rdev_major, facts.stx_rdev_minor))
		add_device(search, path, &facts);
}

static void search_directory(struct search *search, int fd, const struct mount *mount, const char *path,
			     unsigned depth)
{
	bool may_list = beneath_may_list(mount);
	int listed = depth < DEPTH_MAX && may_list ? openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	_cleanup_closedir_ DIR *directory = listed < 0 ? NULL : fdopendir(listed);
	const struct dirent *entry;

	if (!may_list) {
		fault(search,
		      "a directory in a container's /dev lies on an overlay that may hang: not listed", NULL);
		return;
	}
	if (!directory) {
		if (listed >= 0)
			close(listed);
		fault(search, "a directory in a container's /dev cannot be listed", "run as root");
		return;
	}
	while (errno = 0, !search->out_of_memory && (entry = readdir(directory))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") || entry->d_type == DT_LNK)
			continue;
		if (++search->names > NAMES_MAX) {
			fault(search, "a container has more than 100000 names in /dev: the rest is left out",
			      NULL);
			return;
		}
		search_name(search, fd, mount, path, entry->d_name, depth);
	}
	if (errno)
		fault(search, "a directory in a container's /dev cannot be listed", NULL);
}

static int compare_devices(const void *a, const void *b)
{
	return strcmp(((const struct device *)a)->path, ((const struct device *)b)->path);
}

int device_collect(struct container *container, const struct beneath *beneath, struct arena *arena,
		   struct device_faults *faults)
{
	struct search search = {.container = container, .beneath = beneath, .arena = arena, .faults = faults};
	const struct mount *mount;
	_cleanup_close_ int fd = beneath_path(beneath, "/dev", &mount);

	*faults = (struct device_faults){0};
	if (fd >= 0)
		search_directory(&search, fd, mount, "/dev", 0);
	else if (errno == EREMOTE)
		fault(&search, "a container's /dev lies on a file system that may hang: not entered", NULL);
	else if (errno == ELOOP)
		fault(&search, "a container's /dev is a symbolic link: not followed", NULL);
	else if (errno != ENOENT)
		fault(&search, "a container's /dev cannot be read", "run as root");
	if (search.out_of_memory) {
		errno = ENOMEM;
		return -1;
	}
	if (container->device_count)
		qsort(container->devices, container->device_count, sizeof(struct device), compare_devices);
	container->devices_known = !faults->reason;
	return 0;
}
