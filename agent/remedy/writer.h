/* What the writers of all targets share: a fragment that is built member by member, and the list of what is
 * to be taken away. A failure is kept and told at the end. */
#ifndef AGENT_REMEDY_WRITER_H
#define AGENT_REMEDY_WRITER_H

#include "agent/remedy/target.h"

struct writer {
	struct plan *plan;
	struct arena *arena;
	json_t *fragment; /* an object */
	const char **leave_out;
	size_t count, capacity;
	bool failed; /* memory ran out */
};

struct writer writer_start(struct plan *plan, struct arena *arena);

/* Sets a member of an object of the fragment. Takes `value`; NULL is memory that ran out. */
void writer_put(struct writer *writer, json_t *object, const char *name, json_t *value);
void writer_put_text(struct writer *writer, json_t *object, const char *name, const char *text);
/* Appends to an array of the fragment. Takes `value`. */
void writer_append(struct writer *writer, json_t *array, json_t *value);
void writer_append_text(struct writer *writer, json_t *array, const char *text);
/* Appends the capabilities of the set by their names without `CAP_`. */
void writer_append_capabilities(struct writer *writer, json_t *array, capability_set set);
/* The member of that name, made when it is not there; borrowed. NULL when memory is exhausted. */
json_t *writer_object(struct writer *writer, json_t *object, const char *name);
json_t *writer_array(struct writer *writer, json_t *object, const char *name);

/* Options of a tmpfs that the container's user may write to, in an array of the fragment's: without them runc
 * gives it the mode of the directory beneath it, which root owns; some versions do so even when a mode is
 * asked for. */
json_t *writer_tmpfs_options(struct writer *writer);
/* The same with a size for docker's --tmpfs, behind a path. NULL when memory is exhausted. */
const char *writer_tmpfs(struct writer *writer, const char *path);

/* Adds to what is to be taken away. */
void writer_leave_out(struct writer *writer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same, behind the text, for each capability beyond Docker's default that the container has and
 * that is not to be kept. */
void writer_leave_out_capabilities(struct writer *writer, const char *before);
/* The same for each device, and for each mount, which is `HOST-PATH:POINT`. */
void writer_leave_out_devices(struct writer *writer, const char *before);
void writer_leave_out_mounts(struct writer *writer, const char *before);

/* Hands the fragment and the list to the plan; `text`, from the arena or constant, is the fragment as it is
 * pasted, "" when there is nothing to set. -1 when memory ran out on the way. */
int writer_finish(struct writer *writer, const char *text);

/* What the text of a fragment is made by: JSON in several lines, YAML. From the arena; NULL when memory is
 * exhausted. */
const char *writer_json(const json_t *fragment, struct arena *arena);
const char *writer_yaml(const json_t *fragment, struct arena *arena);

#endif
