/* One directory that overlays are made of: walked once, however many of them share it. */
#ifndef COLLECTORS_LAYER_H
#define COLLECTORS_LAYER_H

#include "collectors/found.h"
#include "collectors/walk_plan.h"

/* Seconds in which what changes again may have the same time; no file system of this machine has coarser
 * ones. */
enum { LAYER_JUST_NOW = 2 };

enum place_kind { PLACE_ABSENT, PLACE_DIRECTORY, PLACE_OTHER };

/* What lies at a path of a layer, and where the layers below it go on. Anything but a directory, a whiteout
 * too, hides what lies there below. */
struct place {
	const char *path;
	size_t length; /* of path; 0: the root */
	enum place_kind kind;
	uint32_t mode;     /* a directory's */
	const char *below; /* the path in the layers below that shows here as well; "" for the root; NULL:
			      none, what lies here is opaque */
};

/* A directory that was listed, or a file that was kept: as long as it has not changed, it holds. */
struct witness {
	const char *path;
	uint64_t inode;
	int64_t seconds; /* its change time */
	uint32_t nanoseconds;
};

struct merged;

struct layer {
	struct layer *next;
	const char *asked;     /* the path by which it was opened first */
	const char *directory; /* as the host has it, without links */
	uint32_t major, minor; /* what tells it from others */
	uint64_t inode;
	bool user_attributes; /* its marks are user.overlay.* */
	bool exposed;         /* users of the host get to it, and may change modes of files of theirs there */
	bool walked;
	bool whole;                /* nothing in it could not be read */
	int descriptor;            /* -1: not open */
	struct place root;         /* its own place */
	struct found_file **files; /* by path */
	size_t file_count;
	const char **redirects; /* directories that show others of the layers below */
	size_t redirect_count;
	void *places;              /* that were asked for: tsearch(3) */
	size_t places_size;        /* bytes that they take */
	struct merged *merged;     /* stacks that it is on top of */
	const char *shown_path;    /* of a file that was compared with the merged mount; NULL: none */
	struct statx shown;        /* how it looked here */
	struct witness *witnesses; /* that it has not changed; NULL: it cannot be remembered */
	size_t witness_count;
	unsigned idle; /* how often it was remembered without being met */
	bool recalled; /* not walked but remembered */
};

struct layer_share;

/* All layers that were met, and how the host's directories are reached. */
struct layers {
	struct arena *arena;
	struct coverage *coverage;
	struct request request; /* as it is for layers: nothing left out, no one told */
	int root;               /* the host's */
	struct walk_plan plan;  /* what lies on its mounts */
	struct walk *walk;      /* NULL: none was walked yet */
	struct found found;
	struct layer_share *shares;
	struct layer *first;
	size_t open;              /* descriptors */
	struct layer *remembered; /* of the last time; their texts lie in request.remembered_layers */
	int64_t started;          /* seconds of the real time */
};

/* Makes ready to open layers by the host's mounts, beneath `root`, a descriptor of its root directory that it
 * takes over. -1: no memory. layers_end is called also after that. */
int layers_begin(struct layers *layers, int root, const struct mount_namespace *host,
		 const struct request *request, struct arena *arena, struct coverage *coverage);

/* Closes all, and brings what the walks have in memory and in coverage into the snapshot's. */
void layers_end(struct layers *layers);

/* The layer at the absolute path `path` of the host, open until layers_close_some. NULL with errno, or with
 * *why it cannot be used. */
struct layer *layer_open(struct layers *layers, const char *path, bool user_attributes, const char **why);

/* Closes the layers that are open when they are many. Between overlays only. */
void layers_close_some(struct layers *layers);

/* Walks it, unless it was walked before. What nothing is written to while its container runs (`lower`) may be
 * remembered in its place, where only root gets to it. -1: no memory. */
int layer_walk(struct layers *layers, struct layer *layer, bool lower);

/* Follows an absolute path down in a layer as far as there are directories: the place where that ends, and
 * *rest, what of the path is left behind it. NULL with errno. */
const struct place *layer_find(struct layers *layers, struct layer *layer, const char *path, size_t length,
			       const char **rest);

/* Whether the layer has anything at an absolute path, whose directories it has: 1, 0, or -1 with errno. */
int layer_has(const struct layer *layer, const char *path);

#endif
