#include "collectors/container_tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "collectors/namespace_root.h"
#include "collectors/open.h"
#include "collectors/tool.h"
#include "proctor/cleanup.h"

/* A name, and the file that it leads to. */
struct lead {
	const char *name, *path; /* the file's own, the same for what is no link */
	uint64_t device, inode;
	uint32_t kinds;
	const char *layer;
};

/* The names of one container, by path; then what they lead to. */
struct leads {
	const struct container_tools *tools;
	struct container *container;
	struct found_file *const *found;
	size_t found_count;
	struct lead *leads;
	size_t count;
	int root; /* -1: not opened */
};

static void note(const struct leads *leads, const char *reason, const char *example, const char *remedy)
{
	coverage_note(leads->tools->coverage, leads->tools->snapshot->arena, reason, example, remedy);
}

static void note_missed(const struct leads *leads, const char *reason, const char *example,
			const char *remedy)
{
	leads->tools->coverage->missed++;
	note(leads, reason, example, remedy);
}

/* That a link was not followed. The walk tells of the mounts that were not entered. */
static void note_link(const struct leads *leads, const char *path, int number)
{
	if (number == EXDEV)
		note(leads, "link of a tool's name leads over a mount: not followed", path, NULL);
	else if (number != ENOENT && number != ENOTDIR && number != ELOOP)
		note_missed(leads, "link of a tool's name could not be followed", path, NULL);
}

/* ---- what a link leads to ---------------------------------------------------------------------- */

static struct lead lead_of_file(const struct found_file *found, const char *name, uint32_t kinds)
{
	const struct file *file = &found->file;

	return (struct lead){.name = name,
			     .path = file->path,
			     .device = (uint64_t)file->device_major << 32 | file->device_minor,
			     .inode = file->inode,
			     .kinds = kinds,
			     .layer = file->layer};
}

static int compare_path(const void *path, const void *found)
{
	return strcmp(path, (*(struct found_file *const *)found)->file.path);
}

/* The walk's own find of that path, when it is a tool's file. */
static const struct found_file *find_file(const struct leads *leads, const char *path)
{
	struct found_file *const *found =
		bsearch(path, leads->found, leads->found_count, sizeof(struct found_file *), compare_path);

	return found && (*found)->tools && !(*found)->link ? *found : NULL;
}

/* The path of an open file, in its mount namespace's root: proc_pid_fd(5). NULL with errno. */
static char *path_of(const struct leads *leads, int descriptor)
{
	struct buffer *buffer = leads->tools->buffer;
	char link[32];

	snprintf(link, sizeof(link), "self/fd/%d", descriptor);
	if (buffer_readlink(buffer, leads->tools->proc, link) < 0)
		return NULL;
	return arena_copy(leads->tools->snapshot->arena, buffer->data, buffer->length);
}

/* True for a file that someone may execute, and the kernel can. */
static bool is_executable(const struct leads *leads, int descriptor, const struct statx *facts,
			  const char *name)
{
	int is_program = 0;

	if (S_ISREG(facts->stx_mode) && (facts->stx_mode & (S_IXUSR | S_IXGRP | S_IXOTH)))
		is_program = tool_is_program(leads->tools->request->proc, descriptor);
	if (is_program < 0)
		note_missed(leads, "what a link of a tool's name leads to could not be read", name,
			    "run as root with CAP_DAC_READ_SEARCH");
	return is_program > 0;
}

/* 1: *lead is set; 0: it leads to no program; -1: no memory. */
static int follow(const struct leads *leads, const struct found_file *link, struct lead *lead)
{
	_cleanup_close_ int descriptor = open_in_root(leads->root, link->file.path, O_PATH);
	const struct found_file *file;
	struct statx facts;
	char *path;

	if (descriptor < 0)
		note_link(leads, link->file.path, errno);
	if (descriptor < 0 ||
	    statx(descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &facts))
		return 0;
	path = path_of(leads, descriptor);
	if (!path)
		return errno == ENOMEM ? -1 : 0;
	file = find_file(leads, path);
	*lead = (struct lead){.path = path,
			      .device = (uint64_t)facts.stx_dev_major << 32 | facts.stx_dev_minor,
			      .inode = facts.stx_ino};
	if (file)
		*lead = lead_of_file(file, NULL, 0);
	lead->name = link->file.path;
	lead->kinds = link->tools;
	return file || is_executable(leads, descriptor, &facts, path);
}

