/* Lines of /proc/PID/maps: proc_pid_maps(5). */
#ifndef COLLECTORS_MAPS_TEXT_H
#define COLLECTORS_MAPS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One mapping of a file. */
struct mapping {
	uint64_t from, to; /* addresses */
	bool executable;
	uint32_t major, minor; /* of the file system; an overlay's may be that of a layer, before Linux 6.8 */
	uint64_t inode;
	const char *path; /* in the line, as it stands there */
	size_t length;
};

/* Takes a line apart. False for one that is malformed, or maps no file by path. */
bool mapping_parse(const char *line, size_t length, struct mapping *mapping);

/* Copies a path to `to`, which has room for it and a NUL, its newlines as they are: the kernel writes `\012`
 * for one, and nothing else so. */
void mapping_path(char *to, const char *path, size_t length);

/* The length of a path without ` (deleted)`, which the kernel appends to the name of a file without a link; a
 * file may also be named so. 0: it does not end so. */
size_t mapping_deleted(const char *path);

#endif
