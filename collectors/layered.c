#include "collectors/layered.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/layer_memory.h"
#include "collectors/merge.h"
#include "collectors/namespace_root.h"
#include "collectors/open.h"
#include "collectors/tool.h"
#include "collectors/written.h"
#include "proctor/cleanup.h"

/* One container whose root is looked at. */
struct subject {
	struct layered *layered;
	struct container *container;
	const struct walk_plan *plan;
	const struct mount *mount; /* its root */
	struct overlay overlay;
	struct layer **layers; /* as those of the overlay */
	const struct merged *merged;
	struct found_file *kept; /* that show there */
	int root;                /* descriptor of its root directory */
	bool recalled;           /* `kept` is what is remembered of the merged mount */
	const char *why; /* the merged mount is to be walked; NULL: memory ran out, unless a step succeeded */
};

/* Gives up, for a reason. */
static int give_up(struct subject *subject, const char *why)
{
	subject->why = why;
	return -1;
}

static int give_up_by_error(struct subject *subject, const char *why)
{
	return give_up(subject, errno == ENOMEM ? NULL : why);
}

/* ---- opening the layers ------------------------------------------------------------------------ */

static int open_layer(struct subject *subject, size_t index, const char *base)
{
	struct layered *layered = subject->layered;
	const char *path = subject->overlay.layers[index], *why;

	if (path[0] != '/')
		path = arena_printf(layered->snapshot->arena, "%s/%s", base, path);
	if (!path)
		return give_up(subject, NULL);
	subject->layers[index] = layer_open(&layered->layers, path, subject->overlay.user_attributes, &why);
	if (subject->layers[index])
		return 0;
	return errno == ENOMEM ? give_up(subject, NULL)
			       : give_up(subject, why ? why : "a layer of it could not be looked at");
}

static int open_all(struct subject *subject, const char *base)
{
	for (size_t i = 0; i < subject->overlay.count; i++)
		if (open_layer(subject, i, base))
			return -1;
	return 0;
}

/* Where mount options grow too long runtimes name the layers relative to a directory above all of them, and
 * above where the upper one lies or where they mount it. The first is taken in which all are found. */
static int open_from_above(struct subject *subject, const char *place)
{
	_cleanup_free_ char *base = strdup(place);
	int result = -1;

	if (!base)
		return give_up(subject, NULL);
	for (char *slash; result && (slash = strrchr(base, '/'));) {
		*slash = '\0';
		result = open_all(subject, base);
		if (result && !subject->why)
			break;
	}
	return result;
}

static int open_layers(struct subject *subject)
{
	const struct mount *of_host = overlay_of_host(subject->layered->host, subject->mount);
	const char *upper = subject->mount->upper;
	bool relative = false;

	if (!of_host)
		return give_up(subject, "it is not among the host's mounts");
	for (size_t i = 0; i < subject->overlay.count; i++)
		relative |= subject->overlay.layers[i][0] != '/';
	if (!relative)
		return open_all(subject, NULL);
	return open_from_above(subject, upper && upper[0] == '/' ? upper : of_host->point);
}

/* ---- whether they are those that are mounted --------------------------------------------------- */

static int look(int descriptor, struct statx *facts)
{
	return statx(descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, facts);
}

static bool is_on_one_device(const struct subject *subject)
{
	for (size_t i = 1; i < subject->overlay.count; i++)
		if (subject->layers[i]->major != subject->layers[0]->major ||
		    subject->layers[i]->minor != subject->layers[0]->minor)
			return false;
	return true;
}

/* The root directory is that of the uppermost layer. It may change between two looks: then once more. */
static int check_root(struct subject *subject)
{
	struct statx merged, layer;

	for (unsigned attempt = 0; attempt < 3; attempt++) {
		if (look(subject->root, &merged) || look(subject->layers[0]->descriptor, &layer))
			return give_up_by_error(subject, "its root could not be looked at");
		if (overlay_shows(&merged, &layer) &&
		    (merged.stx_ino == layer.stx_ino || !is_on_one_device(subject)))
			return 0;
	}
	return give_up(subject, "its layers are not those that lie there now");
}

/* Looks at a file of a layer, unless it was looked at for another container. */
static int look_once(struct layer *layer, const char *path)
{
	if (layer->shown_path == path)
		return 0;
	_cleanup_close_ int file = open_beneath(layer->descriptor, path + 1, O_PATH | O_NOFOLLOW);
	if (file < 0 || look(file, &layer->shown))
		return -1;
	layer->shown_path = path;
	return 0;
}

