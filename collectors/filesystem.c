/* The filesystem collector: setuid, setgid and file capabilities in one walk of each distinct root.
 *
 * A root is the host's, a container's, or a path that was asked for. What is mounted in it is decided from
 * its mount table before anything is touched. Containers come first, so that what the host sees as well of
 * their file systems is theirs; the host's own root is kept for the host. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "collectors/carry.h"
#include "collectors/container_tool.h"
#include "collectors/layered.h"
#include "collectors/mountinfo.h"
#include "collectors/namespace_root.h"
#include "collectors/resolve.h"
#include "collectors/tool.h"
#include "proctor/cleanup.h"

struct gathering {
	struct snapshot *snapshot;
	const struct request *request;
	struct coverage *coverage;
	struct buffer buffer;
	int proc;
	struct walk *walk;
	struct found found;
	struct found_share shares[WALK_WORKERS_MAX + 1]; /* the last: of what layers show */
	struct layered layered;
	struct walked_parts parts;
	struct mount_index host_points; /* the host's mounts; none: not known */
	const struct container **known; /* for each container what it was; NULL: nothing is taken over */
	bool missed_already; /* the root that is walked now, as was told, in the pass from which coverage is
			       taken over */
};

/* ---- one root ---------------------------------------------------------------------------------- */

static void note(struct gathering *gathering, const char *reason, const char *example, const char *remedy)
{
	gathering->coverage->missed++;
	coverage_note(gathering->coverage, gathering->snapshot->arena, reason, example, remedy);
}

static int walk_planned(struct gathering *gathering, const struct walk_plan *plan,
			const struct walk_plan_setting *setting, struct walk_root *root)
{
	root->on = walk_plan_find(plan, root->path);
	if (!root->on)
		note(gathering, "not on any mount of the mount table: not walked", root->path, NULL);
	if (!root->on || root->on->treatment == WALK_LEAVE)
		return 0;
	atomic_store(&root->on->reached, true);
	walk_plan_beneath(plan, root->path, root);
	if (walk_run(gathering->walk, root))
		return -1;
	if (!root->only)
		walk_plan_note_missed(plan, setting);
	return 0;
}

static void note_root(struct gathering *gathering, int number)
{
	char reason[128], label[64];
	const char *whose = container_label(gathering->found.container, label, sizeof(label));

	if (number == ESRCH) {
		note(gathering, "container ended before its files were read", whose, NULL);
		return;
	}
	snprintf(reason, sizeof(reason), "%s on the root directory of %s", strerrorname_np(number),
		 gathering->found.container ? "a container" : "the host");
	note(gathering, reason, whose, number == EACCES ? COVERAGE_REMEDY_PTRACE : NULL);
}

/* What could not be read so far, by this thread and by the workers. */
static uint64_t missed(const struct gathering *gathering)
{
	uint64_t count = gathering->coverage->missed;

	for (unsigned i = 0; i < gathering->walk->count; i++)
		count += gathering->walk->workers[i].coverage.missed;
	return count;
}

/* Walks the layers of a container's root, if that can be: what is left is mounted beneath it. Else the root
 * is walked with all the rest. 1 when all of the layers was seen; -1: no memory. */
static int walk_layers(struct gathering *gathering, struct container *container, int root,
		       struct walk_plan *plan)
{
	struct walk_mount *on = walk_plan_find(plan, "/");
	int result = 0;

	gathering->found.own = container ? on->mount : NULL;
	if (container && on->treatment == WALK_LIST && !strcmp(on->mount->type, "overlay"))
		result = layered_walk(&gathering->layered, container, root, plan);
	if (result <= 0)
		return result;
	on->treatment = WALK_PASS;
	atomic_store(&gathering->walk->listed, true);
	return container->files_walked;
}

/* How far the workers were before a root was walked. */
struct progress {
	uint64_t missed, left_out;
	const struct found_file *found[WALK_WORKERS_MAX];
	size_t counts[WALK_WORKERS_MAX];
};

static struct progress progress_of(const struct gathering *gathering)
{
	struct progress progress = {.missed = 0};

