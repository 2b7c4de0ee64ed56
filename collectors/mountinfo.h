/* Mount tables as /proc/PID/mountinfo has them (proc_pid_mountinfo(5)), read without trust. */
#ifndef COLLECTORS_MOUNTINFO_H
#define COLLECTORS_MOUNTINFO_H

#include "collectors/read.h"
#include "proctor/snapshot.h"

/* The fields of one line as they stand in the text, octal escapes and all. */
struct mountinfo_line {
	uint32_t id, parent, major, minor;
	uint32_t shared, master;
	bool unbindable;
	struct bytes root, point, options, type, source, super_options;
};

/* Takes a line (without its newline) apart. Optional fields it does not know are passed over. False when it
 * is not a line of mountinfo. `fields` points into `line`. */
bool mountinfo_line(const char *line, size_t length, struct mountinfo_line *fields);

/* Looks `name` up in a list of options parted by commas. True when it is there; *value, unless NULL, is set
 * to what stands behind its `=`, empty for none. */
bool mountinfo_option(struct bytes options, const char *name, struct bytes *value);

/* Writes `text` with its octal escapes (`\040`) resolved and a NUL behind it into `out`, which has room for
 * text.length + 1 bytes; returns the length. An escaped NUL stays as it is. */
size_t mountinfo_unescape(char *out, struct bytes text);

/* What of a table could not be used. */
struct mountinfo_faults {
	size_t malformed; /* lines */
	bool cut;         /* longer than Proctor reads */
};

/* Parses a whole table into namespace->mounts, in its order, with `covered` worked out, and finds
 * namespace->root. Returns -1 with errno ENOMEM, or 0. */
int mountinfo_parse(const char *text, size_t length, struct arena *arena, struct mount_namespace *namespace,
		    struct mountinfo_faults *faults);

/* The same of the file `path` beneath the descriptor `directory`, such as `mountinfo` beneath that of
 * /proc/PID. Returns 0, or -1 with errno. */
int mountinfo_read(int directory, const char *path, struct buffer *buffer, struct arena *arena,
		   struct mount_namespace *namespace, struct mountinfo_faults *faults);

/* Orders paths so that all beneath one follow right after it: strcmp(3) with `/` before every other byte. */
int mountinfo_compare_paths(const char *a, const char *b);

#endif