/* What a layer shows is seen in the merged mount as well. */
static int check_file(struct subject *subject, const struct merged_file *file)
{
	_cleanup_close_ int merged = open_beneath(subject->root, file->path + 1, O_PATH | O_NOFOLLOW);
	struct statx there;

	if (merged < 0 || look(merged, &there) || look_once(file->layer, file->found->file.path))
		return give_up_by_error(subject, "its layers are not those that lie there now");
	return overlay_shows(&there, &file->layer->shown)
		       ? 0
		       : give_up(subject, "its layers are not those that lie there now");
}

static bool is_own(const struct subject *subject, const char *path)
{
	return walk_plan_find(subject->plan, path)->mount == subject->mount;
}

/* One file of each layer that shows one. */
static int check_files(struct subject *subject)
{
	const struct merged *merged = subject->merged;
	const struct layer **checked =
		arena_array(subject->layered->snapshot->arena, subject->overlay.count, sizeof(*checked));
	size_t count = 0;

	if (!checked)
		return give_up(subject, NULL);
	for (size_t i = 0; i < merged->count && count < subject->overlay.count; i++) {
		const struct merged_file *file = &merged->files[i];
		size_t known = 0;
		while (known < count && checked[known] != file->layer)
			known++;
		if (known < count || !is_own(subject, file->path))
			continue;
		if (check_file(subject, file))
			return -1;
		checked[count++] = file->layer;
	}
	return 0;
}

/* ---- walking and merging ----------------------------------------------------------------------- */

static int walk_layers(struct subject *subject)
{
	struct layers *layers = &subject->layered->layers;

	for (size_t i = 0; i < subject->overlay.count; i++) {
		bool lower = i || !subject->overlay.has_upper;
		if (layer_walk(layers, subject->layers[i], lower))
			return give_up(subject, NULL);
		if (subject->layers[i]->redirect_count && !subject->overlay.follows_redirects)
			return give_up(subject, "it has marks that it is not to follow");
	}
	return 0;
}

static int merge_layers(struct subject *subject)
{
	for (size_t i = subject->overlay.count; i-- > 0;) {
		subject->merged = merge(&subject->layered->layers, subject->layers[i], subject->merged);
		if (!subject->merged && errno == E2BIG)
			return give_up(subject, "it has more files than are merged");
		if (!subject->merged)
			return give_up_by_error(subject, "a layer of it could not be looked into");
	}
	return 0;
}

/* ---- what is found ----------------------------------------------------------------------------- */

/* Whether a file whose data lie in another layer than its name is a program, by what the merged mount shows.
 */
static int is_merged_program(const struct subject *subject, const struct merged_file *file)
{
	_cleanup_close_ int descriptor = open_beneath(subject->root, file->path + 1, O_PATH | O_NOFOLLOW);

	return descriptor < 0 ? -1 : tool_is_program(subject->layered->request->proc, descriptor);
}

/* A directory of the container's, as it is merged. */
struct way {
	char *path; /* "" for the root */
	bool reachable, writable, excluded;
};

static bool is_excluded(const struct request *request, const char *path)
{
	for (size_t i = 0; i < request->excluded_count; i++)
		if (text_glob(request->excluded_paths[i], *path ? path : "/"))
			return true;
	return false;
}

/* Takes in one more of the directories that lead to a file. */
static int way_add(struct subject *subject, struct way *way)
{
	const struct place *place = merged_find(&subject->layered->layers, subject->merged, way->path);

	if (!place)
		return give_up_by_error(subject, "a layer of it could not be looked into");
	way->reachable = way->reachable && (place->mode & S_IXOTH);
	way->writable = (place->mode & (S_IWGRP | S_IWOTH)) && !(place->mode & S_ISVTX);
	way->excluded = way->excluded || is_excluded(subject->layered->request, way->path);
	return 0;
}

/* Makes the way that of the directory of `path`. */
static int way_to(struct subject *subject, struct way *way, const char *path)
{
	size_t length = (size_t)(strrchr(path, '/') - path);

	if (way->path && strlen(way->path) == length && !strncmp(way->path, path, length))
		return 0;
	free(way->path);
	*way = (struct way){.path = strndup(path, length), .reachable = true};
	if (!way->path)
		return give_up(subject, NULL);
	for (size_t at = 0; at <= length; at++) {
		if (path[at] != '/')
			continue;
		way->path[at] = '\0';
		if (way_add(subject, way))
			return -1;
		way->path[at] = path[at];
	}
	way->path[length] = '\0';
	return 0;
}

