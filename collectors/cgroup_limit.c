#include "collectors/cgroup_limit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "collectors/mountinfo.h"
#include "proctor/cleanup.h"

enum { FILE_LIMIT = 64 * 1024 };

static const char *const controllers[CGROUP_UNIFIED] = {
	[CGROUP_MEMORY] = "memory",
	[CGROUP_CPU] = "cpu",
	[CGROUP_PIDS] = "pids",
	[CGROUP_DEVICES] = "devices",
};

static bool is_text(struct bytes field, const char *text)
{
	return field.length == strlen(text) && !memcmp(field.data, text, field.length);
}

/* ---- hierarchies ------------------------------------------------------------------------------- */

static char *unescape(struct arena *arena, struct bytes text)
{
	char *copy = arena_alloc(arena, text.length + 1);

	if (copy)
		mountinfo_unescape(copy, text);
	return copy;
}

/* Keeps a mount for a hierarchy unless a mount that shows more, or the same before it, is known. */
static int keep_tree(struct cgroup_tree *tree, const struct mountinfo_line *line, struct arena *arena)
{
	if (tree->point && strlen(tree->root) <= line->root.length)
		return 0;
	tree->point = unescape(arena, line->point);
	tree->root = unescape(arena, line->root);
	return tree->point && tree->root ? 0 : -1;
}

int cgroup_trees_find(const char *text, size_t length, struct arena *arena, struct cgroup_trees *trees)
{
	const char *cursor = text, *end = bytes_end((struct bytes){text, length}), *line;
	struct mountinfo_line fields;
	size_t size;

	*trees = (struct cgroup_trees){.above = {NULL}};
	for (unsigned kind = 0; kind < CGROUP_TREES; kind++)
		trees->trees[kind] = (struct cgroup_tree){.directory = -1};
	while (line_next(&cursor, end, &line, &size)) {
		if (!mountinfo_line(line, size, &fields))
			continue;
		if (is_text(fields.type, "cgroup2") &&
		    keep_tree(&trees->trees[CGROUP_UNIFIED], &fields, arena))
			return -1;
		if (!is_text(fields.type, "cgroup"))
			continue;
		for (unsigned kind = 0; kind < CGROUP_UNIFIED; kind++)
			if (mountinfo_option(fields.super_options, controllers[kind], NULL) &&
			    keep_tree(&trees->trees[kind], &fields, arena))
				return -1;
	}
	return 0;
}

/* ---- which cgroup ------------------------------------------------------------------------------ */

/* The path of the line of /proc/PID/cgroup (`hierarchy:controllers:path`) that names `controller`, or of the
 * unified hierarchy's for NULL. False when there is none. */
static bool find_path(const char *text, size_t length, const char *controller, struct bytes *path)
{
	const char *cursor = text, *line;
	size_t size;

	while (line_next(&cursor, text + length, &line, &size)) {
		const char *end = line + size, *first = memchr(line, ':', size);
		const char *second = first ? memchr(first + 1, ':', (size_t)(end - first - 1)) : NULL;
		if (!second)
			continue;
		struct bytes names = {first + 1, (size_t)(second - first - 1)};
		if (controller ? !mountinfo_option(names, controller, NULL) : names.length != 0)
			continue;
		*path = (struct bytes){second + 1, (size_t)(end - second - 1)};
		return true;
	}
	return false;
}

/* A cgroup, and in which hierarchy. */
struct cgroup_place {
	const struct cgroup_tree *tree;
	char *beneath; /* its path beneath tree->root, without slash in front; empty: that itself */
	bool second;   /* v2 */
};

static bool climbs(const char *path)
{
	for (const char *at = path; (at = strstr(at, "..")); at += 2)
		if ((at == path || at[-1] == '/') && (!at[2] || at[2] == '/'))
			return true;
	return false;
}

/* Sets place->beneath. */
static enum cgroup_fault find_beneath(struct cgroup_place *place, struct bytes path, struct arena *arena)
{
	const struct cgroup_tree *tree = place->tree;
	size_t root;

	if (tree->directory < 0)
		return CGROUP_NOT_MOUNTED;
	root = strcmp(tree->root, "/") ? strlen(tree->root) : 0;
	if (path.length < root || memcmp(path.data, tree->root, root) != 0 ||
	    (path.length > root && path.data[root] != '/'))
		return CGROUP_OUT_OF_SIGHT;
	path.data += root;
	path.length -= root;
	while (path.length && *path.data == '/') {
		path.data++;
		path.length--;
	}
	place->beneath = arena_copy(arena, path.data, path.length);
	if (!place->beneath)
		return CGROUP_NO_MEMORY;
	return climbs(place->beneath) ? CGROUP_OUT_OF_SIGHT : CGROUP_NO_FAULT;
}

