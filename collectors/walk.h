/* A walk of the directories beneath one path, by several threads, from mount to mount as told.
 *
 * Directories are opened beneath one another, through no link and into no mount that is not in the table:
 * what a container puts in the way while the walk runs cannot lead it elsewhere or make it wait. Files are
 * only looked at, not opened for reading. */
#ifndef COLLECTORS_WALK_H
#define COLLECTORS_WALK_H

#include "collectors/directory.h"
#include "proctor/collector.h"

enum { WALK_WORKERS_MAX = 4, WALK_BUFFER_SIZE = 64 * 1024 };

/* What is done with a mount. */
enum walk_treatment {
	WALK_LEAVE, /* it is not even touched, nor what is mounted beneath it: it may never answer */
	WALK_PASS,  /* not listed, but passed through to what is mounted beneath it */
	WALK_LIST,
};

/* A mount that a path leads to. */
struct walk_mount {
	const struct mount *mount;
	enum walk_treatment treatment;
	atomic_bool reached;
};

/* Where a walk begins, and what is mounted beneath it. */
struct walk_root {
	int descriptor;            /* of the directory; the caller's */
	const char *path;          /* as it is reported */
	struct walk_mount *on;     /* the mount it lies on */
	struct walk_mount *mounts; /* those beneath `path`, one for each mount point, by path
				      (mountinfo_compare_paths) */
	size_t mount_count;
	const char *only;                /* the one name in it that is asked for; NULL: all */
	bool reachable;                  /* every directory above it lets others search */
	bool (*links)(const char *name); /* whether a symbolic link of that name is visited; NULL: none is */
};

/* Why an excluded directory is not listed. */
#define WALK_LEFT_OUT "directory left out as asked"

struct walk;

/* A regular file, or a symbolic link, as the walk meets it. */
struct walk_file {
	const struct directory *directory; /* the one it is in */
	const char *name;
	const struct mount *mount; /* that it is on */
	int at;                    /* descriptor of the directory */
	int descriptor;            /* of the file itself (O_PATH); -1: not opened */
	struct statx facts;
};

/* One thread's share of the walk. */
struct walk_worker {
	struct walk *walk;
	void *context;               /* the visitor's own */
	struct arena *arena;         /* joins the snapshot's in the end */
	struct coverage coverage;    /* the same; seen: regular files */
	uint64_t vanished;           /* files and directories that went away while they were read */
	uint64_t left_out;           /* directories of the mount that it begins on, as asked */
	bool out_of_memory;          /* ends the walk */
	struct directory_list found; /* in the directory that is being listed */
	char *buffer;                /* of getdents64(2) */
	char *path;                  /* of a directory, to be compared with patterns */
	size_t path_size;
	uint64_t reported; /* files that progress was told of */
	pthread_t thread;
};

/* Looks at one regular file or link; called in any worker's thread. */
typedef void (*walk_visitor)(struct walk_worker *worker, const struct walk_file *file);

/* Looks at a directory that is about to be listed, open as `descriptor`; called in any worker's thread. */
typedef void (*walk_entrance)(struct walk_worker *worker, const struct directory *directory, int descriptor);

/* What the workers share. */
struct walk {
	const struct request *request;
	walk_visitor visitor;
	walk_entrance entrance; /* NULL: no one looks */
	const struct walk_root *root;
	struct descriptors descriptors;
	struct walk_worker workers[WALK_WORKERS_MAX];
	unsigned count, started; /* workers, and those of them that run; only the first one's thread knows */
	atomic_bool listed;      /* a directory was listed, or the file that was asked for looked at */
	atomic_bool failed;      /* memory ran out: no more is listed */
	pthread_mutex_t lock;    /* of the three that follow */
	pthread_cond_t more;
	struct directory *stack; /* what is still to be listed */
	unsigned busy;           /* workers that list a directory now */
	pthread_mutex_t report;  /* of `done`, and of telling progress */
	uint64_t done;
};

/* Workers for any number of walks, one after the other. `request` tells how many, which directories are left
 * out, and whom to tell of progress; it outlives the walk. NULL when memory is exhausted. */
struct walk *walk_new(const struct request *request, walk_visitor visitor);

/* Walks. -1 when memory is exhausted; all else that went wrong is in the workers' coverage. */
int walk_run(struct walk *walk, const struct walk_root *root);

/* Brings the workers' memory and coverage into the snapshot's (`arena` NULL: drops them), and frees the walk.
 */
void walk_free(struct walk *walk, struct arena *arena, struct coverage *coverage);

/* Counts, with its path, that `name` in `directory` (NULL: the directory itself) could not be read: `what` it
 * is
 * (`a directory`) and errno. What went away is counted apart. */
void walk_note(struct walk_worker *worker, const struct directory *directory, const char *name,
	       const char *what, int number);

/* Tells of the same for another reason than a call that failed; it does not count as missed. */
void walk_note_reason(struct walk_worker *worker, const struct directory *directory, const char *name,
		      const char *reason, const char *remedy);

/* Lists one directory, or the first part of a very large one: visits its files, leaves its directories, with
 * the rest of itself behind them, in worker->found. Takes over the reference to it. */
void walk_directory(struct walk_worker *worker, struct directory *directory);

#endif