static int keep_file(struct subject *subject, const struct merged_file *merged, const struct way *way)
{
	const struct layered *layered = subject->layered;
	struct found_file *found = arena_alloc(layered->snapshot->arena, sizeof(*found));
	bool run_time = subject->overlay.has_upper && merged->layer == subject->layers[0];

	if (!found)
		return give_up(subject, NULL);
	*found = *merged->found;
	found->file.path = merged->path;
	found->file.container = subject->container;
	found->file.device_major = subject->mount->major;
	found->file.device_minor = subject->mount->minor;
	found->file.nosuid = subject->mount->options & MOUNT_NOSUID;
	found->file.noexec = subject->mount->options & MOUNT_NOEXEC;
	found->file.reachable = way->reachable;
	found->file.writable_directory = way->writable;
	found->file.origin = run_time ? ORIGIN_RUN_TIME : ORIGIN_IMAGE;
	found->file.layer = merged->layer->directory;
	if (found->elsewhere) {
		int is_program = is_merged_program(subject, merged);
		if (is_program < 0)
			return give_up_by_error(subject, "a file of it could not be looked at");
		found->tools = is_program ? found->tools : 0;
	}
	found->next = subject->kept;
	subject->kept = found;
	return 0;
}

static int keep_files(struct subject *subject)
{
	struct way way = {.path = NULL};
	int result = 0;

	for (size_t i = 0; !result && i < subject->merged->count; i++) {
		const struct merged_file *file = &subject->merged->files[i];
		if (!is_own(subject, file->path))
			continue;
		result = way_to(subject, &way, file->path);
		if (!result && way.excluded)
			coverage_note(subject->layered->coverage, subject->layered->snapshot->arena,
				      WALK_LEFT_OUT, *way.path ? way.path : "/", NULL);
		else if (!result)
			result = keep_file(subject, file, &way);
	}
	free(way.path);
	return result;
}

/* Only when nothing can go wrong any more: what was told is not told again by a walk of the merged mount. */
static void tell_files(struct subject *subject)
{
	for (struct found_file *next, *found = subject->kept; found; found = next) {
		next = found->next;
		found_add(subject->layered->share, found);
	}
}

/* ---- beginning --------------------------------------------------------------------------------- */

static bool may_read_marks(const struct subject *subject)
{
	const struct self *self = &subject->layered->snapshot->self;

	return subject->overlay.user_attributes ||
	       (self->user_namespace_initial && (self->effective & CAPABILITY_MASK(CAP_SYS_ADMIN)));
}

static void read_boot(struct layered *layered)
{
	struct buffer *buffer = layered->buffer;

	if (!buffer_read(buffer, layered->proc, "sys/kernel/random/boot_id", sizeof(layered->boot) - 1))
		snprintf(layered->boot, sizeof(layered->boot), "%s", buffer->data);
}

/* Takes in what was remembered of layers the last time. -1: no memory. */
static int begin_recalling(struct layered *layered)
{
	const struct request *request = layered->request;
	const char *why = request->remembered_refusal;
	char reason[128];
	int result = 0;

	if (!request->remember_layers || !layered->snapshot->self.user_namespace_initial)
		return 0;
	read_boot(layered);
	if (!layered->boot[0])
		why = "the id of this boot is not readable";
	else if (!why && request->remembered_layers.length)
		result = layer_memory_read(&layered->layers, request->remembered_layers, layered->boot, &why);
	if (!why)
		return result;
	snprintf(reason, sizeof(reason), "layer cache not used: %s", why);
	coverage_note(layered->coverage, layered->snapshot->arena, reason, NULL, NULL);
	return 0;
}

int layered_remember(struct layered *layered)
{
	struct snapshot *snapshot = layered->snapshot;

	if (!layered->begun || !layered->boot[0])
		return 0;
	return layer_memory_write(&layered->layers, layered->boot, &snapshot->layers_to_remember);
}