/* Where a controller's limits of a process stand: in its v1 hierarchy, or else in the one of v2. */
static enum cgroup_fault find_place(const struct cgroup_trees *trees, enum cgroup_tree_kind kind,
				    const char *text, size_t length, struct arena *arena,
				    struct cgroup_place *place)
{
	struct bytes path;

	*place = (struct cgroup_place){.tree = &trees->trees[kind]};
	if (!find_path(text, length, controllers[kind], &path)) {
		place->tree = &trees->trees[CGROUP_UNIFIED];
		place->second = true;
		if (!find_path(text, length, NULL, &path))
			return CGROUP_NOT_MOUNTED;
	}
	return find_beneath(place, path, arena);
}

/* ---- one file ---------------------------------------------------------------------------------- */

/* What a file of a cgroup says. VALUE_ABSENT: there is no such file, as without the controller there. */
enum value { VALUE_SET, VALUE_NONE, VALUE_ABSENT, VALUE_FAILED };

static enum value read_file(int directory, const char *file, struct buffer *buffer)
{
	if (buffer_read(buffer, directory, file, FILE_LIMIT) >= 0)
		return VALUE_SET;
	return errno == ENOENT || errno == ENODEV || errno == EOPNOTSUPP ? VALUE_ABSENT : VALUE_FAILED;
}

static enum value parse_number(const char **cursor, const char *end, uint64_t *number)
{
	if (end - *cursor >= 3 && !memcmp(*cursor, "max", 3)) {
		*cursor += 3;
		return VALUE_NONE;
	}
	if (end - *cursor >= 2 && !memcmp(*cursor, "-1", 2))
		return VALUE_NONE;
	return text_read_number(cursor, end, 10, number) ? VALUE_SET : VALUE_FAILED;
}

static enum value read_number(int directory, const char *file, struct buffer *buffer, uint64_t *number)
{
	enum value value = read_file(directory, file, buffer);
	const char *cursor = buffer->data;

	return value == VALUE_SET ? parse_number(&cursor, cursor + buffer->length, number) : value;
}

static enum value read_bytes_v1(int directory, const char *file, struct buffer *buffer, uint64_t *number)
{
	/* PAGE_COUNTER_MAX, LONG_MAX rounded down to pages, which may be of 64 KiB. */
	const uint64_t unlimited = (uint64_t)INT64_MAX / 65536 * 65536;
	enum value value = read_number(directory, file, buffer, number);

	return value == VALUE_SET && *number >= unlimited ? VALUE_NONE : value;
}

/* Thousandths of a core. */
static enum value share_of(uint64_t quota, uint64_t period, uint64_t *number)
{
	if (!period || __builtin_mul_overflow(quota, 1000, number))
		return VALUE_FAILED;
	*number /= period;
	if (!*number)
		*number = 1;
	return VALUE_SET;
}

static enum value read_cpu_v1(int directory, const char *file, struct buffer *buffer, uint64_t *number)
{
	uint64_t quota, period;
	enum value value = read_number(directory, file, buffer, &quota);

	if (value != VALUE_SET)
		return value;
	value = read_number(directory, "cpu.cfs_period_us", buffer, &period);
	return value == VALUE_SET ? share_of(quota, period, number) : VALUE_FAILED;
}

static enum value read_cpu_v2(int directory, const char *file, struct buffer *buffer, uint64_t *number)
{
	enum value value = read_file(directory, file, buffer);
	const char *cursor = buffer->data, *end = bytes_end((struct bytes){cursor, buffer->length});
	uint64_t quota, period;

	if (value != VALUE_SET)
		return value;
	value = parse_number(&cursor, end, &quota);
	if (value != VALUE_SET)
		return value;
	if (cursor == end || *cursor++ != ' ' || parse_number(&cursor, end, &period) != VALUE_SET)
		return VALUE_FAILED;
	return share_of(quota, period, number);
}

static enum value read_shares_v1(int directory, const char *file, struct buffer *buffer, uint64_t *number)
{
	enum value value = read_number(directory, file, buffer, number);

	return value == VALUE_SET && *number == 1024 ? VALUE_NONE : value;
}

static enum value read_weight_v2(int directory, const char *file, struct buffer *buffer, uint64_t *number)
{
	enum value value = read_number(directory, file, buffer, number);

	return value == VALUE_SET && *number == 100 ? VALUE_NONE : value;
}