	for (unsigned i = 0; i < gathering->walk->count; i++) {
		progress.missed += gathering->walk->workers[i].coverage.missed;
		progress.left_out += gathering->walk->workers[i].left_out;
		progress.found[i] = gathering->shares[i].first;
		progress.counts[i] = gathering->shares[i].count;
	}
	return progress;
}

/* Remembers what was found since, if nothing was missed. -1: no memory. */
static int remember_root(struct gathering *gathering, const struct progress *before)
{
	const struct progress now = progress_of(gathering);
	struct found_file **files;
	size_t count = 0;
	int result;

	if (now.missed > before->missed)
		return 0;
	for (unsigned i = 0; i < gathering->walk->count; i++)
		count += now.counts[i] - before->counts[i];
	files = calloc(count + 1, sizeof(struct found_file *));
	if (!files)
		return -1;
	count = 0;
	for (unsigned i = 0; i < gathering->walk->count; i++)
		for (struct found_file *found = gathering->shares[i].first; found != before->found[i];
		     found = found->next)
			files[count++] = found;
	result = layered_remember_merged(&gathering->layered, gathering->found.own, files, count,
					 now.left_out - before->left_out);
	free(files);
	return result;
}

/* Walks what the plan has from the root on, by layers or as it is mounted. 1 when all of the root's own was
 * seen; -1: no memory. */
static int walk_root(struct gathering *gathering, struct container *container, int descriptor,
		     struct walk_plan *plan, const struct walk_plan_setting *setting)
{
	struct walk_root root = {.descriptor = descriptor,
				 .path = "/",
				 .reachable = true,
				 .links = container ? tool_is_named : NULL};
	int whole = walk_layers(gathering, container, descriptor, plan);
	struct progress before = progress_of(gathering);
	bool merged = walk_plan_find(plan, "/")->treatment == WALK_LIST;

	if (whole < 0 || (walk_plan_lists(plan) && walk_planned(gathering, plan, setting, &root)))
		return -1;
	if (merged && container && remember_root(gathering, &before))
		return -1;
	return whole || merged;
}

/* Tells that a root could not be opened, if anything in it was to be walked. -1: no memory. */
static int miss_root(struct gathering *gathering, const struct walk_plan *plan, int number)
{
	if (number == ENOMEM)
		return -1;
	if (walk_plan_lists(plan) && !gathering->missed_already)
		note_root(gathering, number);
	return 0;
}

static void note_no_root(struct gathering *gathering, const struct container *container, const char *reason)
{
	char label[64];

	if (!gathering->missed_already)
		note(gathering, reason, container_label(container, label, sizeof(label)), NULL);
}

/* Walks what a mount namespace shows at its root. -1: no memory. */
static int walk_namespace(struct gathering *gathering, struct container *container,
			  const struct mount_namespace *mounts)
{
	struct walk_plan_setting setting = {gathering->request,
					    mounts,
					    "/",
					    &gathering->parts,
					    gathering->snapshot->arena,
					    gathering->coverage,
					    &gathering->host_points};
	_cleanup_walk_plan_ struct walk_plan plan = {0};
	uint64_t missed_before = missed(gathering);
	int whole;

	gathering->found.container = container;
	found_begin(&gathering->found);
	if (container)
		container->root_missed = true; /* until it is open */
	if (!mounts || !mounts->root) {
		note_no_root(gathering, container,
			     mounts ? "root directory is not a mount point" : "mount table was not read");
		return 0;
	}
	if (walk_plan_make(&plan, &setting))
		return -1;
	_cleanup_close_ int root = namespace_open_root(gathering->proc, gathering->snapshot, mounts);
	whole = root < 0 ? miss_root(gathering, &plan, errno)
			 : walk_root(gathering, container, root, &plan, &setting);
	if (whole < 0)
		return -1;
	walk_plan_release(&plan, &gathering->parts);
	if (container) {
		container->root_missed = root < 0;
		container->files_walked =
			whole && !gathering->request->excluded_count && missed(gathering) == missed_before;
	}
	return 0;
}

/* ---- what is taken over ------------------------------------------------------------------------ */