static int begin(struct subject *subject)
{
	struct layered *layered = subject->layered;
	int root;

	if (!layered->host || !layered->host->root)
		return give_up(subject, "the host's mounts are not seen");
	if (layered->begun)
		return 0;
	root = namespace_open_root(layered->proc, layered->snapshot, layered->host);
	if (root < 0)
		return give_up_by_error(subject, "the host's root may not be opened");
	layered->begun = true;
	layered->defaults = overlay_defaults_read("/sys/module/overlay/parameters");
	if (layers_begin(&layered->layers, root, layered->host, layered->request, layered->snapshot->arena,
			 layered->coverage) ||
	    begin_recalling(layered))
		return give_up(subject, NULL);
	layered->layers.request.remember_layers = layered->boot[0];
	return 0;
}

static int parse(struct subject *subject)
{
	struct layered *layered = subject->layered;
	struct arena *arena = layered->snapshot->arena;
	const char *why;
	int result = overlay_parse(subject->mount, &layered->defaults, arena, &subject->overlay, &why);

	if (result)
		return give_up(subject, result > 0 ? why : NULL);
	subject->layers = arena_array(arena, subject->overlay.count, sizeof(*subject->layers));
	return subject->layers ? 0 : give_up(subject, NULL);
}

/* Whether all of its layers was seen. */
static bool is_whole(const struct subject *subject)
{
	for (size_t i = 0; i < subject->overlay.count; i++)
		if (!subject->layers[i]->whole)
			return false;
	return true;
}

/* ---- what is remembered of the merged mount ---------------------------------------------------- */

static const char no_marks[] = "its marks may not be read without CAP_SYS_ADMIN";

static void note_merged(const struct subject *subject, const char *why)
{
	const struct layered *layered = subject->layered;
	char reason[256], label[64];

	snprintf(reason, sizeof(reason), "overlay walked as it is merged, not by its layers: %s", why);
	coverage_note(layered->coverage, layered->snapshot->arena, reason,
		      container_label(subject->container, label, sizeof(label)), NULL);
}

static void add_text(struct sha256_ctx *hash, const char *text)
{
	sha256_update(hash, strlen(text) + 1, (const uint8_t *)text);
}

/* The directory of a layer, which nothing is written to while it is mounted. */
static int add_lower(struct sha256_ctx *hash, const struct layer *layer)
{
	struct statx facts;

	if (look(layer->descriptor, &facts))
		return -1;
	const uint64_t described[] = {layer->major, layer->minor, facts.stx_ino,
				      (uint64_t)facts.stx_ctime.tv_sec, facts.stx_ctime.tv_nsec};
	sha256_update(hash, sizeof(described), (const uint8_t *)described);
	return 0;
}

/* By all that decides, but for the upper layer, what the merged mount shows of itself. */
static int make_key(const struct subject *subject, struct file_memory_key *key)
{
	const struct request *request = subject->layered->request;
	const struct overlay *overlay = &subject->overlay;
	const struct mount_index *points = &subject->plan->points;
	struct sha256_ctx hash;

	sha256_init(&hash);
	add_text(&hash, subject->mount->lower);
	sha256_update(&hash, sizeof(subject->mount->overlay), (const uint8_t *)&subject->mount->overlay);
	add_text(&hash, overlay->has_upper ? "upper" : "");
	for (size_t i = overlay->has_upper; i < overlay->count; i++)
		if (add_lower(&hash, subject->layers[i]))
			return -1;
	for (size_t i = 0; i < points->count; i++)
		add_text(&hash, points->entries[i].mount->point);
	for (size_t i = 0; i < request->excluded_count; i++)
		add_text(&hash, request->excluded_paths[i]);
	sha256_digest(&hash, sizeof(key->sum), key->sum);
	return 0;
}

/* Looks at the upper layer; where there is none, nothing changes. As upper_look. */
static int sign_root(const struct merged_root *merged, const struct remembered_root *root,
		     struct upper_sign *sign)
{
	const struct upper_setting setting = {root->paths, root->file_count, merged->makes_redirects};

	if (merged->upper)
		return upper_look(merged->upper->descriptor, &setting, sign);
	*sign = (struct upper_sign){.newest = INT64_MIN};
	return 0;
}

