/* Where dockerd keeps what it knows: its data roots. */
#ifndef COLLECTORS_IDENTITY_DOCKER_ROOT_H
#define COLLECTORS_IDENTITY_DOCKER_ROOT_H

#include "collectors/identity/identity.h"

enum { DOCKER_ROOTS_MAX = 16 };

struct docker_roots {
	const char *paths[DOCKER_ROOTS_MAX]; /* absolute, in the host's root */
	size_t count;
};

/* Finds them by the word of the host's root alone: the default one, those that /etc/docker/daemon.json and
 * the arguments of each dockerd of the host name (dockerd(8)), and in each those for other users
 * (--userns-remap). What of it cannot be read is noted. */
void docker_roots_find(struct identification *identification, struct docker_roots *roots);

#endif