/* The container of the snapshot before whose files are still those of the one at `index`; NULL: they are to
 * be walked. A root that could not be opened was perhaps just put in place: it is tried again. */
static const struct container *unchanged(const struct gathering *gathering, size_t index)
{
	const struct container *was = gathering->known ? gathering->known[index] : NULL;

	return was && !was->root_missed && carry_has_same_mounts(was, gathering->snapshot->containers[index])
		       ? was
		       : NULL;
}

/* Keeps what is mounted there from being walked for others. What is to be said of that was said before. */
static int reserve_planned(struct gathering *gathering, const struct mount_namespace *mounts)
{
	struct coverage unsaid = {.collector = NULL};
	struct walk_plan_setting setting = {
		gathering->request,     mounts, "/", &gathering->parts, gathering->snapshot->arena, &unsaid,
		&gathering->host_points};
	_cleanup_walk_plan_ struct walk_plan plan = {0};

	return mounts && mounts->root ? walk_plan_make(&plan, &setting) : 0;
}

/* Takes over the files of `was`, which are those of `container`; NULL: of the host. -1: no memory. */
static int carry_files(struct gathering *gathering, const struct container *was,
		       const struct container *container)
{
	const struct snapshot *previous = gathering->request->previous;
	struct arena *arena = gathering->snapshot->arena;

	for (size_t i = 0; i < previous->file_count; i++) {
		if (previous->files[i].container != was)
			continue;
		struct found_file *found = arena_alloc(arena, sizeof(*found));
		if (!found || carry_file(arena, &previous->files[i], container, &found->file))
			return -1;
		found_add(&gathering->shares[WALK_WORKERS_MAX], found);
	}
	return 0;
}

/* The rest of what is taken over, behind what was walked. */
static int carry_all_tools(struct gathering *gathering)
{
	struct snapshot *snapshot = gathering->snapshot;

	for (size_t i = 0; gathering->known && i < snapshot->container_count; i++) {
		const struct container *was = unchanged(gathering, i);
		if (was && carry_tools(snapshot->arena, was, snapshot->containers[i]))
			return -1;
	}
	return 0;
}

/* Finds out what can be taken over. */
static int begin_carrying(struct gathering *gathering)
{
	const struct request *request = gathering->request;
	struct snapshot *snapshot = gathering->snapshot;

	if (!carry_can(request, "filesystem"))
		return 0;
	gathering->known = carry_find_containers(snapshot, request->previous);
	carry_coverage(snapshot->arena, request->previous, gathering->coverage);
	return gathering->known ? 0 : -1;
}

/* ---- every root -------------------------------------------------------------------------------- */

static const struct mount_namespace *host_mounts(const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->mount_namespace_count; i++)
		if (snapshot->mount_namespaces[i]->host)
			return snapshot->mount_namespaces[i];
	return NULL;
}

static bool is_asked_for(const struct request *request, const struct container *container)
{
	return !request->container || container_is_called(container, request->container);
}

/* Whether what the container at `index` sees is walked anyhow: as the host's, or as that of one before it. */
static bool is_shared(const struct gathering *gathering, size_t index, bool with_host)
{
	struct container *const *containers = gathering->snapshot->containers;
	const struct mount_namespace *mounts = containers[index]->mount_namespace;

	if (mounts && mounts->host && with_host)
		return true;
	for (size_t i = 0; mounts && i < index; i++)
		if (containers[i]->mount_namespace == mounts &&
		    is_asked_for(gathering->request, containers[i]))
			return true;
	return false;
}

/* Takes over the files of all that are as they were. */
static int carry_containers(struct gathering *gathering, bool with_host)
{
	const struct snapshot *snapshot = gathering->snapshot;

	for (size_t i = 0; i < snapshot->container_count; i++) {
		const struct container *was = unchanged(gathering, i);
		if (was && carry_files(gathering, was, snapshot->containers[i]))
			return -1;
	}
	return gathering->known && with_host ? carry_files(gathering, NULL, NULL) : 0;
}