/* ---- limits ------------------------------------------------------------------------------------ */

struct limit_file {
	const char *name;
	enum value (*read)(int directory, const char *file, struct buffer *buffer, uint64_t *number);
};

static const struct limit_source {
	size_t limit; /* offset in struct limits */
	enum cgroup_tree_kind kind;
	struct limit_file first, second; /* in v1 and v2 */
	bool inherited;                  /* those of the cgroups above hold as well */
} limit_sources[CGROUP_LIMITS] = {
	{offsetof(struct limits, memory),
	 CGROUP_MEMORY,
	 {"memory.limit_in_bytes", read_bytes_v1},
	 {"memory.max", read_number},
	 true},
	{offsetof(struct limits, swap),
	 CGROUP_MEMORY,
	 {"memory.memsw.limit_in_bytes", read_bytes_v1},
	 {"memory.swap.max", read_number},
	 true},
	{offsetof(struct limits, cpu),
	 CGROUP_CPU,
	 {"cpu.cfs_quota_us", read_cpu_v1},
	 {"cpu.max", read_cpu_v2},
	 true},
	{offsetof(struct limits, cpu_weight),
	 CGROUP_CPU,
	 {"cpu.shares", read_shares_v1},
	 {"cpu.weight", read_weight_v2},
	 false},
	{offsetof(struct limits, pids),
	 CGROUP_PIDS,
	 {"pids.max", read_number},
	 {"pids.max", read_number},
	 true},
};

/* Before Linux 5.11 a cgroup of v1 could be made not to count what its children use. */
static bool counts_children(const struct cgroup_place *place, const struct limit_source *source,
			    int directory, struct buffer *buffer)
{
	uint64_t flag;

	return place->second || source->kind != CGROUP_MEMORY ||
	       read_number(directory, "memory.use_hierarchy", buffer, &flag) != VALUE_SET || flag;
}

static char *source_path(const struct cgroup_place *place, size_t length, const char *file,
			 struct arena *arena)
{
	return arena_printf(arena, "%s%s%.*s/%s", strcmp(place->tree->point, "/") ? place->tree->point : "",
			    length ? "/" : "", (int)length, place->beneath, file);
}

/* Reads one limit along the path. `length` is how much of place->beneath names the cgroup in `directory`. */
static enum cgroup_fault read_level(const struct cgroup_place *place, const struct limit_source *source,
				    int directory, size_t length, struct buffer *buffer, struct arena *arena,
				    struct limit *limit)
{
	const struct limit_file *file = place->second ? &source->second : &source->first;
	uint64_t number = 0;
	enum value value = file->read(directory, file->name, buffer, &number);

	if (value == VALUE_FAILED)
		return CGROUP_UNREADABLE;
	if (value != VALUE_SET || (limit->state == LIMIT_SET && limit->value <= number))
		return CGROUP_NO_FAULT;
	if (length != strlen(place->beneath) && !counts_children(place, source, directory, buffer))
		return CGROUP_NO_FAULT;
	*limit = (struct limit){LIMIT_SET, number, source_path(place, length, file->name, arena)};
	return limit->source ? CGROUP_NO_FAULT : CGROUP_NO_MEMORY;
}

/* The length of a path without its last component. */
static size_t parent_length(const char *path, size_t length)
{
	while (length && path[length - 1] != '/')
		length--;
	while (length && path[length - 1] == '/')
		length--;
	return length;
}

/* Reads one limit from the directory above `below` up to the root. `length` is as for read_level, of that
 * above. */
