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
#include "collectors/tool.h"

enum {
	TOOLS_MAX = 4096,                  /* names of one container */
	FOUND_SIZE_MAX = 32 * 1024 * 1024, /* bytes for what is kept of one container, layer, or the host */
};

/* ---- file capabilities ------------------------------------------------------------------------- */

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

/* ---- keeping ----------------------------------------------------------------------------------- */

void found_begin(struct found *found)
{
	atomic_store(&found->tools, 0);
	atomic_store(&found->size, 0);
}

static bool gives_privilege(uint32_t mode, struct file_capability capability)
{
	return (mode & (S_ISUID | S_ISGID)) || capability.version;
}

void found_add(struct found_share *share, struct found_file *found)
{
	const struct request *request = share->found->request;

	found->next = share->first;
	share->first = found;
	share->count++;
	if (!request->found || !gives_privilege(found->file.mode, found->file.capability))
		return;
	pthread_mutex_lock(&share->found->telling);
	request->found(request->found_context, &found->file);
	pthread_mutex_unlock(&share->found->telling);
}

/* Tells that there is more than is kept. */
static bool leave_out(struct walk_worker *worker, const char *reason)
{
	const struct found *found = ((struct found_share *)worker->context)->found;
	char label[64];

	worker->coverage.missed++;
	coverage_note(&worker->coverage, worker->arena, reason,
		      found->layer ? found->layer : container_label(found->container, label, sizeof(label)),
		      NULL);
	return false;
}

/* A name of a container's tools counts; false when it has too many. */
static bool counts_as_tool(struct walk_worker *worker)
{
	struct found *found = ((struct found_share *)worker->context)->found;

	return atomic_fetch_add(&found->tools, 1) < TOOLS_MAX ||
	       leave_out(worker, "a container has more than 4096 names of tools: the rest is left out");
}

/* Whether there is room for one more file; who makes files without end, at paths without end, fills no
 * memory. */
static bool has_room(struct walk_worker *worker, const struct walk_file *met)
{
	struct found *found = ((struct found_share *)worker->context)->found;
	size_t size = sizeof(struct found_file) + directory_path_length(met->directory, met->name);

	return atomic_fetch_add(&found->size, size) + size <= FOUND_SIZE_MAX ||
	       leave_out(
		       worker,
		       "what gives privilege, and tools, would take more than 32 MiB: the rest is left out");
}

/* NULL: no memory, or no room. */
static struct found_file *new_found(struct walk_worker *worker, const struct walk_file *met,
				    const struct statx *facts)
{
	struct found_share *share = worker->context;
	struct found_file *found;
	char *path;

	if (!has_room(worker, met))
		return NULL;
	found = arena_alloc(worker->arena, sizeof(*found));
	path = directory_path(worker->arena, met->directory, met->name);
	if (!found || !path) {
		worker->out_of_memory = true;
		return NULL;
	}
	found->file = (struct file){
		.path = path,
		.container = share->found->container,
		.inode = facts->stx_ino,
		.device_major = facts->stx_dev_major,
		.device_minor = facts->stx_dev_minor,
		.mode = facts->stx_mode,
		.uid = facts->stx_uid,
		.gid = facts->stx_gid,
		.links = facts->stx_nlink,
		.nosuid = met->mount->options & MOUNT_NOSUID,
		.noexec = met->mount->options & MOUNT_NOEXEC,
		.reachable = met->directory->reachable,
		.writable_directory = met->directory->writable,
		.origin =
			share->found->own && share->found->own != met->mount ? ORIGIN_MOUNT : ORIGIN_UNKNOWN,
	};
	return found;
}

/* A file of a layer that has facts only: the overlay takes its data from a layer below (metacopy). */
static bool has_no_data(const struct found *found, int descriptor)
{
	char path[PATH_MAX];

	if (!found->layer)
		return false;
	snprintf(path, sizeof(path), "%s/self/fd/%d", found->request->proc, descriptor);
	return getxattr(path, "trusted.overlay.metacopy", NULL, 0) >= 0 ||
	       getxattr(path, "user.overlay.metacopy", NULL, 0) >= 0;
}

static void keep_file(struct walk_worker *worker, const struct walk_file *met, int descriptor,
		      struct file_capability capability, uint32_t tools)
{
	struct found_file *found;
	struct statx facts;