/* Where one is walked beside those that are not, what they show is left to them. */
static int reserve_carried(struct gathering *gathering, bool with_host)
{
	const struct snapshot *snapshot = gathering->snapshot;
	size_t carried = 0;

	for (size_t i = 0; i < snapshot->container_count; i++)
		carried += unchanged(gathering, i) != NULL;
	if (!gathering->known || carried == snapshot->container_count)
		return 0;
	for (size_t i = 0; i < snapshot->container_count; i++)
		if (unchanged(gathering, i) &&
		    reserve_planned(gathering, snapshot->containers[i]->mount_namespace))
			return -1;
	return with_host ? reserve_planned(gathering, gathering->layered.host) : 0;
}

static int walk_containers(struct gathering *gathering, bool with_host)
{
	const struct snapshot *snapshot = gathering->snapshot;

	for (size_t i = 0; i < snapshot->container_count; i++) {
		struct container *container = snapshot->containers[i];
		if (!is_asked_for(gathering->request, container) || unchanged(gathering, i))
			continue;
		gathering->missed_already =
			gathering->known && gathering->known[i] && gathering->known[i]->root_missed;
		if (is_shared(gathering, i, with_host))
			coverage_note(
				gathering->coverage, snapshot->arena,
				"container in the mount namespace of another or of the host: walked there",
				NULL, NULL);
		else if (walk_namespace(gathering, container, container->mount_namespace))
			return -1;
	}
	return 0;
}

/* The root of each is its own, also where a container that comes before it has the host's mounts bound in. Of
 * those who have the same one it is the host's, else the first one's. */
static int reserve_roots(struct gathering *gathering, const struct mount_namespace *host)
{
	const struct snapshot *snapshot = gathering->snapshot;

	for (size_t i = snapshot->container_count; i-- > 0;) {
		const struct container *container = snapshot->containers[i];
		const struct mount_namespace *mounts = container->mount_namespace;
		if (is_asked_for(gathering->request, container) && mounts && mounts->root &&
		    walked_parts_reserve(&gathering->parts, mounts->root))
			return -1;
	}
	return host && host->root ? walked_parts_reserve(&gathering->parts, host->root) : 0;
}

static int walk_all(struct gathering *gathering)
{
	const struct snapshot *snapshot = gathering->snapshot;
	const struct mount_namespace *host = host_mounts(snapshot);
	bool with_host = snapshot->host.view == VIEW_HOST && !gathering->request->container;

	gathering->layered = (struct layered){.snapshot = gathering->snapshot,
					      .request = gathering->request,
					      .coverage = gathering->coverage,
					      .host = host,
					      .proc = gathering->proc,
					      .buffer = &gathering->buffer,
					      .share = &gathering->shares[WALK_WORKERS_MAX]};
	if (reserve_roots(gathering, with_host ? host : NULL))
		return -1;
	if (host && mount_index_points(&gathering->host_points, host))
		return -1;
	if (begin_carrying(gathering) || carry_containers(gathering, with_host) ||
	    reserve_carried(gathering, with_host))
		return -1;
	if (walk_containers(gathering, with_host))
		return -1;
	return with_host && !gathering->known ? walk_namespace(gathering, NULL, host) : 0;
}

/* ---- paths that were asked for ----------------------------------------------------------------- */

/* Whether `path` is `top` or lies beneath it. */
static bool is_within(const char *path, const char *top)
{
	size_t length = strcmp(top, "/") != 0 ? strlen(top) : 0;

	return !strncmp(path, top, length) && (path[length] == '/' || !path[length]);
}

/* Whether the walk of another path meets the one at `index`; of two that are the same the first is walked. */
static bool is_met_elsewhere(char *const *paths, size_t count, size_t index)
{
	for (size_t i = 0; i < count; i++)
		if (i != index && is_within(paths[index], paths[i]) &&
		    (i < index || strcmp(paths[index], paths[i]) != 0))
			return true;
	return false;
}

