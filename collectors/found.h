/* Files that give privilege to whoever runs them, as a walk meets them. */
#ifndef COLLECTORS_FOUND_H
#define COLLECTORS_FOUND_H

#include "collectors/walk.h"

/* A file as it was found; the list becomes snapshot->files. */
struct found_file {
	struct file file;
	struct found_file *next;
};

/* What all workers' shares have in common. */
struct found {
	const struct request *request;
	const struct container *container; /* whose files are walked; NULL: the host's */
	pthread_mutex_t telling;           /* of request->found */
};

/* What one worker found: its context. */
struct found_share {
	struct found *found;
	struct found_file *first; /* in the worker's arena */
	size_t count;
};

/* The walk's visitor: looks closer at a file that is setuid, setgid or executable, by one descriptor for all
 * that is told of it, and keeps one that has such a bit or capabilities. */
void found_examine(struct walk_worker *worker, const struct walk_file *met);

/* Brings what the workers found into the snapshot, in order. -1: no memory. */
int found_keep(const struct found_share *shares, size_t count, struct snapshot *snapshot);

#endif
