/* containers/storage, where podman and CRI-O write down which containers there are (containers.json). */
#include <string.h>

#include "collectors/identity/identity.h"
#include "proctor/cleanup.h"

static const char *const files[] = {
	"var/lib/containers/storage/overlay-containers/containers.json",
	"var/lib/containers/storage/overlay-containers/volatile-containers.json",
	"run/containers/storage/overlay-containers/containers.json",
	NULL,
};

/* `metadata` is JSON within a text: its image's and its own name. */
static void read_metadata(struct identification *identification, const json_t *entry, struct claim *claim)
{
	const char *text = json_string_value(json_object_get(entry, "metadata"));
	_cleanup_json_ json_t *metadata =
		text ? identity_parse(identification, text, strlen(text), "metadata") : NULL;

	claim->image = identity_text(identification, metadata, "image-name");
	claim->runtime_name = identity_text(identification, metadata, "name");
}

/* All that were ever made are listed: those that do not run are passed over. */
static void read_entry(struct identification *identification, const json_t *entry)
{
	const char *id = json_string_value(json_object_get(entry, "id"));
	const struct container *container = id ? identity_container(identification, id) : NULL;
	const char *image;
	struct claim claim = {.runtime = NULL};

	if (!container)
		return;
	read_metadata(identification, entry, &claim);
	image = identity_text(identification, entry, "image");
	if (image)
		claim.image_id = arena_printf(identification->snapshot->arena, "sha256:%s", image);
	identification->failed |= image && !claim.image_id;
	identity_claim(identification, container, &claim);
}

static void read_source(struct identification *identification)
{
	if (identification->root < 0)
		return;
	for (const char *const *file = files; *file; file++) {
		const json_t *entry;
		size_t i;
		if (!identity_read_file(identification, identification->root, *file))
			continue;
		_cleanup_json_ json_t *list = identity_parse(identification, identification->buffer.data,
							     identification->buffer.length, *file);
		json_array_foreach(list, i, entry) read_entry(identification, entry);
	}
}

const struct source source_storage = {
	.name = "containers-storage",
	.what = "containers/storage",
	.remedy = "see that podman or CRI-O is well",
	.read = read_source,
};
