#include "collectors/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "collectors/layer_memory.h"
#include "collectors/open.h"
#include "collectors/resolve.h"
#include "collectors/tool.h"
#include "proctor/cleanup.h"

enum {
	OPEN_MANY = 128,
	PLACES_SIZE_MAX = 64 * 1024 * 1024, /* bytes for the paths of one layer's places */
	WITNESSES_MAX = 1 << 18,            /* of one worker in one layer */
};

/* One worker's share of the walk of a layer. What it found comes first: it is the visitor's context too. */
struct layer_share {
	struct found_share found;
	struct layer *layer;
	struct redirect {
		struct redirect *next;
		const char *path;
	} * redirects;
	struct testimony {
		struct testimony *next;
		struct witness witness;
	} * testimonies;
	size_t testimony_count;
	int64_t newest; /* change time of them */
	bool remembers; /* until there is too much to remember */
};

/* ---- marks ------------------------------------------------------------------------------------- */

/* Reads a mark of overlayfs from a file that is open, perhaps with O_PATH. Its length; 0: none; -1 with
 * errno.
 */
static ssize_t read_mark(const char *proc, int descriptor, bool user, const char *name, char *value,
			 size_t size)
{
	char path[PATH_MAX], attribute[64];
	ssize_t length;

	snprintf(path, sizeof(path), "%s/self/fd/%d", proc, descriptor);
	snprintf(attribute, sizeof(attribute), "%s.overlay.%s", user ? "user" : "trusted", name);
	length = getxattr(path, attribute, value, size);
	if (length < 0 && (errno == ENODATA || errno == EOPNOTSUPP))
		return 0;
	return length;
}

/* As the kernel takes it (ovl_check_redirect in fs/overlayfs/namei.c): a name, or an absolute path. */
static bool is_redirect(const char *value, size_t length)
{
	if (!length || memchr(value, '\0', length))
		return false;
	if (value[0] != '/')
		return !strchr(value, '/');
	return !strstr(value, "//") && value[length - 1] != '/';
}

/* Where the layers below go on for a directory, which would be at `below` of them without a mark. */
static int read_below(struct layers *layers, const struct layer *layer, int descriptor, const char *below,
		      struct place *place)
{
	char value[PATH_MAX];
	const char *proc = layers->request.proc;
	ssize_t length = read_mark(proc, descriptor, layer->user_attributes, "opaque", value, sizeof(value));

	if (length < 0)
		return -1;
	if (!below || (length == 1 && value[0] == 'y'))
		return 0;
	length = read_mark(proc, descriptor, layer->user_attributes, "redirect", value, sizeof(value) - 1);
	if (length < 0)
		return -1;
	value[length] = '\0';
	if (length && !is_redirect(value, (size_t)length)) {
		errno = EINVAL;
		return -1;
	}
	if (!length)
		place->below = below;
	else if (value[0] == '/')
		place->below = arena_string(layers->arena, value);
	else
		place->below = arena_printf(layers->arena, "%.*s/%s", (int)(strrchr(below, '/') - below),
					    below, value);
	return place->below ? 0 : -1;
}

/* ---- places ------------------------------------------------------------------------------------ */

static int compare_places(const void *a, const void *b)
{
	const struct place *left = a, *right = b;
	size_t shorter = left->length < right->length ? left->length : right->length;
	int order = memcmp(left->path, right->path, shorter);

	return order ? order : (left->length > right->length) - (left->length < right->length);
}

/* Looks at what a layer has at place->path, in a directory whose own place is `above`. */
static int place_look(struct layers *layers, const struct layer *layer, const struct place *above,
		      struct place *place)
{
	const char *name = place->path + above->length; /* with its slash */
	const char *below = above->below ? arena_printf(layers->arena, "%s%s", above->below, name) : NULL;
	_cleanup_close_ int descriptor =
		open_beneath(layer->descriptor, place->path + 1, O_PATH | O_NOFOLLOW);
	struct statx facts;

	if (above->below && !below) {
		errno = ENOMEM;
		return -1;
	}
	if (descriptor < 0 && errno != ENOENT)
		return -1;
	if (descriptor < 0) {
		place->kind = PLACE_ABSENT;
		place->below = below;
		return 0;
	}
	if (statx(descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &facts))
		return -1;
	place->kind = S_ISDIR(facts.stx_mode) ? PLACE_DIRECTORY : PLACE_OTHER;
	place->mode = facts.stx_mode;
	return place->kind == PLACE_DIRECTORY ? read_below(layers, layer, descriptor, below, place) : 0;
}

/* The place at the first `length` bytes of `path`, in the directory whose place is `above`. NULL with errno.
 */