/* Walks beneath one path without links in our own mount namespace. -1: no memory. */
static int walk_path(struct gathering *gathering, const struct mount_namespace *mounts, const char *path)
{
	struct walk_plan_setting setting = {
		gathering->request,
		mounts,
		path,
		&gathering->parts,
		gathering->snapshot->arena,
		gathering->coverage,
		&gathering->host_points,
	};
	_cleanup_walk_plan_ struct walk_plan plan = {0};
	_cleanup_resolved_ struct resolved resolved = {.directory = -1};
	_cleanup_error_ struct error *error = NULL;
	int result = walk_plan_make(&plan, &setting);

	if (!result && resolve(path, &plan, &resolved, &error)) {
		note(gathering, "path could not be opened a second time", path, NULL);
	} else if (!result) {
		struct walk_root root = {.descriptor = resolved.directory,
					 .path = resolved.path,
					 .only = resolved.only,
					 .reachable = resolved.reachable};
		result = walk_planned(gathering, &plan, &setting, &root);
	}
	walked_parts_free(&gathering->parts);
	return result;
}

/* Tells of a path that a file system of the kernel's own has to itself: at most what is mounted beneath it is
 * walked. */
static void note_kernel(struct gathering *gathering, const struct walk_plan *plan, const char *path)
{
	const struct walk_mount *on = walk_plan_find(plan, path);
	char reason[128];

	if (!on || on->treatment != WALK_PASS)
		return;
	snprintf(reason, sizeof(reason),
		 "%s is a file system of the kernel's own, holds no programs: not listed", on->mount->type);
	coverage_note(gathering->coverage, gathering->snapshot->arena, reason, path, NULL);
}

/* Sets `paths` to the operands without links: one that is not there is an error before any is walked. */
static int resolve_all(struct gathering *gathering, const struct mount_namespace *mounts, char **paths,
		       struct error **error)
{
	const struct request *request = gathering->request;
	struct walk_plan_setting setting = {.request = request,
					    .mounts = mounts,
					    .parts = &gathering->parts,
					    .arena = gathering->snapshot->arena,
					    .coverage = gathering->coverage,
					    .host = &gathering->host_points};
	_cleanup_walk_plan_ struct walk_plan plan = {0};

	if (walk_plan_make(&plan, &setting))
		return error_set(error, ENOMEM, "walking files");
	for (size_t i = 0; i < request->path_count; i++) {
		_cleanup_resolved_ struct resolved resolved = {.directory = -1};
		if (resolve(request->paths[i], &plan, &resolved, error))
			return -1;
		paths[i] = resolved_whole(&resolved, setting.arena);
		if (!paths[i])
			return error_set(error, ENOMEM, "walking files");
		note_kernel(gathering, &plan, paths[i]);
	}
	return 0;
}

static void note_faults(struct gathering *gathering, const struct mountinfo_faults *faults)
{
	if (faults->cut)
		note(gathering, "mount table is longer than 16 MiB: cut there", "self/mountinfo", NULL);
	if (faults->malformed > (faults->cut ? 1 : 0))
		note(gathering, "line of a mount table is not as proc(5) has it", "self/mountinfo", NULL);
}

/* In a chroot the table lacks what our root lies on. It is added, for our own root answers: we came from it.
 */
static int add_own_root(struct mount_namespace *mounts, struct arena *arena)
{
	struct mount *grown = arena_array(arena, mounts->mount_count + 1, sizeof(*grown));
	struct statx facts;
	struct statvfs system;

	if (!grown)
		return -1;
	if (statx(AT_FDCWD, "/", AT_STATX_DONT_SYNC, STATX_MNT_ID, &facts) || statvfs("/", &system))
		return 0;
	if (mounts->mount_count)
		memcpy(grown, mounts->mounts, mounts->mount_count * sizeof(*grown));
	grown[mounts->mount_count] = (struct mount){
		.id = (uint32_t)facts.stx_mnt_id,
		.major = facts.stx_dev_major,
		.minor = facts.stx_dev_minor,
		.root = "",
		.point = "/",
		.type = "rootfs",
		.source = "none",
		.options = (system.f_flag & ST_NOSUID ? MOUNT_NOSUID : 0u) |
			   (system.f_flag & ST_NOEXEC ? MOUNT_NOEXEC : 0u),
	};
	mounts->mounts = grown;
	mounts->root = &grown[mounts->mount_count++];
	return 0;
}