/* Keeps what is remembered as what is found now. */
static int keep_remembered(struct subject *subject, struct remembered_root *root)
{
	struct layered *layered = subject->layered;
	struct arena *arena = layered->snapshot->arena;

	for (size_t i = 0; i < root->file_count; i++) {
		struct found_file *found = arena_alloc(arena, sizeof(*found));
		if (!found)
			return give_up(subject, NULL);
		*found = root->files[i];
		found->file.path = arena_string(arena, found->file.path);
		found->link = found->link ? arena_string(arena, found->link) : NULL;
		if (!found->file.path || (root->files[i].link && !found->link))
			return give_up(subject, NULL);
		found->file.container = subject->container;
		found->file.nosuid = subject->mount->options & MOUNT_NOSUID;
		found->file.noexec = subject->mount->options & MOUNT_NOEXEC;
		if (!root->elsewhere) {
			found->file.device_major = subject->mount->major;
			found->file.device_minor = subject->mount->minor;
		}
		found->next = subject->kept;
		subject->kept = found;
	}
	root->unmet = 0;
	subject->recalled = true;
	note_merged(subject, no_marks);
	if (root->left_out)
		coverage_note_count(layered->coverage, arena, WALK_LEFT_OUT, root->left_out, NULL, NULL);
	return 0;
}

/* Finds what the merged mount showed when it was as it is; else it is to be walked. */
static int recall_merged(struct subject *subject)
{
	struct layered *layered = subject->layered;
	struct merged_root *merged = &layered->merged;
	struct remembered_root *root = NULL;
	struct upper_sign sign;

	if (!layered->request->file_memory)
		return give_up(subject, no_marks);
	if (open_layers(subject) || check_root(subject) || make_key(subject, &merged->key))
		return give_up_by_error(subject, no_marks);
	merged->upper = subject->overlay.has_upper ? subject->layers[0] : NULL;
	merged->makes_redirects = subject->overlay.makes_redirects;
	merged->mount = subject->mount;
	while ((root = file_memory_next(layered->request->file_memory, &merged->key, subject->mount, root))) {
		int result = sign_root(merged, root, &sign);
		if (result < 0)
			return give_up(subject, NULL);
		if (!result && !memcmp(sign.sum, root->sign.sum, sizeof(sign.sum)))
			return keep_remembered(subject, root);
	}
	return give_up(subject, no_marks);
}

int layered_remember_merged(struct layered *layered, const struct mount *mount,
			    struct found_file *const *files, size_t count, uint64_t left_out)
{
	const struct merged_root *merged = &layered->merged;
	struct remembered_root *root;
	int result;

	if (!mount || merged->mount != mount)
		return 0;
	root = remembered_root_new(mount, files, count);
	result = root ? sign_root(merged, root, &root->sign) : -1;
	if (result || root->sign.newest >= layered->layers.started - LAYER_JUST_NOW) {
		free(root);
		return result < 0 ? -1 : 0;
	}
	root->key = merged->key;
	root->left_out = left_out;
	file_memory_add(layered->request->file_memory, root);
	return 0;
}

/* ---- the container ----------------------------------------------------------------------------- */

static int list_written(struct subject *subject)
{
	struct layered *layered = subject->layered;
	struct written written = {.layers = &layered->layers,
				  .merged = subject->merged,
				  .plan = subject->plan,
				  .mount = subject->mount,
				  .arena = layered->snapshot->arena,
				  .coverage = layered->coverage};

	if (!subject->overlay.has_upper)
		return 0;
	if (written_list(&written))
		return give_up(subject, NULL);
	subject->container->written = written.paths;
	return 0;
}

static int find_files(struct subject *subject)
{
	if (!may_read_marks(subject))
		return recall_merged(subject);
	return open_layers(subject) || check_root(subject) || walk_layers(subject) || merge_layers(subject) ||
			       check_files(subject) || keep_files(subject) || list_written(subject)
		       ? -1
		       : 0;
}

int layered_walk(struct layered *layered, struct container *container, int root, const struct walk_plan *plan)
{
	struct subject subject = {.layered = layered,
				  .container = container,
				  .plan = plan,
				  .mount = container->mount_namespace->root,
				  .root = root};

	layered->merged = (struct merged_root){.mount = NULL};
	if (layered->begun)
		layers_close_some(&layered->layers);
	if (begin(&subject) || parse(&subject) || find_files(&subject)) {
		if (subject.why)
			note_merged(&subject, subject.why);
		return subject.why ? 0 : -1;
	}
	container->files_walked = subject.recalled || is_whole(&subject);
	tell_files(&subject);
	return 1;
}

void layered_end(struct layered *layered)
{
	if (layered->begun)
		layers_end(&layered->layers);
}