static const struct place *place_at(struct layers *layers, struct layer *layer, const struct place *above,
				    const char *path, size_t length)
{
	struct place key = {.path = path, .length = length}, *place;
	struct place *const *found = tfind(&key, &layer->places, compare_places);

	if (found)
		return *found;
	layer->places_size += sizeof(*place) + 2 * length;
	if (layer->places_size > PLACES_SIZE_MAX) {
		errno = E2BIG;
		return NULL;
	}
	place = arena_alloc(layers->arena, sizeof(*place));
	if (place)
		*place = (struct place){.path = arena_copy(layers->arena, path, length), .length = length};
	if (!place || !place->path) {
		errno = ENOMEM;
		return NULL;
	}
	if (place_look(layers, layer, above, place))
		return NULL;
	if (tsearch(place, &layer->places, compare_places))
		return place;
	errno = ENOMEM;
	return NULL;
}

const struct place *layer_find(struct layers *layers, struct layer *layer, const char *path, size_t length,
			       const char **rest)
{
	const struct place *place = &layer->root;
	size_t at = 0;

	if (length == 1) /* `/` */
		length = 0;
	while (place && place->kind == PLACE_DIRECTORY && at < length) {
		do
			at++;
		while (at < length && path[at] != '/');
		place = place_at(layers, layer, place, path, at);
	}
	*rest = path + at;
	return place;
}

int layer_has(const struct layer *layer, const char *path)
{
	_cleanup_close_ int descriptor = open_beneath(layer->descriptor, path + 1, O_PATH | O_NOFOLLOW);

	if (descriptor >= 0)
		return 1;
	return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
}

/* ---- opening ----------------------------------------------------------------------------------- */

static struct layer *layer_known(const struct layers *layers, const struct statx *facts, bool user_attributes)
{
	struct layer *layer = layers->first;

	while (layer && (layer->inode != facts->stx_ino || layer->major != facts->stx_dev_major ||
			 layer->minor != facts->stx_dev_minor || layer->user_attributes != user_attributes))
		layer = layer->next;
	return layer;
}

/* The same by the path, while it is open: containers of one image name the same ones. */
static struct layer *layer_open_already(const struct layers *layers, const char *path, bool user_attributes)
{
	struct layer *layer = layers->first;

	while (layer && (layer->descriptor < 0 || layer->user_attributes != user_attributes ||
			 strcmp(layer->asked, path) != 0))
		layer = layer->next;
	return layer;
}

static struct layer *layer_new(struct layers *layers, const struct statx *facts, const char *asked,
			       const char *directory, bool user_attributes)
{
	struct layer *layer = arena_alloc(layers->arena, sizeof(*layer));

	if (!layer)
		return NULL;
	*layer = (struct layer){
		.next = layers->first,
		.asked = arena_string(layers->arena, asked),
		.directory = arena_string(layers->arena, directory),
		.major = facts->stx_dev_major,
		.minor = facts->stx_dev_minor,
		.inode = facts->stx_ino,
		.user_attributes = user_attributes,
		.descriptor = -1,
		.root = {.path = "", .kind = PLACE_DIRECTORY, .mode = facts->stx_mode, .below = ""},
	};
	if (!layer->asked || !layer->directory)
		return NULL;
	layers->first = layer;
	return layer;
}

/* Why a directory that was found cannot be a layer's; NULL: it can. */
static const char *refusal(const struct layers *layers, const struct resolved *resolved)
{
	struct walk_root beneath;

	if (resolved->only)
		return "a layer of it is no directory";
	walk_plan_beneath(&layers->plan, resolved->path, &beneath);
	if (beneath.mount_count)
		return "something is mounted over a part of a layer";
	return NULL;
}

struct layer *layer_open(struct layers *layers, const char *path, bool user_attributes, const char **why)
{
	_cleanup_resolved_ struct resolved resolved = {.directory = -1};
	_cleanup_error_ struct error *error = NULL;
	struct layer *layer = layer_open_already(layers, path, user_attributes);
	struct statx facts;

	*why = NULL;
	if (layer)
		return layer;
	if (resolve_from(layers->root, path, &layers->plan, &resolved, &error))
		*why = "a layer of it is not found, or not on a local file system";
	else
		*why = refusal(layers, &resolved);
	errno = error_number(error) == ENOMEM ? ENOMEM : 0;
	if (*why)
		return NULL;
	if (statx(resolved.directory, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &facts))
		return NULL;
	layer = layer_known(layers, &facts, user_attributes);
	if (!layer)
		layer = layer_new(layers, &facts, path, resolved.path, user_attributes);
	if (!layer) {
		errno = ENOMEM;
		return NULL;
	}
	layer->exposed |= resolved.reachable;
	if (layer->descriptor < 0) {
		layer->descriptor = resolved.directory;
		resolved.directory = -1;
		layers->open++;
	}
	return layer;
}