/* Opens the root for the first link. */
static bool open_root(struct leads *leads)
{
	const struct container_tools *tools = leads->tools;
	const struct mount_namespace *mounts = leads->container->mount_namespace;
	char label[64];

	if (leads->root < 0 && mounts)
		leads->root = namespace_open_root(tools->proc, tools->snapshot, mounts);
	if (leads->root >= 0)
		return true;
	note_missed(
		leads,
		"links of tools' names were not followed: the root of a container could not be opened again",
		container_label(leads->container, label, sizeof(label)), COVERAGE_REMEDY_PTRACE);
	return false;
}

static int lead_all(struct leads *leads)
{
	for (size_t i = 0; i < leads->found_count; i++) {
		const struct found_file *found = leads->found[i];
		int leading = 1;
		if (!found->tools || found->file.origin == ORIGIN_MOUNT ||
		    !tool_is_callable(found->file.path))
			continue;
		if (!found->link)
			leads->leads[leads->count] = lead_of_file(found, found->file.path, found->tools);
		else
			leading = open_root(leads) ? follow(leads, found, &leads->leads[leads->count]) : 0;
		if (leading < 0)
			return -1;
		leads->count += (size_t)leading;
	}
	return 0;
}

/* ---- names of one file are one tool ------------------------------------------------------------ */

static bool is_same_file(const struct lead *left, const struct lead *right)
{
	return left->device == right->device && left->inode == right->inode;
}

static int compare_leads(const void *a, const void *b)
{
	const struct lead *left = a, *right = b;

	if (left->device != right->device)
		return left->device < right->device ? -1 : 1;
	if (left->inode != right->inode)
		return left->inode < right->inode ? -1 : 1;
	return strcmp(left->name, right->name);
}

/* The path to tell of several: that of the name which says most. */
static const struct lead *telling_lead(const struct lead *leads, size_t count)
{
	const struct lead *best = &leads[0];

	for (size_t i = 1; i < count; i++)
		if (__builtin_popcount(leads[i].kinds) > __builtin_popcount(best->kinds))
			best = &leads[i];
	return best;
}

static int make_tool(struct tool *tool, const struct lead *leads, size_t count, struct arena *arena)
{
	const struct lead *telling = telling_lead(leads, count);

	*tool = (struct tool){.path = telling->path,
			      .layer = telling->layer,
			      .names = arena_array(arena, count, sizeof(char *)),
			      .name_count = count};
	if (!tool->names)
		return -1;
	for (size_t i = 0; i < count; i++) {
		tool->names[i] = leads[i].name;
		tool->kinds |= leads[i].kinds;
	}
	return 0;
}

static int compare_tools(const void *a, const void *b)
{
	return strcmp(((const struct tool *)a)->path, ((const struct tool *)b)->path);
}

static int group(struct leads *leads)
{
	struct arena *arena = leads->tools->snapshot->arena;
	struct container *container = leads->container;
	struct tool *tools = arena_array(arena, leads->count, sizeof(*tools));

	if (!tools)
		return -1;
	if (leads->count)
		qsort(leads->leads, leads->count, sizeof(struct lead), compare_leads);
	for (size_t from = 0, to; from < leads->count; from = to) {
		for (to = from + 1; to < leads->count; to++)
			if (!is_same_file(&leads->leads[from], &leads->leads[to]))
				break;
		if (make_tool(&tools[container->tool_count], &leads->leads[from], to - from, arena))
			return -1;
		container->tool_count++;
	}
	if (container->tool_count)
		qsort(tools, container->tool_count, sizeof(*tools), compare_tools);
	container->tools = tools;
	return 0;
}

/* ---- all of them ------------------------------------------------------------------------------- */

static int keep_of_container(const struct container_tools *tools, struct container *container,
			     struct found_file *const *found, size_t count)
{
	struct leads leads = {.tools = tools,
			      .container = container,
			      .found = found,
			      .found_count = count,
			      .leads = calloc(count ? count : 1, sizeof(struct lead)),
			      .root = -1};
	int result = leads.leads ? lead_all(&leads) : -1;

	if (!result)
		result = group(&leads);
	cleanup_close(&leads.root);
	free(leads.leads);
	return result;
}

int container_tools_keep(const struct container_tools *tools, const struct found_list *list)
{
	struct snapshot *snapshot = tools->snapshot;
	size_t from = 0, to;

	for (size_t i = 0; i < snapshot->container_count; i++) {
		struct container *container = snapshot->containers[i];
		for (to = from; to < list->count && list->files[to]->file.container == container;)
			to++;
		if (to > from && keep_of_container(tools, container, &list->files[from], to - from))
			return -1;
		from = to;
	}
	return 0;
}
