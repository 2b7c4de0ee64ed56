/* Which directories an overlay is made of, as its mount options tell
 * (Documentation/filesystems/overlayfs.rst). */
#ifndef COLLECTORS_OVERLAY_H
#define COLLECTORS_OVERLAY_H

#include "proctor/snapshot.h"

struct statx;

/* The layers of an overlay, uppermost first, named as its mounter named them: perhaps relative to a directory
 * that the options do not tell. Layers that hold the data of files only are not among them. */
struct overlay {
	const char **layers;
	size_t count;
	bool has_upper;         /* the first one is written to */
	bool user_attributes;   /* its marks are user.overlay.* */
	bool follows_redirects; /* a directory with that mark shows what lies elsewhere below */
	bool makes_redirects;   /* one that is moved gets that mark */
};

/* What the overlay module does where a mount's options do not tell. */
struct overlay_defaults {
	bool index, redirects, makes_redirects; /* the parameters of the module */
};

/* The parameters beneath `directory`, /sys/module/overlay/parameters; one that is not there is off. */
struct overlay_defaults overlay_defaults_read(const char *directory);

/* Takes the mount's options apart. 0; 1 with *why: its layers cannot be merged without the kernel; -1: no
 * memory. */
int overlay_parse(const struct mount *mount, const struct overlay_defaults *defaults, struct arena *arena,
		  struct overlay *overlay, const char **why);

/* Copies the first of the layers of mount->lower, its backslashes resolved, to *room and moves that behind
 * it. Returns where the next one begins. */
const char *overlay_next_layer(const char *layers, char **room);

/* The mount of the same overlay that the host sees: its mounter wrote paths of the host's. NULL: it sees
 * none. */
const struct mount *overlay_of_host(const struct mount_namespace *host, const struct mount *mount);

/* Whether a file of the merged mount may be that of a layer. Inode numbers are compared apart: the merged
 * mount has others for files that were copied up, and for directories where layers lie on several file
 * systems. */
bool overlay_shows(const struct statx *merged, const struct statx *layer);

#endif