static enum cgroup_fault climb(const struct cgroup_place *place, const struct limit_source *source, int below,
			       size_t length, struct buffer *buffer, struct arena *arena, struct limit *limit)
{
	int directory = openat(below, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	enum cgroup_fault fault = CGROUP_NO_FAULT;

	while (directory >= 0) {
		fault = read_level(place, source, directory, length, buffer, arena, limit);
		if (fault || !length)
			break;
		length = parent_length(place->beneath, length);
		int parent = openat(directory, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(directory);
		directory = parent;
	}
	if (directory < 0)
		return CGROUP_UNREADABLE;
	close(directory);
	return fault;
}

/* What one limit is in a cgroup and those above it. */
struct cgroup_above {
	const struct cgroup_tree *tree;
	char *beneath; /* as that of a place */
	struct limit limit;
	enum cgroup_fault fault;
};

static bool is_of(const struct cgroup_above *above, const struct cgroup_place *place, size_t length)
{
	return above && above->tree == place->tree && strlen(above->beneath) == length &&
	       !memcmp(above->beneath, place->beneath, length);
}

/* The same as climb, unless it is what was read last. */
static enum cgroup_fault read_above(struct cgroup_above **above, const struct cgroup_place *place,
				    const struct limit_source *source, int below, struct buffer *buffer,
				    struct arena *arena, struct limit *limit)
{
	size_t length = parent_length(place->beneath, strlen(place->beneath));

	if (!is_of(*above, place, length)) {
		struct cgroup_above *new = arena_alloc(arena, sizeof(*new));
		char *beneath = arena_copy(arena, place->beneath, length);
		if (!new || !beneath)
			return CGROUP_NO_MEMORY;
		*new = (struct cgroup_above){.tree = place->tree, .beneath = beneath};
		new->fault = climb(place, source, below, length, buffer, arena, &new->limit);
		*above = new;
	}
	if ((*above)->limit.state == LIMIT_SET &&
	    (limit->state != LIMIT_SET || (*above)->limit.value < limit->value))
		*limit = (*above)->limit;
	return (*above)->fault;
}

static enum cgroup_fault read_path(struct cgroup_above **above, const struct cgroup_place *place,
				   const struct limit_source *source, struct buffer *buffer,
				   struct arena *arena, struct limit *limit)
{
	size_t length = strlen(place->beneath);
	_cleanup_close_ int directory = openat(place->tree->directory, length ? place->beneath : ".",
					       O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	enum cgroup_fault fault;

	if (directory < 0)
		return errno == ENOENT ? CGROUP_OUT_OF_SIGHT : CGROUP_UNREADABLE;
	fault = read_level(place, source, directory, length, buffer, arena, limit);
	if (fault || !length || !source->inherited)
		return fault;
	return read_above(above, place, source, directory, buffer, arena, limit);
}

static enum cgroup_fault read_limit(struct cgroup_trees *trees, const struct limit_source *source,
				    const char *text, size_t length, struct buffer *buffer,
				    struct arena *arena, struct limit *limit)
{
	struct cgroup_place place;
	enum cgroup_fault fault = find_place(trees, source->kind, text, length, arena, &place);

	if (fault)
		return fault;
	fault = read_path(&trees->above[source - limit_sources], &place, source, buffer, arena, limit);
	if (fault || limit->state == LIMIT_SET)
		return fault;
	if (source->inherited && !place.tree->whole)
		return CGROUP_OUT_OF_SIGHT;
	limit->state = LIMIT_NONE;
	return CGROUP_NO_FAULT;
}

enum cgroup_fault cgroup_limits_read(struct cgroup_trees *trees, const char *text, size_t length,
				     struct buffer *buffer, struct arena *arena, struct limits *limits)
{
	enum cgroup_fault worst = CGROUP_NO_FAULT;

	for (size_t i = 0; i < CGROUP_LIMITS; i++) {
		const struct limit_source *source = &limit_sources[i];
		struct limit *limit = (struct limit *)((char *)limits + source->limit);
		enum cgroup_fault fault = read_limit(trees, source, text, length, buffer, arena, limit);
		if (fault > worst)
			worst = fault;
	}
	return worst;
}

/* ---- devices ----------------------------------------------------------------------------------- */

static bool allows_all(const char *text, size_t length)
{
	const char *cursor = text, *line;
	size_t size;

	while (line_next(&cursor, text + length, &line, &size))
		if (is_text((struct bytes){line, size}, "a *:* rwm"))
			return true;
	return false;
}

enum cgroup_fault cgroup_devices_read(const struct cgroup_trees *trees, const char *text, size_t length,
				      struct buffer *buffer, struct arena *arena, bool *allowed, bool *known)
{
	struct cgroup_place place;
	enum cgroup_fault fault;
	struct bytes ignored;
	char *path;

	*allowed = *known = false;
	if (!find_path(text, length, controllers[CGROUP_DEVICES], &ignored))
		return CGROUP_NO_FAULT;
	fault = find_place(trees, CGROUP_DEVICES, text, length, arena, &place);
	if (fault)
		return fault;
	path = arena_printf(arena, "%s%sdevices.list", place.beneath, *place.beneath ? "/" : "");
	if (!path)
		return CGROUP_NO_MEMORY;
	if (buffer_read(buffer, place.tree->directory, path, FILE_LIMIT) < 0)
		return errno == ENOENT ? CGROUP_OUT_OF_SIGHT : CGROUP_UNREADABLE;
	*allowed = allows_all(buffer->data, buffer->length);
	*known = true;
	return CGROUP_NO_FAULT;
}
