/* A file that is executed, looked at where it lies. */
#ifndef COLLECTORS_PROGRAM_FILE_H
#define COLLECTORS_PROGRAM_FILE_H

#include "collectors/container_view.h"
#include "collectors/maps_text.h"

/* A file as a mapping of it tells. */
struct program_name {
	const char *text; /* its path, perhaps with ` (deleted)` */
	int process;      /* descriptor of the /proc/PID that maps it */
	const struct mapping *mapping;
};

/* Fills in all of the program but its processes. program->path stays NULL for what is no file but memory of
 * the kernel's own that has a name. *unknown is set when it could not be looked at, to the reason. -1: no
 * memory. */
int program_look(const struct container_view *view, const struct program_name *name, struct arena *arena,
		 struct program *program, const char **unknown);

#endif
