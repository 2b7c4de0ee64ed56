#include "collectors/merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	FILES_MAX = 1 << 20, /* in one stack and all below it */
	MOVES_MAX = 1 << 22, /* files of the stack below times directories that show others */
};

/* What is at a path that no layer of a stack has. */
static const struct place nothing = {.path = "", .kind = PLACE_ABSENT};

static size_t parent_length(const char *path)
{
	return (size_t)(strrchr(path, '/') - path);
}

/* ---- one file of the stack below --------------------------------------------------------------- */

/* Whether what the stack below has at `below` shows at `path`: 1, 0, or -1 with errno. */
static int shows(struct layers *layers, struct layer *layer, const char *path, const char *below)
{
	const char *rest;
	const struct place *place = layer_find(layers, layer, path, parent_length(path), &rest);
	size_t length;

	if (!place)
		return -1;
	if (!place->below)
		return 0;
	length = strlen(place->below);
	if (strncmp(place->below, below, length) != 0 || strcmp(below + length, rest) != 0)
		return 0;
	if (place->kind == PLACE_ABSENT)
		return 1;
	int has = layer_has(layer, path);
	return has < 0 ? -1 : !has;
}

/* The path at which a directory that shows `place->below` would have `below`; NULL when that is not beneath
 * it. -1: no memory. */
static int redirected(struct layers *layers, const struct place *place, const char *below, const char **path)
{
	size_t length = place->below ? strlen(place->below) : 0;

	*path = NULL;
	if (!place->below || strncmp(place->below, below, length) != 0 || below[length] != '/')
		return 0;
	*path = arena_printf(layers->arena, "%s%s", place->path, below + length);
	return *path ? 0 : -1;
}

struct addition {
	struct layers *layers;
	struct merged *merged;
	size_t capacity;
};

static int add(struct addition *addition, const char *path, const struct found_file *found,
	       struct layer *layer)
{
	struct merged *merged = addition->merged;
	struct merged_file *grown;

	if (merged->total + merged->count >= FILES_MAX) {
		errno = E2BIG;
		return -1;
	}
	grown = arena_grow(addition->layers->arena, merged->files, merged->count, &addition->capacity,
			   sizeof(*grown));
	if (!grown) {
		errno = ENOMEM;
		return -1;
	}
	merged->files = grown;
	grown[merged->count++] = (struct merged_file){path, found, layer};
	return 0;
}

static int add_if_shown(struct addition *addition, const char *path, const struct merged_file *file)
{
	int shown = shows(addition->layers, addition->merged->layer, path, file->path);

	return shown > 0 ? add(addition, path, file->found, file->layer) : shown;
}

/* A file of the stack below is where it was, and where directories of the top show it. */
static int add_below(struct addition *addition, const struct merged_file *file)
{
	struct layer *layer = addition->merged->layer;

	if (add_if_shown(addition, file->path, file))
		return -1;
	for (size_t i = 0; i < layer->redirect_count; i++) {
		const char *rest, *path;
		const struct place *place = layer_find(addition->layers, layer, layer->redirects[i],
						       strlen(layer->redirects[i]), &rest);
		if (!place || redirected(addition->layers, place, file->path, &path))
			return -1;
		if (path && strcmp(path, file->path) != 0 && add_if_shown(addition, path, file))
			return -1;
	}
	return 0;
}

/* ---- stacks ------------------------------------------------------------------------------------ */

static int compare_files(const void *a, const void *b)
{
	return strcmp(((const struct merged_file *)a)->path, ((const struct merged_file *)b)->path);
}

static int fill(struct layers *layers, struct merged *merged)
{
	struct addition addition = {.layers = layers, .merged = merged};
	struct layer *layer = merged->layer;
	const struct merged *below = merged->below;

	if (below && layer->redirect_count > MOVES_MAX / (below->count + 1)) {
		errno = E2BIG;
		return -1;
	}
	for (size_t i = 0; i < layer->file_count; i++)
		if (add(&addition, layer->files[i]->file.path, layer->files[i], layer))
			return -1;
	for (size_t i = 0; below && i < below->count; i++)
		if (add_below(&addition, &below->files[i]))
			return -1;
	if (merged->count)
		qsort(merged->files, merged->count, sizeof(*merged->files), compare_files);
	merged->total += merged->count;
	return 0;
}

const struct merged *merge(struct layers *layers, struct layer *layer, const struct merged *below)
{
	struct merged *merged = layer->merged;

	while (merged && merged->below != below)
		merged = merged->next;
	if (merged)
		return merged;
	merged = arena_alloc(layers->arena, sizeof(*merged));
	if (!merged) {
		errno = ENOMEM;
		return NULL;
	}
	*merged = (struct merged){
		.layer = layer, .below = below, .next = layer->merged, .total = below ? below->total : 0};
	if (fill(layers, merged))
		return NULL;
	layer->merged = merged;
	return merged;
}

/* The path in the layers below at which they show what is at `path`; NULL when there is no memory. */
static const char *path_below(struct layers *layers, const struct place *place, const char *path,
			      const char *rest)
{
	if (strlen(place->below) == place->length && !strncmp(place->below, path, place->length))
		return path;
	return arena_printf(layers->arena, "%s%s", place->below, rest);
}

const struct place *merged_find(struct layers *layers, const struct merged *merged, const char *path)
{
	for (; merged; merged = merged->below) {
		const char *rest;
		const struct place *place = layer_find(layers, merged->layer, path, strlen(path), &rest);
		if (!place || (place->kind != PLACE_ABSENT && !*rest))
			return place;
		if (!place->below)
			break;
		path = path_below(layers, place, path, rest);
		if (!path) {
			errno = ENOMEM;
			return NULL;
		}
	}
	return &nothing;
}
