/* Feeds libFuzzer's bytes to what reads mount tables: the same text is the host's table and a container's. */
#include <stdlib.h>
#include <string.h>

#include "collectors/host_text.h"
#include "collectors/mount_kind.h"
#include "collectors/mountinfo.h"
#include "proctor/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
	if (!truth)
		abort();
}

static struct mount_namespace parse(struct arena *arena, const char *text, size_t length)
{
	struct mount_namespace namespace = {0};
	struct mountinfo_faults faults = {0};

	require(!mountinfo_parse(text, length, arena, &namespace, &faults));
	return namespace;
}

/* Looking a path up in order gives what looking at every mount gives. */
static void check_index(const struct mount_namespace *namespace)
{
	_cleanup_mount_index_ struct mount_index points = {0};

	require(!mount_index_points(&points, namespace));
	for (size_t i = 0; i < namespace->mount_count && i < 64; i++) {
		const char *path = namespace->mounts[i].point;
		const struct mount *expected = mount_of_path(namespace, path);
		const struct mount_index_entry *found = mount_index_find(&points, 0, path);
		require(!found == !expected);
		require(!found || !strcmp(found->mount->point, expected->point));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	_cleanup_mount_index_ struct mount_index roots = {0};
	const char *text = (const char *)data;
	struct kernel_mounts mounts;

	require(arena != NULL);
	struct mount_namespace host = parse(arena, text, size), container = parse(arena, text, size);
	struct mount_setting setting = {&host, &roots, true, true};
	require(!mount_index_roots(&roots, &host));
	require(!mount_judge_kinds(&container, &setting, arena));
	require(!mount_judge_kinds(&container, &(struct mount_setting){0}, arena));
	check_index(&host);
	host_mounts_parse(text, size, 0, "/proc", &mounts);
	return 0;
}
