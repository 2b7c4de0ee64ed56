/* Files that give privilege to whoever runs them, and tools, as a walk meets them. */
#ifndef COLLECTORS_FOUND_H
#define COLLECTORS_FOUND_H

#include "collectors/walk.h"

/* A file with none of these bits is not looked at any closer. */
enum { FOUND_MODE = S_ISUID | S_ISGID | S_IXUSR | S_IXGRP | S_IXOTH };

/* What a walk keeps of a file: that it gives privilege, that it is a tool, or both. */
struct found_file {
	struct file file; /* one that gives privilege becomes a member of snapshot->files */
	uint32_t tools;   /* enum tool_kind by its name, of a container's; 0: none */
	const char
		*link;  /* where a symbolic link of a tool's name leads, as it stands there; NULL: no link */
	bool elsewhere; /* a tool by its name without data in its layer: another one may have that */
	struct found_file *next;
};

/* What all workers' shares have in common. */
struct found {
	const struct request *request;
	const struct container *container; /* whose files are walked; NULL: the host's, or a layer's */
	const struct mount *own;           /* the container's root: what is on others was mounted in it */
	const char *layer;                 /* directory of the layer that is walked; NULL: none is */
	atomic_uint tools;                 /* names of tools that were kept of either */
	atomic_size_t size;                /* bytes of all that was kept of it */
	pthread_mutex_t telling;           /* of request->found */
};

/* What one worker found: its context. */
struct found_share {
	struct found *found;
	struct found_file *first; /* in the worker's arena */
	size_t count;
};

/* All that was found: of containers by id and path, then of the host. */
struct found_list {
	struct found_file **files;
	size_t count;
};

/* Nothing was kept yet of what is walked next. */
void found_begin(struct found *found);

/* The walk's visitor: looks closer at a file that is setuid, setgid or executable, by one descriptor for all
 * that is told of it, and keeps one that has such a bit or capabilities, or is a tool of a container. Of a
 * symbolic link it keeps where it leads. */
void found_examine(struct walk_worker *worker, const struct walk_file *met);

/* Keeps a file that was found, and tells of it if it gives privilege. */
void found_add(struct found_share *share, struct found_file *found);

/* Lists what the workers found, in memory of `arena`. -1: no memory. */
int found_gather(const struct found_share *shares, size_t count, struct arena *arena,
		 struct found_list *list);

/* Brings the files that give privilege into the snapshot. -1: no memory. */
int found_keep(const struct found_list *list, struct snapshot *snapshot);

#endif