	if (statx(descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &facts)) {
		walk_note(worker, met->directory, met->name, "a file", errno);
		return;
	}
	if (!S_ISREG(facts.stx_mode) || (!tools && !gives_privilege(facts.stx_mode, capability)))
		return; /* it is another by now */
	found = new_found(worker, met, &facts);
	if (!found)
		return;
	found->file.capability = capability;
	found->tools = tools;
	found->elsewhere = tools && has_no_data(((struct found_share *)worker->context)->found, descriptor);
	found_add(worker->context, found);
}

/* ---- looking ----------------------------------------------------------------------------------- */

static void examine_link(struct walk_worker *worker, const struct walk_file *met)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(met->at, met->name, target, sizeof(target));
	struct found_file *found;

	if (length < 0 || length == sizeof(target)) {
		walk_note(worker, met->directory, met->name, "a link", length < 0 ? errno : ENAMETOOLONG);
		return;
	}
	if (!counts_as_tool(worker))
		return;
	found = new_found(worker, met, &met->facts);
	if (!found)
		return;
	found->tools = tool_kinds(met->name);
	found->link = arena_copy(worker->arena, target, (size_t)length);
	worker->out_of_memory |= !found->link;
	found_add(worker->context, found);
}

/* The kinds of tool that a container's file is, by its name and by what is in it. */
static uint32_t examine_tool(struct walk_worker *worker, const struct walk_file *met, int descriptor)
{
	const struct found *found = ((struct found_share *)worker->context)->found;
	uint32_t kinds = found->container || found->layer ? tool_kinds(met->name) : 0;
	int is_program = kinds ? tool_is_program(found->request->proc, descriptor) : 0;

	if (kinds && !is_program)
		is_program = has_no_data(found, descriptor);
	if (is_program < 0)
		walk_note(worker, met->directory, met->name, "the first bytes of a program", errno);
	return is_program > 0 && counts_as_tool(worker) ? kinds : 0;
}

static void examine_file(struct walk_worker *worker, const struct walk_file *met, int descriptor)
{
	struct file_capability capability = {.version = 0};
	uint32_t tools = 0;

	if (met->facts.stx_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) {
		capability = read_capability(worker, met, descriptor);
		tools = examine_tool(worker, met, descriptor);
	}
	if (tools || gives_privilege(met->facts.stx_mode, capability))
		keep_file(worker, met, descriptor, capability, tools);
}

void found_examine(struct walk_worker *worker, const struct walk_file *met)
{
	int descriptor;

	if (S_ISLNK(met->facts.stx_mode)) {
		examine_link(worker, met);
		return;
	}
	if (!(met->facts.stx_mode & FOUND_MODE))
		return;
	descriptor = met->descriptor;
	if (descriptor < 0)
		descriptor = open_beneath(met->at, met->name, O_PATH | O_NOFOLLOW);
	if (descriptor < 0) {
		walk_note(worker, met->directory, met->name, "a file", errno);
		return;
	}
	examine_file(worker, met, descriptor);
	if (descriptor != met->descriptor)
		close(descriptor);
}

/* ---- all of it --------------------------------------------------------------------------------- */

static int compare_found(const void *a, const void *b)
{
	const struct file *left = &(*(struct found_file *const *)a)->file;
	const struct file *right = &(*(struct found_file *const *)b)->file;

	if (left->container != right->container) {
		if (!left->container || !right->container)
			return left->container ? -1 : 1;
		return strcmp(left->container->id, right->container->id);
	}
	return strcmp(left->path, right->path);
}

int found_gather(const struct found_share *shares, size_t count, struct arena *arena, struct found_list *list)
{
	size_t all = 0;

	for (size_t i = 0; i < count; i++)
		all += shares[i].count;
	*list = (struct found_list){.files = arena_array(arena, all, sizeof(struct found_file *))};
	if (!list->files)
		return -1;
	for (size_t i = 0; i < count; i++)
		for (struct found_file *found = shares[i].first; found; found = found->next)
			list->files[list->count++] = found;
	if (all)
		qsort(list->files, all, sizeof(struct found_file *), compare_found);
	return 0;
}

int found_keep(const struct found_list *list, struct snapshot *snapshot)
{
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++)
		count += gives_privilege(list->files[i]->file.mode, list->files[i]->file.capability);
	snapshot->files = arena_array(snapshot->arena, count, sizeof(*snapshot->files));
	if (!snapshot->files)
		return -1;
	for (size_t i = 0; i < list->count; i++)
		if (gives_privilege(list->files[i]->file.mode, list->files[i]->file.capability))
			snapshot->files[snapshot->file_count++] = list->files[i]->file;
	return 0;
}