static void close_all(struct layers *layers)
{
	for (struct layer *layer = layers->first; layer; layer = layer->next) {
		cleanup_close(&layer->descriptor);
		layer->descriptor = -1;
	}
	layers->open = 0;
}

void layers_close_some(struct layers *layers)
{
	if (layers->open > OPEN_MANY)
		close_all(layers);
}

/* ---- walking ----------------------------------------------------------------------------------- */

/* The overlay takes an empty file with this mark for a whiteout (Linux 6.7). */
static bool is_whiteout(struct walk_worker *worker, const struct walk_file *met, bool user)
{
	_cleanup_close_ int descriptor = -1;
	char path[PATH_MAX];

	if (met->facts.stx_size || !(met->facts.stx_mode & FOUND_MODE))
		return false;
	descriptor = open_beneath(met->at, met->name, O_PATH | O_NOFOLLOW);
	if (descriptor < 0)
		return false;
	snprintf(path, sizeof(path), "%s/self/fd/%d", worker->walk->request->proc, descriptor);
	return getxattr(path, user ? "user.overlay.whiteout" : "trusted.overlay.whiteout", NULL, 0) >= 0;
}

/* Remembers how a directory or file was before it was looked into. */
static void testify(struct walk_worker *worker, const char *path, const struct statx *facts)
{
	struct layer_share *share = worker->context;
	struct testimony *testimony = arena_alloc(worker->arena, sizeof(*testimony));

	if (!testimony || !path) {
		worker->out_of_memory = true;
		return;
	}
	testimony->witness =
		(struct witness){path, facts->stx_ino, facts->stx_ctime.tv_sec, facts->stx_ctime.tv_nsec};
	testimony->next = share->testimonies;
	share->testimonies = testimony;
	share->remembers = ++share->testimony_count < WITNESSES_MAX;
	if (share->newest < facts->stx_ctime.tv_sec)
		share->newest = facts->stx_ctime.tv_sec;
}

static void examine(struct walk_worker *worker, const struct walk_file *met)
{
	const struct layer_share *share = worker->context;
	const struct found_file *before = share->found.first;

	if (is_whiteout(worker, met, share->layer->user_attributes))
		return;
	found_examine(worker, met);
	if (share->remembers && share->found.first != before)
		testify(worker, share->found.first->file.path, &met->facts);
}

static void testify_directory(struct walk_worker *worker, const struct directory *directory, int descriptor)
{
	struct layer_share *share = worker->context;
	struct statx facts;

	if (directory_path_length(directory, NULL) >= PATH_MAX) /* it could not be looked at again */
		share->remembers = false;
	else if (statx(descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &facts))
		walk_note(worker, directory, NULL, "a directory", errno);
	else
		testify(worker, directory_path(worker->arena, directory, NULL), &facts);
}

static void add_redirect(struct walk_worker *worker, const struct directory *directory)
{
	struct layer_share *share = worker->context;
	struct redirect *redirect = arena_alloc(worker->arena, sizeof(*redirect));

	if (redirect)
		*redirect =
			(struct redirect){share->redirects, directory_path(worker->arena, directory, NULL)};
	if (!redirect || !redirect->path) {
		worker->out_of_memory = true;
		return;
	}
	share->redirects = redirect;
}

/* Remembers a directory that shows another one of the layers below. */
static void enter(struct walk_worker *worker, const struct directory *directory, int descriptor)
{
	const struct layer_share *share = worker->context;
	const char *mark =
		share->layer->user_attributes ? "user.overlay.redirect" : "trusted.overlay.redirect";

	if (share->remembers)
		testify_directory(worker, directory, descriptor);
	if (fgetxattr(descriptor, mark, NULL, 0) >= 0)
		add_redirect(worker, directory);
	else if (errno != ENODATA && errno != EOPNOTSUPP)
		walk_note(worker, directory, NULL, "a mark of overlayfs", errno);
}

static int compare_found(const void *a, const void *b)
{
	const struct found_file *const *left = a, *const *right = b;

	return strcmp((*left)->file.path, (*right)->file.path);
}

