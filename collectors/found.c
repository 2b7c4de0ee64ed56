#include "collectors/found.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "collectors/file_capability.h"
#include "collectors/open.h"

static void note_capability(struct walk_worker *worker, const struct walk_file *file, const char *reason,
			    const char *remedy)
{
	char *path = directory_path(worker->arena, file->directory, file->name);

	worker->out_of_memory |= !path;
	worker->coverage.missed++;
	coverage_note(&worker->coverage, worker->arena, reason, path, remedy);
}

/* The attribute of the file that is open for its facts. Its name could stand for another file by now. */
static struct file_capability read_capability(struct walk_worker *worker, const struct walk_file *file,
					      int descriptor)
{
	const struct found_share *share = worker->context;
	char path[PATH_MAX], value[FILE_CAPABILITY_SIZE];
	struct file_capability capability = {.version = FILE_CAPABILITY_NOT_UNDERSTOOD};
	ssize_t length;

	snprintf(path, sizeof(path), "%s/self/fd/%d", share->found->request->proc, descriptor);
	length = getxattr(path, "security.capability", value, sizeof(value));
	if (length >= 0)
		capability = file_capability_parse(value, (size_t)length);
	else if (errno == ENODATA || errno == EOPNOTSUPP)
		return (struct file_capability){.version = 0};
	else if (errno != EINVAL && errno != ERANGE && errno != EOVERFLOW) {
		walk_note(worker, file->directory, file->name, "security.capability of a file", errno);
		return (struct file_capability){.version = 0};
	}
	if (capability.version != FILE_CAPABILITY_NOT_UNDERSTOOD)
		return capability;
	if (length < 0 && errno == EOVERFLOW)
		note_capability(worker, file,
				"security.capability for a user namespace that ours does not map",
				"run in the initial user namespace");
	else
		note_capability(worker, file, "security.capability that is malformed, or of version 1", NULL);
	return capability;
}

static void keep_file(struct walk_worker *worker, const struct walk_file *met, int descriptor,
		      struct file_capability capability)
{
	struct found_share *share = worker->context;
	const struct request *request = share->found->request;
	struct found_file *found = arena_alloc(worker->arena, sizeof(*found));
	char *path = directory_path(worker->arena, met->directory, met->name);
	struct statx facts;

	if (!found || !path) {
		worker->out_of_memory = true;
		return;
	}
	if (statx(descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &facts)) {
		walk_note(worker, met->directory, met->name, "a file", errno);
		return;
	}
	if (!S_ISREG(facts.stx_mode) || (!(facts.stx_mode & (S_ISUID | S_ISGID)) && !capability.version))
		return; /* it is another by now */
	found->file = (struct file){
		.path = path,
		.container = share->found->container,
		.inode = facts.stx_ino,
		.device_major = facts.stx_dev_major,
		.device_minor = facts.stx_dev_minor,
		.mode = facts.stx_mode,
		.uid = facts.stx_uid,
		.gid = facts.stx_gid,
		.links = facts.stx_nlink,
		.capability = capability,
		.nosuid = met->mount->options & MOUNT_NOSUID,
		.noexec = met->mount->options & MOUNT_NOEXEC,
		.reachable = met->directory->reachable,
		.writable_directory = met->directory->writable,
	};
	found->next = share->first;
	share->first = found;
	share->count++;
	if (!request->found)
		return;
	pthread_mutex_lock(&share->found->telling);
	request->found(request->found_context, &found->file);
	pthread_mutex_unlock(&share->found->telling);
}

void found_examine(struct walk_worker *worker, const struct walk_file *met)
{
	struct file_capability capability = {.version = 0};
	int descriptor;

	if (!(met->facts.stx_mode & (S_ISUID | S_ISGID | S_IXUSR | S_IXGRP | S_IXOTH)))
		return;
	descriptor = met->descriptor;
	if (descriptor < 0)
		descriptor = open_beneath(met->at, met->name, O_PATH | O_NOFOLLOW);
	if (descriptor < 0) {
		walk_note(worker, met->directory, met->name, "a file", errno);
		return;
	}
	if (met->facts.stx_mode & (S_IXUSR | S_IXGRP | S_IXOTH))
		capability = read_capability(worker, met, descriptor);
	if ((met->facts.stx_mode & (S_ISUID | S_ISGID)) || capability.version)
		keep_file(worker, met, descriptor, capability);
	if (descriptor != met->descriptor)
		close(descriptor);
}

static int compare_files(const void *a, const void *b)
{
	const struct file *left = a, *right = b;

	if (left->container != right->container) {
		if (!left->container || !right->container)
			return left->container ? -1 : 1;
		return strcmp(left->container->id, right->container->id);
	}
	return strcmp(left->path, right->path);
}

int found_keep(const struct found_share *shares, size_t count, struct snapshot *snapshot)
{
	size_t files = 0;

	for (size_t i = 0; i < count; i++)
		files += shares[i].count;
	snapshot->files = arena_array(snapshot->arena, files, sizeof(*snapshot->files));
	if (!snapshot->files)
		return -1;
	for (size_t i = 0; i < count; i++)
		for (const struct found_file *found = shares[i].first; found; found = found->next)
			snapshot->files[snapshot->file_count++] = found->file;
	if (files)
		qsort(snapshot->files, files, sizeof(*snapshot->files), compare_files);
	return 0;
}
