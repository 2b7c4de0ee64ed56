/* The configuration: what a site judges differently. proctor(8) describes the file. */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include <time.h>

#include "proctor/finding.h"

struct config {
	struct arena *arena;
	struct severity_override *overrides; /* in the order of the file */
	size_t override_count, override_capacity;
	const char **rules_off; /* globs of rule ids */
	size_t rule_off_count, rule_off_capacity;
	const char **excluded_paths; /* globs of directories that are not walked */
	size_t excluded_count, excluded_capacity;
	const char **curated; /* globs of images' repositories */
	size_t curated_count, curated_capacity;
	struct exception *exceptions;
	size_t exception_count, exception_capacity;
};

/* Reads the file; owned by the caller. Exceptions expire by the day of `now` in UTC. NULL and *error, with
 * file, line and column, when something in it is not understood. */
struct config *config_read(const char *path, time_t now, struct error **error);

/* -1 and *error when the glob is that of no rule's id. */
int config_check_rule(const char *glob, struct error **error);

/* -1 and *error when the glob can be that of no directory as a walk names it: absolute, without `//`, `.` and
 * `..`, and without a `/` at the end. */
int config_check_path(const char *glob, struct error **error);

void config_free(struct config *config);

#endif
