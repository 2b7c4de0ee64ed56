/* The directory that a container's overlay writes to, looked at for what could change what the overlay shows
 * of programs: without the right to read overlayfs's marks, and without a look at what is below. */
#ifndef COLLECTORS_UPPER_H
#define COLLECTORS_UPPER_H

#include <nettle/sha2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What of an upper layer counts. */
struct upper_setting {
	const char *const
		*paths; /* of what the overlay showed, in order: what is on the way to them counts */
	size_t path_count;
	bool makes_redirects; /* any directory may show another one of the layers below */
};

/* Equal for two looks between which nothing that counts has changed. */
struct upper_sign {
	uint8_t sum[SHA256_DIGEST_SIZE];
	int64_t newest; /* change time, in seconds, of what counts */
};

/* Looks at all beneath the open directory: files that someone may execute or that are setuid or setgid, with
 * all that tells of a change; links that have a tool's name; and whatever stands at, or on the way to, one of
 * the paths: a whiteout, another file, a directory made anew. Other files, such as logs, do not count: they
 * neither give privilege nor hide what does, and overlayfs leaves a whiteout in place of what lay over a
 * lower file. 0; 1: it is too much, or cannot be read; -1: no memory. */
int upper_look(int directory, const struct upper_setting *setting, struct upper_sign *sign);

#endif
