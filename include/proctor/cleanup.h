/* Scope-bound release, as crun and systemd do it: `_cleanup_close_ int fd = open(…)`. */
#ifndef PROCTOR_CLEANUP_H
#define PROCTOR_CLEANUP_H

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proctor/arena.h"
#include "proctor/error.h"

static inline void cleanup_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline void cleanup_fclose(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void cleanup_closedir(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

static inline void cleanup_error(struct error **error)
{
	error_free(*error);
}

static inline void cleanup_arena(struct arena **arena)
{
	arena_free(*arena);
}

static inline void cleanup_json(json_t **json)
{
	json_decref(*json);
}

#define _cleanup_close_ __attribute__((cleanup(cleanup_close)))
#define _cleanup_free_ __attribute__((cleanup(cleanup_free)))
#define _cleanup_fclose_ __attribute__((cleanup(cleanup_fclose)))
#define _cleanup_closedir_ __attribute__((cleanup(cleanup_closedir)))
#define _cleanup_error_ __attribute__((cleanup(cleanup_error)))
#define _cleanup_arena_ __attribute__((cleanup(cleanup_arena)))
#define _cleanup_json_ __attribute__((cleanup(cleanup_json)))

#endif
