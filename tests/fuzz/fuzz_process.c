/* Feeds libFuzzer's bytes to what reads the files of /proc/PID. */
#include <stdlib.h>
#include <string.h>

#include "collectors/cgroup.h"
#include "collectors/cgroup_limit.h"
#include "collectors/maps_text.h"
#include "collectors/process_text.h"
#include "collectors/read.h"
#include "collectors/rlimit_text.h"
#include "collectors/route_text.h"
#include "proctor/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_status(const char *text, size_t size)
{
	struct status status;
	uint32_t groups[4];

	if (status_parse(text, size, &status) && status.groups)
		status_groups(&status, groups, sizeof(groups) / sizeof(groups[0]));
}

static void read_cgroup(const char *text, size_t size, struct arena *arena)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct limits limits = {0};
	struct cgroup_trees trees = {.above = {NULL}};
	struct cgroup_part path;

	if (cgroup_choose(text, size, &path)) {
		struct cgroup_identity identity = cgroup_identify(path.data, path.length);
		if (identity.proof != CGROUP_NOTHING &&
		    (identity.id.data < path.data ||
		     identity.id.data + identity.id.length > path.data + path.length))
			abort();
	}
	for (size_t i = 0; i < CGROUP_TREES; i++)
		trees.trees[i] = (struct cgroup_tree){"/nowhere", "/", -1, true};
	cgroup_limits_read(&trees, text, size, &buffer, arena, &limits);
	rlimits_parse(text, size, "limits", &limits);
}

static void read_maps(const char *text, size_t size)
{
	_cleanup_free_ char *path = malloc(size + 1);
	const char *cursor = text, *line;
	struct mapping mapping;
	size_t length;

	if (!path)
		abort();
	while (line_next(&cursor, text + size, &line, &length)) {
		if (!mapping_parse(line, length, &mapping))
			continue;
		if (mapping.path < line || mapping.path + mapping.length > line + length)
			abort();
		mapping_path(path, mapping.path, mapping.length);
		if (mapping_deleted(path) >= size)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	_cleanup_free_ char *escaped = malloc(4 * size + 1);
	const char *text = (const char *)data;
	struct id_range *ranges;
	struct stat_line stat;
	size_t count;

	if (!arena || !escaped || id_map_parse(text, size, arena, &ranges, &count))
		abort();
	read_status(text, size);
	stat_parse(text, size, &stat);
	read_cgroup(text, size, arena);
	route_find(text, size, 0xFEA9FEA9);
	read_maps(text, size);
	if (text_escape(escaped, 4 * size + 1, text, size) != strlen(escaped))
		abort();
	return 0;
}