static int walk_paths(struct gathering *gathering, struct error **error)
{
	struct arena *arena = gathering->snapshot->arena;
	size_t count = gathering->request->path_count;
	struct mount_namespace *mounts = arena_alloc(arena, sizeof(*mounts));
	char **paths = arena_array(arena, count, sizeof(char *));
	struct mountinfo_faults faults;

	if (!mounts || !paths)
		return error_set(error, ENOMEM, "walking files");
	if (mountinfo_read(gathering->proc, "self/mountinfo", &gathering->buffer, arena, mounts, &faults))
		return error_set(error, errno, "reading our own mounts");
	note_faults(gathering, &faults);
	if ((!mounts->root && add_own_root(mounts, arena)) ||
	    mount_index_points(&gathering->host_points, mounts))
		return error_set(error, ENOMEM, "walking files");
	if (resolve_all(gathering, mounts, paths, error))
		return -1;
	for (size_t i = 0; i < count; i++)
		if (!is_met_elsewhere(paths, count, i) && walk_path(gathering, mounts, paths[i]))
			return error_set(error, ENOMEM, "walking files");
	return 0;
}

/* ---- all of it --------------------------------------------------------------------------------- */

/* Brings all that the walks found into the snapshot. -1: no memory. */
static int keep(struct gathering *gathering)
{
	const struct container_tools tools = {gathering->snapshot, gathering->request, gathering->coverage,
					      &gathering->buffer, gathering->proc};
	struct found_list list;

	if (found_gather(gathering->shares, WALK_WORKERS_MAX + 1, gathering->snapshot->arena, &list))
		return -1;
	return container_tools_keep(&tools, &list) || carry_all_tools(gathering) ||
			       found_keep(&list, gathering->snapshot)
		       ? -1
		       : 0;
}

static int gather(struct gathering *gathering, struct error **error)
{
	const struct request *request = gathering->request;
	int result = 0;

	gathering->walk = walk_new(request, found_examine);
	if (!gathering->walk)
		return error_set(error, ENOMEM, "walking files");
	for (size_t i = 0; i <= WALK_WORKERS_MAX; i++)
		gathering->shares[i].found = &gathering->found;
	for (unsigned i = 0; i < gathering->walk->count; i++)
		gathering->walk->workers[i].context = &gathering->shares[i];
	if (request->paths)
		result = walk_paths(gathering, error);
	else if (walk_all(gathering))
		result = error_set(error, ENOMEM, "walking files");
	gathering->snapshot->files_walked = atomic_load(&gathering->walk->listed) ||
					    (gathering->known && request->previous->files_walked);
	walk_free(gathering->walk, gathering->snapshot->arena, gathering->coverage);
	if (request->file_memory && !carry_is_quick(request))
		file_memory_age(request->file_memory);
	if (!result && layered_remember(&gathering->layered))
		result = error_set(error, ENOMEM, "remembering layers");
	layered_end(&gathering->layered);
	if (!result && keep(gathering))
		result = error_set(error, ENOMEM, "walking files");
	return result;
}

static int collect(struct snapshot *snapshot, const struct request *request, struct coverage *coverage,
		   struct error **error)
{
	_cleanup_close_ int proc = open(request->proc, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct gathering gathering = {
		.snapshot = snapshot, .request = request, .coverage = coverage, .proc = proc};
	int result;

	if (proc < 0) {
		error_set(error, errno, "opening %s", request->proc);
		return error_remedy(error, "mount a procfs there");
	}
	gathering.found.request = request;
	pthread_mutex_init(&gathering.found.telling, NULL);
	result = gather(&gathering, error);
	pthread_mutex_destroy(&gathering.found.telling);
	walked_parts_free(&gathering.parts);
	mount_index_free(&gathering.host_points);
	buffer_free(&gathering.buffer);
	return result;
}

const struct collector collector_filesystem = {
	.name = "filesystem",
	.description =
		"setuid and setgid files and file capabilities in the root of the host and of each container",
	.collect = collect,
};