/* Brings what the workers found into the layer. */
static int keep(struct layers *layers, struct layer *layer)
{
	size_t files = 0, redirects = 0;

	for (unsigned i = 0; i < layers->walk->count; i++) {
		files += layers->shares[i].found.count;
		for (struct redirect *one = layers->shares[i].redirects; one; one = one->next)
			redirects++;
	}
	layer->files = arena_array(layers->arena, files, sizeof(*layer->files));
	layer->redirects = arena_array(layers->arena, redirects, sizeof(*layer->redirects));
	if (!layer->files || !layer->redirects)
		return -1;
	for (unsigned i = 0; i < layers->walk->count; i++) {
		const struct layer_share *share = &layers->shares[i];
		for (struct found_file *one = share->found.first; one; one = one->next)
			layer->files[layer->file_count++] = one;
		for (struct redirect *one = share->redirects; one; one = one->next)
			layer->redirects[layer->redirect_count++] = one->path;
	}
	if (files)
		qsort(layer->files, files, sizeof(*layer->files), compare_found);
	return 0;
}

/* Brings what bears witness of the layer into it, unless something in it changed so shortly before that
 * another change could have the same time. */
static int keep_witnesses(struct layers *layers, struct layer *layer)
{
	size_t count = 0;

	for (unsigned i = 0; i < layers->walk->count; i++) {
		if (!layers->shares[i].remembers ||
		    layers->shares[i].newest >= layers->started - LAYER_JUST_NOW)
			return 0;
		for (struct testimony *one = layers->shares[i].testimonies; one; one = one->next)
			count++;
	}
	layer->witnesses = arena_array(layers->arena, count, sizeof(*layer->witnesses));
	if (!layer->witnesses)
		return -1;
	for (unsigned i = 0; i < layers->walk->count; i++)
		for (struct testimony *one = layers->shares[i].testimonies; one; one = one->next)
			layer->witnesses[layer->witness_count++] = one->witness;
	return 0;
}

static int prepare_walk(struct layers *layers)
{
	if (layers->walk)
		return 0;
	layers->walk = walk_new(&layers->request, examine);
	layers->shares = calloc(WALK_WORKERS_MAX, sizeof(*layers->shares));
	if (!layers->walk || !layers->shares)
		return -1;
	layers->walk->entrance = enter;
	for (unsigned i = 0; i < layers->walk->count; i++)
		layers->walk->workers[i].context = &layers->shares[i];
	return 0;
}

static uint64_t missed(const struct walk *walk)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < walk->count; i++)
		count += walk->workers[i].coverage.missed;
	return count;
}

/* Walks it anew. */
static int walk(struct layers *layers, struct layer *layer, bool remembers)
{
	struct walk_root root = {
		.descriptor = layer->descriptor, .path = "/", .reachable = true, .links = tool_is_named};
	uint64_t missed_before;

	if (prepare_walk(layers))
		return -1;
	for (unsigned i = 0; i < layers->walk->count; i++)
		layers->shares[i] = (struct layer_share){
			.found.found = &layers->found, .layer = layer, .remembers = remembers};
	layers->found.layer = layer->directory;
	found_begin(&layers->found);
	missed_before = missed(layers->walk);
	root.on = walk_plan_find(&layers->plan, layer->directory);
	if (walk_run(layers->walk, &root) || keep(layers, layer))
		return -1;
	layer->whole = missed(layers->walk) == missed_before;
	return layer->whole ? keep_witnesses(layers, layer) : 0;
}

int layer_walk(struct layers *layers, struct layer *layer, bool lower)
{
	bool remembers = lower && !layer->exposed && layers->request.remember_layers;

	if (layer->walked)
		return 0;
	if (!(remembers && layer_recall(layers, layer)) && walk(layers, layer, remembers))
		return -1;
	layer->walked = true;
	return 0;
}

/* ---- beginning and end ------------------------------------------------------------------------- */

int layers_begin(struct layers *layers, int root, const struct mount_namespace *host,
		 const struct request *request, struct arena *arena, struct coverage *coverage)
{
	struct walk_plan_setting setting = {
		.request = &layers->request, .mounts = host, .arena = arena, .coverage = coverage};

	*layers = (struct layers){.arena = arena,
				  .coverage = coverage,
				  .request = *request,
				  .root = root,
				  .started = time(NULL)};
	layers->request.excluded_count = 0;
	layers->request.cross_file_systems = false;
	layers->request.found = NULL;
	layers->found.request = &layers->request;
	pthread_mutex_init(&layers->found.telling, NULL);
	return walk_plan_make(&layers->plan, &setting);
}

static void leave_place(void *place)
{
	(void)place; /* it is the arena's */
}

void layers_end(struct layers *layers)
{
	close_all(layers);
	for (struct layer *layer = layers->first; layer; layer = layer->next)
		tdestroy(layer->places, leave_place);
	if (layers->walk)
		walk_free(layers->walk, layers->arena, layers->coverage);
	free(layers->shares);
	walk_plan_free(&layers->plan);
	pthread_mutex_destroy(&layers->found.telling);
	cleanup_close(&layers->root);
}
