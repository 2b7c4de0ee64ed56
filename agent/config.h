/* The configuration: what a site judges differently. proctor(8) describes the file. */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include <time.h>

#include "agent/ini.h"
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

/* Reads the file; owned by the caller. What it says of the agent is passed over. Exceptions expire by the day
 * of `now` in UTC. NULL and *error, with file, line and column, when something in it is not understood. */
struct config *config_read(const char *path, time_t now, struct error **error);

/* -1 and *error when the glob is that of no rule's id. */
int config_check_rule(const char *glob, struct error **error);

/* -1 and *error when the glob can be that of no directory as a walk names it: absolute, without `//`, `.` and
 * `..`, and without a `/` at the end. */
int config_check_path(const char *glob, struct error **error);

/* The configuration while it is read, entry by entry: for those who have more than a file, or more in it. */
struct config_reader {
	struct config *config; /* owned by the caller, also after an error */
	const struct config_section *section;
	size_t *lines; /* of the section of each exception; 0: it stands in no file */
	size_t line_capacity;
	char today[sizeof("YYYY-MM-DD")];
};

/* An empty one; `now` as above. -1 and *error. */
int config_begin(struct config_reader *reader, time_t now, struct error **error);

/* Takes an entry: an ini_visitor. */
int config_entry(void *reader, struct ini_entry *entry, struct error **error);

/* Checks what only the whole tells. `path` is named in *error. */
int config_end(struct config_reader *reader, const char *path, struct error **error);

/* Whether the section is [agent] or [sink.NAME]. */
bool config_section_is_of_agent(const char *name);

/* The keys of [exception NAME]; NULL behind the last one. */
const char *config_exception_key(size_t index);

/* What it says of judging: its rules that are off, severities, exceptions and curated images. Points into it.
 */
struct policy config_policy(const struct config *config);

void config_free(struct config *config);

#endif
